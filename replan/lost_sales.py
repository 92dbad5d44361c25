"""What was not sold because the shelf was empty? An estimate with its range, told and never booked.

A day on which the shelf was empty and nothing sold is censored: it teaches the model nothing, and
what is recorded as sold stays what was sold. The estimate is what the live model expects of the
same weekday a week ahead, drivers left out, with the band of one day; the errors of several days
are taken as their own.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from replan.bands import quantiles
from replan.forecasting import LEVELS, Forecaster
from replan.live_model import base_mean
from replan.panel import Panel

LOOK_BACK = 7
"""Closed days that are told of: the weekdays of a week."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LostSales:
    """Censored days of a series in its last week, and base units that would have sold, p10 to
    p90.
    """

    days: int
    p10: float
    p50: float
    p90: float

    @property
    def text(self) -> str:
        """In words, as evidence adds it."""
        empty = "a day" if self.days == 1 else f"{self.days} days"
        return (
            f"the shelf stood empty for {empty} of the last {LOOK_BACK}: "
            f"an estimated {self.p50:.0f} units ({self.p10:.0f} to {self.p90:.0f}) were not sold"
        )


def lost_sales(panel: Panel, row: int, forecasters: Mapping[str, Forecaster]) -> LostSales | None:
    """The estimate for a series; None where no day of its last week was censored."""
    fit, last = panel.fit, int(panel.closed[row]) - panel.first_day
    first = last - LOOK_BACK + 1
    if fit is None or first < 0:
        return None
    days = slice(first, last + 1)
    missed = panel.empty[days, row] & (panel.sold[days, row] <= 0)
    if not missed.any():
        return None
    rows = np.array([row], dtype=np.int64)
    # The n-th day ahead is the weekday of the n-th day looked back on.
    mean = base_mean(panel, rows, LOOK_BACK, forecasters)
    live = panel.live
    band = quantiles(live.offsets[:, rows], live.scale[rows], mean, np.zeros(1))[:, missed, 0]
    middle = band[LEVELS.index(0.5)]
    below = middle - band[LEVELS.index(0.1)]
    above = band[LEVELS.index(0.9)] - middle
    total = float(middle.sum())
    return LostSales(
        days=int(missed.sum()),
        p10=max(total - float(np.sqrt((below * below).sum())), 0.0),
        p50=total,
        p90=total + float(np.sqrt((above * above).sum())),
    )
