"""How late would the demo's goods be? Real flights of a year as the legs of its suppliers' goods.

Nothing about goods on their way goes with the demo's sales, so flights stand for them; every step
of that is an assumption:

- A supplier sends from one airport; goods for a region fly one route (`ROUTES`), the one of the
  airport's busiest in a band of distance. Goods that are loaded on a day take that day's flight.
- The flight of a day of 2013 is the leg of the same day of 2017.
- Half an hour of a flight's delay is a day of a shipment's. From 15 minutes on a flight counts as
  late in the Bureau of Transportation Statistics' figures, and so, rounded to whole days, does a
  shipment.
- Where a flight did not go, goods wait for the next day's.
"""

import csv
import gzip
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

from replan.errors import UsageError
from replan.infra.demo.weather import WeatherAlert
from replan.infra.erp.legs import MINUTES_A_DAY, ON_TIME, Tells

FLIGHT_YEAR, DEMO_YEAR = 2013, 2017
"""Neither is a leap year."""
SHIPMENT_MINUTES_PER_FLIGHT_MINUTE = MINUTES_A_DAY // 30
LATE_FROM = 15
"""Minutes from which a flight counts as late, and its delay needs a reason."""
TRANSIT_DAYS = 2

AIRPORT_OF = {"SUP1": "EWR", "SUP2": "JFK", "SUP3": "LGA", "SUP4": "EWR"}
ROUTES: Mapping[str, Mapping[str, str]] = {
    "SUP1": {"east": "BOS", "central": "ORD", "west": "SFO"},
    "SUP2": {"east": "BOS", "central": "MCO", "west": "LAX"},
    "SUP3": {"east": "CLT", "central": "ATL", "west": "DEN"},
    "SUP4": {"east": "CLT", "central": "ATL", "west": "LAX"},
}
"""Destination by supplier and region."""
TELLS = {
    "SUP1": Tells.ORDERS,
    "SUP2": Tells.COMMITS,
    "SUP3": Tells.SHIPMENTS,
    "SUP4": Tells.SHIPMENTS,
}

Row = Mapping[str, object]


class Flight(NamedTuple):
    """A row of the extract; minutes behind schedule, None where it did not leave or arrive."""

    origin: str
    destination: str
    day: date
    scheduled: time
    left_late: int | None
    arrived_late: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FlownLeg:
    """How what leaves a supplier for a region on a day of the demo's year fares, in minutes of the
    shipment; None where it did not go.
    """

    supplier: str
    region: str
    day: date
    leaves: time
    left_late: int | None
    late: int | None
    reason: str


def read_flights(path: Path) -> list[Flight]:
    """All rows of the extract, as they stand; UsageError on an unreadable row."""
    flights = []
    with gzip.open(path, "rt", encoding="utf-8", newline="") as text:
        rows = csv.DictReader(text)
        for row in rows:
            try:
                clock = int(row["sched_dep_time"])
                flights.append(
                    Flight(
                        origin=row["origin"],
                        destination=row["dest"],
                        day=date.fromisoformat(row["date"]),
                        scheduled=time(clock // 100, clock % 100),
                        left_late=int(row["dep_delay"]) if row["dep_delay"] else None,
                        arrived_late=int(row["arr_delay"]) if row["arr_delay"] else None,
                    )
                )
            except (ValueError, KeyError, TypeError) as error:
                raise UsageError(f"{path}: line {rows.line_num}: {error}") from error
    return flights


def legs_of(
    flights: Iterable[Flight], alerts: Sequence[WeatherAlert], zone: str
) -> Iterator[FlownLeg]:
    """The legs of all suppliers, by supplier, region and day.

    A late one, or one that did not go, was late by the weather if an alert for its airport held
    when it was to leave, else by the carrier's own doing.
    """
    by_route: dict[tuple[str, str], list[Flight]] = {}
    for flight in flights:
        by_route.setdefault((flight.origin, flight.destination), []).append(flight)
    for supplier, regions in sorted(ROUTES.items()):
        airport = AIRPORT_OF[supplier]
        held = [alert for alert in alerts if alert.airport == airport]
        for region, destination in sorted(regions.items()):
            for flight in sorted(by_route.get((airport, destination), [])):
                yield _leg(supplier, region, flight, held, ZoneInfo(zone))


def _leg(
    supplier: str, region: str, flight: Flight, held: Sequence[WeatherAlert], zone: ZoneInfo
) -> FlownLeg:
    day = flight.day.replace(year=DEMO_YEAR)
    at = datetime.combine(day, flight.scheduled, tzinfo=zone)
    went = flight.left_late is not None and flight.arrived_late is not None
    worst = max(flight.left_late or 0, flight.arrived_late or 0)
    reason = ON_TIME
    if not went or worst >= LATE_FROM:
        reason = "AO" if any(alert.onset <= at < alert.expires for alert in held) else "AJ"
    return FlownLeg(
        supplier=supplier,
        region=region,
        day=day,
        leaves=flight.scheduled,
        left_late=_scaled(flight.left_late) if went else None,
        late=_scaled(flight.arrived_late) if went else None,
        reason=reason,
    )


def _scaled(minutes: int | None) -> int:
    return (minutes or 0) * SHIPMENT_MINUTES_PER_FLIGHT_MINUTE


def leg_rows(legs: Iterable[FlownLeg]) -> Iterator[Row]:
    """Rows of `erp/legs.csv`."""
    for leg in legs:
        yield {
            "supplier": leg.supplier,
            "region": leg.region,
            "day": leg.day.isoformat(),
            "leaves_local": leg.leaves.isoformat("minutes"),
            "left_late_minutes": "" if leg.left_late is None else leg.left_late,
            "late_minutes": "" if leg.late is None else leg.late,
            "reason": leg.reason,
        }


def suppliers_at() -> dict[str, list[str]]:
    """Whom an airport's weather concerns."""
    found: dict[str, list[str]] = {}
    for supplier, airport in sorted(AIRPORT_OF.items()):
        found.setdefault(airport, []).append(supplier)
    return found


def shipper_rows() -> Iterator[Row]:
    """Rows of `erp/suppliers.csv`."""
    for supplier, airport in sorted(AIRPORT_OF.items()):
        yield {
            "supplier": supplier,
            "tells": TELLS[supplier].value,
            "transit_days": TRANSIT_DAYS,
            "place": airport,
        }
