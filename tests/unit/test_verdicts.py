"""Is every answer of a planner taken or refused for the right reason, and always recorded?"""

from dataclasses import replace
from datetime import timedelta

import pytest

from replan.decision import plan_sha
from replan.effects import Reassessed
from replan.people import People
from replan.units import DecisionId, ItemId, Units
from replan.verdicts import STATUS_OF, VerdictResult
from tests.authority_worlds import table
from tests.desk_cases import (
    ASK_FIRST,
    HOUR,
    MAY_MOVE,
    NOW,
    Desk,
    bodies,
    case,
    move,
    network,
    option,
    planner,
    rule,
)
from tests.escalations import proposal

ASKING = table(ASK_FIRST)
FOUR_EYES = table(rule("ASK", "ESCALATE", approvals=2))
PLAN = option("reallocate", move())


def waiting(rules: object = ASKING, **changes: object) -> Desk:
    desk = Desk(rules, **changes)  # type: ignore[arg-type]
    desk.tick(case())
    return desk


def turned(desk: Desk, benefit: int = 5_000, unit_cost: int = 500) -> None:
    """The plan that waits is looked at again an hour later."""
    now = Reassessed(
        item=ItemId("I1"),
        group="all",
        episode="ep-I1",
        option=option("reallocate", move(), benefit=benefit),
        deadline=NOW + timedelta(days=1),
        loss_mean_minor=9_000,
        problem=replace(case().problem, unit_cost_minor=unit_cost),
    )
    desk.tick(reassessed=(now,), at=NOW + HOUR)


def refused(result: VerdictResult) -> tuple[str | None, int]:
    assert result.result == "refused"
    return result.code, result.status


def test_an_approval_releases_exactly_the_plan_that_was_shown() -> None:
    desk = waiting()
    [shown] = desk.state.pending
    result = desk.verdict("approve")
    assert (result.result, result.status, result.code) == ("accepted", 200, None)
    assert result.state == "approved"
    options = {o["name"]: o for o in shown.body["options"]}
    [sent] = desk.said.commands
    assert options["reallocate"]["actions"] == [
        {name: sent.body[name] for name in options["reallocate"]["actions"][0]}
    ]
    assert shown.plan_sha == plan_sha(PLAN.actions)


def test_an_approval_is_recorded_with_the_plan_it_is_about() -> None:
    desk = waiting()
    desk.verdict("approve", chip="supplier_info", note="they called")
    [taken] = desk.said.verdicts
    assert (taken.login, taken.verdict, taken.result, taken.code) == (
        "ann",
        "approve",
        "accepted",
        None,
    )
    assert (taken.version, taken.chip, taken.note) == (1, "supplier_info", "they called")
    assert taken.plan_sha == plan_sha(PLAN.actions)


def test_an_approval_reserves_what_it_releases() -> None:
    desk = waiting()
    desk.verdict("approve")
    assert [(m.account, m.value_minor) for m in desk.said.reserved] == [("live", 5_000)]


def test_a_rejection_sends_nothing_and_lets_the_case_rest() -> None:
    desk = waiting()
    result = desk.verdict("reject", chip="cost_not_justified")
    assert (result.result, result.state, desk.said.commands) == ("accepted", "rejected", ())
    [word] = desk.said.feedback
    assert (word.quiet_until, word.watch) == (NOW + timedelta(hours=72), None)


def test_a_rejection_needs_no_limit() -> None:
    assert waiting().verdict("reject", login="bob").result == "accepted"


@pytest.mark.parametrize("login", ["tim", "max", "gus", "eva"])
def test_who_lacks_role_region_or_activity_is_not_allowed(login: str) -> None:
    desk = Desk(ASKING)
    desk.tick(case(option("west", move(to="S06"))))
    assert refused(desk.verdict("approve", login=login)) == ("not_allowed", 403)


def test_the_region_is_that_of_the_goods_not_of_the_trouble() -> None:
    desk = Desk(ASKING)
    desk.tick(case(option("east", move(to="S04"))))
    assert desk.verdict("approve", login="eva").result == "accepted"


def test_a_plan_for_two_regions_needs_somebody_for_all() -> None:
    desk = Desk(ASKING)
    desk.tick(case(option("both", move(to="S04"), move(to="S06"))))
    assert refused(desk.verdict("approve", login="eva")) == ("not_allowed", 403)
    assert desk.verdict("approve", login="ann").result == "accepted"


