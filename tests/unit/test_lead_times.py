"""Do lead times follow what really came, and does waiting make a late line later?"""

from dataclasses import replace

import pytest

from replan.lead_times import LeadTime, days_still_to_wait
from replan.network import Network
from replan.supply import SupplyLedger
from replan.units import ActionId, day_number
from tests.sense_facts import OATS, RICE, S1, S2, SUP, expedite, lead_word, line, on, receipt, when
from tests.sense_worlds import contract, lane, network

TODAY = day_number(on(200))
DECLARED = (7.0, 9.0)
"""Days at p50 and p90 by the contract of the world."""


def ordered_and_received(
    supply: SupplyLedger, lead: int, count: int, *, site: str = S1, promise: int = 7
) -> None:
    for n in range(count):
        at = 10.0 * n
        fact = line(at, round(at) + promise, po_line=f"{site}-{n}@1", site=site)  # type: ignore[arg-type]
        supply.state_line(fact, on(10 * n))
        came = receipt(at + lead, 100, po_line=fact.po_line, site=site)  # type: ignore[arg-type]
        supply.receive(came, on(10 * n + lead))


def lead_of(supply: SupplyLedger, net: Network | None = None, *, site: str = S1) -> LeadTime:
    where = net or network()
    return supply.lead_times.of(where, where.supply[(SUP, OATS, site)], TODAY)  # type: ignore[index]


def days(lead: LeadTime) -> tuple[float, float]:
    return (lead.p50, lead.p90)


# Learned from lines.


def test_without_a_line_the_contract_holds() -> None:
    assert days(lead_of(SupplyLedger())) == DECLARED


def test_one_late_line_hardly_moves_a_contract() -> None:
    supply = SupplyLedger()
    ordered_and_received(supply, 14, 1)
    assert lead_of(supply).p50 == 8.0


def test_many_lines_outweigh_the_contract() -> None:
    supply = SupplyLedger()
    ordered_and_received(supply, 12, 40)
    lead = lead_of(supply)
    assert (lead.p50, lead.lines) == (11.0, 40)


def test_a_punctual_supplier_is_trusted_with_a_narrow_spread() -> None:
    supply = SupplyLedger()
    ordered_and_received(supply, 7, 40)
    assert days(lead_of(supply)) == (7.0, 8.0)


def test_an_erratic_supplier_gets_a_wide_one() -> None:
    supply = SupplyLedger()
    for n in range(30):
        fact = line(10.0 * n, 10 * n + 7, po_line=f"P{n}@1")
        supply.state_line(fact, on(10 * n))
        lead = (4, 7, 13)[n % 3]
        supply.receive(receipt(10.0 * n + lead, 100, po_line=fact.po_line), on(10 * n + lead))
    lead = lead_of(supply)
    assert 6.0 <= lead.p50 <= 8.0
    assert lead.p90 >= 11.0


def test_another_site_of_the_item_is_learned_from_in_part() -> None:
    supply = SupplyLedger()
    ordered_and_received(supply, 14, 20)
    here, there = lead_of(supply), lead_of(supply, site=S2)
    assert DECLARED[0] < there.p50 < here.p50


def test_another_item_is_not_learned_from() -> None:
    supply = SupplyLedger()
    ordered_and_received(supply, 14, 20)
    net = network(items=(OATS, RICE))
    lead = supply.lead_times.of(net, net.supply[(SUP, RICE, S1)], TODAY)
    assert days(lead) == DECLARED


def test_a_line_received_in_part_says_nothing_yet() -> None:
    supply = SupplyLedger()
    supply.state_line(line(0.0, 7), on(0))
    supply.receive(receipt(20.0, 60), on(20))
    assert supply.lead_times.bias_of(SUP, OATS) is None
    supply.receive(receipt(21.0, 40), on(21))
    bias = supply.lead_times.bias_of(SUP, OATS)
    assert bias is not None
    assert bias.mean_days == 14.0


def test_a_line_that_was_closed_short_came_with_its_last_receipt() -> None:
    supply = SupplyLedger()
    supply.state_line(line(0.0, 7), on(0))
    supply.receive(receipt(9.0, 60), on(9))
    supply.state_line(line(10.0, 7, status="closed"), on(10))
    bias = supply.lead_times.bias_of(SUP, OATS)
    assert bias is not None
    assert bias.mean_days == 2.0


def test_a_line_brought_forward_does_not_make_its_supplier_quick() -> None:
    supply = SupplyLedger()
    supply.state_line(line(0.0, 7), on(0))
    supply.order(expedite(100, 4), when(1.0))
    supply.state_line(line(1.0, 4), on(1))
    supply.receive(receipt(4.0, 100), on(4))
    assert supply.lead_times.bias_of(SUP, OATS) is None
    assert days(lead_of(supply)) == DECLARED


def test_a_part_split_off_an_older_line_does_not_either() -> None:
    supply = SupplyLedger()
    supply.state_line(line(3.0, 5, qty=40, po_line="PO1@1.1"), on(3))
    supply.receive(receipt(5.0, 40, po_line="PO1@1.1"), on(5))
    assert supply.lead_times.bias_of(SUP, OATS) is not None
    supply.state_line(line(0.0, 7, qty=60), on(0))
    assert supply.lead_times.bias_of(SUP, OATS) is None


