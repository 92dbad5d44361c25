"""Simulated demand that several tests share: known laws, so that the right answer is known."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
WEEK = np.array([0.7, 0.8, 0.9, 1.0, 1.1, 1.5, 1.0])


def poisson(rng: np.random.Generator, days: int, series: int, factor: Floats) -> Floats:
    """Ten a day."""
    return rng.poisson(10.0 * factor[:, None], (days, series)).astype(np.float64)


def negative_binomial(rng: np.random.Generator, days: int, series: int, factor: Floats) -> Floats:
    """Ten a day, with the over-dispersion of promotions and families: size 2."""
    mean = np.broadcast_to(10.0 * factor[:, None], (days, series))
    return rng.negative_binomial(2, 2.0 / (2.0 + mean)).astype(np.float64)


def intermittent(rng: np.random.Generator, days: int, series: int, factor: Floats) -> Floats:
    """Demand on one day in five, three units on average."""
    happens = rng.random((days, series)) < np.minimum(0.2 * factor[:, None], 1.0)
    return (happens * (1 + rng.poisson(2.0, (days, series)))).astype(np.float64)


LAWS: dict[str, Callable[[np.random.Generator, int, int, Floats], Floats]] = {
    "poisson": poisson,
    "negative binomial": negative_binomial,
    "intermittent": intermittent,
}


def shifted(days: int, at: int, factor: float) -> Floats:
    """Level 1 until day `at`, `factor` from then on."""
    return np.where(np.arange(days) < at, 1.0, factor)
