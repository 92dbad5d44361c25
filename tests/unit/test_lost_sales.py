"""Is what an empty shelf did not sell told as an estimate, and only then?"""

import pytest

from replan.lost_sales import lost_sales
from replan.units import ONE_UNIT
from tests.sense_facts import S1, S2, closed, counted
from tests.sense_worlds import FORECASTERS, World, calm_sales, fitted_world


def emptied(days: int) -> World:
    """S1 has nothing from day 28 on, and its days close."""
    world = fitted_world(28, stock={S1: 400, S2: 900}, model="ets_ana")
    facts = [counted(28.05, 0), *(closed(28 + n) for n in range(days))]
    facts += calm_sales(28, 28 + days, site=S2)
    world.live(facts, [28.1 + 0.5 * k for k in range(2 * days)] + [28 + days])
    return world


def test_two_empty_days_did_not_sell_what_such_weekdays_sell() -> None:
    world = emptied(2)
    found = lost_sales(world.state.panel, 0, FORECASTERS)
    assert found is not None
    assert found.days == 2
    # A Monday and a Tuesday of twenty a day on average.
    assert found.p50 == pytest.approx(20 * (0.8 + 0.9), rel=0.25)
    assert found.p10 < found.p50 < found.p90


def test_what_is_recorded_as_sold_stays_what_was_sold() -> None:
    panel = emptied(2).state.panel
    assert panel.sold[28:30, 0].sum() == 0


def test_an_empty_shelf_is_no_low_demand() -> None:
    world = emptied(4)
    assert world.state.panel.live.alarm_down[0] < 0
    found = lost_sales(world.state.panel, 0, FORECASTERS)
    assert found is not None
    assert found.p50 > 50


def test_a_full_shelf_lost_nothing() -> None:
    world = fitted_world(28, stock={S1: 400, S2: 900})
    assert lost_sales(world.state.panel, 0, FORECASTERS) is None


def test_the_evidence_of_a_case_tells_it() -> None:
    world = emptied(2)
    said = world.tell([counted(30.1, 30)], 30.2)
    facts = [e.fact for p in said.proposals for e in p.evidence]
    assert any("the shelf stood empty for 2 days of the last 7" in fact for fact in facts)
    assert world.state.panel.stock[0] == 30 * ONE_UNIT
