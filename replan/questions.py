"""What is asked from outside about a plan, until when, and what happens when nobody answers?

A row of the table may ask first (CLARIFY), and a planner may ask too. The question goes out as a
message, the case waits as `clarifying`, and a timer ends the waiting: never past the plan's last
moment, and with time left for a person. Silence never runs anything.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from replan.authority import DEFAULT_TIMEOUT
from replan.brief import on_timeout
from replan.decision import Why
from replan.desk_state import DeskState, OpenDecision, VerdictGiven, mode_now
from replan.docket import Tally, chosen_actions, end_pending, new_version
from replan.effects import Question
from replan.events import QuestionAnswered
from replan.units import DecisionId, instant_text, quantity_json
from replan.wording import actions_text

FOR_A_PERSON = timedelta(hours=12)
"""How long before the last moment of a plan a person gets it at the latest, where there is that
much time; of less time a quarter."""


def answer_until(at: datetime, timeout: timedelta, deadline: datetime | None) -> datetime:
    """How long an answer is waited for: the time-out, but so that a person can still decide."""
    if deadline is None:
        return at + timeout
    left = timedelta(seconds=(deadline - at) // timedelta(seconds=4))
    return min(at + timeout, deadline - min(FOR_A_PERSON, left))


def question(
    decision_id: DecisionId,
    number: int,
    actions: Sequence[Mapping[str, Any]],
    *,
    at: datetime,
    until: datetime,
    asked_by: str | None,
    ask: str = "",
    to: str | None = None,
    text: str = "",
) -> dict[str, Any]:
    """A question as the member `clarification` of a decision; `asked_by` None: the table asks.

    Whoever the goods come from is asked, unless somebody else is named (`to`) or the table asks the
    receiving site (`ask`).
    """
    end = "to" if ask == "receiver" else "from"
    return {
        "clarification_id": f"{decision_id}.q{number}",
        "to": [to] if to else sorted({str(a[end]) for a in actions}),
        "asked_by": asked_by,
        "asked_at": instant_text(at),
        "until": instant_text(until),
        "text": text or f"Can you confirm: {actions_text(list(actions))}?",
        "actions": [a["action_id"] for a in actions],
        "answers": [],
    }


def send_question(decision: OpenDecision, tally: Tally) -> None:
    """Let the question of a decision go out; nothing leaves where the case is only played."""
    if mode_now(decision, tally.policy) == "shadow":
        return
    asked = decision.body["clarification"]
    body = {name: asked[name] for name in ("clarification_id", "to", "text", "asked_at", "until")}
    body |= {"decision_id": decision.decision_id, "actions": chosen_actions(decision)}
    tally.questions.append(Question(decision_id=decision.decision_id, body=body))


def ask(decision: OpenDecision, given: VerdictGiven, tally: Tally) -> None:
    """A planner asks: the case waits for the answer, and comes back without one."""
    until = answer_until(tally.at, DEFAULT_TIMEOUT, decision.deadline)
    decision.asked += 1
    asked = question(
        decision.decision_id,
        decision.asked,
        chosen_actions(decision),
        at=tally.at,
        until=until,
        asked_by=given.login,
        to=given.to,
        text=given.note,
    )
    decision.timer = until
    names = ", ".join(asked["to"])
    unknowns = [*decision.body["brief"]["unknowns"], f"{names} was asked: {asked['text']}"]
    new_version(
        decision,
        tally,
        {"clarification": asked, "waits_until": instant_text(until)},
        {"unknowns": unknowns},
        {"verdict": given.verdict, "login": given.login},
        new_state="clarifying",
    )
    send_question(decision, tally)
    tally.tell(decision.item)


def no_answer(state: DeskState, decision: OpenDecision, tally: Tally) -> None:
    """Silence: a person gets the case while a plan can still help; what a person asked about goes
    to the next one.
    """
    last = decision.current_deadline or decision.deadline
    helps = decision.current is not None and decision.current.benefit_mean_minor > 0
    if not helps or last is None or last <= tally.at:
        end_pending(state, decision, "expired", "no answer came in time; nothing was done", tally)
        return
    asked = decision.body["clarification"]
    if asked["asked_by"] is not None:
        decision.recipient = decision.next_recipient
    decision.deadline = last
    why = Why(
        code="clarification_timeout",
        rule_id=decision.body["rule_id"],
        limit_minor=None,
        actual_minor=decision.value_minor,
        text=f"{', '.join(asked['to'])} was asked and did not answer in time",
    ).json()
    new_version(
        decision,
        tally,
        {
            "why_escalated": why,
            "recipient": decision.recipient,
            "deadline": instant_text(last),
        },
        {
            "why_escalated": why,
            "deadline": instant_text(last),
            "on_timeout": on_timeout(decision.recipient, decision.next_recipient),
        },
        {"no_answer": asked["clarification_id"]},
    )
    tally.tell(decision.item)


def answered(asked: Mapping[str, Any], replies: Sequence[QuestionAnswered]) -> dict[str, Any]:
    """The question with what was answered to it."""
    rows = [
        {
            "event_id": reply.event_id,
            "time": instant_text(reply.occurred_at),
            "accepted": reply.accepted,
            "qty": None if reply.qty is None else quantity_json(reply.qty),
            "arrives_on": None if reply.arrives_on is None else reply.arrives_on.isoformat(),
            "action_id": reply.action_id,
            "note": reply.note,
        }
        for reply in replies
    ]
    return {**asked, "answers": [*asked["answers"], *rows]}
