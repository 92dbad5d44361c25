"""What is told of a shipment on its way, and when? Shipping notice, milestones, arrival times.

A shipment is what one order puts on one leg. Who listens learns no more than a carrier would say at
that moment: at the planned departure that it was packed, then that it waits, that it left, how late
it left, and on the morning before the expected arrival what is known of it by then.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from replan.canonical import seed_from
from replan.infra.erp.legs import MINUTES_A_DAY, ON_TIME, Shipper, Trip, whole_days
from replan.units import SiteId, SupplierId, instant_text

LOADING = timedelta(minutes=90)
"""From the planned departure to word that it does not leave as planned."""
UNLOADING = timedelta(minutes=30)
"""From the arrival to the receipt."""
LAST_WORD = timedelta(hours=21)
"""Before the expected arrival: what is known by then is told."""


@dataclass(slots=True, kw_only=True)
class Shipment:
    """Goods of one order on one leg. Days since 1970; `told` counts the words said so far."""

    shipment: str
    supplier: SupplierId
    site: SiteId
    ship_day: int
    promised: int
    told: int = 0

    @property
    def left(self) -> bool:
        """Whether it was packed: from then on its lines belong to it."""
        return self.told > 0


class Word(NamedTuple):
    """One event of a journey: when, which type, and its data (an ASN's lack the line's part)."""

    at: datetime
    type: str
    data: Mapping[str, Any]


def shipment_from_row(row: Sequence[Any]) -> Shipment:
    """The shipment of which these are the fields, in order."""
    names = (column.name for column in fields(Shipment))
    return Shipment(**dict(zip(names, row, strict=True)))


def journey(shipper: Shipper, trip: Trip, planned: datetime, due: datetime) -> tuple[Word, ...]:
    """All that is told of a shipment, in order.

    `planned`: its planned departure, `due`: the promised arrival, both in UTC.
    """
    arrives = due + timedelta(days=trip.late_days)
    left = min(planned + timedelta(minutes=trip.left_late), arrives - timedelta(hours=6))
    place = shipper.place
    words = [
        Word(
            planned,
            "asn.v1",
            {
                "ship_dt": instant_text(planned),
                "eta": instant_text(due),
                "carrier": place,
                "mode": "air",
            },
        )
    ]
    reason = trip.first.reason if trip.waits else trip.leg.reason
    expected = due
    heard = planned + LOADING
    for waited in range(1, trip.waits + 1):
        at = heard + timedelta(days=waited - 1)
        impact = MINUTES_A_DAY * 60
        words.append(
            Word(
                at,
                "shipment.exception.v1",
                {"code": "no_departure", "severity": "major", "impact_s": impact},
            )
        )
        expected = _moved(words, at, expected, expected + timedelta(days=1))
    behind = whole_days(trip.left_late)
    if behind > trip.waits:
        at = heard + timedelta(days=trip.waits)
        words.append(_milestone("SD", at, place, reason))
        expected = _moved(words, at, expected, due + timedelta(days=behind))
    after = max(words[-1].at, left)
    words.append(_milestone("AF", after, place, ON_TIME if behind == 0 else reason))
    if expected != arrives:
        known = max(min(expected, arrives) - LAST_WORD, after + timedelta(minutes=1))
        _moved(words, min(known, arrives - 2 * UNLOADING), expected, arrives)
    words.append(_milestone("X1", arrives - UNLOADING, "dock", ON_TIME))
    return tuple(sorted(words, key=lambda word: word.at))


def serial_code(name: str) -> str:
    """An SSCC made from a name: 17 digits and the GS1 check digit."""
    digits = f"{seed_from(['sscc', name]) % 10**17:017d}"
    total = sum(int(d) * (3 if n % 2 == 0 else 1) for n, d in enumerate(digits))
    return digits + str(-total % 10)


def _milestone(code: str, at: datetime, place: str, reason: str) -> Word:
    data = {"code": code, "at": instant_text(at), "loc": place, "reason": reason}
    return Word(at, "shipment.milestone.v1", data)


def _moved(words: list[Word], at: datetime, previous: datetime, new: datetime) -> datetime:
    words.append(
        Word(
            at,
            "shipment.eta.v1",
            {
                "previous_eta": instant_text(previous),
                "new_eta": instant_text(new),
                "delta_s": round((new - previous).total_seconds()),
            },
        )
    )
    return new
