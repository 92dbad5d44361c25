"""How does a log become decisions? The loop, what it holds, how it comes back, sends and scores."""
