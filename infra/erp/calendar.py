"""When is what due? Local times of day, and the happenings of the order system in order."""

from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from enum import IntEnum
from heapq import heappop, heappush
from typing import NamedTuple
from zoneinfo import ZoneInfo

from replan.infra.erp.world import Move, OpenLine
from replan.network import Network
from replan.units import SiteId, day_from_number, day_number

COUNTED_AT = time(4, 30)
ARRIVES_AT = time(6)
NOTICE_AT = time(9)
HELPED_AT = time(11)
"""When the simple rule looks for help (see `erp_rule`)."""
SHIPS_AT = time(17)
REVIEWED_AT = time(20)
NOTICE_LAG = timedelta(hours=2)
"""The least time from an order, or a change of it, to word of its delay."""


class Rank(IntEnum):
    """What falls on the same instant happens in this order."""

    RECEIPT = 0
    ARRIVAL = 1
    SALE = 2
    SHIPMENT = 3
    NOTICE = 4
    WORD = 5
    REPLY = 6
    COUNT = 7
    HELP = 8
    DAY_END = 9
    REVIEW = 10
    LAST = 11


DAILY = {
    Rank.COUNT: COUNTED_AT,
    Rank.HELP: HELPED_AT,
    Rank.DAY_END: time(0),
    Rank.REVIEW: REVIEWED_AT,
}
"""What recurs at every site, every day."""


class Happening(NamedTuple):
    """Something due. `ref`: an order line, an action, a shipment, a question or a site. Void if its
    subject has changed.
    """

    when: datetime
    rank: int
    ref: str
    world: int = 0


class Calendar:
    """What is due, kept in order; days and times are those of the sites."""

    def __init__(self, network: Network) -> None:
        self._zones: dict[SiteId, ZoneInfo] = {s: row.zone for s, row in network.sites.items()}
        self._heap: list[Happening] = []

    def instant(self, site: SiteId, day: int, clock: time) -> datetime:
        """A local time of a site's day, in UTC."""
        local = datetime.combine(day_from_number(day), clock, tzinfo=self._zones[site])
        return local.astimezone(UTC)

    def day_of(self, at: datetime, site: SiteId) -> int:
        """The site's calendar day of an instant."""
        return day_number(at.astimezone(self._zones[site]).date())

    def is_due(self, when: datetime, rank: Rank) -> bool:
        """Whether anything happens before a rank of an instant."""
        return bool(self._heap) and self._heap[0] < (when, rank)

    def due_until(self, when: datetime, rank: Rank) -> Iterator[Happening]:
        """Everything that happens before a rank of an instant, also what comes up meanwhile."""
        while self.is_due(when, rank):
            yield heappop(self._heap)

    def begin_days(self, site: SiteId, since: datetime) -> None:
        """Put on what recurs at a site, for the first time after an instant."""
        for rank, clock in DAILY.items():
            day = self.day_of(since, site)
            if self.instant(site, day, clock) <= since:
                day += 1
            heappush(self._heap, Happening(self.instant(site, day, clock), rank, site))

    def next_day(self, due: Happening) -> None:
        """Put on what recurs once more."""
        site = SiteId(due.ref)
        when = self.instant(site, self.day_of(due.when, site) + 1, DAILY[Rank(due.rank)])
        heappush(self._heap, due._replace(when=when))

    def expect(self, line: OpenLine, world: int) -> None:
        """Put on when a line arrives, and when word of its delay comes."""
        if line.notice_at is not None:
            heappush(self._heap, Happening(line.notice_at, Rank.NOTICE, line.po_line, world))
        heappush(self._heap, Happening(self.arrival(line), Rank.RECEIPT, line.po_line, world))

    def arrival(self, line: OpenLine) -> datetime:
        """When a line arrives as things stand."""
        return self.due_at(line.site, line.arrives)

    def due_at(self, site: SiteId, day: int) -> datetime:
        """When deliveries promised for a day arrive."""
        return self.instant(site, day, ARRIVES_AT)

    def tell(self, shipment: str, when: datetime) -> None:
        """Put on when the next word of a shipment comes."""
        heappush(self._heap, Happening(when, Rank.WORD, shipment))

    def answer(self, question: str, when: datetime) -> None:
        """Put on when a question is answered."""
        heappush(self._heap, Happening(when, Rank.REPLY, question))

    def notice(self, line: OpenLine, now: datetime) -> datetime | None:
        """When its supplier says that a line is late: the morning before it is due, or soon; never
        where a carrier tells.
        """
        if line.arrives <= line.promised or line.shipment:
            return None
        return max(self.instant(line.site, line.promised - 1, NOTICE_AT), now + NOTICE_LAG)

    def follow(self, move: Move, world: int = 0) -> None:
        """Put on when a transfer leaves, or when it arrives."""
        if move.arrive_at is None:
            heappush(self._heap, Happening(move.ship_at, Rank.SHIPMENT, move.action_id, world))
        else:
            heappush(self._heap, Happening(move.arrive_at, Rank.ARRIVAL, move.action_id, world))
