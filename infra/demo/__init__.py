"""The demonstration: a year of real sales through the whole loop."""
