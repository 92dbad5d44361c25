"""Are a supplier's buffer and a later day used where they pay, and never beyond what is there?"""

from dataclasses import replace
from datetime import date, datetime, timedelta

import numpy as np
import pytest

from replan.effects import Ordered
from replan.feasibility import broken_limits
from replan.offering import buffer_call, expense_minor, postponement
from replan.overstock import excess
from replan.planning import Action, Inbound, NextOrder, PlanningProblem
from replan.scenarios import Draws, draws, play
from replan.solver.greedy import Costing
from replan.solver.offers import reduced, usable_offers
from replan.solver.planner import MilpPlanner
from replan.supplier_terms import buffer_offer
from replan.supply import SupplyLedger
from replan.units import ActionId, ItemId, SiteId, SupplierId, Units
from tests.desk_cases import NOW, network
from tests.planning_problems import buffer, later, problem, site

# S1 sells 10 a day for 3 days and has 10: it loses 20 at 1,000 each.
NEEDS_20 = site("S1", on_hand=10, daily=[10, 10, 10])
COMES = Inbound(ref="PO1@1", qty=Units(40_000), day_p50=1, day_p90=1)
LAST_TWO_DAYS = NextOrder(review_day=2, up_to=Units(0), days=2)
FULL = replace(
    site("S2", on_hand=60, daily=[5, 5, 5], inbound=(COMES,), holding_millis=10_000),
    next_order=LAST_TWO_DAYS,
)
"""60 on hand for 15 sold in 3 days, 40 more tomorrow; holding costs 10 a unit and day."""


def chosen(asked: PlanningProblem) -> tuple[Action, ...]:
    answer = MilpPlanner().answer(asked)
    return answer.option(answer.recommended).actions


def units(actions: tuple[Action, ...]) -> list[tuple[str, float]]:
    return [(a.kind, a.qty / 1_000) for a in actions]


def test_what_is_short_is_called_from_the_buffer() -> None:
    assert units(chosen(problem((NEEDS_20,), buffers=(buffer("S1", qty=50),)))) == [
        ("buffer_call", 20)
    ]


def test_a_call_is_paid_with_its_goods_and_judged_by_its_premium() -> None:
    asked = problem((NEEDS_20,), buffers=(buffer("S1", qty=50, premium=50),))
    (call,) = chosen(asked)
    assert (call.cost_minor, expense_minor(asked, call)) == (20 * 550, 20 * 50)


def test_no_more_is_called_than_the_buffer_still_holds() -> None:
    assert units(chosen(problem((NEEDS_20,), buffers=(buffer("S1", qty=12),)))) == [
        ("buffer_call", 12)
    ]


def test_a_premium_above_the_margin_is_not_paid() -> None:
    assert chosen(problem((NEEDS_20,), buffers=(buffer("S1", qty=50, premium=1_001),))) == ()


@pytest.mark.parametrize(
    ("held", "qty", "limit"),
    [
        (buffer("S1", qty=12), 13, "buffer_qty"),
        (buffer("S1", qty=50, least=24), 20, "min_qty"),
        (buffer("S1", qty=50, lot=6), 20, "lot_multiple"),
        (buffer("S1", qty=50, approved=False), 20, "supplier_approved"),
    ],
)
def test_a_call_beyond_the_contract_breaks_a_named_limit(held, qty: int, limit: str) -> None:  # type: ignore[no-untyped-def]
    asked = problem((NEEDS_20,), buffers=(held,))
    call = buffer_call(asked.item, held, Units(qty * 1_000))
    assert [b.limit for b in broken_limits(asked, (call,))] == [limit]


def test_goods_that_nobody_needs_are_pushed_out() -> None:
    asked = problem((FULL,), postpones=(later(COMES, "S2", new_day=4),))
    (action,) = chosen(asked)
    assert (action.kind, action.qty, action.cost_minor) == ("postpone", 40_000, 0)


def test_goods_that_are_needed_come_as_promised() -> None:
    needy = replace(FULL, on_hand=Units(0), quantiles=NEEDS_20.quantiles)
    assert chosen(problem((needy,), postpones=(later(COMES, "S2", new_day=5),))) == ()


def test_a_part_that_is_needed_only_later_comes_later() -> None:
    needy = replace(FULL, on_hand=Units(0), quantiles=NEEDS_20.quantiles)
    # Of the 40, the last day's 10 need not lie there for three days before.
    assert units(chosen(problem((needy,), postpones=(later(COMES, "S2", new_day=4),)))) == [
        ("postpone", 10)
    ]


def test_two_later_days_share_one_line() -> None:
    offers = (later(COMES, "S2", new_day=3), later(COMES, "S2", new_day=5))
    asked = problem((FULL,), postpones=offers)
    both = tuple(postponement(asked.item, o, Units(30_000)) for o in offers)
    assert [b.limit for b in broken_limits(asked, both)] == ["order_line"]


