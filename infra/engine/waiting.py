"""What do the desks of a ledger wait for? Decisions under way, answers, questions asked."""

from typing import Any

from replan.desk_state import FINAL_ACTION, OpenDecision, desk_from_json
from replan.effects import Proposal
from replan.infra.ledger.store import Ledger
from replan.records import proposal_from_json
from replan.units import DecisionId


def open_decisions(ledger: Ledger, group: str) -> tuple[OpenDecision, ...]:
    """The decisions of a group that are not over."""
    body = ledger.desk(group).body
    return () if body is None else tuple(desk_from_json(body).decisions.values())


def answerable(ledger: Ledger, group: str) -> set[str]:
    """Actions of a desk that an executor may still answer for."""
    body = ledger.desk(group).body
    if body is None:
        return set()
    state = desk_from_json(body)
    actions = [pair for d in state.decisions.values() for pair in d.actions.items()]
    return {a for a, stands in actions if stands not in FINAL_ACTION} | set(state.undoing)


def questions_out(ledger: Ledger) -> list[dict[str, Any]]:
    """What is asked and not answered, by decision."""
    questions = []
    for body in ledger.decisions(state="clarifying"):
        if body["mode"] != "shadow":
            option = next(o for o in body["options"] if o["name"] == body["chosen"])
            about = {"decision_id": body["decision_id"], "actions": option["actions"]}
            questions.append({**body["clarification"], **about})
    return questions


def decided_from(ledger: Ledger, decision_id: DecisionId) -> Proposal:
    """The case of the newest version of a decision that was planned, not only answered."""
    version = ledger.decision(decision_id).body["version"]
    while True:
        _, inputs = ledger.decision_made(decision_id, version)
        if "proposal" in inputs:
            return proposal_from_json(inputs["proposal"])
        version -= 1
