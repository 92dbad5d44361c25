"""What does a weather or disruption alert concern, and by how much does it widen what is expected?

Alerts never move anything by themselves: between onset and expiry they widen the spread of arrivals
and the bands of demand where they apply, and nothing else. Words and their meaning are those of the
Common Alerting Protocol (OASIS CAP 1.2); the factors are assumptions of ours.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from replan.events import AlertRaised
from replan.forecasting import LEVELS, FloatArray
from replan.network import Network, Site
from replan.sayings import with_saying, without_saying
from replan.units import LaneId, SiteId, day_number

ARRIVAL_FACTOR: Mapping[str, float] = {
    "Extreme": 3.0,
    "Severe": 2.0,
    "Moderate": 1.5,
    "Minor": 1.2,
    "Unknown": 1.2,
}
"""By severity: how much wider the spread of arrivals becomes at full weight."""

DEMAND_FACTOR: Mapping[str, float] = {
    "Extreme": 1.5,
    "Severe": 1.3,
    "Moderate": 1.15,
    "Minor": 1.05,
    "Unknown": 1.05,
}
"""By severity: how much wider the bands of demand become at full weight."""

URGENCY_WEIGHT: Mapping[str, float] = {
    "Immediate": 1.0,
    "Expected": 1.0,
    "Future": 0.5,
    "Past": 0.0,
    "Unknown": 0.5,
}
CERTAINTY_WEIGHT: Mapping[str, float] = {
    "Observed": 1.0,
    "Likely": 0.75,
    "Possible": 0.35,
    "Unlikely": 0.05,
    "Unknown": 0.5,
}
"""CAP calls likely what has more than an even chance, possible what has less."""

MEMORY = timedelta(days=14)
"""How long an alert is remembered after it expired."""

AlertBook = dict[tuple[str, str], tuple[AlertRaised, ...]]
"""What was said of each alert by kind and id, the newest last and valid."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """An alert that is still to be reckoned with, and what of ours it concerns."""

    alert: AlertRaised
    sites: frozenset[SiteId]
    lanes: frozenset[LaneId]
    arrivals: float
    demand: float

    def touches(self, places: Iterable[str]) -> bool:
        """Whether one of these sites, suppliers or lanes is concerned."""
        return any(place in self.sites or place in self.lanes for place in places)

    def days(self, zone: ZoneInfo) -> tuple[int, int]:
        """First and last local day on which it stands, as day numbers."""
        last = self.alert.expires - timedelta(microseconds=1)
        first, last = self.alert.onset.astimezone(zone), last.astimezone(zone)
        return day_number(first.date()), day_number(last.date())


def take(alerts: AlertBook, fact: AlertRaised) -> None:
    """Keep an alert; of those with one kind and id the newest by its own time holds."""
    key = (fact.kind, fact.alert)
    alerts[key] = with_saying(alerts.get(key, ()), replace(fact, arrived_at=fact.occurred_at))


def take_back(alerts: AlertBook, fact: AlertRaised) -> None:
    """An alert was wrong: what was said before it holds."""
    key = (fact.kind, fact.alert)
    alerts[key] = without_saying(alerts.get(key, ()), fact)
    if not alerts[key]:
        del alerts[key]


def forget(alerts: AlertBook, before: datetime) -> None:
    """Drop alerts that expired before an instant."""
    for key, said in list(alerts.items()):
        if said[-1].expires < before:
            del alerts[key]


def standing(alerts: AlertBook, network: Network, at: datetime) -> tuple[Reach, ...]:
    """The alerts that have not ended at an instant, with what they concern, by kind and id."""
    return tuple(
        found
        for _, said in sorted(alerts.items())
        for alert in said[-1:]
        if at < alert.expires and (found := reach(network, alert)).arrivals > 1.0
    )


def reach(network: Network, alert: AlertRaised) -> Reach:
    """The sites in the area of an alert, and the lanes that are named or touch one of those."""
    named = frozenset(alert.locations)
    sites = frozenset(
        site
        for site, row in network.sites.items()
        if site in named or is_inside(row, alert.polygon)
    )
    lanes = frozenset(
        lane
        for lane, row in network.lanes.items()
        if lane in named or row.origin in sites or row.destination in sites
    )
    weight = URGENCY_WEIGHT[alert.urgency] * CERTAINTY_WEIGHT[alert.certainty]
    return Reach(
        alert=alert,
        sites=sites,
        lanes=lanes,
        arrivals=1.0 + (ARRIVAL_FACTOR[alert.severity] - 1.0) * weight,
        demand=1.0 + (DEMAND_FACTOR[alert.severity] - 1.0) * weight,
    )


def widened_arrival(
    reaches: Iterable[Reach], places: Sequence[str], zone: ZoneInfo, today: int, p50: int, p90: int
) -> int:
    """The late day of something that is on its way from `today` on between these places (sites,
    suppliers, lanes), widened by the strongest alert on its way; day numbers.
    """
    factor = 1.0
    for found in reaches:
        first, last = found.days(zone)
        if first <= p90 and last >= today and found.touches(places):
            factor = max(factor, found.arrivals)
    if factor == 1.0:
        return p90
    return p50 + math.ceil(round(max(p90 - p50, 1) * factor, 6))


def widened_demand(
    reaches: Iterable[Reach], site: SiteId, zone: ZoneInfo, today: int, quantiles: FloatArray
) -> FloatArray:
    """Demand quantiles (K, H) from `today` on, pushed off the median on the days of alerts."""
    factor = np.ones(quantiles.shape[1])
    for found in reaches:
        if site in found.sites:
            first, last = found.days(zone)
            on = slice(max(first - today, 0), max(last - today + 1, 0))
            factor[on] = np.maximum(factor[on], found.demand)
    if (factor == 1.0).all():
        return quantiles
    median = quantiles[LEVELS.index(0.5)]
    widened: FloatArray = np.round(
        np.maximum(median + (quantiles - median) * factor[None, :], 0.0), 6
    )
    return widened


def is_inside(site: Site, polygon: Sequence[tuple[float, float]]) -> bool:
    """Whether a site lies in a polygon of (north, east) corners, by counting crossings; degrees are
    taken as a plane. A site without coordinates lies in none.
    """
    if site.lat is None or site.lon is None:
        return False
    inside = False
    for n, (north, east) in enumerate(polygon):
        before_north, before_east = polygon[n - 1]
        if (north > site.lat) != (before_north > site.lat):
            share = (site.lat - north) / (before_north - north)
            if site.lon < east + share * (before_east - east):
                inside = not inside
    return inside
