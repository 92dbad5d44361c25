"""Is every unit on its way counted once, whoever speaks of it and in whatever order?"""

from itertools import permutations

import pytest

from replan.events import OrderLineStated, Received, TransferMoved
from replan.supply import MAX_PROMISES, OrderLine, SupplyLedger
from replan.units import ActionId, PoLineId, TransferId
from tests.sense_facts import OATS, RICE, expedite, line, moved, on, ordered, receipt, when

ARRIVES = (on(31), on(32))


def ledger(*facts: OrderLineStated) -> SupplyLedger:
    supply = SupplyLedger()
    for fact in facts:
        state(supply, fact)
    return supply


def state(supply: SupplyLedger, fact: OrderLineStated) -> None:
    supply.state_line(fact, fact.occurred_at.date())


def take_in(supply: SupplyLedger, fact: Received) -> None:
    supply.receive(fact, fact.at.date())


def the_line(supply: SupplyLedger) -> OrderLine:
    return supply.lines[PoLineId("PO1@1")]


def open_units(supply: SupplyLedger) -> float:
    return sum(supply.open_qty(row) for row in supply.open_lines(OATS)) / 1_000


# Order lines.


def test_the_newest_statement_by_its_own_time_holds() -> None:
    supply = ledger(line(3.0, 12, qty=80), line(2.0, 10, qty=100))
    assert the_line(supply).stated.qty == 80_000


STATEMENTS = (line(1.0, 10), line(2.0, 12), line(3.0, 12, qty=90), line(4.0, 11, qty=90))


@pytest.mark.parametrize("order", list(permutations(range(4))))
def test_the_order_in_which_statements_are_heard_does_not_show(order: tuple[int, ...]) -> None:
    assert ledger(*(STATEMENTS[n] for n in order)).lines == ledger(*STATEMENTS).lines


def test_statements_of_one_moment_are_told_apart_by_source_and_id() -> None:
    one, other = line(1.0, 10, qty=70, name="a"), line(1.0, 10, qty=60, name="b")
    assert the_line(ledger(one, other)).stated.qty == the_line(ledger(other, one)).stated.qty


def test_a_later_promise_is_a_slip_and_its_statement_is_named() -> None:
    slip = the_line(ledger(*STATEMENTS)).slip
    assert slip is not None
    assert (slip.at, slip.event_id) == (when(2.0), STATEMENTS[1].event_id)


def test_an_earlier_promise_is_no_slip() -> None:
    assert the_line(ledger(line(1.0, 10), line(2.0, 8))).slip is None


def test_the_first_promise_and_the_day_of_the_order_stay_known() -> None:
    row = the_line(ledger(STATEMENTS[3], STATEMENTS[0]))
    assert (row.first_promised, row.created_on) == (on(10), on(1))


def test_a_line_restated_endlessly_keeps_its_first_and_its_newest_promises() -> None:
    supply = ledger(*(line(1 + n / 100, 10 + n % 2) for n in range(200)))
    row = the_line(supply)
    assert len(row.promises) == MAX_PROMISES
    assert row.promises[0].at == when(1.0)
    assert row.promises[-1].at == when(2.99)


def test_a_line_that_turns_out_to_be_of_another_item_moves_there() -> None:
    supply = ledger(line(1.0, 10), line(2.0, 10, item=RICE))
    assert supply.lines_of(OATS) == []
    assert [row.stated.item for row in supply.lines_of(RICE)] == [RICE]
    take_in(supply, receipt(9.0, 100, item=RICE))
    supply.forget_closed(on(90))
    assert supply.lines == {}


@pytest.mark.parametrize(
    ("status", "supplied"), [("proposed", 0), ("approved", 100), ("confirmed", 100), ("closed", 0)]
)
def test_only_approved_and_confirmed_lines_are_supply(status: str, supplied: int) -> None:
    assert open_units(ledger(line(1.0, 10, status=status))) == supplied  # type: ignore[arg-type]


# Receipts.


def test_what_was_received_is_no_longer_open() -> None:
    supply = ledger(line(1.0, 10))
    take_in(supply, receipt(9.0, 30))
    take_in(supply, receipt(9.5, 20))
    assert open_units(supply) == 50


def test_a_receipt_that_comes_before_its_order_counts() -> None:
    supply = SupplyLedger()
    take_in(supply, receipt(0.5, 30))
    state(supply, line(1.0, 10))
    assert open_units(supply) == 70


def test_damaged_units_will_not_come_again() -> None:
    supply = ledger(line(1.0, 10))
    take_in(supply, receipt(9.0, 100, damaged=15))
    assert open_units(supply) == 0


def test_more_than_ordered_leaves_nothing_open() -> None:
    supply = ledger(line(1.0, 10))
    take_in(supply, receipt(9.0, 130))
    assert open_units(supply) == 0


def test_an_ended_line_is_forgotten_and_an_open_one_never() -> None:
    supply = ledger(line(1.0, 10), line(1.0, 10, po_line="PO2@1"))
    take_in(supply, receipt(9.0, 100))
    supply.forget_closed(on(45))
    assert list(supply.lines) == ["PO2@1"]
    assert supply.received == {}


# Our own expedites.


