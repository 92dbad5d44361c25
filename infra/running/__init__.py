"""What do the commands do with a workspace? Open, run, check, ask, prove and serve it."""
