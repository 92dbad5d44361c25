"""Wire messages, event sources and the loop that drives the core."""
