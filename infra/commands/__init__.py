"""The commands, by what they are about; each is a few lines around the part that does it."""
