"""What did promotions and prices do in a history, and what would have been sold without them?

The base of a day under a driver is read off the days without one: the level around it times the
weekday's index, by ratio to a centred moving average (Makridakis, Wheelwright and Hyndman 1998,
"Forecasting: Methods and Applications", section 3/4). Ratios are pooled over the series of a
category, and shrunk, by `replan.uplift`; the models are then fitted on sales / factor.
"""

from dataclasses import dataclass

import numpy as np

from replan.deviation import reference_size
from replan.drivers import CHANNELS
from replan.forecasting import BoolArray, DriverDays, FloatArray, IntArray
from replan.models.history import WEEK
from replan.uplift import TRUST, learned, lift_of

AROUND = 28
"""Days before and after that tell the level of a day under a driver."""

FEWEST_DAYS = 7
"""Undisturbed days around a day from which its base can be told; else it teaches nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """What a history taught: sums and prior means (C, N) as in `PanelFit`, and sales (T, N) brought
    back to what they would have been.
    """

    seen: FloatArray
    due: FloatArray
    mean: FloatArray
    base_sold: FloatArray


def without_drivers(
    sold: FloatArray, mask: BoolArray, drivers: DriverDays | None, category_of: IntArray
) -> Past:
    """Learn from `sold` (T, N) what drivers did; `mask` False where a day says nothing."""
    shape = (len(CHANNELS), sold.shape[1])
    seen, due, mean = np.zeros(shape), np.zeros(shape), np.ones(shape)
    if drivers is None:
        return Past(seen=seen, due=due, mean=mean, base_sold=sold)
    driven = drivers.channels != 0
    base, known = base_of(sold, mask & ~driven)
    size = _size(sold, base, mask & ~driven & known)
    teaches = driven & known & mask
    for _ in range(2):
        # Twice: the first round pools, the second learns each series around what was pooled.
        seen, due = np.zeros(shape), np.zeros(shape)
        for day in np.flatnonzero(teaches.any(axis=1)).tolist():
            one = DriverDays(
                prior=drivers.prior[day : day + 1], channels=drivers.channels[day : day + 1]
            )
            seen, due = learned(sold[day], base[day], size, one, seen, due, mean, teaches[day])
        mean = _pooled(seen, due, category_of)
    factor = lift_of(drivers, seen, due, mean).factor
    return Past(seen=seen, due=due, mean=mean, base_sold=np.where(driven, sold / factor, sold))


def base_of(sold: FloatArray, usual: BoolArray) -> tuple[FloatArray, BoolArray]:
    """Base (T, N) of every day by the `usual` days around it, and whether it can be told."""
    days = sold.shape[0]
    total, count = _running(np.where(usual, sold, 0.0)), _running(usual.astype(np.float64))
    first = np.maximum(np.arange(days) - AROUND, 0)
    last = np.minimum(np.arange(days) + AROUND + 1, days)
    around = count[last] - count[first]
    level = (total[last] - total[first]) / np.maximum(around, 1.0)
    index = np.ones((WEEK, sold.shape[1]))
    for weekday in range(WEEK):
        here = usual[weekday::WEEK]
        own = np.where(here, sold[weekday::WEEK], 0.0).sum(axis=0)
        due = np.where(here, level[weekday::WEEK], 0.0).sum(axis=0)
        # A weekday seen once or twice says little: one level's worth of an ordinary day is added.
        usual_level = due / np.maximum(here.sum(axis=0), 1)
        index[weekday] = np.where(due > 0.0, (own + usual_level) / (due + usual_level + 1e-12), 1.0)
    return level * index[np.arange(days) % WEEK], around >= FEWEST_DAYS


def _running(values: FloatArray) -> FloatArray:
    """Sums (T+1, N) of everything before each day."""
    result: FloatArray = np.zeros((values.shape[0] + 1, values.shape[1]))
    np.cumsum(values, axis=0, out=result[1:])
    return result


def _size(sold: FloatArray, base: FloatArray, usual: BoolArray) -> FloatArray:
    """Negative-binomial size (N,) of the undisturbed days around their base."""
    errors = np.where(usual, sold - base, np.nan)
    return reference_size(base, errors)


def _pooled(seen: FloatArray, due: FloatArray, category_of: IntArray) -> FloatArray:
    """Prior mean (C, N) of each series: its category's, shrunk to all, shrunk to what is stated."""
    everywhere = (TRUST + seen.sum(axis=1)) / (TRUST + due.sum(axis=1))
    mean = np.ones(seen.shape)
    for category in np.unique(category_of).tolist():
        mine = category_of == category
        own, stated = seen[:, mine].sum(axis=1), due[:, mine].sum(axis=1)
        of_category = (TRUST + own) / (TRUST / everywhere + stated)
        mean[:, mine] = of_category[:, None]
    return mean
