"""What does a fit learn over many series at once? Profiles of the day, and alarm levels of pools.

A profile is learned per class of items and kind of weekday, over all sites, as a single series is
too thin; what is thin even so leans on all classes together (a Dirichlet prior). Alarm levels are
calibrated on history as those of single series are (`replan.deviation`), where that shows more
false alarms than theory does.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from replan import deviation, intraday, pooling
from replan.forecasting import BoolArray, FloatArray, IntArray, WatchFit, WatchHistory
from replan.intraday import HOURS, KINDS, SLOTS

PRIOR_SALES = 200.0
"""A class follows the profile of all items until it has seen more sales than this."""

TOTAL_SHARE = 0.9
TOTAL_UNITS = 3.0
"""A site tells totals where nine tenths of its units stand in one hour of the day, or where nine
tenths of its days are a single sale; the latter says something only of days of three units and
more."""

LEAST_SIGMA = 0.5
"""A pool's spread is never taken for less than half that of independent sites."""

BANDS = (0.5, 3.0, 30.0)
"""Mean units a day at which counts change their shape; pools are calibrated by these."""

MOST_OFTEN = 10.0
"""False alarms per 1,000 days that one test may raise over all pools of an item, however many
series they speak for: one in a hundred days. What rings for nothing more often is not looked at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FitErrors:
    """What a fit knows of its own errors: one-step `errors` and demand `y` (R, N) of the newest
    days, NaN where an error is missing; `sigma`, `level`, `growth` (N,); `choice` (N,) < 0 where a
    series has no model. `rate`: false alarms per 1,000 days that each test may raise. `block` days:
    how long a reference stays frozen.
    """

    errors: FloatArray
    y: FloatArray
    sigma: FloatArray
    level: FloatArray
    growth: FloatArray
    choice: IntArray
    rate: float
    block: int
    seed: int


def watch_fit(
    history: WatchHistory, past: FitErrors, sold: FloatArray
) -> tuple[WatchFit, tuple[str, ...]]:
    """Profiles and alarm levels, and notes for the record. `sold` (T, N): the whole history."""
    totals = told_once_a_day(history, sold)
    profile = profiles(history, totals)
    units = np.maximum(history.by_hour, 0.0).sum(axis=0)
    usual: FloatArray = np.maximum(history.squares, 0.0) / np.maximum(units, 1e-9)
    usual = np.where(units > 0.0, np.maximum(usual, 0.001), 1.0)
    jump: FloatArray = _rounded(usual)
    mean = _means(past)
    size = _day_size(mean, past.errors, jump)
    day_limit = _day_limits(past, mean, size, jump)
    own = [rows[past.choice[rows] >= 0] for rows in history.pools]
    pools = _pools(own, past, mean, jump)
    notes = (
        f"profiles: {len(profile)}; {int(totals.sum())} series told once a day",
        f"pools: {len(own)}, up {_range(pools['pool_up'])}, down {_range(pools['pool_down'])}",
    )
    fit = WatchFit(
        profile=profile,
        profile_of=np.where(totals, -1, history.class_of),
        jump=jump,
        size=size,
        limit=day_limit,
        **pools,
    )
    return fit, notes


def told_once_a_day(history: WatchHistory, sold: FloatArray) -> BoolArray:
    """Which series (N,) belong to a site whose sales come as one total a day: no test within the
    day, as the hour of a total means nothing.
    """
    result = np.zeros(len(history.site_of), dtype=np.bool_)
    for site in np.unique(history.site_of).tolist():
        own = history.site_of == site
        slots = np.maximum(history.by_hour[:, own], 0.0).sum(axis=1)
        hours = slots.reshape(KINDS, HOURS).sum(axis=0)
        units, days = float(hours.sum()), float((sold[:, own] ** 2).sum())
        one_hour = float(hours.max()) >= TOTAL_SHARE * units
        single = float(history.squares[own].sum()) >= TOTAL_SHARE * days
        result[own] = one_hour or (single and days >= TOTAL_UNITS * units)
    return result


def profiles(history: WatchHistory, totals: BoolArray) -> FloatArray:
    """(P, SLOTS) shares by class, each kind of weekday adding to 1; even where nothing is known."""
    hours = np.where(totals, 0.0, np.maximum(history.by_hour, 0.0))
    sales = np.where(totals, 0.0, np.maximum(history.squares, 0.0))
    everywhere = _shares(hours.sum(axis=1), np.full(SLOTS, 1.0 / HOURS), 1.0)
    found = []
    for number in range(int(history.class_of.max()) + 1):
        own = history.class_of == number
        units = float(hours[:, own].sum())
        usual = float(sales[own].sum()) / units if units > 0.0 else 1.0
        found.append(_shares(hours[:, own].sum(axis=1) / max(usual, 1e-9), everywhere, PRIOR_SALES))
    table: FloatArray = np.stack(found)
    return np.round(table, 9)


def _shares(counts: FloatArray, prior: FloatArray, weight: float) -> FloatArray:
    both = (counts + weight * prior).reshape(KINDS, HOURS)
    result: FloatArray = (both / both.sum(axis=1, keepdims=True)).reshape(SLOTS)
    return result


def _means(past: FitErrors) -> FloatArray:
    """What was expected of each day, NaN where that is not known."""
    result: FloatArray = np.maximum(past.y - past.errors, 0.0)
    return result


def _day_size(mean: FloatArray, errors: FloatArray, jump: FloatArray) -> FloatArray:
    """Size r (N,) of the count of sales a day, Var = μ + μ²/r in sales of `jump` units."""
    return deviation.reference_size(mean / jump, errors / jump)


def _day_limits(
    past: FitErrors, mean: FloatArray, size: FloatArray, jump: FloatArray
) -> FloatArray:
    """log E (N,) of a surge: theory's, or what so few days of history passed, if that is
    more.
    """
    # What is not known well enough to take part is not watched.
    limits = np.where(past.choice >= 0, intraday.limit(past.rate), np.inf)
    found = intraday.log_e(past.y, np.nan_to_num(mean), np.ones(mean.shape), size, jump)
    known = np.isfinite(mean)
    for members in _by_level(past.level, past.choice >= 0):
        limits[members] = _seen_limit(found[:, members], known[:, members], past.rate)
    return limits


def _seen_limit(found: FloatArray, known: BoolArray, rate: float) -> float:
    """The log E that this share of the days seen passed, but no less than theory's."""
    theory = intraday.limit(rate)
    seen = found[known]
    if not seen.size:
        return theory
    return max(theory, round(float(np.quantile(seen, 1.0 - rate / 1_000.0, method="lower")), 6))