def test_a_delegate_answers_for_a_role() -> None:
    people = People(planners=(planner("ann", "planner", delegate_to="tim"), planner("tim", "v")))
    assert waiting(people=people).verdict("approve", login="tim").result == "accepted"


def test_the_limit_covers_the_value_of_what_would_execute() -> None:
    assert refused(waiting().verdict("approve", login="bob")) == ("over_limit", 403)


def test_the_limit_covers_the_value_as_it_is_now() -> None:
    """P10: the approver's limit covers the final value."""
    desk = waiting(people=People(planners=(planner("ann", "planner", limit=5_000),)))
    turned(desk, unit_cost=501)
    assert refused(desk.verdict("approve", confirm=True)) == ("over_limit", 403)


def test_a_plan_that_no_longer_helps_must_be_confirmed() -> None:
    desk = waiting()
    turned(desk, benefit=-200)
    result = desk.verdict("approve")
    assert refused(result) == ("stale", 409)
    assert result.diff == {"benefit_minor": {"then": 5_000, "now": -200}}
    assert desk.said.commands == ()
    assert desk.verdict("approve", confirm=True).result == "accepted"
    assert len(desk.said.commands) == 1


def test_a_risen_value_must_be_confirmed() -> None:
    desk = waiting()
    turned(desk, unit_cost=600)
    result = desk.verdict("approve")
    assert refused(result) == ("stale", 409)
    assert result.diff == {"value_minor": {"then": 5_000, "now": 6_000}}


def test_a_fallen_value_needs_no_confirmation() -> None:
    desk = waiting()
    turned(desk, unit_cost=400)
    assert desk.verdict("approve").result == "accepted"


def test_a_verdict_bound_to_another_version_is_stale() -> None:
    result = waiting().verdict("approve", version=2, confirm=True)
    assert refused(result) == ("stale", 409)
    assert result.diff == {"version": {"answered": 2, "now": 1}}


def test_a_verdict_bound_to_the_version_that_stands_is_taken() -> None:
    assert waiting().verdict("approve", version=1).result == "accepted"


def test_the_first_of_two_approvals_leaves_it_escalated() -> None:
    desk = waiting(FOUR_EYES)
    result = desk.verdict("approve")
    assert (result.result, result.state, desk.said.commands) == ("accepted", "escalated", ())
    [body] = bodies(desk.said)
    assert (body["version"], body["why_escalated"]["code"]) == (2, "four_eyes")
    assert body["brief"]["why_escalated"]["code"] == "four_eyes"
    assert "a second person must approve" in body["brief"]["text"]


def test_one_person_cannot_be_two() -> None:
    desk = waiting(FOUR_EYES)
    desk.verdict("approve")
    assert refused(desk.verdict("approve")) == ("same_approver", 403)
    assert desk.said.commands == ()


def test_two_people_release_a_plan_that_needs_two() -> None:
    people = People(planners=(planner("ann", "planner"), planner("zoe", "planner")))
    desk = waiting(FOUR_EYES, people=people)
    desk.verdict("approve", login="ann")
    assert desk.verdict("approve", login="zoe").state == "approved"
    assert len(desk.said.commands) == 1


def test_a_second_approval_bound_to_the_first_version_is_stale() -> None:
    people = People(planners=(planner("ann", "planner"), planner("zoe", "planner")))
    desk = waiting(FOUR_EYES, people=people)
    desk.verdict("approve", login="ann", version=1)
    assert refused(desk.verdict("approve", login="zoe", version=1)) == ("stale", 409)


def test_one_of_the_two_may_still_reject() -> None:
    desk = waiting(FOUR_EYES)
    desk.verdict("approve")
    assert desk.verdict("reject").state == "rejected"


def test_a_decision_is_answered_once() -> None:
    desk = waiting()
    decision_id = desk.decision_id
    desk.verdict("approve")
    for verdict in ("approve", "reject"):
        result = desk.verdict(verdict, decision_id=decision_id)
        assert refused(result) == ("already_decided", 409)
        assert (desk.said.commands, desk.said.reserved) == ((), ())


@pytest.mark.parametrize(
    ("state", "code", "status"),
    [
        ("superseded", "superseded", 409),
        ("withdrawn", "withdrawn", 409),
        ("expired", "expired", 410),
        ("rejected", "already_decided", 409),
        ("executed", "already_decided", 409),
        ("no_action", "already_decided", 409),
        ("shadowed", "already_decided", 409),
    ],
)
def test_a_decision_that_is_over_says_how_it_ended(state: str, code: str, status: int) -> None:
    result = Desk(ASKING).verdict(
        "approve", decision_id=DecisionId("dec-gone"), last_state=state, last_version=3
    )
    assert refused(result) == (code, status)
    assert result.state == state


