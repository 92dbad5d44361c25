"""What is newest known about an open decision? The proposal it rests on, as sense last judged it.

A verdict about another plan than the one shown is worked out on this: not on the day the case was
opened, but on the last look at it.
"""

from dataclasses import replace
from typing import Any

from replan.effects import Proposal
from replan.infra.ledger.records import LedgerRecords
from replan.planning_record import problem_from_json
from replan.records import proposal_from_json


def basis_of(ledger: LedgerRecords, group: str, decision_id: str) -> Proposal | None:
    """The newest proposal about a decision that still waits, with the problem as it stood when the
    plan was last judged again; None for one that no longer waits.
    """
    decision = _open(ledger, group, decision_id)
    if decision is None:
        return None
    row = ledger.newest_proposal(decision["item"])
    if row is None or row.body["episode"] != decision["episode"]:
        return None
    proposal = proposal_from_json(row.body)
    for looked in ledger.reassessed_at(group, decision["looked_at"]):
        if looked["item"] == decision["item"]:
            return replace(proposal, problem=problem_from_json(looked["problem"]))
    return proposal


def _open(ledger: LedgerRecords, group: str, decision_id: str) -> dict[str, Any] | None:
    body = ledger.desk(group).body or {"decisions": []}
    for decision in body["decisions"]:
        if decision["decision_id"] == decision_id:
            return dict(decision)
    return None
