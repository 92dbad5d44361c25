"""Is a question asked before what needs one, and does only an answer let it run?

The case: S03 sells about 8 a day and has 20; S05 may give 60 away by a lane in sixes; an order of
30 comes on day 6 and can be brought forward to day 3. The plan shown moves 24 from S05.
"""

from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from replan.desk_state import TickDue, TimersDue, desk_from_json, desk_json
from replan.effects import Cleared, Feedback, Proposal
from replan.events import HumanActed, QuestionAnswered
from replan.limits import Cap, Rolling
from replan.people import People
from replan.planning import Option
from replan.questions import answer_until
from replan.records import desk_input_from_json, desk_input_json
from replan.replies import as_answered, terms_of
from replan.units import ActionId, DecisionId, EventId, ItemId, Units
from tests.authority_worlds import above, table, upto
from tests.desk_cases import (
    ASK_FIRST,
    HOUR,
    NOW,
    Desk,
    bodies,
    codes,
    option,
    planner,
    rule,
    states,
)
from tests.escalations import proposal

MAY_ASK = table(rule("CALL", "CLARIFY"), rule("RUSH", "ESCALATE", "expedite"))
CASE = proposal()
PLAN = CASE.answer.option("reallocate")
FAR = timedelta(days=5)


def case(**changes: Any) -> Proposal:
    """The case with offers that stand for five days more."""
    problem = CASE.problem
    far = replace(
        problem,
        lanes=tuple(replace(o, latest_start=NOW + FAR) for o in problem.lanes),
        expedites=tuple(replace(o, latest_start=NOW + FAR) for o in problem.expedites),
    )
    return replace(CASE, problem=far, short_by=0, **changes)


def asking(rules: Any = MAY_ASK, **changes: Any) -> Desk:
    desk = Desk(rules, **changes)
    desk.tick(case())
    return desk


def reply(desk: Desk, accepted: bool = True, **changes: Any) -> QuestionAnswered:
    given: dict[str, Any] = {
        "event_id": EventId("reply-1"),
        "source": "/supplier",
        "occurred_at": desk.at,
        "arrived_at": desk.at,
        "payload_sha": "",
        "decision_id": desk.decision_id,
        "accepted": accepted,
        "qty": None,
        "arrives_on": None,
        "action_id": None,
        "note": "",
    }
    return QuestionAnswered(**(given | changes))


def answer(
    desk: Desk, said: QuestionAnswered, *cases: Proposal, later: timedelta = 6 * HOUR
) -> None:
    at = desk.at + later
    cleared: tuple[Cleared, ...] = ()
    desk.take(TickDue(at=at, proposals=cases, reassessed=(), cleared=cleared, replies=(said,)))


def test_a_row_that_asks_sends_a_question_and_nothing_else() -> None:
    """R27: ask the supplier, wait, re-evaluate."""
    desk = asking()
    [body] = bodies(desk.said)
    assert (body["state"], body["why_escalated"], desk.said.commands) == ("clarifying", None, ())
    [question] = desk.said.questions
    assert question.decision_id == body["decision_id"]
    assert question.body["to"] == ["S05"]
    assert question.body["actions"][0]["qty"] == 24
    assert question.body["until"] == body["clarification"]["until"] == body["waits_until"]


def test_asking_reserves_nothing() -> None:
    assert asking().said.reserved == ()


@pytest.mark.parametrize(("mode", "state"), [("shadow", "shadowed"), ("recommend", "recommended")])
def test_outside_live_mode_no_question_goes_out(mode: str, state: str) -> None:
    desk = asking(mode=mode)
    assert (states(desk.said), desk.said.questions) == ([state], ())


def test_what_is_confirmed_runs() -> None:
    desk = asking()
    answer(desk, reply(desk), case(watched=PLAN))
    [body] = bodies(desk.said)
    assert (body["state"], body["version"]) == ("executing", 2)
    assert [c.body["qty"] for c in desk.said.commands] == [24]
    assert [m.value_minor for m in desk.said.reserved] == [body["value_minor"]]
    assert body["clarification"]["answers"][0]["event_id"] == "reply-1"


