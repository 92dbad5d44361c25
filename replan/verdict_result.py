"""What is a planner told about a verdict, and what is kept of it? Accepted or refused, always
recorded.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

from replan.desk_state import OpenDecision, VerdictGiven
from replan.docket import Tally
from replan.effects import VerdictTaken
from replan.units import DecisionId, EventId, SiteId

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

Verdict = Literal["approve", "modify", "reject", "ask", "defer", "takeover"]
VERDICTS: tuple[str, ...] = get_args(Verdict)

STATUS_OF = {
    "not_allowed": 403,
    "over_limit": 403,
    "own_proposal": 403,
    "same_approver": 403,
    "stale": 409,
    "superseded": 409,
    "withdrawn": 409,
    "already_decided": 409,
    "expired": 410,
    "infeasible": 422,
    "stopped": 423,
}


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


def accept(
    given: VerdictGiven,
    decision: OpenDecision | None,
    tally: Tally,
    diff: Mapping[str, Any] | None = None,
) -> VerdictResult:
    """Record a verdict as taken; `diff` says what it changed, where it changed the plan."""
    _record(given, decision, "accepted", None, tally)
    return VerdictResult(
        decision_id=given.decision_id,
        verdict=given.verdict,
        result="accepted",
        status=200,
        code=None,
        state=given.last_state if decision is None else decision.state,
        diff=diff,
    )


def refuse(
    given: VerdictGiven,
    decision: OpenDecision | None,
    code: str,
    diff: Mapping[str, Any] | None,
    state: str,
    tally: Tally,
) -> VerdictResult:
    """Record a verdict as refused, with the code that says why."""
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


def keep_known(decision: OpenDecision, given: VerdictGiven, tally: Tally) -> None:
    """Tell sense of the event: for the site in trouble, or, where the cause is wider, for every
    site that the plan would have supplied.
    """
    if given.known is None:
        return
    sites = (
        (decision.body["site"],)
        if decision.body["site"] is not None
        else tuple(sorted({a.destination for a in decision.option.actions}))
    )
    event = replace(
        given.known,
        event_id=EventId(f"{decision.decision_id}.v{given.last_version}.known"),
        sites=tuple(map(SiteId, sites)),
    )
    tally.tell(decision.item, known=event)


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
            via=given.via,
        )
    )
