"""What happens inside a desk transaction, and what stops it? Rules in force, the switch."""
