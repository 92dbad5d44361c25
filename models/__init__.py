"""Forecasters behind the `Forecaster` port."""
