"""Does the item's story go in its order: facts, days, fits, looks, proposals, and feedback back?"""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from replan.effects import Feedback
from replan.panel import NEVER
from replan.replanner import SUPPLY_MEMORY, fit_question
from replan.sensing import FitMade, Sensed
from replan.stock_book import book_stock
from replan.units import PoLineId, SiteId, TransferId
from tests.sense_facts import (
    OATS,
    S1,
    S2,
    adjusted,
    closed,
    counted,
    later,
    line,
    moved,
    on,
    ordered,
    receipt,
    sale,
    when,
)
from tests.sense_worlds import CALM, FORECASTERS, World, calm_sales, fitted_world, network

STOCK = {S1: 900.0, S2: 900.0}


def both(first: int, last: int) -> list[object]:
    return [*calm_sales(first, last), *calm_sales(first, last, site=S2)]


def young_world(days: int, rules: object = CALM) -> World:
    world = World(network(), rules)  # type: ignore[arg-type]
    world.live([*both(0, days), counted(0.1, 900), counted(0.1, 900, site=S2)], [days])  # type: ignore[list-item]
    return world


# Ticks.


def test_a_fact_waits_for_the_tick_it_arrives_before() -> None:
    world = World(network())
    world.tell([counted(0.1, 50), sale(0.7, 3)], 0.5)
    assert book_stock(world.state.panel)[0] == 50_000
    assert len(world.state.inbox) == 1
    world.tell([], 0.75)
    assert book_stock(world.state.panel)[0] == 47_000
    assert world.state.inbox == []


def test_a_fact_that_arrives_with_the_tick_belongs_to_it() -> None:
    world = World(network())
    world.tell([counted(0.5, 50)], 0.5)
    assert book_stock(world.state.panel)[0] == 50_000


def test_facts_of_things_that_are_not_stocked_are_passed_over() -> None:
    world = World(network())
    elsewhere = SiteId("S9")
    world.tell(
        [
            sale(0.1, 3, site=elsewhere),
            counted(0.1, 3, site=elsewhere),
            adjusted(0.1, 3, site=elsewhere),
            receipt(0.1, 3, site=elsewhere),
            moved(0.1, "shipped", 3, origin=elsewhere, destination=elsewhere),
            line(0.1, 3, site=elsewhere),
            closed(0, site=elsewhere, at=0.1),
        ],
        0.5,
    )
    assert (world.state.panel.began == NEVER).all()


def test_a_sale_from_before_the_history_that_is_kept_is_dropped() -> None:
    world = World(network(), replace(CALM, history_days=60))
    world.tell([later(sale(-90, 3), 90)], 0.5)
    assert len(world.state.panel.sold) == 0


# Fits.


def test_the_first_fit_is_asked_for_when_a_series_is_old_enough() -> None:
    world = World(network())
    said = world.live(both(0, 16), range(1, 17))  # type: ignore[arg-type]
    asked = [n for n, one in enumerate(said, start=1) if one.fit_wanted is not None]
    assert asked == [14]


def test_the_next_fit_is_asked_for_on_schedule() -> None:
    world = fitted_world(28, stock=STOCK)
    said = world.live(both(28, 38), np.arange(28.5, 38.5, 0.5))  # type: ignore[arg-type]
    asked = [28.5 + n / 2 for n, one in enumerate(said) if one.fit_wanted is not None]
    assert asked == [35.0]


def test_the_question_about_the_same_days_has_the_same_seed() -> None:
    one, other = young_world(20), young_world(20)
    first = fit_question(one.state, when(20), CALM)
    second = fit_question(other.state, when(20), CALM)
    assert first is not None
    assert second is not None
    assert (first.seed, first.through) == (second.seed, second.through)


def test_a_fit_makes_every_item_looked_at() -> None:
    world = young_world(28)
    said = world.tell([world.fit(28)], 28.1)
    assert [(f.item, f.site) for f in said.forecasts] == [(OATS, S1), (OATS, S2)]
    assert said.forecasts[0].first_day == on(29)
    assert np.array(said.forecasts[0].quantiles).shape == (7, CALM.horizon_days)


def test_the_fit_in_use_is_named() -> None:
    world = young_world(28)
    made = world.fit(28)
    world.tell([FitMade(fit=made.fit, sha="sha256:abc")], 28.1)
    assert world.state.fit_sha == "sha256:abc"


# Looks.


def test_nothing_is_decided_before_the_first_day_of_deciding() -> None:
    rules = replace(CALM, decide_from=when(30))
    world = fitted_world(28, stock={S1: 10.0, S2: 900.0}, rules=rules)
    before = world.live([counted(28.3, 5)], [28.5, 29.9])
    after = world.live([], [30])
    assert [len(one.proposals) for one in before] == [0, 0]
    assert len(after[0].proposals) == 1


def test_the_passing_of_time_alone_asks_for_no_look() -> None:
    world = fitted_world(28, stock=STOCK)
    world.live([], [28.4])
    said = world.live([sale(28.5, 3)], [28.6, 28.7])
    assert [one.forecasts for one in said] == [[], []]


@pytest.mark.parametrize(
    "fact",
    [
        closed(28, at=28.5),
        adjusted(28.5, -2),
        counted(28.5, 700),
        line(28.5, 35),
        receipt(28.5, 90, damaged=5),
    ],
    ids=["close", "adjustment", "mismatch", "change of an order", "damage"],
)
def test_what_may_change_the_case_asks_for_a_look(fact: object) -> None:
    world = fitted_world(28, stock=STOCK)
    world.live([line(28.1, 34)], [28.4])
    said = world.tell([fact], 28.6)  # type: ignore[list-item]
    assert len(said.forecasts) == 2


