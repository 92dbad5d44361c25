"""What do promotions and prices really do to demand? Learned beside the base model, day by day.

A day under a driver is base × factor. What is stated, the prior, is off by a ratio ρ that is
learned for each series and channel: with sales y where base × prior × (the other drivers) = e was
due, and the over-dispersion φ = Var/mean of such a day, y/φ is close to Poisson with mean ρ·e/φ.
The conjugate Gamma prior of shape a and mean m then gives

    ρ = (a + Σ y/φ) / (a/m + Σ e/φ)        relative spread 1/√(a + Σ y/φ)

(Gelman et al. 2013, "Bayesian Data Analysis", section 2.6; m pools the series of a category, as
in Clayton and Kaldor 1987, and is part of the recorded fit.) The base model steps on y/factor, so a
promotion neither lifts it nor, when it ends, leaves a hole.

Everything here is element by element, so any subset of rows gives the same bits.
"""

from dataclasses import dataclass

import numpy as np

from replan.drivers import CHANNELS, UNTOLD
from replan.forecasting import LEVELS, BoolArray, DriverDays, FloatArray

TRUST = np.array([1.0 if name == "untold" else 4.0 for name in CHANNELS])
"""Shape of the prior (C,): before anything is seen a stated factor is right to about a half, and
of a promotion that nobody announced next to nothing is known.
"""

BETWEEN = 0.2
"""Relative spread of one promotion against the next of its kind, which no amount of data takes
away."""

Z95 = 1.6448536269514722
_Z = np.array((-Z95, -1.2815515655446004, -0.6744897501960817, 0.0))
_Z_OF_LEVELS = np.concatenate((_Z, -_Z[-2::-1]))[:, None, None]

LEAST = 0.05
"""No day is taken to sell less than a twentieth of its base because of a driver."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lift:
    """What drivers are expected to put on demand: factor (H, n) and its relative spread (H, n)."""

    factor: FloatArray
    spread: FloatArray


def ratios(seen: FloatArray, due: FloatArray, mean: FloatArray) -> FloatArray:
    """Posterior ratio ρ (C, n) of what was sold to what was stated; `mean` (C, n) of the prior."""
    result: FloatArray = (TRUST[:, None] + seen) / (TRUST[:, None] / mean + due)
    return result


def lift_of(days: DriverDays, seen: FloatArray, due: FloatArray, mean: FloatArray) -> Lift:
    """The factor of each day; 1 with spread 0 where nothing is at work. Sums (C, n)."""
    ratio = ratios(seen, due, mean)
    factor = days.prior.copy()
    variance = np.zeros(factor.shape)
    for channel in range(len(CHANNELS)):
        on = (days.channels & (1 << channel)) != 0
        factor = np.where(on, factor * ratio[channel], factor)
        own = 1.0 / (TRUST[channel] + seen[channel]) + BETWEEN * BETWEEN
        variance = np.where(on, variance + own, variance)
    return Lift(factor=np.maximum(factor, LEAST), spread=np.sqrt(variance))


def learned(
    y: FloatArray,
    base: FloatArray,
    size: FloatArray,
    days: DriverDays,
    seen: FloatArray,
    due: FloatArray,
    mean: FloatArray,
    mask: BoolArray,
) -> tuple[FloatArray, FloatArray]:
    """Both sums (C, n) after one closed day: sold `y` (n,), `base` (n,) expected without drivers.

    `size` (n,): negative-binomial size of the day. A day under several drivers teaches the one
    least known; the others are taken as known.
    """
    ratio = ratios(seen, due, mean)
    factor = lift_of(days, seen, due, mean).factor[0]
    bits = days.channels[0]
    on = np.stack([(bits & (1 << c)) != 0 for c in range(len(CHANNELS))])
    taught = np.argmin(np.where(on, seen, np.inf), axis=0)
    counts = on.any(axis=0) & mask
    own = np.take_along_axis(ratio, taught[None, :], axis=0)[0]
    expected = np.maximum(base, 0.0) * factor
    phi = 1.0 + expected / size
    more_seen, more_due = seen.copy(), due.copy()
    columns = np.arange(len(y))[counts]
    more_seen[taught[counts], columns] += (y / phi)[counts]
    more_due[taught[counts], columns] += (expected / own / phi)[counts]
    return more_seen, more_due


def explained(
    y: FloatArray, base: FloatArray, days: DriverDays, lift: Lift, seen: FloatArray
) -> FloatArray:
    """Sales (n,) of one day brought back to what they would have been, for the monitors.

    Of a day as much is put down to its drivers as their own 90 % range can carry; what is left
    deviates. A promotion that nobody announced explains nothing before some of it was seen.
    """
    spread = np.where((days.channels[0] == 1 << UNTOLD) & (seen[UNTOLD] <= 0), 0.0, lift.spread[0])
    factor = lift.factor[0]
    low = factor * np.maximum(1.0 - Z95 * spread, LEAST)
    high = factor * (1.0 + Z95 * spread)
    least = np.where(base > 0.0, base, 1.0)
    carried = np.where(base > 0.0, np.clip(y / least, low, high), factor)
    result: FloatArray = np.where(days.channels[0] != 0, y / carried, y)
    return result


def widened(quantiles: FloatArray, mean: FloatArray, lift: Lift) -> FloatArray:
    """Quantiles (K, H, n) around `mean` (H, n), drivers included, with the doubt about the lift."""
    doubt = _Z_OF_LEVELS * (mean * lift.spread)[None]
    gap = quantiles - mean[None]
    both = mean[None] + np.sign(gap) * np.sqrt(gap * gap + doubt * doubt)
    outer = np.where(np.sign(gap) == np.sign(doubt), both, mean[None] + gap + doubt)
    wide = np.round(np.maximum(np.sort(outer, axis=0), 0.0), 6)
    result: FloatArray = np.where((lift.spread > 0.0)[None], wide, quantiles)
    return result


assert len(_Z_OF_LEVELS) == len(LEVELS), "one normal quantile for each level"
