"""How does a planted check behave before it is answered? As a case of its kind would.

Whoever asks what a change would come to, takes it up, or approves it together with others, meets
the rules of every other case; nothing of it tells what it is, and nothing of it is kept at a desk.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from replan.decision import plan_sha
from replan.desk import step
from replan.desk_state import DeskState, OpenDecision, Policy, VerdictGiven
from replan.docket import Tally
from replan.infra.ledger.checks import CheckRow
from replan.infra.ledger.records import LedgerRecords
from replan.infra.planners.what_if import Tried, tried_at
from replan.judgement import Judgement
from replan.network import Network
from replan.people import AnswerCode
from replan.planted import with_fault
from replan.records import proposal_from_json
from replan.together import needs_own
from replan.units import DecisionId


def as_case(check: CheckRow) -> dict[str, Any]:
    """A check that waits, as a desk would list it for those who ask whether one answer is enough
    for several cases.
    """
    options = {o["name"]: o for o in check.body["brief"]["options"]}
    authority = (options.get(check.body["chosen"]) or {}).get("authority") or {"approvals": 1}
    return {
        "decision_id": check.decision_id,
        "body": check.body,
        "state": check.body["state"],
        "approvals": authority["approvals"],
        "approved_by": [],
        "proposed_by": None,
    }


def together(
    check: CheckRow, code: AnswerCode | None, at: datetime, network: Network
) -> tuple[str, str] | None:
    """Row of the table and option under which it may be approved with others; None where it needs
    an answer of its own. `code`: why the reader may not answer it, None if they may.
    """
    if code is not None or needs_own(as_case(check), at, network) is not None:
        return None
    return check.body["rule_id"], check.body["chosen"]


def worked_out(
    ledger: LedgerRecords, check: CheckRow, given: VerdictGiven, policy: Policy
) -> Tried:
    """What an answer would come to: as if the case that it was made from stood open as it is shown,
    with its fault.
    """
    decision = _opened(ledger, check, given.at, policy)
    state = DeskState(group=check.body["group"], decisions={decision.decision_id: decision})
    _, inputs = ledger.decision_made(check.source_id, 1)
    asked = replace(given, basis=proposal_from_json(inputs["proposal"]))
    outcome, result = step(state, (), asked, policy)
    assert result is not None, "a verdict always has a result"
    return tried_at(state, outcome, result, check.decision_id)


def _opened(ledger: LedgerRecords, check: CheckRow, at: datetime, policy: Policy) -> OpenDecision:
    _, inputs = ledger.decision_made(check.source_id, 1)
    proposal = proposal_from_json(inputs["proposal"])
    body: Mapping[str, Any] = check.body
    named = {o.name: o for o in proposal.answer.options}
    shown = named.get(body["chosen"]) or named[proposal.answer.recommended]
    option = replace(with_fault(check.fault, shown), name=body["chosen"])
    tally = Tally(policy=policy, at=at, moves=[])
    made = Judgement(proposal, option, DecisionId(check.decision_id), tally)
    opened = made.open(
        dict(body), "escalated", check.deadline, made.row(), plan_sha(option.actions)
    )
    opened.recipient = opened.next_recipient = check.recipient
    return opened