@pytest.mark.parametrize("name", ["reallocate", "reallocate_half"])
def test_what_is_confirmed_runs_as_asked_though_the_options_are_others_now(name: str) -> None:
    desk = asking()
    now = replace(CASE.answer, options=_other_options(name), recommended=name)
    others = case(watched=PLAN, answer=now)
    answer(desk, reply(desk), others)
    [body] = bodies(desk.said)
    assert (body["state"], body["chosen"]) == ("executing", "reallocate")
    assert [c.body["qty"] for c in desk.said.commands] == [24]


def _other_options(name: str) -> tuple[Option, ...]:
    """A smaller plan, under the name of the one that was asked about or another, and none."""
    action = replace(PLAN.actions[0], qty=Units(12_000))
    return (
        replace(PLAN, name=name, actions=(action,)),
        CASE.answer.option("none"),
    )


def test_a_confirmed_plan_keeps_its_id() -> None:
    desk = asking()
    first = desk.decision_id
    answer(desk, reply(desk), case(watched=PLAN))
    assert desk.decision_id == first


def test_caps_are_asked_when_the_answer_comes_not_when_the_question_went_out() -> None:
    one_an_hour = Cap(scope=("global",), window=Rolling(length=HOUR), value_minor=None, count=1)
    desk = asking(replace(MAY_ASK, caps=(one_an_hour,)))
    said = reply(desk)
    other = replace(case(), item=ItemId("I2"), episode="ep-2", site=CASE.site, problem=_about("I2"))
    later = desk.at + 6 * HOUR
    moved = replace(other, answer=_answer_about("I2"))
    desk.policy = replace(desk.policy, table=table(rule("FREE", "AUTO"), caps=(one_an_hour,)))
    desk.tick(moved, at=later)
    assert states(desk.said) == ["executing"]
    desk.policy = replace(desk.policy, table=replace(MAY_ASK, caps=(one_an_hour,)))
    desk.take(
        TickDue(
            at=later, proposals=(case(watched=PLAN),), reassessed=(), cleared=(), replies=(said,)
        )
    )
    assert (states(desk.said), codes(desk.said)) == (["escalated"], ["cap"])


def _about(item: str) -> Any:
    return replace(case().problem, item=ItemId(item))


def _answer_about(item: str) -> Any:
    plan = replace(PLAN, actions=tuple(replace(a, item=ItemId(item)) for a in PLAN.actions))
    options = tuple(plan if o.name == plan.name else o for o in CASE.answer.options)
    return replace(CASE.answer, options=options)


def test_a_no_has_the_next_best_plan_judged_like_any_other() -> None:
    desk = asking()
    without = replace(CASE.answer, options=CASE.answer.options[1:], recommended="expedite")
    answer(desk, reply(desk, accepted=False), case(watched=None, answer=without))
    [body] = bodies(desk.said)
    assert (body["state"], body["chosen"], body["version"]) == ("escalated", "expedite", 2)
    assert body["why_escalated"]["code"] == "rule"
    assert desk.said.commands == ()


def test_a_no_with_nothing_else_to_do_leaves_it_alone() -> None:
    desk = asking()
    nothing = replace(CASE.answer, options=CASE.answer.options[-1:], recommended="none")
    answer(desk, reply(desk, accepted=False), case(watched=None, answer=nothing))
    assert states(desk.said) == ["no_action"]
    assert desk.state.pending == []


def test_a_no_never_asks_a_second_time() -> None:
    desk = asking(table(rule("CALL", "CLARIFY"), rule("RUSH", "CLARIFY", "expedite")))
    without = replace(CASE.answer, options=CASE.answer.options[1:], recommended="expedite")
    answer(desk, reply(desk, accepted=False), case(watched=None, answer=without))
    assert (states(desk.said), desk.said.questions) == (["escalated"], ())


