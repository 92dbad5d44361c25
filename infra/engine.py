"""How does a log become decisions? The embedded loop: batch, tick, commit, release, answers.

One pass over a segment of the event files. Events are judged in their merged order; at each
planning tick sense tells its story, the desks tell theirs, and one transaction stores both. Then
what was released is sent, and what executors answer is stored before the next tick, whose facts it
is. After a crash the state is taken from the last snapshot and what followed is folded again from
the log and the records; nothing is asked twice.
"""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor as WorkerPool
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from replan.canonical import canonical_bytes
from replan.desk_state import AnswersDue, OpenDecision, TickDue, desk_from_json
from replan.effects import Command
from replan.errors import LedgerBroken, LedgerBusy, LedgerMoved
from replan.events import ActionAnswered, SaleRecorded, Tick
from replan.fit_record import panel_fit_bytes, panel_fit_digest, panel_fit_from_bytes
from replan.forecasting import FitRequest, PanelFitter
from replan.infra.desk_room import ATTEMPTS, Taken, store, take, transact, transact_each
from replan.infra.execution import Executor
from replan.infra.ledger_rows import (
    AnswerRow,
    DeadLetterRow,
    ManifestRow,
    OutboxRow,
    ProposalRow,
    SegmentFile,
    SegmentRow,
)
from replan.infra.ledger_store import Ledger
from replan.infra.ledger_writer import LedgerWriter
from replan.infra.out_files import OutFiles
from replan.infra.policy import PolicySource
from replan.panel import typical_daily
from replan.planning import Answer, PlanningProblem, answer_from_json
from replan.records import proposal_json
from replan.replanner import FitMade, Sensed, SenseInput, Sensing, fit_question, step
from replan.state import empty_state, state_digest
from replan.state_record import fit_sha_of, state_bytes, state_from_bytes
from replan.streams.codec import Decoder
from replan.streams.file_source import AppliedPrefix, Segment, merge, scan
from replan.streams.file_source import SegmentFile as FoundFile
from replan.streams.intake import Intake
from replan.streams.messages import Arrived, Outcome, Place, Refused, Reply
from replan.units import TransferId, instant_text

