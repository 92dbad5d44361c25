"""How do the order system's suppliers speak of what is on its way? Milk for S1, ordered on Tuesday
5 May 2026 in the evening for Friday the 8th; it is to leave on the 6th.
"""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from replan.infra.erp.reference import ReferenceErp
from tests.erp_cases import expedite, local, network, sale, stock, with_legs

PO_LINE = "S1-SUP1-20260505@MILK"
SHIPMENT = "S1-SUP1-20260505"
A_DAY = 1_440


def month(folder: Path, *days: str, **kept: Any) -> list[dict[str, Any]]:
    """What the order system says when it lives up to noon of each of the days."""
    said: list[dict[str, Any]] = []
    with ReferenceErp(folder, network(), stock(S1=100, S2=100), local("04")) as erp:
        for day in ("05", *days):
            at = local(day, "12:00")
            sales = [sale(local("05", "10:00"), 30)] if day == "05" else []
            said += erp.advance(at, sales, kept.get("commands", {}).get(day, []))
    return said


def of(said: list[dict[str, Any]], *kinds: str) -> list[tuple[str, str, Any]]:
    """Type, subject and the telling member of these events about milk at S1."""
    short = {
        "po.created.v1": "promised",
        "po.changed.v1": "promised",
        "supply.commit.v1": "commit_date",
        "asn.v1": "eta",
        "shipment.milestone.v1": "code",
        "shipment.eta.v1": "new_eta",
        "receipt.v1": "at",
    }
    return [
        (event["type"].removesuffix(".v1"), event["subject"], event["data"][short[event["type"]]])
        for event in said
        if event["type"] in kinds and event["subject"].startswith("S1-")
    ]


WORDS = ("asn.v1", "shipment.milestone.v1", "shipment.eta.v1", "receipt.v1")


def test_an_order_comes_as_late_as_its_leg(tmp_path: Path) -> None:
    with_legs(tmp_path, "orders", (0, 0), (0, 2 * A_DAY))
    said = month(tmp_path, "06", "07", "08", "09", "10", "11")
    assert of(said, "po.created.v1", "po.changed.v1", "receipt.v1") == [
        ("po.created", PO_LINE, "2026-05-08"),
        ("po.changed", PO_LINE, "2026-05-10"),
        ("receipt", PO_LINE, "2026-05-10T04:00:00Z"),
    ]


def test_a_supplier_who_commits_commits_at_once_and_anew_when_late(tmp_path: Path) -> None:
    with_legs(tmp_path, "commits", (0, 0), (0, A_DAY))
    said = month(tmp_path, "06", "07", "08", "09")
    assert of(said, "po.changed.v1", "supply.commit.v1") == [
        ("supply.commit", PO_LINE, "2026-05-08"),
        ("supply.commit", PO_LINE, "2026-05-09"),
    ]


def test_a_carrier_tells_of_a_shipment_in_its_own_time(tmp_path: Path) -> None:
    with_legs(tmp_path, "shipments", (0, 0), (A_DAY, A_DAY))
    said = month(tmp_path, "06", "07", "08", "09", "10")
    assert of(said, *WORDS) == [
        ("asn", SHIPMENT, "2026-05-08T04:00:00Z"),
        ("shipment.milestone", SHIPMENT, "SD"),
        ("shipment.eta", SHIPMENT, "2026-05-09T04:00:00Z"),
        ("shipment.milestone", SHIPMENT, "AF"),
        ("shipment.milestone", SHIPMENT, "X1"),
        ("receipt", PO_LINE, "2026-05-09T04:00:00Z"),
    ]


def test_the_shipping_notice_names_the_order_line_and_all_of_its_units(tmp_path: Path) -> None:
    with_legs(tmp_path, "shipments")
    (notice,) = [
        event
        for event in month(tmp_path, "06", "07")
        if event["type"] == "asn.v1" and event["subject"] == SHIPMENT
    ]
    assert (notice["data"]["po_line"], notice["data"]["qty"]) == (PO_LINE, 30)


def test_nothing_is_told_twice_after_the_file_was_closed_and_opened(tmp_path: Path) -> None:
    for name in ("once", "again"):
        (tmp_path / name).mkdir()
        with_legs(tmp_path / name, "shipments", (0, 0), (A_DAY, A_DAY))
    days = ("06", "07", "08", "09", "10")
    once = month(tmp_path / "once", *days)
    again = month(tmp_path / "again", "06")
    with ReferenceErp(tmp_path / "again", network(), stock(S1=100, S2=100)) as erp:
        again += erp.advance(local("07", "12:00"), [], [])
    with ReferenceErp(tmp_path / "again", network(), stock(S1=100, S2=100)) as erp:
        for day in ("08", "09", "10"):
            again += erp.advance(local(day, "12:00"), [], [])
    assert again == once


def test_a_line_brought_forward_before_it_was_packed_goes_without_a_carrier(tmp_path: Path) -> None:
    with_legs(tmp_path, "shipments")
    said = month(tmp_path, "06", "07", "08", "09", commands={"06": [expedite("1", 30, PO_LINE)]})
    assert of(said, *WORDS) == [("receipt", PO_LINE, "2026-05-07T04:00:00Z")]


def test_a_line_brought_forward_on_its_way_gets_a_shipment_of_its_own(tmp_path: Path) -> None:
    with_legs(tmp_path, "shipments", (0, 0), (0, 3 * A_DAY))
    said = month(tmp_path, "06", "07", "08", "09", commands={"07": [expedite("1", 30, PO_LINE)]})
    told = of(said, *WORDS)
    assert told[0] == ("asn", SHIPMENT, "2026-05-08T04:00:00Z")
    # Expected on the 11th by then; the contract saves two days.
    assert told[2:] == [
        ("shipment.eta", SHIPMENT, "2026-05-11T04:00:00Z"),
        ("asn", f"{SHIPMENT}/MILK", "2026-05-09T04:00:00Z"),
        ("receipt", PO_LINE, "2026-05-09T04:00:00Z"),
    ]


@pytest.mark.parametrize(("late", "p90"), [(0, 3), (2 * A_DAY, 5)])
def test_a_supplier_who_commits_publishes_the_lead_times_of_its_last_four_weeks(
    tmp_path: Path, late: int, p90: int
) -> None:
    # Three days by contract; every fourth departure is late. On 16 June four weeks are known.
    with_legs(tmp_path, "commits", *[(0, late if n % 4 == 0 else 0) for n in range(50)])
    said: list[dict[str, Any]] = []
    with ReferenceErp(tmp_path, network(), stock(S1=100, S2=100), local("04")) as erp:
        for n in range(44):
            said += erp.advance(local("05", "12:00") + n * timedelta(days=1), [], [])
    stated = [e for e in said if e["type"] == "leadtime.update.v1"]
    assert [e["subject"] for e in stated] == ["SUP1@MILK@S1", "SUP1@MILK@S2"]
    assert stated[0]["data"]["quantiles"] == {"p50": 3 * 86_400, "p90": p90 * 86_400}
