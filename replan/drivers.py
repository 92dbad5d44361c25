"""What is said to move demand, at which site and on which days? Promotions, prices, competitors.

Producers state them ahead, as dated windows with an expected factor; the newest statement of a name
holds, and all are kept, so that one can be taken back. A promotion that nobody announced is seen at
the till, where sales name it: it counts from its first such day for a week, and longer while sales
go on.

Several windows on one day multiply, as in the SCAN*PRO model (Wittink, Addona, Hawkes and Porter
1988). What they really did is learned in `replan.uplift`, by channel.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np

from replan.events import DriverStated
from replan.forecasting import DriverDays, FloatArray, IntArray
from replan.units import day_from_number, day_number, instant_text

CHANNELS = ("promo", "promo_price", "display", "feature", "price", "competitor", "untold")
"""Ways of moving demand that are learned apart; `untold` is a promotion seen at the till only."""

UNTOLD = CHANNELS.index("untold")

UNTOLD_DAYS = 7
"""How long an unannounced promotion is taken to run, counted from the first sale under it."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_OF_SORT = {
    "price": "promo_price",
    "display": "display",
    "feature": "feature",
    "untold": "untold",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class StatedDriver:
    """One statement about one series: days `first` to `last` as day numbers, both included."""

    kind: str
    name: str
    sort: str
    first: int
    last: int
    prior: float
    event_id: str
    source: str
    time: datetime

    @property
    def channel(self) -> int:
        """Its place in `CHANNELS`."""
        if self.kind == "promo":
            return CHANNELS.index(_OF_SORT.get(self.sort, "promo"))
        return CHANNELS.index(self.kind)

    @property
    def is_announced(self) -> bool:
        """Whether somebody stated it, rather than that it was seen at the till."""
        return self.channel != UNTOLD

    @property
    def cause(self) -> str:
        """`promo:P7`, `price:<event id>`, `competitor:<event id>`."""
        return f"{self.kind}:{self.name}"


def driver_text(driver: StatedDriver) -> str:
    """A statement in words, as evidence."""
    what = {"promo": "promotion", "price": "price change", "competitor": "competitor"}[driver.kind]
    first, last = day_from_number(driver.first), day_from_number(driver.last)
    named = f"{what} {driver.name} ({driver.sort})"
    return f"{named} from {first} to {last}, stated to change demand ×{driver.prior:g}"


