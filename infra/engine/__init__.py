"""How does a log become decisions? The loop, its belief, its return, sending, scoring."""