def test_a_receipt_taken_back_teaches_nothing() -> None:
    supply = SupplyLedger()
    supply.state_line(line(0.0, 7), on(0))
    came = receipt(12.0, 100)
    supply.receive(came, on(12))
    supply.take_back_receipt(came, on(12))
    assert supply.lead_times.bias_of(SUP, OATS) is None
    assert (supply.received, supply.received_on) == ({}, {})


def test_what_was_learned_outlives_the_line() -> None:
    supply = SupplyLedger()
    ordered_and_received(supply, 12, 10)
    before = days(lead_of(supply))
    supply.forget_closed(on(400))
    assert supply.lines == {}
    assert days(lead_of(supply)) == before


# Bias.


def test_how_late_a_supplier_is_on_average_is_known() -> None:
    supply = SupplyLedger()
    ordered_and_received(supply, 9, 14)
    bias = supply.lead_times.bias_of(SUP, OATS)
    assert bias is not None
    assert (bias.mean_days, bias.lines, bias.correction) == (2.0, 14, 1)


def test_nothing_is_expected_before_it_was_promised() -> None:
    supply = SupplyLedger()
    ordered_and_received(supply, 4, 30)
    bias = supply.lead_times.bias_of(SUP, OATS)
    assert bias is not None
    assert (bias.mean_days, bias.correction) == (-3.0, 0)


# The supplier's word.


def test_a_stated_lead_time_replaces_the_contract_in_proportion() -> None:
    supply = SupplyLedger()
    supply.lead_times.state(lead_word(100, 14))
    assert days(lead_of(supply)) == (14.0, pytest.approx(18.0))


def test_stated_quantiles_hold_as_stated() -> None:
    supply = SupplyLedger()
    supply.lead_times.state(lead_word(100, 10, late=21))
    assert days(lead_of(supply)) == (10.0, 21.0)


def test_a_lead_time_holds_from_its_own_day_on() -> None:
    supply = SupplyLedger()
    supply.lead_times.state(lead_word(100, 14, valid=201))
    assert days(lead_of(supply)) == DECLARED


def test_asking_before_a_word_holds_does_not_hide_it_on_its_day() -> None:
    supply, where = SupplyLedger(), network()
    supply.lead_times.state(lead_word(100, 14, valid=201))
    terms = where.supply[(SUP, OATS, S1)]
    told = [supply.lead_times.of(where, terms, TODAY + after).p50 for after in (0, 1, 0)]
    assert told == [7.0, 14.0, 7.0]


def test_of_two_words_the_one_valid_last_holds() -> None:
    supply = SupplyLedger()
    for word in (lead_word(150, 10, valid=150), lead_word(100, 14, valid=120)):
        supply.lead_times.state(word)
    assert lead_of(supply).p50 == 10.0


def test_a_word_taken_back_leaves_the_one_before_it() -> None:
    supply = SupplyLedger()
    first, second = lead_word(100, 14), lead_word(150, 20)
    supply.lead_times.state(first)
    supply.lead_times.state(second)
    supply.lead_times.take_back(second)
    assert lead_of(supply).p50 == 14.0
    supply.lead_times.take_back(first)
    assert days(lead_of(supply)) == DECLARED


def test_a_word_about_another_site_says_nothing_here() -> None:
    supply = SupplyLedger()
    supply.lead_times.state(lead_word(100, 14, lane=S2))
    assert days(lead_of(supply)) == DECLARED


def test_a_lane_from_the_supplier_stands_for_the_site_it_leads_to() -> None:
    supply = SupplyLedger()
    supply.lead_times.state(lead_word(100, 14, lane="SUP-S1"))
    net = network(lanes=(lane("SUP-S1", SUP, S1),))  # type: ignore[arg-type]
    assert lead_of(supply, net).p50 == 14.0


def test_lines_ordered_before_the_word_say_nothing_about_it() -> None:
    supply = SupplyLedger()
    ordered_and_received(supply, 7, 10)
    supply.lead_times.state(lead_word(150, 14))
    assert lead_of(supply).p50 == 14.0


# Waiting.

A_WEEK = replace(lead_of(SupplyLedger()), lines=0)


def test_what_is_a_day_late_is_expected_soon() -> None:
    assert days_still_to_wait(A_WEEK, 7, 8)[0] == 1


def test_the_longer_it_stays_away_the_longer_it_is_expected_to() -> None:
    waits = [days_still_to_wait(A_WEEK, 7, waited) for waited in (8, 12, 20, 40)]
    assert waits == sorted(waits)
    assert waits[-1][0] >= 5
    assert waits[-1][1] > 3 * waits[-1][0]


def test_there_is_always_a_day_to_wait() -> None:
    assert min(days_still_to_wait(A_WEEK, 7, waited)[0] for waited in range(1, 60)) >= 1


def test_an_action_that_ends_leaves_the_lines_as_they_were() -> None:
    supply = SupplyLedger()
    supply.state_line(line(0.0, 7), on(0))
    supply.order(expedite(100, 4), when(1.0))
    supply.end(ActionId("act-2"))
    supply.receive(receipt(9.0, 100), on(9))
    assert supply.lead_times.bias_of(SUP, OATS) is not None


def test_the_contract_of_the_tests_is_the_one_declared() -> None:
    row = contract(OATS, S1)
    assert (row.lead_time_days_p50, row.lead_time_days_p90) == DECLARED