def test_less_than_was_asked_runs_as_planned_anew() -> None:
    desk = asking()
    smaller = replace(PLAN, actions=tuple(replace(a, qty=Units(12_000)) for a in PLAN.actions))
    anew = replace(CASE.answer, options=(smaller, *CASE.answer.options[1:]))
    answer(desk, reply(desk, qty=Units(12_000)), case(watched=None, answer=anew))
    assert states(desk.said) == ["executing"]
    assert desk.said.commands[0].body["qty"] == 12


def test_a_confirmed_plan_above_its_limit_still_escalates() -> None:
    desk = asking()
    desk.policy = replace(
        desk.policy,
        table=table(
            rule("CALL", "CLARIFY", value=upto(100)), rule("TOP", "ESCALATE", value=above(100))
        ),
    )
    answer(desk, reply(desk), case(watched=PLAN))
    assert states(desk.said) == ["escalated"]


def test_silence_goes_to_a_person_and_runs_nothing() -> None:
    """R27: silent for 72 h is escalated; P12: no time-out executes."""
    desk = asking()
    [decision] = desk.state.pending
    assert decision.timer == NOW + timedelta(hours=72)
    desk.tick(at=NOW + timedelta(hours=71))
    assert desk.state.pending[0].state == "clarifying"
    desk.tick(at=NOW + timedelta(hours=72))
    assert (states(desk.said), codes(desk.said)) == (["escalated"], ["clarification_timeout"])
    assert desk.said.commands == ()


def test_silence_is_over_between_two_ticks_too() -> None:
    """A4: on the database clock timers also fire once a minute."""
    desk = asking()
    for minutes, expected in ((72 * 60 - 1, []), (72 * 60, ["escalated"])):
        given = TimersDue(at=NOW + timedelta(minutes=minutes))
        assert desk_input_from_json(desk_input_json(given), {}) == given
        desk.take(given)
        assert states(desk.said) == expected
    assert (codes(desk.said), desk.said.commands) == (["clarification_timeout"], ())


def test_the_row_says_how_long_is_waited() -> None:
    quick = table(replace(rule("CALL", "CLARIFY"), timeout=timedelta(hours=5)))
    [decision] = asking(quick).state.pending
    assert decision.timer == NOW + timedelta(hours=5)


@pytest.mark.parametrize(
    ("left", "waits"),
    [
        (timedelta(days=10), timedelta(hours=72)),
        (timedelta(hours=60), timedelta(hours=48)),
        (timedelta(hours=8), timedelta(hours=6)),
    ],
)
def test_a_question_leaves_a_person_time_before_the_last_moment(
    left: timedelta, waits: timedelta
) -> None:
    assert answer_until(NOW, timedelta(hours=72), NOW + left) == NOW + waits


def test_a_late_answer_is_attached_to_the_case_that_a_person_has() -> None:
    desk = asking()
    desk.tick(at=NOW + timedelta(hours=72))
    answer(desk, reply(desk), case(watched=PLAN))
    [body] = bodies(desk.said)
    assert (body["state"], body["version"]) == ("escalated", 3)
    assert body["why_escalated"]["code"] == "clarification_timeout"
    assert body["clarification"]["answers"][0]["accepted"] is True
    assert desk.said.commands == ()


def test_an_answer_about_a_decision_that_is_over_changes_nothing() -> None:
    desk = asking()
    said = reply(desk)
    desk.verdict("reject")
    answer(desk, said)
    assert desk.said.made == desk.said.moved == ()


def test_an_answer_about_something_that_nobody_asked_changes_nothing() -> None:
    desk = Desk(table(ASK_FIRST))
    desk.tick(case())
    answer(desk, reply(desk))
    assert desk.said.made == ()