ACCEPTED = "accepted.jsonl"
COMMANDS = "commands.jsonl"
COMMAND_SOURCE = "/replan/engine"

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRules:
    """The settings that shape the loop."""

    planning: timedelta
    lateness: timedelta
    max_jump: timedelta
    batch: int
    snapshot_ticks: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a run is, for whoever watches: events applied of all in the segment, and the
    clock.
    """

    done: int
    total: int
    clock: datetime | None
    folding: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class FitWaiting:
    """A recorded fit that takes effect at the next tick."""

    asked_at: datetime
    body: bytes
    made: FitMade


class RecordedPlanner:
    """Answers from the record: the very answers that a tick was decided with."""

    def __init__(self, answers: Mapping[str, Answer]) -> None:
        self._answers = answers

    def plan(self, problems: tuple[PlanningProblem, ...]) -> tuple[Answer, ...]:
        """The recorded answers; LedgerBroken for a question that was never asked."""
        for problem in problems:
            if problem.sha not in self._answers:
                raise LedgerBroken(f"no recorded answer for {problem.item}, problem {problem.sha}")
        return tuple(self._answers[p.sha] for p in problems)


class Engine:
    """One run of a workspace on the file source and the log clock."""

    def __init__(
        self,
        *,
        root: Path,
        ledger: Ledger,
        sensing: Sensing,
        policies: PolicySource,
        rules: RunRules,
        fitter: PanelFitter,
        pool: WorkerPool | None,
        executor: Executor,
        executor_name: str,
        watch: Callable[[Progress], None] = lambda _: None,
    ) -> None:
        self._root = root
        self._ledger = ledger
        self._events = root / "events"
        self._sensing = sensing
        self._policies = policies
        self._rules = rules
        self._fitter = fitter
        self._pool = pool
        self._executor = executor
        self._executor_name = executor_name
        self._watch = watch
        self._groups = sorted({item.group for item in sensing.network.items.values()})
        self._forget()

    def _forget(self) -> None:
        """Know nothing; the ledger knows."""
        self._state = empty_state(self._sensing.network, self._sensing.rules)
        self._intake = self._new_intake(None)
        self._queue: list[SenseInput] = []
        self._sales: list[SaleRecorded] = []
        self._tick_sales: list[SaleRecorded] = []
        self._last_tick: datetime | None = None
        self._tick_count = 0
        self._fit_waiting: FitWaiting | None = None
        self._segment: SegmentRow | None = None
        # What was judged since the last commit, and whether replies stand in their file
        # unconfirmed.
        self._next_offset = 0
        self._first_offset = 0
        self._outcomes: list[Outcome] = []
        self._letters: list[DeadLetterRow] = []
        self._replied_through = 0
        # Lines that were written and not confirmed are found again, as after a crash.
        self._out = OutFiles(self._root, self._ledger)

    @property
    def state_digest(self) -> str:
        """Digest of what sense believes now."""
        return state_digest(self._state)

    def run_until_end(self) -> None:
        """Apply what is new in the event files, run the ticks that came due, send and take in
        answers.

        A killed run goes on with its segment first. Raises PrefixChanged if applied lines changed,
        LedgerBusy if verdicts kept coming between one tick's question and its answer.
        """
        attempts, reached = 0, -1
        while True:
            try:
                return self._run()
            except LedgerMoved as moved:
                # Someone gave a verdict meanwhile: what is believed here no longer follows the
                # ledger.
                self._forget()
                stands = self._ledger.batch_seq()
                attempts, reached = (attempts + 1 if stands == reached else 1), stands
                if attempts == ATTEMPTS:
                    raise LedgerBusy("the ledger kept moving under the run; try again") from moved

    def _run(self) -> None:
        self._recover()
        if self._segment is not None:
            self._finish_segment(self._segment, self._merged(self._segment))
        found = scan(self._events, self._prefixes())
        if found is not None:
            segment = self._open_segment(found)
            self._finish_segment(segment, self._merged(segment))
        self._out.flush()
        with self._ledger.transaction() as write:
            write.set_control("state_digest", self.state_digest)

    # Going through a segment.

    def _finish_segment(self, segment: SegmentRow, merged: Sequence[Arrived]) -> None:
        self._segment = segment
        for arrived in merged[self._next_offset :]:
            self._judge(arrived, merged)
        clock = self._intake.clock
        if clock is not None:
            while (due := self._next_tick(clock)) is not None and due <= clock:
                self._tick(due)
            if self._last_tick is None or clock > self._last_tick:
                self._tick(clock)
        self._commit(None, None, finish=True)
        self._segment = None
        self._next_offset = self._first_offset = 0

    def _judge(self, arrived: Arrived, merged: Sequence[Arrived]) -> None:
        moves_to = self._intake.moves_clock_to(arrived.result)
        if moves_to is not None:
            while (due := self._next_tick(moves_to)) is not None and due < moves_to:
                self._tick(due)
        outcome = self._intake.take(arrived.result)
        self._outcomes.append(outcome)
        if outcome.refused is not None:
            self._letters.append(_letter(outcome.refused, self._intake.clock))
        self._next_offset = arrived.rank + 1
        self._take_facts(outcome)
        if len(self._outcomes) >= self._rules.batch:
            self._commit(None, None)
            clock = self._intake.clock
            self._watch(
                Progress(done=self._next_offset, total=len(merged), clock=clock, folding=False)
            )

    def _take_facts(self, outcome: Outcome) -> None:
        for fact in outcome.facts:
            assert not isinstance(fact, ActionAnswered) or outcome.reply.source is not None
            if isinstance(fact, ActionAnswered):
                continue
            if isinstance(fact, SaleRecorded):
                self._sales.append(fact)
            self._queue.append(fact)

    def _next_tick(self, reached: datetime) -> datetime | None:
        """The first planning tick after the last one; before any, the first at or after the first
        event.
        """
        step_ = self._rules.planning
        if self._last_tick is None:
            first = self._intake.clock or reached
            return _EPOCH + -(-(first - _EPOCH) // step_) * step_
        return _EPOCH + ((self._last_tick - _EPOCH) // step_ + 1) * step_

    # A tick.

    def _tick(self, at: datetime) -> None:
        stood = self._ledger.desk_seqs()
        said, fit = self._sense(at, self._sensing)
        policy = self._policies.at(at, self._state.fit_sha)
        network = self._sensing.network
        taken: list[Taken] = []
        moves, reserve_seq = None, None
        for group in self._groups:
            due = TickDue(
                at=at,
                proposals=tuple(p for p in said.proposals if p.group == group),
                reassessed=tuple(r for r in said.reassessed if r.group == group),
                cleared=tuple(c for c in said.cleared if network.items[c.item].group == group),
            )
            one = take(self._ledger, group, due, policy, moves=moves, reserve_seq=reserve_seq)
            if one.seq != stood.get(group, 0):
                raise LedgerMoved(f"desk {group} said something that sense has not heard")
            moves = (*one.moves, *one.outcome.reserved)
            reserve_seq = one.reserve_seq + bool(one.outcome.reserved or one.outcome.released)
            taken.append(one)
        self._commit(at, said, taken=taken, fit=fit)
        if said.fit_wanted is not None:
            self._fit(at, said.fit_wanted)
        # Only now, and never on the way back after a crash: what is kept is the state after this
        # tick and before its answers, which are heard again after a restart.
        due_now = self._tick_count % self._rules.snapshot_ticks == 0 and not self._state.inbox
        snapshot = self._kept_state() if due_now else None
        self._release(at)
        if snapshot is not None:
            with self._ledger.transaction() as write:
                self._confirm_replies(write)
                write.save_snapshot(at, snapshot)

    def _sense(self, at: datetime, sensing: Sensing) -> tuple[Sensed, FitWaiting | None]:
        """Sense's part of a tick, live or told again: feedback and a fit first, then the facts."""
        if self._last_tick is not None:
            for row in self._ledger.feedback_for(self._last_tick):
                self._hear(row.feedback)
        fit, self._fit_waiting = self._fit_waiting, None
        if fit is not None:
            self._queue.append(fit.made)
        said = step(self._state, [*self._queue, Tick(at=at)], sensing)
        self._queue = []
        self._tick_sales, self._sales = self._sales, []
        self._last_tick = at
        self._tick_count += 1
        return said, fit

    def _fit(self, at: datetime, request: FitRequest) -> None:
        """Ask the fitter in a worker process and record its answer; on the log clock the engine
        waits.
        """
        fit = (
            self._pool.submit(self._fitter.fit_panel, request).result()
            if self._pool is not None
            else self._fitter.fit_panel(request)
        )
        body = panel_fit_bytes(fit)
        with self._ledger.transaction() as write:
            write.record_fit(at, None, body)
        self._fit_waiting = _waiting(at, body)

    def _hear(self, feedback: Any) -> None:
        self._queue.append(feedback)
        for ordered in feedback.ordered:
            if ordered.kind == "reallocate":
                released = self._intake.know_transfer(
                    TransferId(ordered.action_id),
                    item=ordered.item,
                    origin=ordered.origin,
                    destination=ordered.destination,
                    qty=ordered.qty,
                    at=feedback.at,
                )
                self._queue.extend(f for f in released if not isinstance(f, ActionAnswered))

    # Storing.

    def _commit(
        self,
        tick: datetime | None,
        said: Sensed | None,
        *,
        taken: Sequence[Taken] = (),
        fit: FitWaiting | None = None,
        finish: bool = False,
    ) -> None:
        """One transaction: what was judged since the last one, and with a tick what sense and desks
        said.
        """
        segment = self._segment
        assert segment is not None, "facts are only applied from a segment"
        replies = [outcome.reply for outcome in self._outcomes]
        with self._ledger.transaction() as write:
            self._confirm_replies(write)
            if replies or tick is not None:
                write.append_manifest(
                    ManifestRow(
                        batch_seq=self._ledger.batch_seq() + 1,
                        segment=segment.id,
                        first_offset=self._first_offset,
                        last_offset=self._next_offset - 1,
                        tick=tick,
                        statuses=[_short(n, r) for n, r in enumerate(replies) if _is_notable(r)],
                        counts=_counted(replies),
                    )
                )
            write.add_counts(_counted(replies))
            write.add_dead_letters(self._letters)
            reached = [at for at in (self._intake.clock, self._last_tick) if at is not None]
            if reached:
                # A tick in a gap of the log is later than the newest event, and what is asked then
                # is asked no earlier than what was decided.
                write.set_clock(max(reached))
            if tick is not None and said is not None:
                self._store_tick(write, tick, said, taken, fit)
            if finish:
                write.finish_segment(segment.id)
        self._reply(replies)
        self._outcomes, self._letters = [], []
        self._first_offset = self._next_offset
        if finish:
            with self._ledger.transaction() as write:
                self._confirm_replies(write)

    def _store_tick(
        self,
        write: LedgerWriter,
        tick: datetime,
        said: Sensed,
        taken: Sequence[Taken],
        fit: FitWaiting | None,
    ) -> None:
        numbers: dict[str, int] = {}
        rows = []
        for proposal in said.proposals:
            n = numbers[proposal.item] = numbers.get(proposal.item, 0) + 1
            rows.append(
                ProposalRow(
                    group=proposal.group, item=proposal.item, n=n, body=proposal_json(proposal)
                )
            )
        write.add_proposals(tick, rows)
        write.upsert_forecasts(said.forecasts)
        write.add_days(said.days)
        if fit is not None:
            write.record_fit(fit.asked_at, tick, fit.body)
        for one in taken:
            store(write, one)

    def _reply(self, replies: Sequence[Reply]) -> None:
        """Append the answers to producers; that they stand there is stored with the next
        transaction.
        """
        if replies:
            self._out.append(ACCEPTED, [_reply_line(reply) for reply in replies])
            self._replied_through = self._ledger.batch_seq()

    def _confirm_replies(self, write: LedgerWriter) -> None:
        if self._replied_through:
            write.mark_replied(self._replied_through)
            self._out.confirm(write, ACCEPTED)
            self._replied_through = 0

    # Sending and answers.

    def _release(self, at: datetime) -> None:
        """Send what waits in the outbox and store what executors answer; acks go to the desk at
        once.
        """
        commands = self._sendable(at)
        new = [row for row in commands if row.state == "pending"]
        if new:
            self._out.append(COMMANDS, [_command_line(row, at) for row in new])
            with self._ledger.transaction() as write:
                write.mark_sent([row.action_id for row in new], at)
                self._out.confirm(write, COMMANDS)
        known = self._ledger.answers_for(at)
        sales = () if known else tuple(self._tick_sales)
        events = self._executor.advance(at, sales, [_command(row) for row in commands])
        self._tick_sales = []
        heard = {_origin(event) for row in known for event in row.events}
        fresh = [event for event in events if _origin(event) not in heard]
        if fresh:
            self._take_answers(at, f"{self._executor_name}#{len(known)}", fresh)
        self._out.flush()

    def _sendable(self, at: datetime) -> tuple[OutboxRow, ...]:
        """What may be sent now, and what was sent at this very clock and is not answered: a crash
        may have come between. What a planner approved is re-checked by its desk first.
        """
        if self._policies.mode == "shadow" or not self._ledger.sendable_outbox(at):
            return ()
        policy = self._policies.at(at, self._state.fit_sha)
        released: set[str] = set()
        for group in self._groups:
            decisions = _open_decisions(self._ledger, group)
            if any(d.state == "approved" for d in decisions):
                due = AnswersDue(at=at, answers=())
                after = transact(self._ledger, group, due, policy).state.decisions
                decisions = tuple(after.values())
            released |= {d.decision_id for d in decisions if d.state == "executing"}
        # Read last: what was approved since then waits for the next release.
        rows = self._ledger.sendable_outbox(at)
        return tuple(row for row in rows if row.decision_id in released)

    def _take_answers(
        self, at: datetime, executor: str, events: Sequence[Mapping[str, Any]]
    ) -> None:
        """Store answers and let the desks take the acks among them, in one transaction."""
        answers, letters = self._hear_answers(events)
        row = AnswerRow(tick=at, executor=executor, events=tuple(events), acks_applied=True)
        due: dict[str, AnswersDue] = {}
        for group in self._groups:
            mine = {a for d in _open_decisions(self._ledger, group) for a in d.actions}
            acks = tuple(a for a in answers if a.action_id in mine)
            if acks:
                due[group] = AnswersDue(at=at, answers=acks)

        def also(write: LedgerWriter) -> None:
            write.store_answers(row)
            write.add_dead_letters(letters)

        transact_each(self._ledger, due, self._policies.at(at, self._state.fit_sha), also)

    def _hear_answers(
        self, events: Sequence[Mapping[str, Any]]
    ) -> tuple[list[ActionAnswered], list[DeadLetterRow]]:
        """Judge an executor's events as any others; facts wait for the next tick. Returns the acks,
        and what was refused.
        """
        decoder = Decoder(self._sensing.network)
        acks: list[ActionAnswered] = []
        letters: list[DeadLetterRow] = []
        for n, event in enumerate(events, start=1):
            place = Place(self._executor_name, n)
            for result in decoder.record(canonical_bytes(dict(event)), place):
                outcome = self._intake.take(result)
                acks += [f for f in outcome.facts if isinstance(f, ActionAnswered)]
                self._queue.extend(f for f in outcome.facts if not isinstance(f, ActionAnswered))
                if outcome.refused is not None:
                    letters.append(_letter(outcome.refused, self._intake.clock))
        return acks, letters

    def _kept_state(self) -> bytes:
        """The state after this tick, before its answers, which are heard again after a restart."""
        extra = {"intake": self._intake.state_json(), "ticks": self._tick_count}
        return state_bytes(self._state, extra)

    # Coming back.

    def _recover(self) -> None:
        """Take the state of the last snapshot and fold what was committed after it once more."""
        self._segment = None
        snapshot = self._ledger.latest_snapshot()
        since = None
        if snapshot is not None:
            self._load(snapshot.body)
            self._last_tick = since = snapshot.tick
        rows = self._ledger.manifest_since(since)
        merged: dict[int, Sequence[Arrived]] = {}
        segments = {row.id: row for row in self._ledger.segments()}
        if since is not None:
            self._hear_again(since)
        for row in rows:
            segment = segments[row.segment]
            if segment.id not in merged:
                merged[segment.id] = self._merged(segment)
            self._fold_again(row, merged[segment.id])
        open_segment = self._ledger.open_segment()
        if open_segment is not None:
            self._segment = open_segment
            self._next_offset = self._first_offset = open_segment.next_offset
        self._finish_last_tick()

    def _fold_again(self, row: ManifestRow, merged: Sequence[Arrived]) -> None:
        """One committed batch: judge its events again, and tell its tick again from the record."""
        replies = []
        for arrived in merged[row.first_offset : row.last_offset + 1]:
            outcome = self._intake.take(arrived.result)
            replies.append(outcome.reply)
            self._take_facts(outcome)
        self._next_offset = self._first_offset = row.last_offset + 1
        if not row.replied:
            self._reply(replies)
        if row.tick is None:
            return
        for kept in self._ledger.fits_since(self._last_tick):
            if kept.effective == row.tick:
                self._fit_waiting = _waiting(kept.asked_at, kept.body)
        answers = (answer_from_json(p.body["answer"]) for p in self._ledger.proposals_for(row.tick))
        recorded = RecordedPlanner({answer.problem_sha: answer for answer in answers})
        self._sense(row.tick, replace(self._sensing, planner=recorded))
        self._hear_again(row.tick)

    def _hear_again(self, tick: datetime) -> None:
        for row in self._ledger.answers_for(tick):
            self._hear_answers(row.events)

    def _finish_last_tick(self) -> None:
        """What a crash may have cut off after the last tick's transaction: its fit, its
        releases.
        """
        tick = self._last_tick
        if tick is None:
            return
        waiting = [row for row in self._ledger.fits_since(tick) if row.effective is None]
        if waiting:
            self._fit_waiting = _waiting(waiting[-1].asked_at, waiting[-1].body)
        elif self._state.fit_asked == tick:
            request = fit_question(self._state, tick, self._sensing.rules)
            assert request is not None, "a fit was asked for at this tick"
            self._fit(tick, request)
        self._release(tick)

    def _load(self, body: bytes) -> None:
        sha = fit_sha_of(body)
        fit = None
        for row in self._ledger.fits_since(None):
            kept = panel_fit_from_bytes(row.body)
            if sha and panel_fit_digest(kept) == sha:
                fit = kept
        empty = empty_state(self._sensing.network, self._sensing.rules)
        self._state, extra = state_from_bytes(empty, body, fit)
        self._intake = self._new_intake(extra["intake"])
        self._tick_count = extra["ticks"]

    def _new_intake(self, state: Mapping[str, Any] | None) -> Intake:
        return Intake(
            lateness=self._rules.lateness,
            max_jump=self._rules.max_jump,
            typical_daily=self._typical_daily,
            state=state,
        )

    def _typical_daily(self, item: Any, site: Any) -> float | None:
        """Mean daily sale of the last closed weeks, base units; None for a series not heard of."""
        row = self._state.panel.row_of.get((item, site))
        return None if row is None else typical_daily(self._state.panel, row)

    # Segments.

    def _merged(self, segment: SegmentRow) -> list[Arrived]:
        files = tuple(
            FoundFile(
                name=f.name,
                first_line=f.from_line,
                last_line=f.to_line,
                sha256=f.sha256,
                prefix_sha256=f.prefix_sha256,
            )
            for f in segment.files
        )
        return merge(self._events, Segment(files=files), self._sensing.network)

    def _open_segment(self, found: Segment) -> SegmentRow:
        with self._ledger.transaction() as write:
            write.store_segment(
                SegmentFile(
                    name=f.name,
                    from_line=f.first_line,
                    to_line=f.last_line,
                    sha256=f.sha256,
                    prefix_sha256=f.prefix_sha256,
                )
                for f in found.files
            )
        opened = self._ledger.open_segment()
        assert opened is not None, "the segment was just stored"
        self._next_offset = self._first_offset = 0
        return opened

    def _prefixes(self) -> dict[str, AppliedPrefix]:
        return {
            name: AppliedPrefix(lines=f.to_line, sha256=f.prefix_sha256)
            for name, f in self._ledger.prefixes().items()
        }


