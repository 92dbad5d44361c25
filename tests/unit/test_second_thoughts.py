"""What becomes of decisions whose evidence was taken back? (IN5)"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from replan.brief import check_brief
from replan.desk_state import AnswersDue, TickDue, VerdictGiven, desk_from_json, desk_json
from replan.effects import Cited, DeskOutcome
from replan.events import ActionAnswered
from replan.records import desk_input_from_json, desk_input_json
from replan.units import ActionId, DecisionId, EventId
from tests.authority_worlds import table
from tests.desk_cases import ASK_FIRST, MAY_MOVE, Desk, bodies, case, move, option
from tests.unit.test_desk import DAY

EVERYTHING = table(MAY_MOVE)


def decided(*, rules: Any = EVERYTHING) -> tuple[Desk, Mapping[str, Any]]:
    """A desk that has moved ten units on what event e1 said, with the decision's body."""
    desk = Desk(rules)
    desk.tick(case(option("reallocate", move())))
    return desk, bodies(desk.said)[0]


def told(desk: Desk, body: Mapping[str, Any], states: Mapping[str, str]) -> DeskOutcome:
    """What the desk says once an event that the decision names was taken back."""
    actions = {ActionId(a): s for a, s in states.items()}
    cited = Cited(
        event_id="e1",
        by="not-e1",
        decision_id=DecisionId(body["decision_id"]),
        version=1,
        body=body,
        actions=actions,
    )
    given = TickDue(at=desk.at, proposals=(), reassessed=(), cleared=(), cited=(cited,))
    assert desk_input_from_json(desk_input_json(given), {}) == given
    desk.take(given)
    return desk.said


def answered(desk: Desk, action_id: str, idem: str, *, acked: bool = True) -> DeskOutcome:
    answer = ActionAnswered(
        event_id=EventId(f"ack-{idem}"),
        source="/erp",
        payload_sha="",
        idem=idem,
        occurred_at=desk.at,
        arrived_at=desk.at,
        action_id=ActionId(action_id),
        acked=acked,
        reason=None,
    )
    desk.take(AnswersDue(at=desk.at, answers=(answer,)))
    return desk.said


def action_of(body: Mapping[str, Any]) -> str:
    chosen = next(o for o in body["options"] if o["name"] == body["chosen"])
    return str(chosen["actions"][0]["action_id"])


def test_decision_says_that_its_evidence_was_corrected_once() -> None:
    desk, body = decided()
    states = {action_of(body): "sent"}
    flags = [m.changes["flags"] for m in told(desk, body, states).moved]
    assert flags == [["evidence_corrected"]]
    again = told(desk, {**body, "flags": flags[0]}, states)
    assert [m for m in again.moved if "flags" in m.changes] == []


def test_action_that_has_not_left_is_to_be_undone_and_ends_cancelled() -> None:
    desk, body = decided()
    action_id = action_of(body)
    answered(desk, action_id, "first")
    (command,) = told(desk, body, {action_id: "acked"}).commands
    assert command.compensates
    assert command.body["compensates"] != command.idem
    desk.state = desk_from_json(desk_json(desk.state))
    said = answered(desk, action_id, command.idem)
    assert [(a.action_id, a.state) for a in said.actions] == [(action_id, "cancelled")]
    assert [m.changes["state"] for m in said.moved] == ["cancelled"]
    assert said.released == (action_id,)
    assert [f.ended for f in said.feedback] == [(action_id,)]


def test_action_is_asked_to_be_undone_once() -> None:
    desk, body = decided()
    states = {action_of(body): "sent"}
    told(desk, body, states)
    assert told(desk, body, states).commands == ()


def test_decision_under_way_is_cancelled_when_its_executor_has_undone_it() -> None:
    desk, body = decided()
    action_id = action_of(body)
    (command,) = told(desk, body, {action_id: "sent"}).commands
    said = answered(desk, action_id, command.idem)
    assert said.moved[-1].changes["state"] == "cancelled"
    assert desk.state.decisions == {}


def test_action_that_was_not_sent_is_cancelled_at_once() -> None:
    desk, body = decided()
    action_id = action_of(body)
    said = told(desk, body, {action_id: "pending"})
    assert said.commands == ()
    assert [(a.action_id, a.state) for a in said.actions] == [(action_id, "cancelled")]


def test_action_that_has_left_is_named_to_a_person() -> None:
    desk, body = decided()
    action_id = action_of(body)
    answered(desk, action_id, "first")
    desk.at += 2 * DAY
    said = told(desk, body, {action_id: "acked"})
    (notice,) = bodies(said)
    assert said.commands == ()
    assert (notice["category"], notice["state"]) == ("data_quality", "escalated")
    assert notice["why_escalated"]["code"] == "data_quality"
    assert action_id in notice["brief"]["question"]
    assert check_brief(notice["brief"], notice["evidence"]) == []


def test_executor_that_cannot_undo_it_leaves_it_to_a_person() -> None:
    desk, body = decided()
    action_id = action_of(body)
    answered(desk, action_id, "first")
    (command,) = told(desk, body, {action_id: "acked"}).commands
    (notice,) = bodies(answered(desk, action_id, command.idem, acked=False))
    assert notice["category"] == "data_quality"


def test_notice_orders_nothing_whatever_a_person_answers() -> None:
    desk, body = decided()
    action_id = action_of(body)
    answered(desk, action_id, "first")
    desk.at += 2 * DAY
    (notice,) = bodies(told(desk, body, {action_id: "acked"}))
    given = VerdictGiven(
        at=desk.at + timedelta(hours=1),
        decision_id=DecisionId(notice["decision_id"]),
        version=1,
        verdict="approve",
        login="owner",
        chip="data_wrong",
        note="",
        option="count",
        confirm=False,
        last_state="escalated",
    )
    result = desk.take(given)
    assert (desk.said.commands, desk.said.reserved) == ((), ())
    assert result is not None


def test_plan_that_waits_for_a_planner_is_flagged_and_goes_on_waiting() -> None:
    desk, body = decided(rules=table(ASK_FIRST))
    said = told(desk, body, {})
    assert [m.changes["flags"] for m in said.moved] == [["evidence_corrected"]]
    assert said.commands == ()
    assert [d.state for d in desk.state.pending] == ["escalated"]
