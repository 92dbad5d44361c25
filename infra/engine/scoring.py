"""Which decisions have come to the end of their horizon, and what did they come to? Asked of the
ledger once a day.

A result is told when the last day of the horizon has closed and nothing that belongs to it can come
in any more: by the clock that decides, so the same log tells the same results.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from replan.effects import CaseResult
from replan.hindsight import (
    Plans,
    SoldDay,
    actions_again,
    as_it_came,
    demand_that_came,
    result_of,
)
from replan.infra.ledger.records import LedgerRecords
from replan.planning import Action, Answer, Planner, PlanningProblem
from replan.records import proposal_from_json
from replan.units import instant_text

SCORED_THROUGH: Final = "scored_through"
"""Under this key the ledger keeps until when decisions have their results."""
DONE: Final = "acked"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """Results that are due, and until when decisions have theirs once these are stored."""

    through: datetime
    results: tuple[CaseResult, ...]

    @property
    def mark(self) -> str:
        """What is kept under `SCORED_THROUGH`."""
        return instant_text(self.through)


def results_due(
    ledger: LedgerRecords, planner: Planner, at: datetime, *, horizon_days: int, lateness: timedelta
) -> Scored | None:
    """The results that are due at a tick, by time and id of the decisions; None where the day's
    were told before.
    """
    reached = (at - timedelta(days=horizon_days) - lateness).astimezone(UTC)
    through = reached.replace(hour=0, minute=0, second=0, microsecond=0)
    kept = ledger.control(SCORED_THROUGH)
    since = None if kept is None else datetime.fromisoformat(kept)
    if since is not None and through <= since:
        return None
    cases = [
        case
        for body in ledger.decided_within(since, through)
        if "result" not in body and (case := _case(ledger, body)) is not None
    ]
    known = [as_it_came(case.problem, demand_that_came(case.problem, case.sold)) for case in cases]
    found = planner.plan(tuple(known)) if known else ()
    return Scored(
        through=through,
        results=tuple(_result(case, answer) for case, answer in zip(cases, found, strict=True)),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Case:
    body: Mapping[str, Any]
    problem: PlanningProblem
    sold: tuple[SoldDay, ...]
    recommended: tuple[Action, ...]
    offered: Answer
    states: Mapping[str, str]
    verdict: str | None


def _case(ledger: LedgerRecords, body: Mapping[str, Any]) -> _Case | None:
    """All that a result rests on; None where no plan was ever asked for."""
    decision_id = body["decision_id"]
    planned = ledger.planned_as(decision_id)
    if planned is None:
        return None
    version, plain = planned
    proposal = proposal_from_json(plain)
    problem = proposal.problem
    days = max(problem.horizon, *(site.counted_days for site in problem.sites))
    last = problem.first_day + timedelta(days=days - 1)
    return _Case(
        body=body,
        problem=problem,
        sold=ledger.sold_days(proposal.item, problem.first_day, last),
        recommended=actions_again(_published(version.body), problem),
        offered=proposal.answer,
        states=ledger.action_states_of(decision_id),
        verdict=ledger.verdict_that_decided(decision_id),
    )


def _result(case: _Case, found: Answer) -> CaseResult:
    body, problem = case.body, case.problem
    # What people did outside is not known to the last unit, so it is not played.
    outside = body["mode"] == "shadow" or case.verdict == "takeover"
    done = [a for a in _published(body) if case.states.get(a["action_id"]) == DONE]
    others = [(o.name, o.actions) for o in case.offered.options]
    others += [(f"hindsight: {o.name}", o.actions) for o in found.options]
    verdict: tuple[Action, ...] | None = None
    if case.verdict == "reject":
        verdict = ()
    elif case.verdict in ("approve", "modify"):
        verdict = actions_again(_published(body), problem)
    plans = Plans(
        recommended=case.recommended,
        verdict=verdict,
        happened=None if outside else actions_again(done, problem),
        others=tuple(others),
    )
    demand = demand_that_came(problem, case.sold)
    return CaseResult(
        decision_id=body["decision_id"],
        item=body["item"],
        version=body["version"],
        state=body["state"],
        body=result_of(problem, demand, plans, case.verdict),
    )


def _published(body: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    option = next(o for o in body["options"] if o["name"] == body["chosen"])
    return list(option["actions"])