def test_our_own_expedite_holds_while_nobody_says_otherwise() -> None:
    supply = ledger(line(1.0, 10))
    supply.order(expedite(40, 6), when(3.0))
    assert supply.expedite_of(the_line(supply)) == expedite(40, 6)


def test_an_order_placed_in_the_very_moment_of_the_expedite_does_not_end_it() -> None:
    """It was heard of before: it is what the expedite was decided on."""
    supply = ledger(line(3.0, 10))
    supply.order(expedite(40, 6), when(3.0))
    assert supply.expedite_of(the_line(supply)) is not None


def test_the_suppliers_answer_in_the_same_moment_ends_our_own_word() -> None:
    """A part split off is a line of its own: forty units early, not eighty."""
    supply = ledger(line(1.0, 10))
    supply.order(expedite(40, 6), when(3.0))
    state(supply, line(3.0, 10, qty=60))
    state(supply, line(3.0, 6, qty=40, po_line="PO1@1.1"))
    assert supply.expedite_of(the_line(supply)) is None
    assert open_units(supply) == 100


def test_an_older_statement_that_comes_late_says_nothing_of_the_expedite() -> None:
    supply = ledger(line(1.0, 10))
    supply.order(expedite(40, 6), when(3.0))
    state(supply, line(2.0, 10))
    assert supply.expedite_of(the_line(supply)) is not None


def test_a_refused_expedite_was_never_there() -> None:
    supply = ledger(line(1.0, 10))
    supply.order(expedite(40, 6), when(3.0))
    supply.end(ActionId("act-2"))
    assert supply.expedite_of(the_line(supply)) is None


# Transfers.


def take(supply: SupplyLedger, fact: TransferMoved) -> int:
    return supply.move_transfer(fact, ARRIVES)


def under_way(supply: SupplyLedger) -> list[tuple[str, float]]:
    return [(t.transfer, (t.qty - t.received) / 1_000) for t in supply.open_transfers(OATS)]


def test_a_transfer_leaves_once_and_arrives_once() -> None:
    supply = SupplyLedger()
    assert take(supply, moved(30.2, "requested", 40)) == 0
    assert take(supply, moved(30.5, "shipped", 40)) == 40_000
    assert take(supply, moved(30.6, "shipped", 40)) == 0
    assert take(supply, moved(31.2, "received", 40)) == 40_000
    assert take(supply, moved(31.3, "received", 40)) == 0
    assert under_way(supply) == []


def test_what_did_not_leave_will_not_arrive() -> None:
    supply = SupplyLedger()
    supply.order(ordered(), when(30.0))
    take(supply, moved(30.5, "shipped", 25, transfer="act-1"))
    assert under_way(supply) == [("act-1", 25)]


def test_a_transfer_received_in_part_has_the_rest_under_way() -> None:
    supply = SupplyLedger()
    take(supply, moved(30.5, "shipped", 40))
    take(supply, moved(31.2, "received", 30))
    assert under_way(supply) == [("T1", 10)]


def test_arrival_heard_of_before_departure_comes_out_the_same() -> None:
    steps = [moved(30.5, "shipped", 40), moved(31.2, "received", 30)]
    one, other = SupplyLedger(), SupplyLedger()
    assert sum(take(one, s) for s in steps) == sum(take(other, s) for s in reversed(steps))
    assert one.transfers == other.transfers


def test_our_own_transfer_keeps_the_days_it_was_ordered_with() -> None:
    supply = SupplyLedger()
    supply.order(ordered(arrive_p50=on(35), arrive_p90=on(36)), when(30.0))
    take(supply, moved(30.5, "shipped", 40, transfer="act-1"))
    transfer = supply.transfers[TransferId("act-1")]
    assert (transfer.arrive_p50, transfer.arrive_p90) == (on(35), on(36))


def test_a_transfer_of_others_is_expected_from_its_newest_step_on() -> None:
    supply = SupplyLedger()
    supply.move_transfer(moved(28.2, "requested", 40), (on(29), on(30)))
    supply.move_transfer(moved(30.5, "shipped", 40), ARRIVES)
    transfer = supply.transfers[TransferId("T1")]
    assert (transfer.arrive_p50, transfer.arrive_p90) == ARRIVES


def test_an_order_for_a_transfer_already_moving_does_not_send_it_again() -> None:
    supply = SupplyLedger()
    take(supply, moved(30.5, "shipped", 25, transfer="act-1"))
    supply.order(ordered(), when(30.0))
    assert under_way(supply) == [("act-1", 25)]
    assert take(supply, moved(30.6, "shipped", 25, transfer="act-1")) == 0


def test_a_cancelled_transfer_is_gone() -> None:
    supply = SupplyLedger()
    supply.order(ordered(), when(30.0))
    supply.end(ActionId("act-1"))
    assert under_way(supply) == []


def test_an_old_transfer_is_forgotten_whoever_ordered_it() -> None:
    supply = SupplyLedger()
    supply.order(ordered(), when(30.0))
    take(supply, moved(30.5, "shipped", 40))
    supply.forget_closed(on(33))
    assert supply.transfers == {}


def test_an_index_by_item_is_made_from_lines_alone() -> None:
    supply = ledger(*STATEMENTS)
    again = SupplyLedger(lines=dict(supply.lines))
    assert again.lines_of(OATS) == supply.lines_of(OATS)
