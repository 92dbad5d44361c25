"""A reference order system: it carries out commands, ships, receives, and fails on request."""
