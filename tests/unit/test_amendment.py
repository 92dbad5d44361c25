"""Is a plan that a person changes checked, priced anew and asked about again like any other?

The case: S03 sells about 8 a day and has 20; S05 may give 60 away by a lane in sixes; an order of
30 comes on day 6 and can be brought forward to day 3. The plan shown moves 24.
"""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from replan.effects import Proposal
from replan.feasibility import Broken, broken_limits, violations
from replan.offering import buffer_call, expedite, postponement, reallocation
from replan.people import People
from replan.planning import Action, Inbound, PlanningProblem
from replan.revision import Change, revised
from replan.scenarios import HELD_OUT_STREAM, draws, percentile, play
from replan.units import Units
from tests.authority_worlds import above, table, upto
from tests.desk_cases import ASK_FIRST, HOUR, NOW, Desk, bodies, network, planner, rule
from tests.escalations import proposal
from tests.planning_problems import buffer, later, problem, site

ASKING = table(ASK_FIRST, rule("RUSH", "ESCALATE", "expedite"))
TIERS = table(
    rule("LOW", "ESCALATE", value=upto(20_000)),
    rule("TOP", "ESCALATE", value=above(20_000), approvals=2),
)
CASE = proposal()


def waiting(rules: Any = ASKING, **changes: Any) -> Desk:
    desk = Desk(rules, **changes)
    desk.tick(CASE)
    return desk


def modify(desk: Desk, login: str = "ann", **wish: Any) -> Any:
    return desk.verdict("modify", login, basis=wish.pop("basis", CASE), **wish)


def chosen(body: Any) -> dict[str, Any]:
    return dict(next(o for o in body["options"] if o["name"] == body["chosen"]))


def test_a_changed_quantity_is_what_is_sent() -> None:
    desk = waiting()
    result = modify(desk, qty=Units(30_000))
    assert (result.result, result.status, result.state) == ("accepted", 200, "modified")
    [command] = desk.said.commands
    assert (command.body["qty"], command.body["to"]) == (30, "S03")
    assert [m.keys["qty"] for m in desk.said.reserved] == ["30000"]


