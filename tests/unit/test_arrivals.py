"""When is what is open of an order line expected, and is each unit expected once?"""

from collections.abc import Sequence

import pytest

from replan.arrivals import LineOutlook, line_outlook
from replan.events import (
    Fact,
    LeadTimeStated,
    OrderLineStated,
    Received,
    ShipmentNoticed,
    ShipmentReport,
    SupplyCommitted,
)
from replan.supply import SupplyLedger
from replan.units import PoLineId, day_number
from tests.sense_facts import committed, eta, lead_word, line, milestone, on, receipt, shipped
from tests.sense_worlds import network

NETWORK = network()


def ledger(facts: Sequence[Fact]) -> SupplyLedger:
    supply = SupplyLedger()
    for fact in facts:
        match fact:
            case OrderLineStated():
                supply.state_line(fact, fact.occurred_at.date())
            case Received():
                supply.receive(fact, fact.at.date())
            case SupplyCommitted():
                supply.commit(fact)
            case ShipmentNoticed():
                supply.notice(fact)
            case LeadTimeStated():
                supply.lead_times.state(fact)
            case _:
                assert isinstance(fact, ShipmentReport)
                supply.shipments.report(fact)
    return supply


def outlook(*facts: Fact, today: int = 30) -> LineOutlook:
    supply = ledger(facts)
    row = supply.lines[PoLineId("PO1@1")]
    return line_outlook(NETWORK, supply, row, day_number(on(today)))


def expected(*facts: Fact, today: int = 30) -> list[tuple[str, float, int, int]]:
    """Reference, units, and days after day 0 at p50 and p90."""
    first = day_number(on(0))
    return [
        (a.ref, a.qty / 1_000, a.p50 - first, a.p90 - first)
        for a in outlook(*facts, today=today).arrivals
    ]


LINE = line(28.0, 35)


def test_a_line_is_expected_as_promised() -> None:
    assert expected(LINE) == [("PO1@1", 100, 35, 37)]


# Commits.


def test_a_commit_says_more_than_the_order() -> None:
    assert expected(LINE, committed(29, 38)) == [("PO1@1", 100, 38, 40)]


def test_what_a_commit_leaves_out_is_not_expected() -> None:
    assert expected(LINE, committed(29, 35, qty=60)) == [("PO1@1", 60, 35, 37)]


def test_a_commit_counts_what_came_in_already() -> None:
    facts = (LINE, receipt(30, 20), committed(29, 35, qty=60))
    assert expected(*facts) == [("PO1@1", 40, 35, 37)]


def test_a_line_stated_anew_outdoes_an_older_commit() -> None:
    assert expected(LINE, committed(29, 38), line(29.5, 36)) == [("PO1@1", 100, 36, 38)]


def test_a_commit_to_more_than_was_ordered_brings_no_more() -> None:
    assert expected(LINE, committed(29, 35, qty=500)) == [("PO1@1", 100, 35, 37)]


# Shipments.


def test_order_notice_and_receipt_are_the_same_units() -> None:
    facts = (LINE, shipped(29, 33.5), milestone(29.2, "AF"))
    assert [row[1] for row in expected(*facts)] == [100]
    assert expected(*facts, receipt(33.4, 100)) == []


def test_shipped_units_come_with_their_shipment_and_the_rest_as_promised() -> None:
    found = expected(LINE, shipped(29, 33.5, qty=60))
    assert [(ref, qty, p50) for ref, qty, p50, _ in found] == [
        ("PO1@1/SHIP1", 60, 33),
        ("PO1@1", 40, 35),
    ]


def test_a_receipt_is_taken_off_the_shipment_that_should_have_come_first() -> None:
    facts = (LINE, shipped(29, 31.5, qty=60), shipped(29, 33.5, qty=40, shipment="SHIP2"))
    found = expected(*facts, receipt(31.6, 60), today=32)
    assert [(ref, qty) for ref, qty, _, _ in found] == [("PO1@1/SHIP2", 40)]


def test_notices_of_more_than_was_ordered_bring_no_more() -> None:
    facts = (LINE, shipped(29, 31.5, qty=80), shipped(29, 33.5, qty=80, shipment="SHIP2"))
    assert [qty for _, qty, _, _ in expected(*facts)] == [80, 20]