def test_a_person_may_decide_while_the_answer_is_out() -> None:
    desk = asking()
    assert desk.verdict("approve").state == "approved"
    assert desk.state.decisions[desk.decision_id].body["waits_until"] is None


def test_a_planner_may_ask_and_the_case_waits() -> None:
    """PL8: the question has a timer of its own, at most 72 h."""
    desk = Desk(table(ASK_FIRST))
    desk.tick(case())
    result = desk.verdict("ask", note="Can you spare 30?", to="S05 manager")
    assert (result.result, result.state) == ("accepted", "clarifying")
    [question] = desk.said.questions
    assert (question.body["to"], question.body["text"]) == (["S05 manager"], "Can you spare 30?")
    [decision] = desk.state.pending
    assert (decision.version, decision.timer) == (2, NOW + timedelta(hours=72))


def test_what_a_planner_asked_comes_back_to_that_planner_with_the_answer() -> None:
    desk = Desk(table(ASK_FIRST))
    desk.tick(case())
    desk.verdict("ask")
    answer(desk, reply(desk, qty=Units(18_000)), case(watched=PLAN), later=30 * HOUR)
    [body] = bodies(desk.said)
    assert (body["state"], body["version"], body["recipient"]) == ("escalated", 3, "role:planner")
    assert body["clarification"]["answers"][0]["qty"] == 18
    assert desk.said.commands == ()


def test_silence_after_a_planners_question_goes_to_the_next_recipient() -> None:
    people = People(planners=(planner("ann", "planner"), planner("max", "lead", "process-owner")))
    desk = Desk(table(replace(ASK_FIRST, next_recipient="role:lead")), people=people)
    desk.tick(case())
    desk.verdict("ask")
    desk.tick(at=NOW + timedelta(hours=72))
    [body] = bodies(desk.said)
    assert (body["recipient"], body["why_escalated"]["code"]) == (
        "role:lead",
        "clarification_timeout",
    )


def test_in_shadow_a_planners_question_is_recorded_and_not_sent() -> None:
    desk = Desk(table(ASK_FIRST), mode="shadow")
    desk.tick(case())
    assert desk.verdict("ask").state == "clarifying"
    assert desk.said.questions == ()


def test_what_was_put_off_comes_back_before_the_last_moment() -> None:
    desk = Desk(table(ASK_FIRST))
    desk.tick(case())
    deadline = desk.state.pending[0].deadline
    assert deadline is not None
    assert desk.verdict("defer").state == "deferred"
    desk.tick(at=deadline - timedelta(hours=13))
    assert desk.said.made == ()
    desk.tick(at=deadline - timedelta(hours=12))
    [body] = bodies(desk.said)
    assert (body["state"], body["version"], body["waits_until"]) == ("escalated", 3, None)


def test_what_was_put_off_may_be_answered_at_any_time() -> None:
    desk = Desk(table(ASK_FIRST))
    desk.tick(case())
    desk.verdict("defer")
    assert desk.verdict("approve").state == "approved"


def test_what_a_person_took_over_is_locked_and_not_answered_again() -> None:
    desk = Desk(table(ASK_FIRST))
    desk.tick(case())
    result = desk.verdict("takeover", chip="supplier_info")
    assert (result.state, desk.said.commands) == ("taken_over", ())
    [word] = desk.said.feedback
    assert (word.locked, word.watch) == (True, None)
    again = desk.verdict("approve", decision_id=desk.decision_id)
    assert (again.code, again.status) == ("already_decided", 409)


def test_without_a_report_the_lock_ends_and_that_is_marked() -> None:
    desk = Desk(table(ASK_FIRST))
    desk.tick(case())
    taken = desk.decision_id
    desk.verdict("takeover")
    desk.tick(at=NOW + timedelta(hours=72))
    [moved] = desk.said.moved
    assert (moved.changes["state"], moved.changes["flags"]) == ("taken_over", ["no_report"])
    [word] = desk.said.feedback
    assert (word.locked, word.unreported) == (False, taken)
    assert desk.state.decisions == {}