def test_what_is_pushed_out_comes_no_sooner_than_it_would_have() -> None:
    late = replace(COMES, day_p90=6)
    asked = problem((replace(FULL, inbound=(late,)),), postpones=(later(late, "S2", new_day=2),))
    moved = postponement(asked.item, asked.postpones[0], late.qty)
    drawn = draws(asked, 200, 1)
    there = play(asked, (moved,), drawn).stock
    usual = play(asked, (), drawn).stock
    assert (there <= usual).all()


def test_the_excess_is_what_no_demand_touches() -> None:
    asked = problem((FULL,), postpones=(later(COMES, "S2", new_day=4),))
    demand = [[[5_000] * 5]]
    nothing = play(asked, (), Draws(demand=np.array(demand, dtype=np.int64), delay={}))
    found = excess(asked, nothing)
    # All 40, from day 1 until the end of day 4, at 10 a day.
    assert found.units.tolist() == [[40_000]]
    assert found.cost_micros.tolist() == [[40 * 10 * 4 * 1_000_000]]


def test_of_all_small_plans_none_is_cheaper_than_the_one_that_is_found() -> None:
    full = replace(FULL, site=SiteId("S2"))
    asked = problem(
        (NEEDS_20, full),
        buffers=(buffer("S1", qty=24, lot=6, premium=300),),
        postpones=(later(COMES, "S2", new_day=4, lot=10),),
    )
    drawn = draws(asked, asked.scenarios, 1)
    usable = usable_offers(asked, drawn).usable
    costing = Costing(*reduced(asked, drawn, usable))
    call, push = asked.buffers[0], asked.postpones[0]
    plans = [
        tuple(
            a
            for a in (
                buffer_call(asked.item, call, Units(c * 1_000)),
                postponement(asked.item, push, Units(p * 1_000)),
            )
            if a.qty > 0
        )
        for c in range(0, 25, 6)
        for p in range(0, 41, 10)
    ]
    assert costing.of(chosen(asked)) == min(map(costing.of, plans))


def test_what_was_called_is_back_after_the_late_lead_time_of_a_normal_order() -> None:
    shops = network()
    key = (SupplierId("SUP1"), ItemId("I1"), SiteId("S03"))
    held = replace(
        shops.supply[key],
        buffer_qty=Units(30_000),
        buffer_lead_time_days=2,
        buffer_unit_premium_minor=5,
    )
    supply = SupplyLedger()
    supply.order(_called(20_000), NOW)

    def left(days: float) -> int | None:
        at = NOW + timedelta(days=days)
        found = buffer_offer(shops, supply, held, at, _day(at))
        return None if found is None else int(found.qty)

    assert (left(0), left(7.9), left(8)) == (10_000, 10_000, 30_000)


def test_an_empty_buffer_is_not_on_offer_and_a_refused_call_fills_it_again() -> None:
    shops = network()
    key = (SupplierId("SUP1"), ItemId("I1"), SiteId("S03"))
    terms = {"buffer_lead_time_days": 2, "buffer_unit_premium_minor": 5}
    held = replace(shops.supply[key], buffer_qty=Units(20_000), **terms)
    supply = SupplyLedger()
    supply.order(_called(20_000), NOW)
    assert buffer_offer(shops, supply, held, NOW, _day(NOW)) is None
    supply.end(ActionId("act-1"))
    assert buffer_offer(shops, supply, held, NOW, _day(NOW)) is not None


@pytest.mark.parametrize(("last", "is_held"), [(4, True), (3, False)])
def test_a_buffer_is_called_up_to_its_last_day_at_the_contracts_price(
    last: int, is_held: bool
) -> None:
    shops = network()
    terms = {"buffer_lead_time_days": 2, "buffer_unit_premium_minor": 5, "price_minor": 77}
    held = replace(
        shops.supply[(SupplierId("SUP1"), ItemId("I1"), SiteId("S03"))],
        buffer_qty=Units(20_000),
        buffer_until=date(2026, 5, last),
        **terms,
    )
    found = buffer_offer(shops, SupplyLedger(), held, NOW, _day(NOW))
    assert (found is not None) is is_held
    assert found is None or (found.unit_cost_minor, found.premium_minor) == (77, 5)


def _called(qty: int) -> Ordered:
    return Ordered(
        action_id=ActionId("act-1"),
        kind="buffer_call",
        item=ItemId("I1"),
        origin="SUP1",
        destination=SiteId("S03"),
        qty=Units(qty),
        ref="act-1@1",
        ship_on=date(2026, 5, 4),
        arrive_p50=date(2026, 5, 6),
        arrive_p90=date(2026, 5, 7),
    )


def _day(at: datetime) -> int:
    return (at.date() - date(1970, 1, 1)).days