def test_an_answer_after_the_deadline_is_too_late_even_before_the_next_tick() -> None:
    desk = waiting()
    [decision] = desk.state.pending
    assert decision.deadline is not None
    result = desk.verdict("approve", at=decision.deadline)
    assert refused(result) == ("expired", 410)
    assert desk.said.commands == ()


def test_what_the_table_halts_nobody_can_release() -> None:
    desk = waiting(table(MAY_MOVE, stages={"demand_surge": "halted"}))
    assert refused(desk.verdict("approve", login="max")) == ("stopped", 423)
    assert desk.verdict("reject", login="max").result == "accepted"


def test_a_lane_that_filled_up_meanwhile_is_named() -> None:
    desk = Desk(ASKING, network=network(capacity=12))
    desk.tick(case(item="I1"))
    first = desk.decision_id
    desk.tick(case(item="I2"))
    second = next(d.decision_id for d in desk.state.pending if d.item == "I2")
    desk.verdict("approve", decision_id=first)
    result = desk.verdict("approve", decision_id=second)
    assert refused(result) == ("infeasible", 422)
    assert result.diff == {
        "lane_capacity": {"lane": "L05-03", "ship_on": "2026-05-04", "asked": 10, "free": 2}
    }


def test_a_lane_that_is_gone_makes_the_plan_impossible() -> None:
    desk = waiting()
    lanes = {k: v for k, v in desk.policy.network.lanes.items() if k != "L05-03"}
    desk.policy = replace(desk.policy, network=replace(desk.policy.network, lanes=lanes))
    result = desk.verdict("approve", confirm=True)
    assert refused(result) == ("infeasible", 422)
    assert result.diff == {"feasible": {"then": True, "now": False}}


def test_an_approval_in_shadow_is_recorded_and_sends_nothing() -> None:
    desk = waiting(mode="shadow")
    result = desk.verdict("approve")
    assert (result.result, result.state, desk.said.commands) == ("accepted", "approved", ())
    assert [m.account for m in desk.said.reserved] == ["shadow"]


def test_what_was_approved_in_shadow_never_runs_later() -> None:
    desk = waiting(mode="shadow")
    desk.verdict("approve")
    desk.policy = replace(desk.policy, mode="live")
    said = desk.tick(at=NOW + HOUR)
    assert (said.moved, said.commands) == ((), ())


def test_an_approval_in_a_shadow_category_of_a_live_run_sends_nothing() -> None:
    desk = waiting(table(ASK_FIRST, stages={"demand_surge": "shadow"}))
    assert desk.verdict("approve").result == "accepted"
    assert desk.said.commands == ()


@pytest.mark.parametrize("code", sorted(STATUS_OF))
def test_every_refusal_is_recorded_with_its_code(code: str) -> None:
    desk, changes = _refusing(code)
    result = desk.verdict(**changes)  # type: ignore[arg-type]
    [taken] = desk.said.verdicts
    assert (result.code, taken.result, taken.code) == (code, "refused", code)
    assert desk.said.commands == desk.said.reserved == ()


def _refusing(code: str) -> tuple[Desk, dict[str, object]]:
    """A desk and a verdict that it refuses with that code."""
    gone = {"decision_id": DecisionId("dec-gone"), "last_version": 1}
    match code:
        case "not_allowed":
            return waiting(), {"login": "tim"}
        case "over_limit":
            return waiting(), {"login": "bob"}
        case "same_approver":
            desk = waiting(FOUR_EYES)
            desk.verdict("approve")
            return desk, {}
        case "own_proposal":
            desk = Desk(FOUR_EYES)
            desk.tick(proposal())
            desk.verdict("modify", qty=Units(18_000), basis=proposal())
            return desk, {}
        case "stale":
            return waiting(), {"version": 7}
        case "infeasible":
            return waiting(), {"verdict": "modify", "qty": Units(4_000)}
        case "stopped":
            return waiting(table(MAY_MOVE, stages={"demand_surge": "halted"})), {"login": "max"}
        case "already_decided":
            return Desk(ASKING), {**gone, "last_state": "executed"}
        case _:
            return Desk(ASKING), {**gone, "last_state": code}
