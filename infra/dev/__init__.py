"""A broker and a database of one's own, for development and tests."""