def _by_level(level: FloatArray, taking: BoolArray) -> list[IntArray]:
    band = np.searchsorted(np.array(BANDS), level, side="right")
    groups = [np.flatnonzero(taking & (band == b)) for b in range(len(BANDS) + 1)]
    return [members for members in groups if len(members)]


def _alike(
    rows: Sequence[IntArray], level: FloatArray, taking: BoolArray, rate: float
) -> list[tuple[float, IntArray]]:
    """Pools of one level that may ring about as often for nothing, and how often in 1,000 days a
    test of theirs may. What they may is rounded down to a power of two times `rate`.
    """
    # All pools of an item share what it may ring at most; the largest of them holds all its series.
    each = np.minimum(1.0, MOST_OFTEN / (rate * np.maximum(pooling.largest(rows), 1.0)))
    octave = np.floor(np.log2(np.maximum(pooling.shares(rows) * each, 1.0)) + 1e-9)
    found = []
    for members in _by_level(level, taking):
        for step in np.unique(octave[members]).tolist():
            found.append((rate * 2.0**step, members[octave[members] == step]))
    return found


def _pools(
    rows: Sequence[IntArray], past: FitErrors, mean: FloatArray, jump: FloatArray
) -> dict[str, FloatArray]:
    """Spread, size, usual sale and alarm levels of each pool (G,)."""
    n = len(rows)
    of, flat = pooling.members(tuple(rows))
    taking = np.array([len(own) >= 2 for own in rows], dtype=np.bool_)
    level = pooling.summed(of, past.level[flat], n)
    weight = pooling.summed(of, (past.level * jump)[flat], n)
    usual = _rounded(np.where(level > 0.0, weight / np.maximum(level, 1e-9), 1.0))
    known = np.isfinite(past.errors[:, flat])
    sums = _summed_days(of, np.where(known, past.errors[:, flat], 0.0), n)
    spread = _summed_days(of, np.where(known, past.sigma[flat] ** 2, 0.0), n)
    expected = _summed_days(of, np.where(known, np.nan_to_num(mean[:, flat]), 0.0), n)
    total = spread.sum(axis=0)
    ratio = (sums * sums).sum(axis=0) / np.where(total > 0.0, total, 1.0)
    sigma = np.where(total > 0.0, np.maximum(np.sqrt(ratio), LEAST_SIGMA), 1.0)
    seen = spread > 0.0
    size = deviation.reference_size(np.where(seen, expected, 0.0), np.where(seen, sums, np.nan))
    day_size = _day_size(
        np.where(seen, expected, 0.0), np.where(seen, sums, np.nan), np.maximum(usual, 1e-9)
    )
    up, down, day_limit = np.full(n, np.inf), np.full(n, np.inf), np.full(n, np.inf)
    e = intraday.log_e(sums + expected, expected, np.ones(sums.shape), day_size, usual)
    rises, falls = _frozen_pools(of, flat, n, past, sigma, size)
    for number, (rate, members) in enumerate(_alike(rows, level, taking, past.rate)):
        floor_up, floor_down = deviation.textbook_thresholds(rate)
        up[members], down[members] = floor_up, floor_down
        day_limit[members] = _seen_limit(e[:, members], seen[:, members], rate)
        stretches = np.isfinite(rises[:, :, members]).any(axis=0).sum()
        if not stretches:
            continue
        key = np.array([past.seed, 1_000 + number], dtype=np.uint64)
        rng = np.random.Generator(np.random.Philox(key=key))
        few = int(stretches) < deviation.FEW_STRETCHES
        high = deviation.calibrate(_stretches(rises, members), rate, rng)
        low = deviation.calibrate(_stretches(falls, members), rate, rng)
        up[members] = max(high, floor_up) if few else high
        down[members] = max(low, floor_down) if few else low
    return {
        "pool_sigma": _rounded(sigma),
        "pool_size": size,
        "pool_day_size": day_size,
        "pool_jump": usual,
        "pool_up": up,
        "pool_down": down,
        "pool_limit": day_limit,
    }


