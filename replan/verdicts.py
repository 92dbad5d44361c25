"""What may a planner answer, and what follows? Approve and reject, bound to a version and to who
may say so.

An accepted approval releases exactly the plan that was shown; a changed situation refuses the first
approval with what changed. Refused verdicts are recorded too.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from replan.authority import suspended
from replan.commitments import counting
from replan.desk_state import PENDING, DeskState, OpenDecision, VerdictGiven
from replan.docket import (
    Tally,
    chosen_actions,
    end_decision,
    end_pending,
    move_decision,
    new_version,
    reserve,
    rest,
    send,
)
from replan.effects import VerdictTaken
from replan.people import may_answer
from replan.release import crowded_lane, dated_anew
from replan.units import DecisionId

CHIPS = (
    "data_wrong",
    "known_event",
    "supplier_info",
    "capacity_cutoff",
    "customer_priority",
    "cost_not_justified",
    "better_alternative",
    "policy",
    "other",
)
"""Reasons; one goes with every verdict."""

VERDICTS = ("approve", "reject")

STATUS_OF = {
    "not_allowed": 403,
    "over_limit": 403,
    "same_approver": 403,
    "stale": 409,
    "superseded": 409,
    "withdrawn": 409,
    "already_decided": 409,
    "expired": 410,
    "infeasible": 422,
    "stopped": 423,
}

ENDED = {"superseded": "superseded", "withdrawn": "withdrawn", "expired": "expired"}


@dataclass(frozen=True, slots=True, kw_only=True)
class VerdictResult:
    """What a planner is told: accepted or refused, an HTTP status, a code, the state, what
    changed.
    """

    decision_id: DecisionId
    verdict: str
    result: str
    status: int
    code: str | None
    state: str
    diff: Mapping[str, Any] | None

    def json(self) -> dict[str, Any]:
        """As printed and returned."""
        return {
            "decision_id": self.decision_id,
            "verdict": self.verdict,
            "result": self.result,
            "status": self.status,
            "code": self.code,
            "state": self.state,
            "diff": None if self.diff is None else dict(self.diff),
        }


def take_verdict(state: DeskState, given: VerdictGiven, tally: Tally) -> VerdictResult:
    """Record a verdict and do what it says, or refuse it with a code."""
    decision = state.decisions.get(given.decision_id)
    if decision is None or decision.state not in PENDING:
        last = decision.state if decision is not None else given.last_state
        return _refuse(given, decision, ENDED.get(last, "already_decided"), None, last, tally)
    if decision.deadline is not None and given.at >= decision.deadline:
        # Its last moment has passed, though no tick has told the next recipient yet.
        return _refuse(given, decision, "expired", None, decision.state, tally)
    if given.version is not None and given.version != decision.version:
        versions = {"version": {"answered": given.version, "now": decision.version}}
        return _refuse(given, decision, "stale", versions, decision.state, tally)
    value = decision.current_value_minor if given.verdict == "approve" else 0
    code = may_answer(tally.policy.people, given.login, decision.recipient, decision.region, value)
    if code is not None:
        return _refuse(given, decision, code, None, decision.state, tally)
    if given.verdict == "reject":
        return _reject(state, decision, given, tally)
    return _approve(state, decision, given, tally)


def _approve(
    state: DeskState, decision: OpenDecision, given: VerdictGiven, tally: Tally
) -> VerdictResult:
    if given.login in decision.approved_by:
        return _refuse(given, decision, "same_approver", None, decision.state, tally)
    if _stopped(decision, tally):
        return _refuse(given, decision, "stopped", None, decision.state, tally)
    if given.option is not None and given.option != decision.option.name:
        offered = {"option": {"asked": given.option, "on_offer": decision.option.name}}
        return _refuse(given, decision, "infeasible", offered, decision.state, tally)
    actions = dated_anew(chosen_actions(decision), tally.policy.network, tally.at)
    if decision.current is None or actions is None:
        gone = {"feasible": {"then": True, "now": False}}
        return _refuse(given, decision, "infeasible", gone, decision.state, tally)
    crowded = _crowded(decision, actions, tally)
    if crowded is not None:
        return _refuse(given, decision, "infeasible", crowded, decision.state, tally)
    diff = _changed(decision)
    if diff is not None and not given.confirm:
        return _refuse(given, decision, "stale", diff, decision.state, tally)
    decision.approved_by.append(given.login)
    if len(decision.approved_by) < decision.approvals:
        why = dict(decision.body["why_escalated"] or {}) | {
            "code": "four_eyes",
            "text": f"approved by {given.login}; a second person must approve too",
        }
        inputs = {"verdict": "approve", "login": given.login}
        new_version(decision, tally, {"why_escalated": why}, {"why_escalated": why}, inputs)
        return _accept(given, decision, tally)
    _release(state, decision, actions, f"approved by {given.login}", tally)
    return _accept(given, decision, tally)


def _release(
    state: DeskState,
    decision: OpenDecision,
    actions: list[dict[str, Any]],
    reason: str,
    tally: Tally,
) -> None:
    """Hand the approved plan on; in shadow it is only put on record, like one that would have
    run.
    """
    if _is_played(decision, tally):
        reserve(decision, tally, "shadow")
        end_decision(state, decision, "approved", reason, tally)
        rest(decision.item, decision.loss_mean_minor, tally)
        return
    changes = {}
    if actions != chosen_actions(decision):
        changes["options"] = [
            {**o, "actions": actions} if o["name"] == decision.body["chosen"] else o
            for o in decision.body["options"]
        ]
        for keys, action in zip(decision.move_keys, actions, strict=True):
            if "ship_on" in keys:
                keys["ship_on"] = action["ship_on"]
    move_decision(state, decision, "approved", reason, tally, **changes)
    send(decision, tally)


def _is_played(decision: OpenDecision, tally: Tally) -> bool:
    return tally.policy.mode_of(decision.body["category"]) == "shadow"


def _stopped(decision: OpenDecision, tally: Tally) -> bool:
    """Whether the table stops the plan: a person must not release it either."""
    table = tally.policy.table
    body = decision.body
    if table is None:
        return False
    return any(
        suspended(
            table,
            category=body["category"],
            region=keys["region"],
            action=keys["action"],
            model=body["model"]["name"],
        )
        is not None
        for keys in decision.move_keys
    )


def _crowded(
    decision: OpenDecision, actions: list[dict[str, Any]], tally: Tally
) -> dict[str, Any] | None:
    """The lane that cannot carry the plan any more beside what was reserved since."""
    account = "shadow" if _is_played(decision, tally) else "live"
    quantities = [int(keys["qty"]) for keys in decision.move_keys]
    network, reserved = tally.policy.network, counting(tally.moves, account)
    crowded = crowded_lane(actions, quantities, network, reserved)
    return None if crowded is None else {"lane_capacity": crowded}


def _reject(
    state: DeskState, decision: OpenDecision, given: VerdictGiven, tally: Tally
) -> VerdictResult:
    end_pending(state, decision, "rejected", f"rejected by {given.login}: {given.chip}", tally)
    rest(decision.item, decision.loss_mean_minor, tally)
    return _accept(given, decision, tally)


def _changed(decision: OpenDecision) -> dict[str, Any] | None:
    """What is different now so that the plan must be looked at again; None if nothing that
    matters.
    """
    now = decision.current
    diff: dict[str, Any] = {}
    if now is not None and now.benefit_mean_minor <= 0:
        diff["benefit_minor"] = {
            "then": decision.option.benefit_mean_minor,
            "now": now.benefit_mean_minor,
        }
    if decision.current_value_minor > decision.value_minor:
        diff["value_minor"] = {"then": decision.value_minor, "now": decision.current_value_minor}
    return diff or None


def _accept(given: VerdictGiven, decision: OpenDecision, tally: Tally) -> VerdictResult:
    _record(given, decision, "accepted", None, tally)
    return VerdictResult(
        decision_id=given.decision_id,
        verdict=given.verdict,
        result="accepted",
        status=200,
        code=None,
        state=decision.state,
        diff=None,
    )


def _refuse(
    given: VerdictGiven,
    decision: OpenDecision | None,
    code: str,
    diff: Mapping[str, Any] | None,
    state: str,
    tally: Tally,
) -> VerdictResult:
    _record(given, decision, "refused", code, tally)
    return VerdictResult(
        decision_id=given.decision_id,
        verdict=given.verdict,
        result="refused",
        status=STATUS_OF[code],
        code=code,
        state=state,
        diff=diff,
    )


def _record(
    given: VerdictGiven,
    decision: OpenDecision | None,
    result: str,
    code: str | None,
    tally: Tally,
) -> None:
    tally.verdicts.append(
        VerdictTaken(
            decision_id=given.decision_id,
            version=decision.version if decision is not None else given.last_version,
            login=given.login,
            verdict=given.verdict,
            chip=given.chip,
            note=given.note,
            at=tally.at,
            result="accepted" if result == "accepted" else "refused",
            code=code,
            plan_sha=decision.plan_sha if decision is not None else "",
        )
    )
