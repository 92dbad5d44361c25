"""How do goods of a supplier fare on their way? Legs by supplier, region and day, from two tables.

`erp/suppliers.csv` says how each supplier speaks, `erp/legs.csv` how what leaves it for a region on
a day really fares. Without them the reference order system draws its delays. Where a leg did not
go, goods wait for the next day's. Nothing comes before the promised day: no dock would take it.
"""

import csv
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, time
from enum import StrEnum
from pathlib import Path
from typing import Any

from replan.errors import UsageError
from replan.units import SupplierId, day_number

LEGS_FOLDER = "erp"
SUPPLIERS_FILE = "suppliers.csv"
LEGS_FILE = "legs.csv"

MINUTES_A_DAY = 1_440
LOOKED_BACK = 28
"""Days of legs from which a supplier reads off the lead times it states."""
ON_TIME = "NS"
"""Of the X12 element 1651: nothing unusual. `AO` is weather, `AJ` the carrier's own doing."""


class Tells(StrEnum):
    """How a supplier speaks of what is on its way."""

    ORDERS = "orders"
    """It changes the order line the morning before it was due."""
    COMMITS = "commits"
    """It commits to quantity and day, commits anew when late, and publishes its lead times."""
    SHIPMENTS = "shipments"
    """It sends shipping notices, and its carrier milestones and arrival times."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shipper:
    """How a supplier sends goods: `transit_days` before the promised day they leave."""

    supplier: SupplierId
    tells: Tells
    transit_days: int
    place: str
    """Where they leave, as milestones name it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Leg:
    """One day's departure to one region.

    `leaves`: scheduled, local at the receiving site. `left_late` and `late`: minutes behind the
    schedule at departure and arrival, None where it did not go. `reason`: why, by X12 element 1651.
    """

    leaves: time
    left_late: int | None
    late: int | None
    reason: str

    @property
    def went(self) -> bool:
        """Whether goods that left with it arrived."""
        return self.left_late is not None and self.late is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Trip:
    """What became of goods that were to leave with `first`: they left `waits` days later with
    `leg`.
    """

    first: Leg
    waits: int
    leg: Leg

    @property
    def left_late(self) -> int:
        """Minutes from the planned departure to the real one."""
        return self.waits * MINUTES_A_DAY + max(self.leg.left_late or 0, 0)

    @property
    def late_days(self) -> int:
        """Whole days behind the promise, halves up."""
        return self.waits + whole_days(self.leg.late or 0)


def whole_days(minutes: int) -> int:
    """Whole days of a delay, halves up, never below 0."""
    return (2 * max(minutes, 0) + MINUTES_A_DAY) // (2 * MINUTES_A_DAY)


@dataclass(frozen=True, slots=True)
class Legs:
    """All legs, by (supplier, region, day since 1970); the region is the receiving site's."""

    shippers: Mapping[SupplierId, Shipper] = field(default_factory=dict)
    rows: Mapping[tuple[SupplierId, str, int], Leg] = field(default_factory=dict)

    def trip(self, supplier: SupplierId, region: str, day: int) -> Trip | None:
        """How goods fare that are to leave on a day; None where no table says."""
        first = leg = self.rows.get((supplier, region, day))
        waits = 0
        while leg is not None:
            assert first is not None
            if leg.went:
                return Trip(first=first, waits=waits, leg=leg)
            waits += 1
            leg = self.rows.get((supplier, region, day + waits))
        return None

    def spread(self, supplier: SupplierId, region: str, until: int) -> tuple[int, int] | None:
        """Median and ninth decile of whole days late over LOOKED_BACK days of departures whose
        goods were due before `until`; None where a table does not reach back so far.
        """
        shipper = self.shippers.get(supplier)
        if shipper is None:
            return None
        last = until - shipper.transit_days - 1
        trips = [self.trip(supplier, region, last - n) for n in range(LOOKED_BACK)]
        known = sorted(trip.late_days for trip in trips if trip is not None)
        if len(known) < LOOKED_BACK:
            return None
        return _quantile(known, 0.5), _quantile(known, 0.9)


def read_legs(folder: Path) -> Legs:
    """The tables of a workspace, empty where it has none; UsageError names a bad line."""
    there = folder / LEGS_FOLDER
    if not (there / SUPPLIERS_FILE).exists():
        return Legs()
    shippers = {}
    for place, row in _rows(there / SUPPLIERS_FILE):
        with _named(place, row):
            shippers[SupplierId(row["supplier"])] = Shipper(
                supplier=SupplierId(row["supplier"]),
                tells=Tells(row["tells"]),
                transit_days=int(row["transit_days"]),
                place=row["place"],
            )
    legs = {}
    for place, row in _rows(there / LEGS_FILE):
        with _named(place, row):
            key = (
                SupplierId(row["supplier"]),
                row["region"],
                day_number(date.fromisoformat(row["day"])),
            )
            legs[key] = Leg(
                leaves=time.fromisoformat(row["leaves_local"]),
                left_late=_minutes(row["left_late_minutes"]),
                late=_minutes(row["late_minutes"]),
                reason=row["reason"] or ON_TIME,
            )
    return Legs(shippers, legs)


def _minutes(text: str) -> int | None:
    return int(text) if text else None


def _quantile(ordered: list[int], share: float) -> int:
    """The smallest value that at least this share does not exceed."""
    return ordered[max(math.ceil(round(share * len(ordered), 9)), 1) - 1]


def _rows(path: Path) -> Iterator[tuple[str, dict[str, str]]]:
    with path.open(encoding="utf-8", newline="") as text:
        for number, row in enumerate(csv.DictReader(text), start=2):
            yield f"{path}: line {number}", row


class _named:
    """Turns what a bad row raises into a UsageError that names the line."""

    def __init__(self, place: str, row: Mapping[str, Any]) -> None:
        self._place, self._row = place, row

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, ValueError | KeyError | TypeError):
            raise UsageError(f"{self._place}: {dict(self._row)}: {error}") from error