def test_the_nearer_a_shipment_the_less_of_the_spread_is_left() -> None:
    spreads = []
    for today in (29, 32, 34):
        ((_, _, p50, p90),) = expected(LINE, shipped(28, 35.4), today=today)
        spreads.append(p90 - p50)
    assert spreads == [2, 1, 1]


def test_a_stated_late_end_holds() -> None:
    found = expected(LINE, shipped(28, 33.5), eta(29, 34.5, late=38.5))
    assert found == [("PO1@1/SHIP1", 100, 34, 38)]


def test_a_delay_that_says_no_more_widens_the_late_end() -> None:
    ((_, _, p50, p90),) = expected(LINE, shipped(28, 33.5), milestone(29, "SD"))
    assert (p50, p90) == (34, 38)


@pytest.mark.parametrize("code", ["A7", "A9", "CA"])
def test_lost_goods_are_no_supply(code: str) -> None:
    facts = (LINE, shipped(28, 33.5, qty=60), milestone(29, code))  # type: ignore[arg-type]
    assert expected(*facts) == [("PO1@1", 40, 35, 37)]
    assert outlook(*facts).lost == 60_000


def test_lost_goods_that_are_promised_anew_are_supply_again() -> None:
    facts = (LINE, shipped(28, 33.5, qty=60), milestone(29, "CA"), line(29.5, 40))
    assert expected(*facts) == [("PO1@1", 100, 40, 42)]


def test_goods_that_arrived_wait_for_their_receipt() -> None:
    facts = (LINE, shipped(28, 31.5), milestone(30.3, "X1"))
    assert expected(*facts) == [("PO1@1/SHIP1", 100, 30, 31)]


# Late.


def test_a_line_that_stays_away_is_not_expected_tomorrow_for_ever() -> None:
    waits = []
    for today in (36, 40, 50, 70):
        ((_, _, p50, _),) = expected(LINE, today=today)
        waits.append(p50 - today)
    assert waits == sorted(waits)
    assert waits[0] == 1
    assert waits[-1] >= 4


def test_a_shipment_that_stays_away_is_not_either() -> None:
    ((_, _, p50, _),) = expected(LINE, shipped(28, 33.5), today=50)
    assert p50 > 51


def test_a_promise_far_ahead_is_not_long_awaited_the_day_after() -> None:
    ((_, _, p50, p90),) = expected(line(0.0, 90), today=91)
    assert (p50, p90) == (92, 94)


# The supplier's word, and how far it can be trusted.


def test_a_longer_lead_time_stated_since_moves_a_line_that_was_ordered_under_it() -> None:
    word = lead_word(29, 14, valid=28)
    assert expected(LINE, word)[0][2] == 42
    assert outlook(LINE, word).slips == (outlook(LINE, word).slips[0],)


def test_a_line_ordered_before_it_is_valid_stays_as_promised() -> None:
    assert expected(LINE, lead_word(29, 14))[0][2] == 35


def test_a_line_stated_since_knows_of_it() -> None:
    assert expected(LINE, lead_word(29, 14, valid=28), line(29.5, 36))[0][2] == 36


def history(late: int) -> list[Fact]:
    rows: list[Fact] = []
    for n in range(20):
        rows += [
            line(-300 + 10 * n, -293 + 10 * n, po_line=f"OLD{n}@1"),
            receipt(-293 + late + 10 * n, 100, po_line=f"OLD{n}@1"),
        ]
    return rows


def test_a_supplier_that_is_always_late_is_expected_late() -> None:
    assert expected(*history(late=3), LINE)[0][2] == 37


def test_a_promise_that_was_renewed_is_taken_as_it_stands() -> None:
    assert expected(*history(late=3), LINE, line(29, 36))[0][2] == 36


# Slips.


def test_a_line_as_promised_has_not_slipped() -> None:
    found = outlook(LINE, shipped(28, 33.5))
    assert (found.slips, found.is_overdue) == ((), False)


def test_a_notice_that_announces_a_later_day_is_a_slip() -> None:
    notice = shipped(28, 38.5)
    assert [slip.event_id for slip in outlook(LINE, notice).slips] == [notice.event_id]


def test_a_later_commit_is_a_slip_and_an_equal_one_is_none() -> None:
    assert outlook(LINE, committed(29, 35)).slips == ()
    assert len(outlook(LINE, committed(29, 36)).slips) == 1
