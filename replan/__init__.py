"""The demand re-planning engine: facts in, decisions with their reasons out."""

__version__ = "0.1.0"
