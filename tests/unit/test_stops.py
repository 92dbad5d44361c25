"""What does a stop hold, what waits for it to end, and what does not come back by itself?"""

from dataclasses import replace
from typing import Any

import pytest

from replan.desk_state import StopMoved, TickDue
from replan.effects import Cited
from replan.records import desk_input_from_json, desk_input_json
from replan.stops import Stop, stop_from_json, stop_json
from tests.authority_worlds import table
from tests.desk_cases import (
    ASK_FIRST,
    HOUR,
    MAY_MOVE,
    NOW,
    Desk,
    allowing,
    case,
    codes,
    forward,
    option,
    rule,
    states,
)

MOVING = table(MAY_MOVE)
ASKING = table(ASK_FIRST)


def stop(scope: str | None = None, by: str = "olga") -> Stop:
    """A stop by an operator an hour ago."""
    key, _, value = (scope or "").partition("=")
    return Stop(
        key=key or None, value=value or None, by=by, since=NOW - HOUR, reason="the till feed lies"
    )


def stopped(desk: Desk, *stops: Stop, unsent: Any = ()) -> list[str]:
    """The switch is moved: these stops hold from here on. The states that decisions went to."""
    before = desk.policy.stops
    desk.policy = replace(desk.policy, stops=stops)
    desk.take(StopMoved(at=desk.at, before=before, unsent=tuple(unsent)))
    return [moved.changes["state"] for moved in desk.said.moved]


@pytest.mark.parametrize(
    "scope",
    [
        None,
        "region=EAST",
        "site=S03",
        "site=S05",
        "item=I1",
        "category=demand_surge",
        "action=reallocate",
        "model=ets",
    ],
)
def test_what_would_have_run_within_a_stop_goes_to_the_person_of_its_row(scope: str | None) -> None:
    """P5: the stop dominates what the table allows."""
    desk = Desk(MOVING)
    desk.policy = replace(desk.policy, stops=(stop(scope),))
    said = desk.tick(case())
    assert (states(said), codes(said), said.commands) == (["escalated"], ["stopped"], ())
    assert said.made[0].body["recipient"] == "role:planner"
    assert said.reserved == ()


@pytest.mark.parametrize(
    "scope",
    [
        "region=WEST",
        "site=S04",
        "item=I2",
        "category=demand_drop",
        "supplier=SUP1",
        "action=expedite",
        "model=croston",
    ],
)
def test_what_lies_outside_a_stop_runs(scope: str) -> None:
    desk = Desk(MOVING)
    desk.policy = replace(desk.policy, stops=(stop(scope),))
    assert states(desk.tick(case())) == ["executing"]


def test_a_supplier_is_stopped_with_what_would_be_ordered_of_it() -> None:
    desk = Desk(table(rule("RUSH", "AUTO", "expedite")))
    desk.policy = replace(desk.policy, stops=(stop("supplier=SUP1"),))
    assert codes(desk.tick(case(option("rush", forward())))) == ["stopped"]


def test_what_a_person_would_have_got_anyway_keeps_its_reason() -> None:
    desk = Desk(ASKING)
    desk.policy = replace(desk.policy, stops=(stop(),))
    assert codes(desk.tick(case())) == ["rule"]


def test_a_question_that_might_let_a_plan_run_is_not_asked_while_stopped() -> None:
    desk = Desk(table(rule("ASK-FIRST", "CLARIFY")))
    desk.policy = replace(desk.policy, stops=(stop(),))
    said = desk.tick(case())
    assert (codes(said), said.questions) == (["stopped"], ())


@pytest.mark.parametrize("mode", ["recommend", "shadow"])
def test_a_stop_escalates_in_every_mode(mode: str) -> None:
    desk = Desk(MOVING, mode=mode)
    desk.policy = replace(desk.policy, stops=(stop(),))
    assert codes(desk.tick(case())) == ["stopped"]


def test_no_stopped_plan_can_be_approved_and_every_other_answer_is_taken() -> None:
    desk = Desk(ASKING)
    desk.tick(case())
    stopped(desk, stop())
    assert (desk.verdict("approve").status, desk.verdict("approve").code) == (423, "stopped")
    assert desk.verdict("reject").result == "accepted"


