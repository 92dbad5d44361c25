"""When does a case wait for something else than a verdict? Put off by a planner, or taken over.

What is put off comes back while there is still time to decide. What is taken over is a person's:
the engine proposes nothing for the item until that person reports what was done outside, or until
the time for the report is over, which is told and ends the lock.
"""

from collections.abc import Sequence
from datetime import timedelta

from replan.desk_state import DeskState, OpenDecision, VerdictGiven
from replan.docket import Tally, end_decision, move_decision, new_version
from replan.events import HumanActed
from replan.questions import answer_until
from replan.units import instant_text

REPORT_WITHIN = timedelta(hours=72)
"""How long a person who took a case over may act before the engine looks at the item again."""

LONGEST = timedelta(days=365)


def defer(decision: OpenDecision, given: VerdictGiven, tally: Tally) -> None:
    """Put the answer off until shortly before the plan's last moment."""
    until = answer_until(tally.at, LONGEST, decision.deadline)
    decision.timer = until
    changes = {"waits_until": instant_text(until)}
    inputs = {"verdict": given.verdict, "login": given.login}
    new_version(decision, tally, changes, {}, inputs, new_state="deferred")
    tally.tell(decision.item)


def come_back(decision: OpenDecision, tally: Tally) -> None:
    """What was put off is before its planner again, for the last time."""
    new_version(decision, tally, {}, {}, {"deferral_over": True})
    tally.tell(decision.item)


def take_over(state: DeskState, decision: OpenDecision, given: VerdictGiven, tally: Tally) -> None:
    """The case is a person's from now on; the item is locked until the report."""
    until = tally.at + REPORT_WITHIN
    decision.timer = until
    reason = f"taken over by {given.login}; a report is awaited"
    waits = {"waits_until": instant_text(until)}
    move_decision(state, decision, "taken_over", reason, tally, **waits)
    tally.tell(decision.item)


def take_reports(state: DeskState, reports: Sequence[HumanActed], tally: Tally) -> None:
    """People said what they did: a case taken over that the report is about is over, and the engine
    looks at the item again.
    """
    for report in reports:
        for _, decision in sorted(state.decisions.items()):
            by_place = (report.item, report.site) == (decision.item, decision.body["site"])
            if decision.state == "taken_over" and (
                report.decision_id == decision.decision_id or by_place
            ):
                known = decision.body["evidence"]
                evidence = [*known, report.event_id]
                reason = f"reported by event {report.event_id}: {report.kind}"
                _unlock(state, decision, reason, tally, evidence=evidence)


def not_reported(state: DeskState, decision: OpenDecision, tally: Tally) -> None:
    """Nobody said what was done in time; that is marked and told, and the engine looks at the item
    again.
    """
    body = decision.body
    flags = sorted({*body["flags"], "no_report"})
    _unlock(state, decision, "no report came in time", tally, flags=flags)
    tally.tell(decision.item, unreported=decision.decision_id)


def _unlock(
    state: DeskState, decision: OpenDecision, reason: str, tally: Tally, **changes: object
) -> None:
    decision.timer = None
    end_decision(state, decision, "taken_over", reason, tally, **changes)
    tally.tell(decision.item)
