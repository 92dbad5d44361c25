"""Is a source sending what cannot be taken? Refusals among its events of the last five minutes, and
in a row.

Time is the log clock. An event counts once, however often it comes; one that waits for master data
does not count: an item that is not ours to plan says nothing against its till.
"""

from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

RATE_WINDOW = timedelta(minutes=5)
RATE_PERCENT = 1
LEAST_REFUSED = 5
"""Fewer refusals in five minutes are slips and no rate."""

MOST_IN_A_ROW = 50
MAX_SOURCES = 10_000
"""Sources that are watched; the one heard of longest ago is forgotten first."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND = timedelta(seconds=1)


@dataclass(slots=True)
class _Watched:
    in_a_row: int = 0
    # Second of the clock and events taken in it; second and digest of each refusal. Oldest first.
    taken: list[list[int]] = field(default_factory=list)
    refused: list[tuple[int, str]] = field(default_factory=list)


class FeedWatch:
    """Counts of the events of each source, as far back as a rate needs them."""

    def __init__(self) -> None:
        self._sources: OrderedDict[str, _Watched] = OrderedDict()

    def take(self, source: str, at: datetime) -> None:
        """An event of a source was taken at the clock."""
        watched = self._watched(source)
        watched.in_a_row = 0
        second = (at - _EPOCH) // _SECOND
        if not watched.taken or watched.taken[-1][0] < second:
            watched.taken.append([second, 0])
            self._forget(watched, second)
        watched.taken[-1][1] += 1

    def refuse(self, source: str, at: datetime, sha256: str) -> str | None:
        """An event of this digest was refused. What is wrong with its source, in words, if this one
        is too many; else None.
        """
        watched = self._watched(source)
        second = (at - _EPOCH) // _SECOND
        self._forget(watched, second)
        if any(known == sha256 for _, known in watched.refused):
            return None
        watched.refused.append((second, sha256))
        watched.in_a_row += 1
        if watched.in_a_row > MOST_IN_A_ROW:
            return f"{watched.in_a_row} events in a row were refused"
        bad = len(watched.refused)
        events = bad + sum(count for _, count in watched.taken)
        if bad >= LEAST_REFUSED and 100 * bad > RATE_PERCENT * events:
            return f"{bad} of {events} events in five minutes were refused"
        return None

    def to_json(self) -> list[list[Any]]:
        """Plain JSON, in the order in which sources were heard of last."""
        return [
            [name, row.in_a_row, row.taken, [list(one) for one in row.refused]]
            for name, row in self._sources.items()
        ]

    @classmethod
    def from_json(cls, state: list[list[Any]]) -> "FeedWatch":
        """The watch as `to_json` wrote it."""
        watch = cls()
        for name, in_a_row, taken, refused in state:
            watch._sources[name] = _Watched(
                in_a_row, [list(row) for row in taken], [(at, sha) for at, sha in refused]
            )
        return watch

    def _watched(self, source: str) -> _Watched:
        watched = self._sources.get(source)
        if watched is None:
            watched = self._sources[source] = _Watched()
            if len(self._sources) > MAX_SOURCES:
                self._sources.popitem(last=False)
        self._sources.move_to_end(source)
        return watched

    @staticmethod
    def _forget(watched: _Watched, second: int) -> None:
        first = second - RATE_WINDOW // _SECOND
        while watched.taken and watched.taken[0][0] <= first:
            watched.taken.pop(0)
        while watched.refused and watched.refused[0][0] <= first:
            watched.refused.pop(0)