@dataclass(slots=True, kw_only=True)
class DriverBook:
    """All statements by series (its row in the panel) and name, and promotions seen at the till.

    `untold`: first and last day with a sale under a promotion, by row and promotion.
    """

    stated: dict[tuple[int, str, str], tuple[StatedDriver, ...]] = field(default_factory=dict)
    untold: dict[tuple[int, str], tuple[int, int]] = field(default_factory=dict)
    _windows: "_Windows | None" = None

    def state(self, row: int, fact: DriverStated) -> StatedDriver:
        """Take down a statement about a series."""
        driver = StatedDriver(
            kind=fact.kind,
            name=fact.name,
            sort=fact.sort,
            first=day_number(fact.first),
            last=day_number(fact.last),
            prior=fact.uplift_prior / 1_000,
            event_id=fact.event_id,
            source=fact.source,
            time=fact.occurred_at,
        )
        key = (row, fact.kind, fact.name)
        known = self.stated.get(key, ())
        self.stated[key] = tuple(sorted({*known, driver}, key=_age))
        self._windows = None
        return driver

    def take_back(self, row: int, source: str, event_id: str) -> list[StatedDriver]:
        """A statement about a series was none; the one before it holds again. What is gone, and
        what holds instead.
        """
        touched: list[StatedDriver] = []
        for key in sorted(key for key in self.stated if key[0] == row):
            told = self.stated[key]
            left = tuple(d for d in told if (d.source, d.event_id) != (source, event_id))
            if len(left) == len(told):
                continue
            touched += [d for d in told if d not in left] + list(left[-1:])
            if left:
                self.stated[key] = left
            else:
                del self.stated[key]
            self._windows = None
        return touched

    def sold_under(self, row: int, promo: str, day: int) -> None:
        """Take down that something was sold under a promotion that day."""
        first, last = self.untold.get((row, promo), (day, day))
        if (row, promo) not in self.untold or day < first or day > last:
            self.untold[(row, promo)] = (min(first, day), max(last, day))
            # What was announced holds as stated, whatever the till says.
            if (row, "promo", promo) not in self.stated:
                self._windows = None

    def forget(self, before: int) -> None:
        """Drop what ended before a day, by its newest statement."""
        old = [key for key, told in self.stated.items() if told[-1].last < before]
        gone = [key for key, (_, last) in self.untold.items() if last < before]
        for key in old:
            del self.stated[key]
        for seen in gone:
            del self.untold[seen]
        if old or gone:
            self._windows = None

    def of(self, row: int, first: int, last: int) -> list[StatedDriver]:
        """What is at work on a series on one of these days, by kind and name; a promotion seen at
        the till only has no event of its own.
        """
        return [d for d in self._found().of.get(row, ()) if d.first <= last and d.last >= first]

    def days(self, rows: IntArray, first: IntArray, days: int) -> DriverDays | None:
        """What moves demand on the `days` days from `first` (n,) of these series; None: nothing."""
        windows = self._found()
        if not len(windows.row) or not len(rows):
            return None
        begin, end = int(first.min()), int(first.max()) + days - 1
        near = np.flatnonzero((windows.first <= end) & (windows.last >= begin))
        if not len(near):
            return None
        place = {row: n for n, row in enumerate(rows.tolist())}
        column = np.array([place.get(row, -1) for row in windows.row[near].tolist()])
        near, column = near[column >= 0], column[column >= 0]
        start, stop = windows.first[near] - first[column], windows.last[near] - first[column]
        untold = windows.channel[near] == UNTOLD
        bit = np.left_shift(np.int64(1), windows.channel[near])
        prior = np.ones((days, len(rows)))
        channels = np.zeros((days, len(rows)), dtype=np.int64)
        for day in range(days):
            on = (start <= day) & (stop >= day)
            if not on.any():
                continue
            told, seen = on & ~untold, on & untold
            np.multiply.at(prior[day], column[told], windows.prior[near[told]])
            np.bitwise_or.at(channels[day], column[told], bit[told])
            # What was announced explains a sale under a promotion well enough.
            alone = seen & ((channels[day, column] & _PROMOTIONS) == 0)
            np.bitwise_or.at(channels[day], column[alone], bit[alone])
        return DriverDays(prior=prior, channels=channels) if channels.any() else None

    def to_json(self) -> dict[str, Any]:
        """Plain JSON from which an equal book can be made."""
        return {
            "stated": [
                [row, [{**asdict(d), "time": instant_text(d.time)} for d in told]]
                for (row, _, _), told in sorted(self.stated.items(), key=_key)
            ],
            "untold": [[row, promo, *days] for (row, promo), days in sorted(self.untold.items())],
        }

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> "DriverBook":
        """The book that `to_json` took apart."""
        book = cls()
        for row, told in plain["stated"]:
            read = tuple(
                StatedDriver(**{**d, "time": datetime.fromisoformat(d["time"])}) for d in told
            )
            book.stated[(row, read[0].kind, read[0].name)] = read
        for row, promo, first, last in plain["untold"]:
            book.untold[(row, promo)] = (first, last)
        return book

    def _found(self) -> "_Windows":
        if self._windows is None:
            self._windows = self._gathered()
        return self._windows

    def _gathered(self) -> "_Windows":
        at_work = [(key[0], told[-1]) for key, told in sorted(self.stated.items(), key=_key)]
        at_work += [
            (row, _unannounced(promo, first, last))
            for (row, promo), (first, last) in sorted(self.untold.items())
            if (row, "promo", promo) not in self.stated
        ]
        of: dict[int, list[StatedDriver]] = {}
        for row, driver in at_work:
            of.setdefault(row, []).append(driver)
        table = np.array(
            [(row, d.first, d.last, d.prior, d.channel) for row, d in at_work], dtype=np.float64
        ).reshape(-1, 5)
        return _Windows(
            row=table[:, 0].astype(np.int64),
            first=table[:, 1].astype(np.int64),
            last=table[:, 2].astype(np.int64),
            prior=table[:, 3],
            channel=table[:, 4].astype(np.int64),
            of=of,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Windows:
    """The windows in force as columns (W,); announced ones first."""

    row: IntArray
    first: IntArray
    last: IntArray
    prior: FloatArray
    channel: IntArray
    of: Mapping[int, list[StatedDriver]]


_PROMOTIONS = sum(1 << CHANNELS.index(c) for c in ("promo", "promo_price", "display", "feature"))


def _unannounced(promo: str, first: int, last: int) -> StatedDriver:
    return StatedDriver(
        kind="promo",
        name=promo,
        sort="untold",
        first=first,
        last=max(last + 1, first + UNTOLD_DAYS - 1),
        prior=1.0,
        event_id="",
        source="",
        time=EPOCH,
    )


def _key(entry: tuple[tuple[int, str, str], object]) -> tuple[int, str, str]:
    return entry[0]


def _age(driver: StatedDriver) -> tuple[datetime, str, str]:
    return (driver.time, driver.source, driver.event_id)
