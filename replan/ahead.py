"""What lies ahead of one series, how much of it is short, and what could be spared?"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from replan.alerts import Reach
from replan.arrivals import LineOutlook
from replan.events import LeadTimeStated
from replan.forecasting import FloatArray, IntArray, mean_of
from replan.intraday import Surge
from replan.panel import NEVER
from replan.planning import Inbound
from replan.units import ONE_UNIT, SiteId, Units, units_floor

Z95 = 1.6448536269514722
"""A donor is protected at this quantile of its own demand: an upper 95 %."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ahead:
    """One series ahead of a day: demand quantiles (K, H) from that day on, and what can be sold."""

    row: int
    site: SiteId
    quantiles: FloatArray
    on_hand: int
    inbound: tuple[Inbound, ...]
    window: int
    review_day: int
    persistent: float
    lines: tuple[LineOutlook, ...] = ()
    """The open order lines behind `inbound`."""
    surge: Surge | None = None
    risen: int = NEVER
    """The newest day on which it rose above its reference, by itself or with the item's other
    sites."""
    risen_with_others: bool = False
    left_of_today: float | None = None
    """The share of a usual day that is still to come, where its profile tells it."""
    words: tuple[LeadTimeStated, ...] = ()
    """Lead times stated lately that hold for what feeds the series."""
    alerts: tuple[Reach, ...] = ()
    """Weather and disruptions that concern the series or what is on its way to it."""
    usual: "Ahead | None" = None
    """The same had nothing slipped lately and no alert stood; None if that is no different."""

    def supply_by_day(self) -> IntArray:
        """Units on hand plus what has come in by the end of each day, at the late arrival dates."""
        arrived = np.zeros(self.quantiles.shape[1], dtype=np.int64)
        for row in self.inbound:
            if row.day_p90 < len(arrived):
                arrived[row.day_p90] += row.qty
        return self.on_hand + np.cumsum(arrived)

    def demand_by_day(self, z: float) -> FloatArray:
        """Cumulative demand by day at z standard deviations, base units."""
        return demand_at(self.quantiles, np.array([self.persistent]), z)

    def spare(self) -> Units:
        """What can be given away so that the protected demand is still met on every counted day."""
        left = self.supply_by_day() / ONE_UNIT - self.demand_by_day(Z95)
        spare = units_floor(float(max(np.min(left[: self.window], initial=math.inf), 0.0)))
        # What comes in later may cover the donor, but only what lies there can leave.
        return Units(min(spare, self.on_hand))


def demand_at(quantiles: FloatArray, persistent: FloatArray, z: float) -> FloatArray:
    """Cumulative demand (…, H) by day at z standard deviations, base units, of quantiles
    (K, …, H); `persistent` (…, 1).

    Variance of a sum of correlated days: with a share r common to all days and 1-r of each day's
    own, r·(Σs)² + (1-r)·Σs².
    """
    spread = np.maximum(quantiles[-1] - quantiles[0], 0.0) / (2 * Z95)
    common = persistent * np.cumsum(spread, axis=-1) ** 2
    own = (1.0 - persistent) * np.cumsum(spread**2, axis=-1)
    result: FloatArray = np.cumsum(mean_of(quantiles), axis=-1) + z * np.sqrt(common + own)
    return result


def shortfalls(aheads: Sequence[Ahead], z: float) -> list[float]:
    """The largest shortfall of each inside its window at z standard deviations, base units, ≥ 0."""
    if not aheads:
        return []
    persistent = np.array([[a.persistent] for a in aheads])
    demand = demand_at(np.stack([a.quantiles for a in aheads], axis=1), persistent, z)
    gap = demand - np.stack([a.supply_by_day() for a in aheads]) / ONE_UNIT
    return [max(float(gap[n, : a.window].max()), 0.0) for n, a in enumerate(aheads)]
