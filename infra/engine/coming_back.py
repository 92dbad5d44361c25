"""How does a run go on after a crash? From the last snapshot, with what was committed after it.

Events committed since are judged again, and ticks told again from their records: the fits, the
planner's answers and what executors answered then. Nothing is asked twice.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Self

from replan.errors import LedgerBroken
from replan.infra.engine.batch import Batch, replies_of
from replan.infra.engine.belief import Belief, FitWaiting, fit_waiting
from replan.infra.engine.segments import SegmentSource
from replan.infra.engine.sending import Sending
from replan.infra.ledger.rows import ManifestRow, ProposalRow, SegmentRow
from replan.infra.ledger.store import Ledger
from replan.planning import Answer, PlanningProblem
from replan.planning_record import answer_from_json
from replan.sensing import Sensed, Sensing
from replan.streams.messages import Arrived


class RecordedPlanner:
    """Answers from the record: the very answers that a tick was decided with."""

    def __init__(self, answers: Mapping[str, Answer]) -> None:
        self._answers = answers

    @classmethod
    def of(cls, proposals: Iterable[ProposalRow]) -> Self:
        """The answers that came with a tick's proposals."""
        answers = (answer_from_json(row.body["answer"]) for row in proposals)
        return cls({answer.problem_sha: answer for answer in answers})

    def plan(self, problems: Iterable[PlanningProblem]) -> tuple[Answer, ...]:
        """The recorded answers; LedgerBroken for a question that was never asked."""
        return tuple(map(self._recorded, problems))

    def _recorded(self, problem: PlanningProblem) -> Answer:
        sha = problem.sha
        if sha not in self._answers:
            raise LedgerBroken(f"no recorded answer for {problem.item}, problem {sha}")
        return self._answers[sha]


def come_back(
    ledger: Ledger,
    segments: SegmentSource,
    sensing: Sensing,
    belief: Belief,
    batch: Batch,
    sending: Sending,
) -> SegmentRow | None:
    """Bring an empty belief to where the ledger stands; the segment that is not wholly applied, at
    whose next event the batch then begins.
    """
    snapshot = ledger.latest_snapshot()
    since = None
    if snapshot is not None:
        since = snapshot.tick
        belief.recall(since, snapshot.body, ledger.fit_in_force(since))
    rows = ledger.manifest_since(since)
    merged: dict[int, Sequence[Arrived]] = {}
    stored = {one.id: one for one in ledger.segments_among({row.segment for row in rows})}
    if since is not None:
        sending.hear_again(since, belief)
    for row in rows:
        segment = stored[row.segment]
        if segment.id not in merged:
            merged[segment.id] = segments.merged(segment)
            belief.mourn(segment)
        events = merged[segment.id][row.first_offset : row.last_offset + 1]
        outcomes = [belief.take(arrived.result) for arrived in events]
        replies = [reply for outcome in outcomes for reply in replies_of(outcome)]
        if not row.replied:
            batch.reply(replies)
        _tell_again(ledger, sensing, belief, sending, row)
    unfinished = ledger.open_segment()
    if unfinished is not None:
        batch.begin_at(unfinished.next_offset)
    return unfinished


def sense(
    ledger: Ledger, belief: Belief, at: datetime, sensing: Sensing
) -> tuple[Sensed, FitWaiting | None]:
    """Sense's part of a tick, live or told again, with what the desks have said since the last."""
    last = belief.last_tick
    rows = () if last is None else ledger.feedback_for(last)
    belief.distrust(ledger.command_keys, at)
    return belief.sense(at, [row.feedback for row in rows], sensing)


def _tell_again(
    ledger: Ledger, sensing: Sensing, belief: Belief, sending: Sending, row: ManifestRow
) -> None:
    """The tick that closed with a batch, from its record."""
    if row.tick is None:
        return
    for kept in ledger.fits_since(belief.last_tick):
        if kept.effective == row.tick:
            belief.fit_waiting = fit_waiting(kept.asked_at, kept.body)
    recorded = RecordedPlanner.of(ledger.proposals_for(row.tick))
    sense(ledger, belief, row.tick, replace(sensing, planner=recorded))
    sending.hear_again(row.tick, belief)
