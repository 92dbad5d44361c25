"""Is what lies ahead of an item told right: stock, arrivals, the window, what may leave when?"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replan.ahead import Z95, Ahead, shortfalls
from replan.departures import lane_offer, transit_days
from replan.effects import Feedback, Ordered
from replan.events import SenseFact
from replan.live_model import forecast
from replan.network import Lane
from replan.outlook import cut_off, left_to_sell, look_ahead
from replan.panel import NEVER
from replan.planning import Inbound, LaneOffer, PlanningProblem
from replan.sensing import SenseInput
from replan.units import ONE_UNIT, LaneId, SupplierId, Units, day_number
from tests.examples import examples
from tests.sense_facts import (
    MONDAY,
    OATS,
    S1,
    S2,
    Moment,
    closed,
    counted,
    expedite,
    lead_word,
    line,
    moved,
    ordered,
    sale,
    when,
)
from tests.sense_worlds import CALM, FORECASTERS, World, calm_sales, fitted_world, lane, network

DAY = day_number(MONDAY)
STOCK = {S1: 100.0, S2: 1_000.0}


def aheads_of(world: World, at: Moment) -> dict[str, Ahead]:
    """What lies ahead of both stores at a tick that has passed."""
    panel, rules = world.state.panel, world.rules
    today = max(day_number(when(at).astimezone(z).date()) for z in panel.zones.values())
    rows = np.array([row for row in range(panel.size) if panel.closed[row] != NEVER])
    ahead = look_ahead(
        panel,
        world.state.supply,
        world.network,
        rows,
        forecast(panel, rows, rules.horizon_days + 7, FORECASTERS),
        panel.closed[rows] + 1,
        today,
        rules,
        when(at),
    )
    return {a.site: a for a in ahead.values()}


def ahead_at(at: Moment, inputs: Sequence[SenseInput] = (), **changes: Any) -> dict[str, Ahead]:
    """What lies ahead after 28 calm days, a fit, and these inputs."""
    world = fitted_world(28, stock=STOCK, **changes)
    facts: list[SenseFact] = [i for i in inputs if hasattr(i, "arrived_at")]
    world.tell([i for i in inputs if i not in facts], 28 - 1 / 32)
    world.live(facts, [at])
    return aheads_of(world, at)


# Demand that is left.


def plain(first_open: int, today: int, sold: int = 0, days: int = 4) -> list[float]:
    """10, 11, 12, … from the first open day on, where `sold` units went today."""
    world = World(network())
    world.live([sale(today + 0.1, sold)] if sold else [sale(0.1, 1)], [today + 0.2])
    panel = world.state.panel
    by_day = np.arange(10.0, 30.0)[None, :]
    return left_to_sell(panel, 0, by_day, DAY + first_open, DAY + today, days)[0].tolist()


def test_what_was_sold_today_is_no_longer_ahead() -> None:
    assert plain(first_open=5, today=5, sold=4) == [6.0, 11.0, 12.0, 13.0]


def test_more_sold_than_expected_leaves_nothing_of_today() -> None:
    assert plain(first_open=5, today=5, sold=40) == [0.0, 11.0, 12.0, 13.0]


def test_a_day_that_has_closed_sells_nothing_more_today() -> None:
    assert plain(first_open=6, today=5, sold=4) == [0.0, 10.0, 11.0, 12.0]


def test_a_day_still_open_past_midnight_is_behind() -> None:
    assert plain(first_open=4, today=5) == [11.0, 12.0, 13.0, 14.0]


def test_closing_the_till_moves_no_demand_of_tomorrow_to_today() -> None:
    """The store closes at 22:00; an hour later the day has nothing left, and tomorrow all."""
    open_ = ahead_at(28.8, [sale(28.5, 5)])["S1"]
    shut = ahead_at(28.9, [sale(28.5, 5), closed(28)])["S1"]
    assert (shut.quantiles[:, 0] == 0.0).all()
    assert shut.quantiles[3, 1] == pytest.approx(open_.quantiles[3, 1], rel=0.2)


# Stock and arrivals.


def test_a_shelf_below_zero_by_the_book_has_nothing() -> None:
    assert ahead_at(29, [sale(28.5, 130)])["S1"].on_hand == 0


def test_a_store_that_was_never_counted_is_left_out() -> None:
    world = fitted_world(28, stock={S1: 100})
    assert list(aheads_of(world, 28)) == ["S1"]


def inbound(aheads: dict[str, Ahead], site: str = "S1") -> list[tuple[str, float, int, int]]:
    return [(i.ref, i.qty / ONE_UNIT, i.day_p50, i.day_p90) for i in aheads[site].inbound]


def test_an_order_line_comes_as_promised_or_two_days_late() -> None:
    assert inbound(ahead_at(28.2, [line(28.1, 32)])) == [("PO1@1", 100, 4, 6)]


def test_a_line_a_day_overdue_is_expected_tomorrow_with_the_usual_spread() -> None:
    assert inbound(ahead_at(28.2, [line(20.1, 27)])) == [("PO1@1", 100, 1, 3)]


def test_a_line_promised_for_today_may_still_come_today() -> None:
    assert inbound(ahead_at(28.2, [line(28.1, 28)])) == [("PO1@1", 100, 0, 2)]


def told(*orders: Ordered) -> Feedback:
    return Feedback(item=OATS, at=when(27.9), ordered=orders)


def test_the_part_that_we_expedited_comes_early_and_the_rest_as_promised() -> None:
    aheads = ahead_at(28.2, [line(27.2, 36, arrived=28.1), told(expedite(40, 32))])
    assert inbound(aheads) == [("PO1@1", 60, 8, 10), ("PO1@1+", 40, 4, 4)]


def test_an_expedite_long_past_its_day_is_no_longer_believed() -> None:
    aheads = ahead_at(31.2, [line(27.2, 36, arrived=28.1), told(expedite(40, 28, late=29))])
    assert inbound(aheads) == [("PO1@1", 100, 5, 7)]


def test_a_transfer_of_ours_leaves_the_donor_and_is_on_its_way_to_the_other() -> None:
    aheads = ahead_at(30.2, [told(ordered())])
    assert aheads["S2"].on_hand == 960_000
    assert inbound(aheads) == [("act-1", 40, 1, 2)]


def test_a_shipped_transfer_has_left_the_donors_book_once() -> None:
    aheads = ahead_at(30.7, [told(ordered()), moved(30.5, "shipped", 40, transfer="act-1")])
    assert aheads["S2"].on_hand == 960_000


def test_a_transfer_a_day_overdue_is_expected_today() -> None:
    assert inbound(ahead_at(33.2, [told(ordered())])) == [("act-1", 40, 0, 0)]


def test_a_transfer_overdue_by_more_than_a_day_leaves_the_projection() -> None:
    aheads = ahead_at(34.2, [told(ordered())])
    assert inbound(aheads) == []
    assert aheads["S2"].on_hand == 1_000_000


def test_a_transfer_of_others_without_dates_is_expected_by_its_lane_and_not_for_ever() -> None:
    facts = [moved(28.4, "shipped", 30)]
    assert inbound(ahead_at(28.6, facts)) == [("T1", 30, 1, 2)]
    assert inbound(ahead_at(32.2, facts)) == []


# The window.


@pytest.mark.parametrize(
    ("age", "window"), [(0, 14), (1, 13), (2, 12), (6, 9), (7, 9), (8, 9), (9, 12)]
)
def test_the_window_ends_when_the_next_review_can_deliver(age: int, window: int) -> None:
    """Reviews every seven days, seven to deliver, at worst nine; on the day of an order the next
    review is a week away. Of an order that yesterday's review owed, word may come today.
    """
    rules = replace(CALM, horizon_days=30)
    aheads = ahead_at(30.2, [line(30.1 - age, 37 - age, arrived=30.1)], rules=rules)
    assert aheads["S1"].window == window


def test_a_review_with_enough_on_hand_and_on_its_way_ordered_nothing() -> None:
    rules = replace(CALM, horizon_days=30)
    plenty = line(22.1, 29, qty=5_000, arrived=30.1)
    assert ahead_at(30.2, [plenty], rules=rules)["S1"].window == 13


def test_without_any_order_a_review_may_be_due_today() -> None:
    assert ahead_at(28.2)["S1"].window == 9


def test_the_window_is_never_longer_than_the_horizon() -> None:
    rules = replace(CALM, horizon_days=6)
    assert ahead_at(30.2, [line(29.1, 37)], rules=rules)["S1"].window == 6


# What a donor may give.


def ahead(on_hand: int, middle: list[float], spread: float, inbound_: Sequence[Inbound]) -> Ahead:
    z = np.array([-1.645, -1.282, -0.674, 0.0, 0.674, 1.282, 1.645])
    path = np.array(middle)
    return Ahead(
        row=0,
        site=S1,
        quantiles=np.maximum(path[None, :] + z[:, None] * spread, 0.0),
        on_hand=on_hand,
        inbound=tuple(inbound_),
        window=len(middle),
        review_day=0,
        persistent=0.2,
    )


arrivals = st.lists(
    st.builds(
        lambda qty, day: Inbound(ref=f"PO{day}@{qty}", qty=Units(qty), day_p50=day, day_p90=day),
        st.integers(1, 80_000),
        st.integers(0, 9),
    ),
    max_size=3,
)


@settings(max_examples=examples(200))
@given(
    st.integers(0, 200_000),
    st.lists(st.floats(0, 12), min_size=2, max_size=8),
    st.floats(0, 5),
    arrivals,
)
def test_giving_the_spare_away_never_breaks_into_what_the_donor_is_protected_for(
    on_hand: int, middle: list[float], spread: float, on_its_way: list[Inbound]
) -> None:
    donor = ahead(on_hand, middle, spread, on_its_way)
    spare = donor.spare()
    assert 0 <= spare <= on_hand
    if spare:
        left = (donor.supply_by_day() - spare) / ONE_UNIT - donor.demand_by_day(Z95)
        assert left.min() >= -1e-6


def test_what_only_comes_later_cannot_leave_today() -> None:
    comes = Inbound(ref="PO1@1", qty=Units(50_000), day_p50=0, day_p90=0)
    assert ahead(2_000, [1.0, 1.0], 0.0, [comes]).spare() == 2_000


def test_a_store_short_on_one_day_has_nothing_to_spare_on_the_others() -> None:
    comes = Inbound(ref="PO1@1", qty=Units(90_000), day_p50=3, day_p90=3)
    assert ahead(20_000, [10.0] * 6, 0.0, [comes]).spare() == 0


def test_the_shortfall_is_the_largest_of_the_window() -> None:
    comes = Inbound(ref="PO1@1", qty=Units(90_000), day_p50=3, day_p90=3)
    (short,) = shortfalls([ahead(20_000, [10.0] * 6, 0.0, [comes])], 1.28)
    assert short == pytest.approx(10.0, rel=0.1)


def test_shortfalls_of_several_stores_are_those_of_each() -> None:
    stores = [ahead(n * 7_000, [3.0 + n] * 6, 0.3 * n, []) for n in range(5)]
    assert shortfalls(stores, 1.28) == [shortfalls([store], 1.28)[0] for store in stores]


# Lanes.

BERLIN = network().sites[S1].zone


def offer(
    at: str, *, today: str | None = None, shelf_life: float | None = None, **changes: Any
) -> LaneOffer | None:
    """What the lane S1-S2 offers at a Berlin time."""
    now = datetime.fromisoformat(at).replace(tzinfo=BERLIN).astimezone(UTC)
    day = datetime.fromisoformat(today or at).date()
    world = network(lanes=(lane("L", S1, S2, **changes),), shelf_life_days=shelf_life)
    road: Lane = next(iter(world.lanes.values()))
    return lane_offer(world, road, world.items[OATS], now, day_number(day))


def days(found: LaneOffer | None) -> tuple[int, int, int] | None:
    return None if found is None else (found.ship_day, found.arrive_p50, found.arrive_p90)


def test_before_the_cut_off_it_leaves_today() -> None:
    assert days(offer("2026-06-29T13:59")) == (0, 1, 2)


def test_at_the_cut_off_it_still_leaves_today() -> None:
    assert days(offer("2026-06-29T14:00")) == (0, 1, 2)


def test_after_the_cut_off_it_leaves_tomorrow() -> None:
    assert days(offer("2026-06-29T14:01")) == (1, 2, 3)


def test_the_last_moment_is_the_cut_off_of_its_day() -> None:
    found = offer("2026-06-29T14:01")
    assert found is not None
    assert found.latest_start == datetime(2026, 6, 30, 12, tzinfo=UTC)


def test_without_a_cut_off_it_leaves_until_the_day_ends() -> None:
    assert days(offer("2026-06-29T23:59", cutoff_local=None)) == (0, 1, 2)


def test_the_cut_off_is_local_time_when_the_clocks_have_changed() -> None:
    winter = cut_off(datetime(2026, 3, 28).date(), time(14), BERLIN)  # noqa: DTZ001
    summer = cut_off(datetime(2026, 3, 29).date(), time(14), BERLIN)  # noqa: DTZ001
    assert (winter.astimezone(UTC).hour, summer.astimezone(UTC).hour) == (13, 12)


def test_a_lane_leaves_on_the_days_on_which_it_is_effective() -> None:
    """29 June 2026 is a Monday."""
    later = offer("2026-06-29T10:00", effective_from=date(2026, 7, 1))
    assert days(later) == (2, 3, 4)
    assert offer("2026-06-29T10:00", effective_to=date(2026, 6, 28)) is None


@pytest.mark.parametrize(
    ("late", "valid", "found"),
    [(None, 28.0, (0, 3, 6)), (4.0, 28.0, (0, 3, 4)), (4.0, 40.0, (0, 1, 2))],
)
def test_what_is_stated_of_a_lane_between_stores_is_its_transit(
    late: float | None, valid: float, found: tuple[int, int, int]
) -> None:
    """The network says a day, two when late; three are stated, from a day on."""
    word = replace(lead_word(28.1, 3, late=late, valid=valid, lane="L"), supplier=SupplierId(S1))
    world = World(network(lanes=(lane("L", S1, S2),)))
    world.state.supply.lead_times.state(word)
    road = world.network.lanes[LaneId("L")]
    today = day_number(MONDAY) + 30
    transit = world.state.supply.lead_times.transit(world.network, road, OATS, today)
    offer_now = lane_offer(
        world.network, road, world.network.items[OATS], when(30.2), today, transit=transit
    )
    assert days(offer_now) == found


def test_a_move_carries_no_more_than_the_lane_takes_at_once() -> None:
    found = offer("2026-06-29T10:00", max_qty=Units(40_000))
    assert found is not None
    assert found.capacity == 40_000


def test_it_leaves_on_its_weekdays_only() -> None:
    """29 June 2026 is a Monday; departures on Wednesday and Friday."""
    assert days(offer("2026-06-29T10:00", departures=(2, 4))) == (2, 3, 4)


def test_a_weekday_missed_by_a_minute_is_a_week_away() -> None:
    assert days(offer("2026-06-29T14:01", departures=(0,))) == (7, 8, 9)


def test_a_lane_of_less_than_a_day_arrives_the_same_day() -> None:
    fast = {"lead_time_days_p50": 0.25, "lead_time_days_p90": 0.5}
    assert days(offer("2026-06-29T10:00", **fast)) == (0, 0, 0)


def test_parts_of_a_day_beyond_the_first_count_as_a_day() -> None:
    assert [transit_days(d) for d in (0, 0.9, 1.0, 1.1, 2.0, 2.5)] == [0, 0, 1, 2, 2, 3]


def test_a_lane_without_capacity_is_closed() -> None:
    assert offer("2026-06-29T10:00", capacity_units_per_day=Units(0)) is None


def test_a_lane_without_a_stated_capacity_carries_anything() -> None:
    found = offer("2026-06-29T10:00", capacity_units_per_day=None)
    assert found is not None
    assert found.capacity is None


@pytest.mark.parametrize(("shelf_life", "usable"), [(1.0, False), (1.5, True), (None, True)])
def test_what_would_perish_on_the_way_does_not_go(shelf_life: float | None, usable: bool) -> None:
    assert (offer("2026-06-29T10:00", shelf_life=shelf_life) is not None) == usable


def test_a_lane_whose_origin_lives_a_day_behind_leaves_no_earlier_than_today() -> None:
    assert days(offer("2026-06-29T10:00", today="2026-06-30")) == (0, 1, 2)


# The whole question.


def problem_of(inputs: Sequence[SenseInput], at: float = 29.0, **changes: Any) -> PlanningProblem:
    """The problem asked about a surge at S1."""
    world = fitted_world(28, stock=STOCK, **changes)
    facts: list[SenseFact] = [i for i in inputs if hasattr(i, "arrived_at")]
    world.tell([i for i in inputs if i not in facts], 28 - 1 / 32)
    world.live([*facts, *calm_sales(28, 29, factor=2.5)], [at])
    return world.planner.asked[-1]


def test_lanes_lead_from_stores_that_can_spare_to_stores_in_need() -> None:
    asked = problem_of([])
    assert [(o.origin, o.destination) for o in asked.lanes] == [(S2, S1)]


def test_a_receiver_has_nothing_to_spare() -> None:
    asked = problem_of([])
    assert {s.site: s.spare > 0 for s in asked.sites} == {"S1": False, "S2": True}


def test_an_open_line_can_be_brought_forward_by_what_the_contract_saves() -> None:
    asked = problem_of([line(28.1, 37)])
    (early,) = asked.expedites
    assert (early.day_p50, early.new_day_p50, early.new_day_p90) == (8, 5, 7)
    assert early.qty == 100_000


def test_a_line_that_comes_tomorrow_anyway_is_not_on_offer() -> None:
    asked = problem_of([line(28.1, 30)])
    assert asked.expedites == ()


def test_a_line_that_we_have_expedited_is_not_on_offer_again() -> None:
    asked = problem_of([line(27.2, 37, arrived=28.1), told(expedite(5, 32))])
    assert asked.expedites == ()


def test_a_contract_without_terms_cannot_be_expedited() -> None:
    asked = problem_of([line(28.1, 37)], contracts={"expedite_days_saved": None})
    assert asked.expedites == ()


def test_counts_of_the_evening_are_what_the_question_starts_from() -> None:
    asked = problem_of([counted(28.9, 33)])
    assert {s.site: s.on_hand for s in asked.sites}["S1"] == 33_000
