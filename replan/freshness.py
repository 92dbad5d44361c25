"""Is each till feed recent enough, and what do we do if it is not?

A silent feed is no fall of demand. Of every site it is remembered in which local hours of the last
four weeks something was heard of its till (sales and day closes, by arrival). What is usual at an
hour is the longest wait for the next word from that hour on, over those days: a silence is unusual
once it has lasted twice as long, from any hour on. Nights and busy hours are told apart by
themselves. Days without any word, such as Sundays and holidays, are only held against the same
weekday.
"""

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from replan.units import instant_text

MEMORY_DAYS = 28
"""Days whose hours are compared."""

LEAST_DAYS = 21
"""With fewer comparable days a feed's habits are not known, and no silence is unusual."""

PATIENCE = 2
"""A silence this many times the longest usual wait is an outage."""

_DAY = 24
_FARTHEST = 48
"""From hours further back nothing is asked: any silence shows from a later one too."""


@dataclass(slots=True, kw_only=True)
class TillFeed:
    """What is remembered of one site's till: the hours in which it was heard, ascending, those of
    which that is not known because it was silent against its habit, and when it was heard last.
    Hours are local, counted from 1970.
    """

    heard: list[int] = field(default_factory=list)
    unknown: set[int] = field(default_factory=set)
    first: int | None = None
    last_at: datetime | None = None
    silent: bool = False

    @property
    def last(self) -> int | None:
        """The newest hour in which it was heard."""
        return self.heard[-1] if self.heard else None

    def hear(self, hour: int, at: datetime) -> None:
        """Something arrived in an hour."""
        place = bisect_left(self.heard, hour)
        if place == len(self.heard) or self.heard[place] != hour:
            self.heard.insert(place, hour)
        self.first = hour if self.first is None else min(self.first, hour)
        self.last_at = at if self.last_at is None else max(self.last_at, at)

    def is_unusual(self, hour: int, at: datetime) -> bool:
        """Whether the silence up to an instant, at the beginning of a local hour or in it, is
        against the feed's habit.
        """
        if self.last is None or self.last_at is None or hour <= self.last:
            return False
        since_last = (at - self.last_at).total_seconds() / 3600
        if since_last < PATIENCE:
            return False
        start = self.last + 1
        if self._is_habit_below(start, since_last / PATIENCE):
            return True
        return any(
            self._is_habit_below(anchor, (hour - anchor) / PATIENCE)
            for anchor in range(max(start, hour - _FARTHEST), hour - PATIENCE + 1)
        )

    def _is_habit_below(self, anchor: int, limit: float) -> bool:
        """Whether from this hour of the day on no usual wait, in hours, was longer than the limit,
        on enough comparable days.
        """
        days = 0
        for back in range(1, MEMORY_DAYS + 1):
            then = anchor - back * _DAY
            assert self.first is not None
            if then < self.first:
                break
            place = bisect_left(self.heard, then)
            following = self.heard[place] if place < len(self.heard) else None
            if following is None or not self.unknown.isdisjoint(range(then, following)):
                continue
            if back % 7 and self._was_closed(then // _DAY):
                continue
            if following - then + 1 > limit:
                return False
            days += 1
        return days >= LEAST_DAYS

    def _was_closed(self, day: int) -> bool:
        """Whether a whole local day passed without a word."""
        place = bisect_left(self.heard, day * _DAY)
        return place == len(self.heard) or self.heard[place] >= (day + 1) * _DAY

    def resume(self, since: int) -> None:
        """The feed speaks again after having been silent from an hour on: what usually comes in
        those hours is not known.
        """
        assert self.last is not None
        self.unknown.update(range(since, self.last))
        self.silent = False

    def forget(self, now: int) -> None:
        """Drop hours that are compared no more."""
        oldest = now - _DAY * (MEMORY_DAYS + 7)
        if self.last is None or self.last < oldest:
            return
        self.heard = self.heard[bisect_left(self.heard, oldest) :]
        self.unknown = {hour for hour in self.unknown if hour >= oldest}
        if self.first is not None:
            self.first = max(self.first, oldest)


def feed_json(feed: TillFeed) -> dict[str, Any]:
    """A feed as plain JSON data."""
    return {
        "heard": feed.heard,
        "unknown": sorted(feed.unknown),
        "first": feed.first,
        "last_at": None if feed.last_at is None else instant_text(feed.last_at),
        "silent": feed.silent,
    }


def feed_from_json(plain: Mapping[str, Any]) -> TillFeed:
    """The feed that `feed_json` wrote."""
    last_at = plain["last_at"]
    return TillFeed(
        heard=list(plain["heard"]),
        unknown=set(plain["unknown"]),
        first=plain["first"],
        last_at=last_at and datetime.fromisoformat(last_at),
        silent=plain["silent"],
    )