def _frozen_pools(
    of: IntArray, rows: IntArray, n: int, past: FitErrors, sigma: FloatArray, size: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """What each day of a frozen stretch adds to both tests, (block, stretches, G)."""
    block = past.block
    frozen = deviation.frozen_errors(past.errors, past.growth, block)
    actual = deviation.frozen_errors(past.y, np.zeros(past.y.shape[1]), block)
    shape = (block, -1, past.errors.shape[1])
    error, y = frozen.reshape(shape)[:, :, rows], actual.reshape(shape)[:, :, rows]
    known = np.isfinite(error)
    expected = np.where(known, np.maximum(y - error, 0.0), 0.0)
    days = [(block * y.shape[1], len(rows)), (block, y.shape[1], n)]
    sold = _summed_days(of, np.where(known, y, 0.0).reshape(days[0]), n)
    mean = _summed_days(of, expected.reshape(days[0]), n)
    raw = _summed_days(of, np.where(known, y - error, 0.0).reshape(days[0]), n)
    spread = _summed_days(of, np.where(known, past.sigma[rows] ** 2, 0.0).reshape(days[0]), n)
    seen = spread > 0.0
    rises = deviation.up_increment(sold, raw, sigma * np.sqrt(np.where(seen, spread, 1.0)))
    falls = deviation.down_increment(sold, mean, size)
    return (
        np.where(seen, rises, np.nan).reshape(days[1]),
        np.where(seen, falls, np.nan).reshape(days[1]),
    )


def _stretches(increments: FloatArray, members: IntArray) -> FloatArray:
    """(block, M) of these pools."""
    own = increments[:, :, members]
    return np.ascontiguousarray(own.reshape(own.shape[0], -1))


def _summed_days(of: IntArray, values: FloatArray, pools: int) -> FloatArray:
    """Sums (D, G) of `values` (D, M) by pool."""
    total = np.zeros((values.shape[0], pools))
    for pool in range(pools):
        own = of == pool
        if own.any():
            total[:, pool] = values[:, own].sum(axis=1)
    return total


def _rounded(values: FloatArray) -> FloatArray:
    """To 1e-6, so that the record does not hang on a library's last bits."""
    result: FloatArray = np.round(values, 6)
    return result


def _range(levels: FloatArray) -> str:
    return f"{levels.min()} to {levels.max()}" if levels.size else "none"
