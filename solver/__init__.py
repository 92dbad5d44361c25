"""Optimisation models behind the `Planner` port."""