@pytest.mark.parametrize("about", ["decision", "place"])
def test_a_report_ends_the_lock_of_what_was_taken_over(about: str) -> None:
    desk = Desk(table(ASK_FIRST))
    desk.tick(case())
    desk.verdict("takeover")
    by_id = about == "decision"
    report = HumanActed(
        event_id=EventId("human-1"),
        source="/planners",
        occurred_at=NOW,
        arrived_at=NOW,
        payload_sha="",
        decision_id=desk.decision_id if by_id else None,
        item=None if by_id else ItemId("I1"),
        site=None if by_id else CASE.site,
        kind="reallocate",
        lines=(),
        at=NOW,
        role="planner",
    )
    desk.take(TickDue(at=NOW + HOUR, proposals=(), reassessed=(), cleared=(), reports=(report,)))
    [moved] = desk.said.moved
    assert moved.changes["state"] == "taken_over"
    assert moved.changes["evidence"][-1] == "human-1"
    assert [word.locked for word in desk.said.feedback] == [False]


def test_what_waits_for_an_answer_survives_being_stored() -> None:
    desk = asking()
    desk.verdict("ask")
    assert desk_json(desk_from_json(desk_json(desk.state))) == desk_json(desk.state)


def word(plan: Option = PLAN) -> Feedback:
    return Feedback(item=ItemId("I1"), at=NOW, watch=plan, decision_id=DecisionId("dec-1"))


def said(**changes: Any) -> QuestionAnswered:
    given: dict[str, Any] = {
        "event_id": EventId("r"),
        "source": "/s",
        "occurred_at": NOW,
        "arrived_at": NOW,
        "payload_sha": "",
        "decision_id": DecisionId("dec-1"),
        "accepted": True,
        "qty": None,
        "arrives_on": None,
        "action_id": None,
        "note": "",
    }
    return QuestionAnswered(**(given | changes))


def test_a_no_takes_the_offer_out_of_the_problem() -> None:
    problem = as_answered(CASE.problem, terms_of(said(accepted=False), word()))
    assert (problem.lanes, len(problem.expedites)) == ((), 1)


def test_terms_limit_the_offer_and_date_it() -> None:
    arrives = CASE.problem.first_day + timedelta(days=2)
    told = terms_of(said(qty=Units(18_000), arrives_on=arrives), word())
    [lane] = as_answered(CASE.problem, told).lanes
    assert (lane.capacity, lane.arrive_p50, lane.arrive_p90) == (18_000, 2, 2)


def test_of_two_answers_about_one_offer_the_newer_counts() -> None:
    told = (*terms_of(said(accepted=False), word()), *terms_of(said(qty=Units(6_000)), word()))
    [lane] = as_answered(CASE.problem, told).lanes
    assert lane.capacity == 6_000


def test_terms_that_could_be_about_either_of_two_actions_change_nothing() -> None:
    both = replace(PLAN, actions=(*PLAN.actions, *CASE.answer.option("expedite").actions))
    assert terms_of(said(qty=Units(6_000)), word(both)) == ()
    named = said(qty=Units(6_000), action_id=ActionId("act-x"))
    assert terms_of(named, word(both)) == ()


def test_a_day_that_cannot_be_is_no_earlier_than_the_departure() -> None:
    early = datetime(2026, 1, 1, tzinfo=NOW.tzinfo).date()
    assert early < date(2026, 5, 4)
    [lane] = as_answered(CASE.problem, terms_of(said(arrives_on=early), word())).lanes
    assert lane.arrive_p50 == lane.ship_day


def test_unrelated_options_stay_as_they_are() -> None:
    problem = as_answered(CASE.problem, terms_of(said(), word(option("reallocate", *PLAN.actions))))
    assert problem == CASE.problem