def test_a_plan_outside_the_stop_can_be_approved() -> None:
    desk = Desk(ASKING)
    desk.tick(case())
    stopped(desk, stop("region=WEST"))
    assert desk.verdict("approve").result == "accepted"


def test_what_waits_for_a_person_stays_when_the_switch_is_moved() -> None:
    desk = Desk(ASKING)
    desk.tick(case())
    assert stopped(desk, stop()) == []
    assert stopped(desk) == []
    assert [d.state for d in desk.state.pending] == ["escalated"]


def test_nothing_decided_while_stopped_fires_when_the_stop_ends() -> None:
    """SR1."""
    desk = Desk(MOVING)
    desk.policy = replace(desk.policy, stops=(stop(),))
    desk.tick(case())
    assert stopped(desk) == []
    said = desk.tick(at=NOW + HOUR)
    assert (said.commands, said.moved) == ((), ())
    assert desk.verdict("approve").result == "accepted"


def test_an_approved_plan_waits_for_the_end_of_the_stop_and_is_sent_then() -> None:
    desk = Desk(ASKING)
    desk.tick(case())
    desk.verdict("approve")
    stopped(desk, stop())
    assert desk.tick(at=NOW + HOUR).moved == ()
    stopped(desk)
    assert [m.changes["state"] for m in desk.tick(at=NOW + 2 * HOUR).moved] == ["executing"]


def test_a_plan_that_ran_by_itself_and_was_not_sent_is_called_off_when_the_stop_ends() -> None:
    desk = Desk(MOVING)
    [command] = desk.tick(case()).commands
    assert stopped(desk, stop(), unsent=[command.action_id]) == []
    assert stopped(desk, unsent=[command.action_id]) == ["cancelled"]
    assert [(a.action_id, a.state) for a in desk.said.actions] == [(command.action_id, "cancelled")]
    assert desk.said.released == (command.action_id,)
    assert desk.said.feedback[0].ended == (command.action_id,)


def test_what_was_sent_before_the_stop_goes_on_under_way() -> None:
    desk = Desk(MOVING)
    desk.tick(case())
    stopped(desk, stop())
    assert stopped(desk) == []
    assert [d.state for d in desk.state.decisions.values()] == ["executing"]


def test_what_another_stop_still_holds_is_not_called_off_yet() -> None:
    desk = Desk(MOVING)
    [command] = desk.tick(case()).commands
    stopped(desk, stop(), stop("item=I1"), unsent=[command.action_id])
    assert stopped(desk, stop("item=I1"), unsent=[command.action_id]) == []


def test_an_action_on_evidence_taken_back_is_not_undone_by_itself_while_stopped() -> None:
    desk = Desk(MOVING)
    said = desk.tick(case())
    stopped(desk, stop())
    [made], [command] = said.made, said.commands
    cited = Cited(
        event_id="till-1",
        by="fix-1",
        decision_id=made.decision_id,
        version=1,
        body=made.body,
        actions={command.action_id: "sent"},
    )
    desk.take(TickDue(at=NOW, proposals=(), reassessed=(), cleared=(), cited=(cited,)))
    assert desk.said.commands == ()
    [told] = desk.said.made
    assert (told.body["category"], told.body["state"]) == ("data_quality", "escalated")


def test_a_stop_names_who_stopped_what_and_why() -> None:
    assert stop("region=EAST").text == (
        "region=EAST was stopped by olga at 2026-05-04T05:00:00Z: the till feed lies"
    )


@pytest.mark.parametrize("scope", [None, "item=I1"])
def test_a_stop_comes_back_as_it_was_written_down(scope: str | None) -> None:
    early = replace(stop(scope), since=None)
    assert [stop_from_json(stop_json(s)) for s in (stop(scope), early)] == [stop(scope), early]


def test_what_the_desk_was_told_of_a_stop_comes_back_as_it_was_written_down() -> None:
    given = StopMoved(at=NOW, before=(stop(), stop("item=I1")), unsent=())
    assert desk_input_from_json(desk_input_json(given), {}) == given


def test_a_stop_does_not_stand_for_a_limit() -> None:
    desk = Desk(allowing(1_000))
    desk.policy = replace(desk.policy, stops=(stop(),))
    assert codes(desk.tick(case())) == ["no_rule"]
