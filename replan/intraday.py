"""Is today's running count more than its day explains, and what is left of the day to sell?

A profile says which share F of a day's sales is in by a local hour. The day's own rate Λ is gamma
distributed with mean μ, the forecast, and shape r, and sales of about `jump` units come at the
rate Λ·f(t): up to an hour the count n = sold/jump is negative binomial with mean m = F·μ/jump and
size r.
Were the day's mean θ times as large, the likelihood ratio of all that was seen up to then is

    LR_θ = θⁿ · ((r + m)/(r + θm))^(r + n)

which depends on the count alone, as given the count the times say nothing about Λ. Without a surge
LR_θ is a martingale with mean 1, and so is E, its mean over several θ. By Ville's inequality (1939)
E passes 1/α on a day with probability at most α, however often and whenever somebody looks (Robbins
1970, "Statistical methods related to the law of the iterated logarithm"; Ramdas, Grünwald, Vovk and
Shafer 2023, "Game-theoretic statistics and safe anytime-valid inference"). E starts anew each day
and needs no memory of the day but its count: the day's last look is one more test at its close.

A day that sells slowly is not tested here: until it closes, it cannot be told from a till that is
not heard of.
"""

from dataclasses import dataclass

import numpy as np

from replan.forecasting import FloatArray, IntArray, mean_of
from replan.units import ONE_UNIT, day_from_number

HOURS = 24
KINDS = 3
"""Kinds of weekday that have a profile each: Monday to Friday, Saturday, Sunday."""

SLOTS = KINDS * HOURS
"""Kind by local hour: slot = 24·kind + hour."""

RATIOS = (1.5, 2.0, 3.0, 5.0, 8.0)
"""How many times its forecast a surging day may sell; all equally likely."""

EARLY_SECONDS = 3_600
"""A day may run this much ahead of its profile without being called a surge."""

LEAST_SHARE = 0.05
"""However early the hour, this share of the day counts as over: a shop may open sooner."""

SURGE_PRIOR = 0.01
"""How likely a day is a surge before anything is sold, where what is left of it is judged."""

# Standard normal quantiles at LEVELS.
_NORMAL = np.array([-1.644853627, -1.281551566, -0.67448975, 0.0, 0.67448975, 1.281551566])
_NORMAL = np.append(_NORMAL, 1.644853627)


@dataclass(frozen=True, slots=True, kw_only=True)
class Surge:
    """A running count that its day does not explain: `sold` thousandths up to now where `expected`
    base units were; `wide` where only the item's sites together show it.
    """

    row: int
    day: int
    sold: int
    expected: float
    log_e: float
    wide: bool


def surge_text(surge: Surge) -> str:
    """A surge in words, for evidence."""
    day = day_from_number(surge.day)
    with_others = ", and the item's sites together show it" if surge.wide else ""
    return (
        f"{surge.sold / ONE_UNIT:g} sold so far on {day} where no more than "
        f"{surge.expected:.1f} were expected by now{with_others}"
    )


def weekday_kind(day: int) -> int:
    """0 Monday to Friday, 1 Saturday, 2 Sunday, of a day number (0 is Thursday 1970-01-01)."""
    return max((day + 3) % 7 - 4, 0)


