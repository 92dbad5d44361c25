"""How do goods fare on a leg, and what is told of them? In the order system's own tables."""

from datetime import UTC, date, datetime, time
from pathlib import Path

import pytest

from replan.errors import UsageError
from replan.infra.erp.legs import Leg, Legs, Shipper, Tells, Trip, read_legs, whole_days
from replan.infra.erp.shipments import Word, journey, serial_code
from replan.units import SupplierId, day_number

SUP = SupplierId("SUP3")
SHIPPER = Shipper(supplier=SUP, tells=Tells.SHIPMENTS, transit_days=2, place="LGA")
PLANNED = datetime(2017, 5, 10, 20, 30, tzinfo=UTC)
DUE = datetime(2017, 5, 12, 10, 0, tzinfo=UTC)
DAY = day_number(date(2017, 5, 10))


def leg(left_late: int | None = 0, late: int | None = 0, reason: str = "NS") -> Leg:
    return Leg(leaves=time(16, 30), left_late=left_late, late=late, reason=reason)


def legs(*rows: Leg) -> Legs:
    return Legs({SUP: SHIPPER}, {(SUP, "east", DAY + n): row for n, row in enumerate(rows)})


def told(trip: Trip) -> list[tuple[str, str]]:
    return [_short(word) for word in journey(SHIPPER, trip, PLANNED, DUE)]


def _short(word: Word) -> tuple[str, str]:
    name = word.type.removesuffix(".v1")
    data = word.data
    said = data.get("code") or data.get("new_eta") or data.get("eta")
    return f"{word.at:%dT%H:%M}", f"{name} {said}"


@pytest.mark.parametrize(
    ("minutes", "days"), [(-900, 0), (719, 0), (720, 1), (2_159, 1), (2_160, 2), (4_752, 3)]
)
def test_a_delay_is_whole_days_halves_up_and_never_early(minutes: int, days: int) -> None:
    assert whole_days(minutes) == days


def test_goods_wait_for_the_next_leg_that_goes() -> None:
    trip = legs(leg(None, None), leg(None, None), leg(60, 1_500)).trip(SUP, "east", DAY)
    assert trip is not None
    assert (trip.waits, trip.late_days) == (2, 3)


def test_after_the_last_leg_of_the_table_nothing_is_known() -> None:
    assert legs(leg(None, None)).trip(SUP, "east", DAY) is None
    assert legs(leg()).trip(SUP, "west", DAY) is None


def test_a_shipment_on_time_is_packed_leaves_and_arrives() -> None:
    assert told(Trip(first=leg(), waits=0, leg=leg())) == [
        ("10T20:30", "asn 2017-05-12T10:00:00Z"),
        ("10T20:30", "shipment.milestone AF"),
        ("12T09:30", "shipment.milestone X1"),
    ]


def test_a_shipment_that_leaves_late_says_so_before_it_leaves() -> None:
    late = leg(1_500, 1_500, "AO")
    assert told(Trip(first=late, waits=0, leg=late)) == [
        ("10T20:30", "asn 2017-05-12T10:00:00Z"),
        ("10T22:00", "shipment.milestone SD"),
        ("10T22:00", "shipment.eta 2017-05-13T10:00:00Z"),
        ("11T21:30", "shipment.milestone AF"),
        ("13T09:30", "shipment.milestone X1"),
    ]


def test_time_lost_on_the_way_is_told_the_morning_before() -> None:
    slow = leg(0, 2_880, "AJ")
    assert told(Trip(first=slow, waits=0, leg=slow)) == [
        ("10T20:30", "asn 2017-05-12T10:00:00Z"),
        ("10T20:30", "shipment.milestone AF"),
        ("11T13:00", "shipment.eta 2017-05-14T10:00:00Z"),
        ("14T09:30", "shipment.milestone X1"),
    ]


def test_a_leg_that_did_not_go_is_an_exception_a_day() -> None:
    gone = Trip(first=leg(None, None, "AO"), waits=1, leg=leg())
    assert told(gone) == [
        ("10T20:30", "asn 2017-05-12T10:00:00Z"),
        ("10T22:00", "shipment.exception no_departure"),
        ("10T22:00", "shipment.eta 2017-05-13T10:00:00Z"),
        ("11T20:30", "shipment.milestone AF"),
        ("13T09:30", "shipment.milestone X1"),
    ]


@pytest.mark.parametrize("waits", [0, 1, 3])
@pytest.mark.parametrize("left_late", [0, 700, 1_500, 9_000])
@pytest.mark.parametrize("late", [-2_000, 0, 800, 1_500, 12_000])
def test_each_arrival_time_told_follows_from_the_one_before_and_the_last_holds(
    waits: int, left_late: int, late: int
) -> None:
    trip = Trip(first=leg(left_late, late), waits=waits, leg=leg(left_late, late))
    words = journey(SHIPPER, trip, PLANNED, DUE)
    etas = [word.data for word in words if word.type == "shipment.eta.v1"]
    believed = [words[0].data["eta"], *(data["new_eta"] for data in etas)]
    assert [data["previous_eta"] for data in etas] == believed[:-1]
    arrived = datetime.fromisoformat(words[-1].data["at"])
    assert (datetime.fromisoformat(believed[-1]) - arrived).total_seconds() == 30 * 60
    assert [word.at for word in words] == sorted(word.at for word in words)
    assert (words[0].type, words[-1].data["code"]) == ("asn.v1", "X1")


def test_lead_times_are_read_off_the_last_four_weeks() -> None:
    # Of 28 departures every fourth was two days late: the median is on time, the ninth decile not.
    rows = {(SUP, "east", DAY + n): leg(0, 2_880 if n % 4 == 0 else 0) for n in range(28)}
    table = Legs({SUP: SHIPPER}, rows)
    assert table.spread(SUP, "east", DAY + 28 + SHIPPER.transit_days) == (0, 2)


def test_lead_times_are_not_published_from_less_than_four_weeks() -> None:
    assert legs(leg(), leg()).spread(SUP, "east", DAY + 4) is None


def test_a_serial_code_has_the_check_digit_of_its_standard() -> None:
    # GS1 General Specifications, 7.9.1: 3 and 1 in turn from the left over 17 digits.
    code = serial_code("S01-SUP3-20170510 beef")
    weighed = sum(int(d) * (3 if n % 2 == 0 else 1) for n, d in enumerate(code))
    assert len(code) == 18
    assert weighed % 10 == 0


def test_a_folder_without_tables_knows_no_legs(tmp_path: Path) -> None:
    assert read_legs(tmp_path) == Legs()


def test_a_bad_row_of_a_table_is_named_by_line(tmp_path: Path) -> None:
    (tmp_path / "erp").mkdir()
    (tmp_path / "erp" / "suppliers.csv").write_text(
        "supplier,tells,transit_days,place\nSUP3,smoke signals,2,LGA\n"
    )
    with pytest.raises(UsageError, match=r"suppliers\.csv: line 2.*smoke signals"):
        read_legs(tmp_path)
