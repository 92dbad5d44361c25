"""What follows from a till that is silent, and from one that speaks again?

An alarm and a hold while it lasts; the days that close by the clock meanwhile are blind. See
`replan.freshness` for when a silence is unusual.
"""

from collections.abc import Iterable
from datetime import datetime

import numpy as np

from replan.alarms import AlarmScope
from replan.events import DayClosed, SaleRecorded, SenseFact
from replan.freshness import TillFeed
from replan.holds import Hold
from replan.panel import NEVER, Panel, local_day_number
from replan.state import SenseState
from replan.units import SiteId, day_number, instant_text

_HOURS = 24


def hear(state: SenseState, facts: Iterable[SenseFact]) -> None:
    """Facts of a tick that a till sent: when each site was heard of, and days seen after all."""
    panel = state.panel
    for fact in facts:
        if not isinstance(fact, SaleRecorded | DayClosed) or fact.site not in panel.zones:
            continue
        feed = state.tills.get(fact.site)
        if feed is None:
            feed = state.tills[fact.site] = TillFeed()
        last = feed.last
        feed.hear(_hour(panel, fact.site, fact.arrived_at), fact.arrived_at)
        if feed.silent and last is not None and feed.last != last:
            _speaks_again(state, fact.site, feed, last + 1)
        if isinstance(fact, DayClosed):
            _see(panel, fact.site, day_number(fact.business_date))
        elif fact.site not in state.told_closed:
            # A till that declares no day closed shows by its sales that it saw the day.
            _see(panel, fact.site, local_day_number(panel, fact.site, fact.occurred_at))


def listen(state: SenseState, at: datetime) -> None:
    """Which tills are silent against their habit at a tick?"""
    for site, feed in sorted(state.tills.items()):
        now = _hour(state.panel, site, at)
        if not feed.silent and feed.is_unusual(now, at):
            feed.silent = True
            state.holds.put(
                Hold(
                    kind="site",
                    name=site,
                    cause=_cause(site),
                    until=None,
                    quality="amber",
                    text=_silence(site, feed),
                )
            )
        if feed.silent:
            state.alarms.open("freshness", AlarmScope(site=site), at, _silence(site, feed))
        if now % _HOURS == 0:
            feed.forget(now)


def _silence(site: SiteId, feed: TillFeed) -> str:
    assert feed.last_at is not None
    return f"nothing was heard of the till of {site} since {instant_text(feed.last_at)}"


def is_blind(state: SenseState, site: SiteId, day: int) -> bool:
    """Whether a day that closes by the clock was not (wholly) seen: its till is silent, or was for
    a part of that day.
    """
    feed = state.tills.get(site)
    if feed is None or day <= state.told_closed.get(site, NEVER):
        return False
    hours = range(day * _HOURS, (day + 1) * _HOURS)
    missed = feed.silent and feed.last is not None and feed.last < hours.stop - 1
    return missed or not feed.unknown.isdisjoint(hours)


def _speaks_again(state: SenseState, site: SiteId, feed: TillFeed, since: int) -> None:
    feed.resume(since)
    assert feed.last_at is not None
    state.alarms.close("freshness", AlarmScope(site=site), feed.last_at)
    state.holds.lift(_cause(site))


def _see(panel: Panel, site: SiteId, day: int) -> None:
    """A blind day was seen after all: it is stepped again with what is known now."""
    at = day - panel.first_day
    if not 0 <= at < len(panel.blind):
        return
    rows = panel.site_rows.get(site, np.zeros(0, dtype=np.int64))
    rows = rows[panel.blind[at, rows]]
    panel.blind[at, rows] = False
    panel.reopened[rows] = np.where(
        panel.reopened[rows] == NEVER, day, np.minimum(panel.reopened[rows], day)
    )


def _cause(site: SiteId) -> str:
    return f"freshness#{site}"


def _hour(panel: Panel, site: SiteId, at: datetime) -> int:
    """The site's local hour of an instant, counted from 1970."""
    local = at.astimezone(panel.zones[site])
    return day_number(local.date()) * _HOURS + local.hour