def share_by(profile: FloatArray, kind: IntArray, seconds: IntArray) -> FloatArray:
    """Share (n,) of a day's sales that is in, of `profile` (n, SLOTS) at seconds (n,) after local
    midnight; within an hour sales come evenly. From 86,400 seconds on it is 1.
    """
    n = len(profile)
    own = profile.reshape(n, KINDS, HOURS)[np.arange(n), kind]
    done = np.clip(seconds, 0, HOURS * 3_600)
    hour = np.minimum(done // 3_600, HOURS - 1)
    before = np.concatenate((np.zeros((n, 1)), np.cumsum(own, axis=1)), axis=1)
    part = own[np.arange(n), hour] * ((done - hour * 3_600) / 3_600.0)
    result: FloatArray = np.round(before[np.arange(n), hour] + part, 9)
    return np.where(seconds >= HOURS * 3_600, 1.0, np.minimum(result, 1.0))


def log_e(
    sold: FloatArray, mean: FloatArray, share: FloatArray, size: FloatArray, jump: FloatArray
) -> FloatArray:
    """log E of the running count (any shape), rounded to 1e-6; 0 and less speaks for no surge.

    `sold` and `mean` (of the whole day) in base units, `share` of the day that is over.
    """
    count, expected = _counts(sold, mean, np.maximum(share, LEAST_SHARE), jump)
    ratios = np.stack([_log_ratio(count, expected, size, theta) for theta in RATIOS])
    highest = ratios.max(axis=0)
    total = np.exp(ratios - highest).mean(axis=0)
    result: FloatArray = np.round(highest + np.log(total), 6)
    return result


def limit(false_alarms_per_1000: float) -> float:
    """The log E above which a day is a surge: at most this many false alarms per 1,000 days."""
    return round(float(np.log(1_000.0 / false_alarms_per_1000)), 6)


def rest_of_day(
    sold: FloatArray, mean: FloatArray, share: FloatArray, size: FloatArray, jump: FloatArray
) -> FloatArray:
    """Quantiles (K, n) at `forecasting.LEVELS` of what the rest of the day sells, base units.

    The day's rate given its count: a gamma law for each θ, weighed by its likelihood and how rare
    surges are. A quiet morning lowers nothing: it may be a till that is not heard of. Quantiles are
    a gamma law's of the same mean and variance (Wilson and Hilferty 1931).
    """
    share = np.clip(share, 0.0, 1.0)
    count, expected = _counts(sold, mean, share, jump)
    whole = np.maximum(mean / jump, 1e-9)
    thetas = np.array((1.0, *RATIOS))
    prior = np.array((1.0 - SURGE_PRIOR, *[SURGE_PRIOR / len(RATIOS)] * len(RATIOS)))
    weights = np.stack([_log_ratio(count, expected, size, theta) for theta in thetas])
    weights = np.log(prior)[:, None] + weights
    weights = np.exp(weights - weights.max(axis=0))
    weights /= weights.sum(axis=0)
    left = 1.0 - share
    rate = (size + count) / (size / (thetas[:, None] * whole) + share)
    by_theta = np.maximum(rate, whole) * left
    centre = (weights * by_theta).sum(axis=0)
    spread = by_theta + by_theta**2 / (size + count)
    variance = (weights * (spread + by_theta**2)).sum(axis=0) - centre**2
    return _gamma_quantiles(centre * jump, variance * jump**2)


def _counts(
    sold: FloatArray, mean: FloatArray, share: FloatArray, jump: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Sales so far and expected so far, in sales of the usual size."""
    return np.maximum(sold, 0.0) / jump, np.maximum(mean, 1e-9) * share / jump


def _log_ratio(
    count: FloatArray, expected: FloatArray, size: FloatArray, theta: float
) -> FloatArray:
    """log LR_θ; logarithms are rounded to 1e-9, as libraries differ in the last bits."""
    per_unit = np.log1p((1.0 - theta) * expected / (size + theta * expected))
    result: FloatArray = np.round((size + count) * per_unit, 9) + count * round(
        float(np.log(theta)), 9
    )
    return result


def _gamma_quantiles(mean: FloatArray, variance: FloatArray) -> FloatArray:
    centre = np.maximum(mean, 1e-9)
    ninth: FloatArray = np.maximum(variance, 0.0) / (9.0 * centre**2)
    cube = np.maximum(1.0 - ninth + _NORMAL[:, None] * np.sqrt(ninth), 0.0) ** 3
    raw = np.maximum.accumulate(centre * cube, axis=0)
    own = mean_of(raw)
    scaled: FloatArray = np.where(own > 0.0, raw * (mean / np.where(own > 0.0, own, 1.0)), 0.0)
    return np.round(scaled, 6)
