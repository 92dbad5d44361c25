"""What would each plan have come to on the demand that came (PL11)?"""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from replan.decision import option_json
from replan.hindsight import (
    Plans,
    SoldDay,
    actions_again,
    as_it_came,
    demand_that_came,
    result_of,
)
from replan.offering import expedite, reallocation
from replan.planning import Action, PlanningProblem
from replan.units import DecisionId, SiteId, Units
from tests.escalations import proposal, surge

FIRST = date(2026, 5, 4)


def sold(site: str, day: int, qty: float, **changes: Any) -> SoldDay:
    given: dict[str, Any] = {"censored": False, "expected": None} | changes
    units = Units(round(qty * 1_000))
    return SoldDay(site=SiteId(site), day=FIRST + timedelta(days=day), qty=units, **given)


def steady(at_s03: float, at_s05: float = 3.0) -> list[SoldDay]:
    """Eight days of the same sales."""
    return [sold(s, t, q) for s, q in (("S03", at_s03), ("S05", at_s05)) for t in range(8)]


def sent(problem: PlanningProblem, units: int) -> tuple[Action, ...]:
    return (reallocation(problem.item, problem.lanes[0], Units(units * 1_000)),)


def came(at_s03: float, **plans: Any) -> dict[str, Any]:
    problem = surge()
    given: dict[str, Any] = {
        "recommended": sent(problem, 24),
        "verdict": None,
        "happened": sent(problem, 24),
        "others": (),
    } | plans
    return result_of(problem, demand_that_came(problem, steady(at_s03)), Plans(**given), "approve")


def test_what_was_sold_is_the_demand() -> None:
    demand = demand_that_came(surge(), steady(11.5))
    assert demand.units[0, :8].tolist() == [11_500] * 8
    assert demand.estimated == demand.days - 16


def test_an_empty_shelf_counts_as_the_forecast_before_that_day_where_it_is_more() -> None:
    days = [
        sold("S03", 0, 2, censored=True, expected=9.5),
        sold("S03", 1, 12, censored=True, expected=9.5),
    ]
    assert demand_that_came(surge(), days).units[0, :2].tolist() == [9_500, 12_000]


def test_a_day_that_never_closed_counts_as_the_case_expected_it() -> None:
    demand = demand_that_came(surge(), [])
    assert (demand.units[0, 0], demand.estimated) == (8_000, demand.days)


def test_returns_beyond_what_was_sold_are_no_demand() -> None:
    assert demand_that_came(surge(), [sold("S03", 0, -3)]).units[0, 0] == 0


def test_doing_nothing_costs_the_margin_of_every_unit_short() -> None:
    """S03 has 20 and sells 8 a day; 30 more come on day 6: 28 short by then, at 450 each."""
    told = came(8.0, happened=())
    assert told["units_short"]["none"] == 28
    assert told["cost_minor"]["none"] >= 28 * 450


def test_a_delivery_that_may_be_late_is_late_in_the_result_too() -> None:
    problem = surge()
    needy, plenty = problem.sites
    (row,) = needy.inbound
    late = replace(needy, inbound=(replace(row, day_p50=3, day_p90=6),))
    doubtful = replace(problem, sites=(late, plenty))
    punctual = replace(
        doubtful, sites=(replace(late, inbound=(replace(row, day_p50=3, day_p90=3),)), plenty)
    )
    costs = []
    for asked in (punctual, doubtful):
        demand = demand_that_came(asked, steady(8.0))
        plans = Plans(recommended=(), verdict=None, happened=(), others=())
        costs.append(result_of(asked, demand, plans, None)["cost_minor"]["none"])
    assert costs[0] < costs[1]


def test_a_plan_that_ran_gains_what_it_saved_less_what_it_cost() -> None:
    told = came(8.0)
    cost = told["cost_minor"]
    assert told["units_short"]["happened"] == 4
    assert told["gained_minor"] == cost["none"] - cost["happened"] > 0


def test_a_plan_for_demand_that_did_not_come_was_money_lost() -> None:
    assert came(1.0)["gained_minor"] < 0


@pytest.mark.parametrize("at_s03", [0.0, 4.0, 8.0, 14.0])
def test_no_plan_is_better_than_the_best(at_s03: float) -> None:
    told = came(at_s03, others=(("small", sent(surge(), 6)), ("large", sent(surge(), 60))))
    costs = [c for c in told["cost_minor"].values() if c is not None]
    assert told["cost_minor"]["best"] == min(costs)
    assert told["missed_minor"] >= 0


def test_where_nothing_was_to_be_had_no_share_of_it_is_told() -> None:
    assert came(0.0, happened=())["captured"] is None


def test_an_override_is_scored_against_what_was_recommended() -> None:
    problem = surge()
    more = came(8.0, verdict=sent(problem, 30), happened=sent(problem, 30))
    cost = more["cost_minor"]
    assert more["override_minor"] == cost["recommended"] - cost["verdict"] > 0


def test_a_refusal_is_an_override_too() -> None:
    told = came(8.0, verdict=(), happened=())
    assert told["override_minor"] == -came(8.0)["gained_minor"]


def test_an_approval_of_what_was_shown_is_none() -> None:
    assert came(8.0, verdict=sent(surge(), 24))["override_minor"] is None


def test_what_people_did_outside_is_not_guessed() -> None:
    told = came(8.0, happened=None)
    assert (told["gained_minor"], told["missed_minor"], told["captured"]) == (None, None, None)


def test_a_plan_with_a_site_that_the_case_does_not_know_is_not_played() -> None:
    [stranger] = (replace(a, origin="S99") for a in sent(surge(), 6))
    assert came(8.0, happened=(stranger,))["cost_minor"]["happened"] is None


def test_published_actions_are_read_back_as_they_were() -> None:
    case = proposal()
    problem = case.problem
    forward = expedite(problem.item, problem.expedites[0], Units(12_000))
    for option in case.answer.options:
        published = option_json(option, DecisionId("dec-1"), problem.first_day)["actions"]
        assert actions_again(published, problem) == option.actions
    assert forward in [a for o in case.answer.options for a in o.actions]


def test_the_case_as_it_came_knows_no_spread() -> None:
    problem = surge()
    known = as_it_came(problem, demand_that_came(problem, steady(9.0)))
    assert all(row.day_p50 == row.day_p90 for s in known.sites for row in s.inbound)
    assert {q[0] for q in known.sites[0].quantiles} == {9.0}