def test_a_changed_plan_is_priced_anew_on_the_draws_that_judge_every_plan() -> None:
    desk = waiting()
    result = modify(desk, qty=Units(12_000))
    [body] = bodies(desk.said)
    plan = chosen(body)
    assert plan["actions"][0]["cost_minor"] == 1_800 + 12 * 40
    problem = CASE.problem
    draw = draws(problem, problem.held_out, HELD_OUT_STREAM)
    cost = play(problem, (reallocation(problem.item, problem.lanes[0], Units(12_000)),), draw)
    assert plan["cost_minor"]["p50"] == percentile(cost.cost_micros // 1_000_000, 50)
    assert result.diff["qty"] == {"then": 24, "now": 12}
    assert result.diff["value_minor"]["now"] == body["value_minor"]


@pytest.mark.parametrize(
    ("wish", "limit", "says"),
    [
        ({"qty": Units(66_000)}, "donor_p_stockout", "may give 60 at most"),
        ({"qty": Units(25_000)}, "lot_multiple", "must be a multiple of 6"),
        ({"qty": Units(40_000), "option": "expedite"}, "order_line", "has only 30"),
        ({"source": "S06"}, "source", "source S06 to S03 is not on offer; on offer is S05"),
        ({"transport": "ship"}, "transport", "transport ship to S03 is not on offer"),
        ({"ship_on": date(2026, 5, 9)}, "departure", "on offer is 2026-05-04"),
    ],
)
def test_a_limit_in_the_way_is_named(wish: dict[str, Any], limit: str, says: str) -> None:
    desk = waiting()
    result = modify(desk, **wish)
    assert (result.result, result.code, result.status) == ("refused", "infeasible", 422)
    [(name, rule)] = (result.diff or {}).items()
    assert name == limit
    assert says in rule["text"]
    assert (desk.said.commands, result.state) == ((), "escalated")


def test_beyond_the_donors_limit_the_most_that_it_may_give_is_said() -> None:
    """PL5: 400 → 650 with a donor that may give 500 is refused, 480 is taken."""
    desk = waiting()
    assert modify(desk, qty=Units(66_000)).diff["donor_p_stockout"]["most"] == 60
    assert modify(desk, qty=Units(60_000)).result == "accepted"


def test_a_lane_that_filled_up_meanwhile_stops_a_larger_plan() -> None:
    desk = waiting(network=network(capacity=30))
    result = modify(desk, qty=Units(36_000))
    assert (result.code, result.diff["lane_capacity"]["free"]) == ("infeasible", 30)


def test_another_listed_option_can_be_approved() -> None:
    desk = waiting()
    result = desk.verdict("approve", option="expedite", basis=CASE)
    assert (result.result, result.state) == ("accepted", "approved")
    [command] = desk.said.commands
    assert (command.body["kind"], command.body["order_id"]) == ("expedite", "PO17@1")
    [body] = bodies(desk.said)
    assert (body["chosen"], body["rule_id"], body["version"]) == ("expedite", "RUSH", 2)


def test_choosing_to_do_nothing_is_a_rejection() -> None:
    desk = waiting()
    assert desk.verdict("approve", option="none").state == "rejected"
    assert desk.said.commands == ()


def test_another_option_needs_the_limit_for_its_own_value() -> None:
    people = People(planners=(planner("ann", "planner", limit=2_000),))
    desk = waiting(people=people)
    # Bringing 12 forward costs 1,500 + 12 × 60 minor units.
    result = desk.verdict("approve", option="expedite", basis=CASE)
    assert (result.result, result.code, result.status) == ("refused", "over_limit", 403)


def test_an_edit_above_the_editors_limit_asks_a_second_person() -> None:
    """PL6: the state stays, another approver is asked, and the editor cannot be it."""
    people = People(
        planners=(planner("ann", "planner", limit=15_000), planner("zoe", "planner", limit=None))
    )
    desk = waiting(people=people)
    result = modify(desk, qty=Units(36_000))
    assert (result.result, result.state, desk.said.commands) == ("accepted", "escalated", ())
    [body] = bodies(desk.said)
    assert (body["version"], body["chosen"]) == (2, "modified")
    assert body["why_escalated"]["code"] == "four_eyes"
    own = desk.verdict("approve")
    assert (own.code, own.status) == ("own_proposal", 403)
    assert desk.verdict("approve", "zoe").state == "approved"
    assert desk.said.commands[0].body["qty"] == 36


def test_the_editor_is_the_proposer_and_never_the_second_approver() -> None:
    people = People(planners=(planner("ann", "planner"), planner("zoe", "planner")))
    desk = waiting(TIERS, people=people)
    assert modify(desk, qty=Units(48_000)).state == "escalated"
    own = desk.verdict("approve")
    assert (own.code, own.status) == ("own_proposal", 403)
    assert desk.verdict("approve", "zoe").state == "approved"


def test_an_edit_that_nobody_could_approve_is_refused() -> None:
    people = People(planners=(planner("ann", "planner", limit=15_000),))
    desk = waiting(people=people)
    result = modify(desk, qty=Units(36_000))
    assert (result.result, result.code) == ("refused", "over_limit")


def test_an_edit_voids_what_others_approved_before() -> None:
    people = People(planners=tuple(planner(n, "planner") for n in ("ann", "joe", "zoe")))
    desk = waiting(table(rule("ASK", "ESCALATE", approvals=2)), people=people)
    desk.verdict("approve", "joe")
    modify(desk, "ann", qty=Units(18_000))
    assert desk.state.pending[0].approved_by == ["ann"]


def test_the_brief_of_an_edited_plan_asks_about_the_edited_plan() -> None:
    people = People(planners=(planner("ann", "planner"), planner("zoe", "planner")))
    desk = waiting(TIERS, people=people)
    modify(desk, qty=Units(48_000))
    [body] = bodies(desk.said)
    assert body["brief"]["question"].startswith("Approve the plan modified: ")
    assert body["brief"]["recommendation"]["option"] == "modified"
    assert "48" in body["brief"]["text"]


def test_an_edited_plan_is_not_swept_away_by_a_better_one() -> None:
    people = People(planners=(planner("ann", "planner"), planner("zoe", "planner")))
    desk = waiting(TIERS, people=people)
    modify(desk, qty=Units(48_000))
    edited = desk.state.pending[0].option
    later = proposal()
    desk.tick(_watching(later, edited), at=NOW + HOUR)
    assert [d.body["chosen"] for d in desk.state.pending] == ["modified"]


def _watching(case: Proposal, plan: Any) -> Proposal:
    poor = replace(plan, benefit_mean_minor=1)
    return replace(case, watched=poor)


def test_a_case_that_has_turned_must_be_confirmed_before_it_is_changed() -> None:
    desk = waiting()
    [decision] = desk.state.pending
    decision.current = None
    result = modify(desk, qty=Units(18_000))
    assert (result.code, result.status) == ("stale", 409)
    assert modify(desk, qty=Units(18_000), confirm=True).state == "modified"


def test_in_shadow_a_changed_plan_is_recorded_and_not_sent() -> None:
    desk = waiting(mode="shadow")
    assert modify(desk, qty=Units(18_000)).state == "modified"
    assert desk.said.commands == ()
    assert [m.account for m in desk.said.reserved] == ["shadow"]


def test_a_changed_plan_is_sent_with_the_next_release() -> None:
    desk = waiting()
    modify(desk, qty=Units(18_000))
    said = desk.tick(at=NOW + HOUR)
    assert [m.changes["state"] for m in said.moved] == ["executing"]


def test_a_plan_of_several_actions_gives_up_its_dearest_units_first() -> None:
    problem = CASE.problem
    plan = (
        reallocation(problem.item, problem.lanes[0], Units(24_000)),
        expedite(problem.item, problem.expedites[0], Units(12_000)),
    )
    less = revised(problem, plan, Change(qty=Units(30_000)), {})
    assert isinstance(less, tuple)
    assert [(a.kind, int(a.qty)) for a in less] == [("reallocate", 24_000), ("expedite", 6_000)]
    more = revised(problem, plan, Change(qty=Units(48_000)), {})
    assert isinstance(more, tuple)
    assert [(a.kind, int(a.qty)) for a in more] == [("reallocate", 36_000), ("expedite", 12_000)]


def pushed_out() -> tuple[PlanningProblem, tuple[Action, ...]]:
    """A line of 30 for 6 May, which may come on the 8th or the 10th; the plan is the 8th."""
    inbound = Inbound(ref="PO1@1", qty=Units(30_000), day_p50=2, day_p90=2)
    days = (later(inbound, "S1", new_day=4, lot=6), later(inbound, "S1", new_day=6, lot=6))
    asked = problem((site("S1", on_hand=60, daily=[5] * 8, inbound=(inbound,)),), postpones=days)
    return asked, (postponement(asked.item, days[0], Units(30_000)),)


def test_line_is_pushed_out_in_part_and_never_beyond_what_is_on_its_way() -> None:
    asked, plan = pushed_out()
    less = revised(asked, plan, Change(qty=Units(12_000)), {})
    assert isinstance(less, tuple)
    assert [(a.kind, int(a.qty)) for a in less] == [("postpone", 12_000)]
    assert violations(asked, less) == ()
    more = revised(asked, plan, Change(qty=Units(36_000)), {})
    assert isinstance(more, tuple)
    [broken] = broken_limits(asked, more)
    assert (broken.limit, "has only 30" in broken.text) == ("order_line", True)


def test_line_is_pushed_out_to_another_day_that_is_on_offer() -> None:
    asked, plan = pushed_out()
    further = revised(asked, plan, Change(ship_on=date(2026, 5, 10)), {})
    assert isinstance(further, tuple)
    assert [(a.arrive_p50, int(a.qty), a.cost_minor) for a in further] == [(6, 30_000, 0)]
    never = revised(asked, plan, Change(ship_on=date(2026, 5, 9)), {})
    assert never == Broken(
        limit="departure",
        text="order line PO1@1 cannot come on 2026-05-09; on offer is 2026-05-08, 2026-05-10",
    )


def test_whose_line_is_pushed_out_cannot_be_changed() -> None:
    asked, plan = pushed_out()
    found = revised(asked, plan, Change(source="S2"), {})
    assert isinstance(found, Broken)
    assert found.limit == "source"


def test_buffer_is_called_in_another_quantity_up_to_what_is_left_of_it() -> None:
    held = buffer("S1", qty=40, least=12, lot=6)
    asked = problem((site("S1", on_hand=10, daily=[5] * 8),), buffers=(held,))
    plan = (buffer_call(asked.item, held, Units(24_000)),)
    more = revised(asked, plan, Change(qty=Units(36_000)), {})
    assert isinstance(more, tuple)
    assert (int(more[0].qty), more[0].cost_minor, violations(asked, more)) == (36_000, 19_800, ())
    broken = {}
    for qty in (42, 6, 25):
        other = revised(asked, plan, Change(qty=Units(qty * 1_000)), {})
        assert isinstance(other, tuple)
        broken[qty] = [b.limit for b in broken_limits(asked, other)]
    assert broken == {42: ["buffer_qty"], 6: ["min_qty"], 25: ["lot_multiple"]}


def test_the_day_after_the_case_was_opened_the_next_departure_counts() -> None:
    desk = waiting()
    modify(desk, qty=Units(18_000), at=NOW + timedelta(hours=5))
    assert desk.said.commands[0].body["ship_on"] == "2026-05-04"