def _waiting(asked_at: datetime, body: bytes) -> FitWaiting:
    fit = panel_fit_from_bytes(body)
    return FitWaiting(
        asked_at=asked_at, body=body, made=FitMade(fit=fit, sha=panel_fit_digest(fit))
    )


def _open_decisions(ledger: Ledger, group: str) -> tuple[OpenDecision, ...]:
    body = ledger.desk(group).body
    return () if body is None else tuple(desk_from_json(body).decisions.values())


def _reply_line(reply: Reply) -> str:
    return canonical_bytes(
        {
            "id": reply.event_id,
            "source": reply.source,
            "type": reply.type,
            "status": reply.status,
            "code": reply.code,
            "pointer": reply.pointer,
            "sha256": reply.sha256,
        }
    ).decode()


def _origin(event: Mapping[str, Any]) -> tuple[str, str]:
    return event["source"], event["id"]


def _command(row: OutboxRow) -> Command:
    return Command(
        idem=row.idem,
        action_id=row.action_id,
        decision_id=row.decision_id,
        not_after=row.not_after,
        body=row.body,
    )


def _command_line(command: OutboxRow, at: datetime) -> str:
    return canonical_bytes(
        {
            "specversion": "1.0",
            "id": command.idem,
            "source": COMMAND_SOURCE,
            "type": "action.request.v1",
            "time": instant_text(at),
            "subject": command.action_id,
            "correlationid": command.action_id,
            "data": dict(command.body),
        }
    ).decode()


def _is_notable(reply: Reply) -> bool:
    return reply.status != "ACCEPTED" or reply.code is not None


def _short(n: int, reply: Reply) -> list[Any]:
    return [n, reply.status, reply.code, reply.pointer]


def _counted(replies: Sequence[Reply]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for reply in replies:
        counts[reply.status.lower()] = counts.get(reply.status.lower(), 0) + 1
    return counts


def _letter(refused: Refused, clock: datetime | None) -> DeadLetterRow:
    return DeadLetterRow(
        event_id=refused.event_id,
        place=str(refused.place),
        status=refused.status,
        code=refused.code,
        pointer=refused.pointer,
        reason=refused.reason,
        raw=refused.raw,
        sha256=refused.raw_sha256,
        at=clock or refused.arrived_at or _EPOCH,
    )
