"""What must no machine act on for now? Scopes on HOLD, each with its reason and its end.

On HOLD everything goes on but one thing: what is sensed, decided and put before people stays as it
is, and nothing is carried out unattended. A hold is about an item, a site, one series (item at
site) or a feed, which stands for every series that it told us of.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from replan.units import ItemId, SiteId, instant_text

HOLD = timedelta(hours=24)
"""How long a doubt about the data keeps machines from acting."""

HoldKind = Literal["item", "site", "series", "feed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """One reason not to act: on what, until when (None: until it is lifted), in words."""

    kind: HoldKind
    name: str
    cause: str
    until: datetime | None
    text: str
    quality: Literal["amber", "red"] = "red"
    """What the data are worth meanwhile."""

    @property
    def reason(self) -> str:
        """As a brief says it."""
        return f"{self.kind} {self.name} is on hold: {self.text}"


@dataclass(slots=True, kw_only=True)
class HoldBook:
    """All holds by (kind, name, cause); and for each feed the rows of the panel that it feeds."""

    holds: dict[tuple[str, str, str], Hold] = field(default_factory=dict)
    fed: dict[str, set[int]] = field(default_factory=dict)

    def put(self, hold: Hold) -> None:
        """A hold; a later word about the same cause takes the place of the earlier one."""
        self.holds[(hold.kind, hold.name, hold.cause)] = hold

    def lift(self, cause: str) -> None:
        """Whatever is held for this cause is held no more."""
        for key in [key for key in self.holds if key[2] == cause]:
            del self.holds[key]

    def note_feed(self, feed: str, row: int) -> None:
        """Remember that a feed told of a series."""
        self.fed.setdefault(feed, set()).add(row)

    def pass_time(self, at: datetime) -> None:
        """Forget the holds that ended up to an instant."""
        for key, hold in list(self.holds.items()):
            if hold.until is not None and hold.until <= at:
                del self.holds[key]

    def reasons(
        self, item: ItemId, sites: Iterable[SiteId], rows: Mapping[tuple[ItemId, SiteId], int]
    ) -> tuple[Hold, ...]:
        """Why nothing may be done unattended about an item between these sites; sorted."""
        wanted = sorted(set(sites))
        mine = {rows[(item, site)] for site in wanted if (item, site) in rows}
        found = []
        for _, hold in sorted(self.holds.items()):
            concerns = {
                "item": hold.name == item,
                "site": hold.name in wanted,
                "series": hold.name in {series_name(item, site) for site in wanted},
                "feed": bool(mine & self.fed.get(hold.name, set())),
            }
            if concerns[hold.kind]:
                found.append(hold)
        return tuple(found)


def series_name(item: ItemId, site: SiteId) -> str:
    """A series as a hold names it."""
    return f"{item}@{site}"


def cause_of(source: str, event_id: str) -> str:
    """An event as the cause of a hold."""
    return f"{source}#{event_id}"


def holds_json(book: HoldBook) -> dict[str, Any]:
    """The book as plain JSON data."""
    return {
        "holds": [
            {**asdict(hold), "until": None if hold.until is None else instant_text(hold.until)}
            for _, hold in sorted(book.holds.items())
        ],
        "fed": {feed: sorted(rows) for feed, rows in sorted(book.fed.items())},
    }


def holds_from_json(plain: Mapping[str, Any]) -> HoldBook:
    """The book that `holds_json` wrote."""
    book = HoldBook(fed={feed: set(rows) for feed, rows in plain["fed"].items()})
    for row in plain["holds"]:
        until = row["until"]
        book.put(Hold(**{**row, "until": until and datetime.fromisoformat(until)}))
    return book