@pytest.mark.parametrize(
    "fact",
    [line(28.5, 35, po_line="PO9@1"), receipt(28.5, 90), counted(28.5, 899)],
    ids=["a new order", "a receipt", "a count as expected"],
)
def test_ordinary_life_does_not(fact: object) -> None:
    world = fitted_world(28, stock=STOCK)
    world.live([line(28.1, 34)], [28.4])
    assert world.tell([fact], 28.6).forecasts == []  # type: ignore[list-item]


# Days on record.


def days(said: list[Sensed]) -> list[tuple[str, int, bool]]:
    return [(r.site, r.actual // 1_000, r.censored) for one in said for r in one.days]


def test_a_closed_day_is_recorded_with_what_was_sold() -> None:
    world = fitted_world(28, stock=STOCK)
    said = world.live([sale(28.5, 7), closed(28)], [28.9])
    assert days(said) == [("S1", 7, False)]


def test_a_day_reopened_is_recorded_again() -> None:
    world = fitted_world(28, stock=STOCK)
    said = world.live([sale(28.5, 7), closed(28), later(sale(28.6, 2), 1)], [28.9, 30.05])
    assert ("S1", 9, False) in days(said[1:])


def test_an_empty_shelf_is_recorded_as_censored() -> None:
    world = fitted_world(28, stock={S1: 0.0, S2: 900.0})
    said = world.live([closed(28)], [28.9])
    assert days(said) == [("S1", 0, True)]


def test_a_forecast_tells_only_of_days_that_have_not_begun() -> None:
    world = fitted_world(28, stock=STOCK)
    said = world.live([closed(28), closed(28, site=S2)], [28.5, 28.9, 29.1])
    forecasts = [(row.site, row.first_day, len(row.quantiles[0])) for row in said[1].forecasts]
    assert forecasts == [("S1", on(29), CALM.horizon_days), ("S2", on(29), CALM.horizon_days)]


def test_before_the_first_day_of_deciding_a_day_that_closes_is_forecast_from() -> None:
    world = fitted_world(28, stock=STOCK, rules=replace(CALM, decide_from=when(40)))
    said = world.live([closed(28), closed(28, site=S2)], [28.5, 28.9])
    assert [len(one.forecasts) for one in said] == [0, 2]


# Feedback.


def test_our_own_transfer_is_supply_from_the_next_tick_on() -> None:
    world = fitted_world(28, stock={S1: 120.0, S2: 900.0})
    said = world.live([adjusted(28.1, 0)], [28.2])
    assert len(said[0].proposals) == 1
    word = Feedback(item=OATS, at=when(28.2), ordered=(ordered(qty=200_000, arrive_p50=on(29)),))
    after = world.tell([word], 28.3)
    assert after.proposals == []
    assert [c.item for c in after.cleared] == [OATS]


def test_an_action_that_ended_is_no_supply_and_asks_for_a_look() -> None:
    world = fitted_world(28, stock={S1: 120.0, S2: 900.0})
    move = ordered(qty=200_000, arrive_p50=on(29))
    world.tell([Feedback(item=OATS, at=when(28), ordered=(move,))], 28.1)
    gone = Feedback(item=OATS, at=when(28.1), ended=(move.action_id,))
    assert len(world.tell([gone], 28.2).proposals) == 1
    assert world.state.supply.transfers == {}


def test_feedback_without_orders_does_not_stir() -> None:
    world = fitted_world(28, stock=STOCK)
    world.live([], [28.1])
    assert world.tell([Feedback(item=OATS, at=when(28.1))], 28.2).forecasts == []


def test_what_arrives_by_our_transfer_is_stock_and_not_demand() -> None:
    world = fitted_world(28, stock=STOCK)
    world.tell([Feedback(item=OATS, at=when(28), ordered=(ordered(),))], 28.1)
    world.live(
        [
            moved(28.2, "shipped", 40, transfer="act-1"),
            moved(28.5, "received", 40, transfer="act-1"),
        ],
        [29],
    )
    book = book_stock(world.state.panel)
    assert book.tolist() == [940_000, 860_000]
    assert not world.state.supply.open_transfers(OATS)
    assert world.state.panel.sold[28].tolist() == [0, 0]


def test_a_transfer_of_others_gets_its_days_from_the_quickest_lane() -> None:
    world = World(network())
    world.tell([moved(0.5, "shipped", 10)], 0.6)
    transfer = world.state.supply.transfers[TransferId("T1")]
    assert (transfer.arrive_p50, transfer.arrive_p90) == (on(1), on(2))


def test_a_transfer_on_no_known_lane_is_expected_within_two_days() -> None:
    world = World(network(lanes=()))
    world.tell([moved(0.5, "shipped", 10)], 0.6)
    transfer = world.state.supply.transfers[TransferId("T1")]
    assert (transfer.arrive_p50, transfer.arrive_p90) == (on(1), on(2))


def test_ended_supply_is_forgotten_after_its_time() -> None:
    world = World(network())
    memory = SUPPLY_MEMORY // timedelta(days=1)
    facts = [*calm_sales(0, memory + 8), line(0.3, 2), receipt(2.3, 100), moved(0.5, "shipped", 9)]
    world.live(facts, range(1, memory + 9))
    assert world.state.supply.lines == {}
    assert world.state.supply.transfers == {}


def test_an_open_line_is_remembered_however_old() -> None:
    world = World(network())
    world.live([*calm_sales(0, 50), line(0.3, 2)], range(1, 51))
    assert list(world.state.supply.lines) == [PoLineId("PO1@1")]


def test_the_forecasters_of_a_world_are_those_of_the_engine() -> None:
    from replan.models.registry import live_forecasters

    assert sorted(FORECASTERS) == sorted(live_forecasters())
