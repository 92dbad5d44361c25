"""What does an event show to be wrong with its source, or with what we remember?

Each trouble becomes a fact of its own, at the log clock: sense opens an alarm for it and, where the
trouble asks for it, lets nothing be done unattended about what it concerns.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from replan.alarms import AlarmKind
from replan.canonical import sha256_hex
from replan.events import TroubleFound
from replan.holds import HOLD
from replan.streams.feed_watch import FeedWatch
from replan.streams.id_window import WINDOW_IDS
from replan.streams.messages import Refused, Reply
from replan.units import EventId, ItemId, SiteId


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """The event that shows a trouble: its id (or its place), source, and the clock."""

    event_id: str
    source: str
    at: datetime


class Troubles:
    """Watches sources and windows; what it remembers is plain JSON."""

    def __init__(self) -> None:
        self._watch = FeedWatch()
        self._window_told: dict[str, date] = {}

    def of_reply(
        self, reply: Reply, refused: Refused | None, clock: datetime
    ) -> tuple[TroubleFound, ...]:
        """What the answer to an event says about its source; a line without one counts for its
        file.
        """
        source = reply.source or f"file:{reply.place.file}"
        if reply.status in ("ACCEPTED", "LATE"):
            self._watch.take(source, clock)
        if refused is None or reply.status != "REJECTED":
            return ()
        words = self._watch.refuse(source, clock, refused.raw_sha256)
        found = []
        shown = Shown(event_id=reply.event_id or str(reply.place), source=source, at=clock)
        if reply.code == "future":
            found.append(trouble(shown, "clock", feed=source, text=refused.reason))
        if reply.code == "id_conflict":
            found.append(trouble(shown, "id_conflict", feed=source, text=refused.reason))
        if words is not None:
            found.append(trouble(shown, "dlq_rate", feed=source, holds=True, text=words))
        return tuple(found)

    def of_window(self, key: str, shown: Shown) -> tuple[TroubleFound, ...]:
        """An id has left its window inside the lateness bound: it could come again unnoticed. Told
        once a day for each window.
        """
        if self._window_told.get(key) == shown.at.date():
            return ()
        self._window_told[key] = shown.at.date()
        item, site = named(key)
        words = f"its newest {WINDOW_IDS} events do not reach back to the lateness bound"
        return (trouble(shown, "id_window", item=item, site=site, text=words),)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON."""
        told = {key: day.isoformat() for key, day in sorted(self._window_told.items())}
        return {"watch": self._watch.to_json(), "window_told": told}

    @classmethod
    def from_json(cls, state: Mapping[str, Any]) -> "Troubles":
        """The troubles as `to_json` wrote them."""
        made = cls()
        made._watch = FeedWatch.from_json(state["watch"])
        told = state["window_told"]
        made._window_told = {key: date.fromisoformat(day) for key, day in told.items()}
        return made


def named(key: str) -> tuple[ItemId | None, SiteId | None]:
    """The item or site whose window has this key."""
    kind, _, name = key.partition(":")
    return (
        ItemId(name) if kind == "item" else None,
        SiteId(name) if kind == "site" else None,
    )


def trouble(
    shown: Shown,
    kind: AlarmKind | None,
    *,
    item: ItemId | None = None,
    site: SiteId | None = None,
    feed: str | None = None,
    holds: bool = False,
    text: str,
) -> TroubleFound:
    """A trouble found at an event; it lasts a day unless it is found again."""
    return TroubleFound(
        event_id=EventId(shown.event_id),
        source=shown.source,
        occurred_at=shown.at,
        arrived_at=shown.at,
        payload_sha=sha256_hex(f"{kind}\n{text}".encode()),
        kind=kind,
        item=item,
        site=site,
        feed=feed,
        until=shown.at + HOLD,
        holds=holds,
        text=text,
    )
