"""What does a desk transaction tell about plans that were only played? Compared where people spoke.

A verdict on a played decision, or a report of what people did, is held against the plan in the
transaction that stores it; the first word about a decision counts.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from replan.desk_state import DeskInput, TickDue, VerdictGiven
from replan.effects import DeskOutcome
from replan.events import HumanActed
from replan.infra.ledger.writer import LedgerWriter
from replan.shadowing import PLAYED, by_report, by_verdict, reported_about
from replan.verdict_result import VerdictResult


def watch_people(
    write: LedgerWriter,
    group: str,
    given: DeskInput,
    outcome: DeskOutcome,
    result: VerdictResult | None,
) -> None:
    """Compare what a transaction says that people did with what was played before it."""
    match given:
        case TickDue(reports=reports, at=at) if reports:
            _reports(write, group, [*reports], at)
        case VerdictGiven() if result is not None and result.result == "accepted":
            _verdict(write, given, outcome)
        case _:
            return


def _reports(write: LedgerWriter, group: str, reports: list[HumanActed], at: datetime) -> None:
    known = write.compared_ids()
    about: dict[str, tuple[Mapping[str, Any], list[HumanActed]]] = {}
    for report in sorted(reports, key=lambda r: (r.at, r.source, r.event_id)):
        bodies = (
            write.decisions(decision_id=report.decision_id)
            if report.decision_id is not None
            else write.decisions(item=report.item)
        )
        body = reported_about((b for b in bodies if b["group"] == group), report)
        if body is not None and body["decision_id"] not in known:
            about.setdefault(body["decision_id"], (body, []))[1].append(report)
    for _, (body, told) in sorted(about.items()):
        write.add_compared(body, by_report(body, told, at))


def _verdict(write: LedgerWriter, given: VerdictGiven, outcome: DeskOutcome) -> None:
    shown, _ = write.decision_made(given.decision_id, 1)
    if shown.body["mode"] not in PLAYED or given.decision_id in write.compared_ids():
        return
    after = next(
        (m.body for m in reversed(outcome.made) if m.decision_id == given.decision_id), shown.body
    )
    compared = by_verdict(shown.body, after, given.verdict, given.chip, given.option, given.at)
    if compared is not None:
        write.add_compared(shown.body, compared)
