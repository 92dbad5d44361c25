"""How does a log become decisions? The embedded loop: batch, tick, commit, release, answers.

One pass over the segments of a source. Events are judged in their merged order; at each
planning tick sense tells its story, the desks tell theirs, and one transaction stores both. Then
what was released is sent, and what executors answer is stored before the next tick, whose facts it
is. What a crash cut off is finished first (see `coming_back`).
"""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor as WorkerPool
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib import import_module
from pathlib import Path

from replan.delegation import grants_text
from replan.desk_state import TickDue, TimersDue
from replan.effects import CaseResult
from replan.errors import LeaseLost, LedgerBusy, LedgerMoved
from replan.fit_record import panel_fit_bytes
from replan.forecasting import FitRequest, PanelFitter
from replan.infra.boundary.quarterly import remind
from replan.infra.desk.incidents_due import open_due
from replan.infra.desk.policy import PolicySource
from replan.infra.desk.room import ATTEMPTS, Taken, announced_by, store, take, transact
from replan.infra.desk.shown import series_rows
from replan.infra.desk.stepping_down import step_down
from replan.infra.desk.stop_switch import StopSwitch
from replan.infra.engine.batch import Batch
from replan.infra.engine.belief import Belief, FitWaiting, fit_waiting
from replan.infra.engine.coming_back import come_back, sense
from replan.infra.engine.scoring import SCORED_THROUGH, Scored, results_due
from replan.infra.engine.segments import SegmentSource
from replan.infra.engine.sending import Sending, SendingRules
from replan.infra.engine.timers import MinuteTimers
from replan.infra.executors.execution import Executor
from replan.infra.ledger.rows import ProposalRow, SegmentRow
from replan.infra.ledger.standing import GRANTS, NETWORK
from replan.infra.ledger.store import Ledger
from replan.infra.ledger.writer import LedgerWriter
from replan.infra.outlets import OpensOutlet
from replan.infra.process.patience import Patience
from replan.infra.process.watching import TickTold
from replan.network import Network
from replan.records import proposal_json
from replan.replanner import fit_question
from replan.sensing import Sensed, Sensing
from replan.streams.messages import Arrived
from replan.throttle import BUDGET_WINDOW


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRules:
    """The settings that shape the loop. `goes_by_time`: ticks come due by the clock of the
    database, events or not.
    """

    planning: timedelta
    lateness: timedelta
    max_jump: timedelta
    batch: int
    snapshot_ticks: int
    goes_by_time: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a run is, for whoever watches: events applied of all in the segment, and the
    clock.
    """

    done: int
    total: int
    clock: datetime | None
    folding: bool


class Engine:
    """One run of a workspace on the file source and the log clock."""

    def __init__(
        self,
        *,
        root: Path,
        ledger: Ledger,
        segments: SegmentSource,
        sensing: Sensing,
        policies: PolicySource,
        rules: RunRules,
        fitter: PanelFitter,
        pool: WorkerPool | None,
        executor: Executor,
        executor_name: str,
        outlet: OpensOutlet,
        sending: SendingRules | None = None,
        watch: Callable[[Progress], None] = lambda _: None,
        ticked: Callable[[TickTold], None] = lambda _: None,
    ) -> None:
        self._ledger = ledger
        self._sensing = sensing
        self._policies = policies
        self._rules = rules
        self._fitter = fitter
        self._pool = pool
        self._executor = executor
        self._executor_name = executor_name
        self._opens_outlet = outlet
        self._sending_rules = sending
        self._watch = watch
        self._ticked = ticked
        self._switch = StopSwitch(ledger, policies)
        self._groups = sorted({item.group for item in sensing.network.items.values()})
        self._segments = segments
        self._timers = MinuteTimers(ledger) if rules.goes_by_time else None
        self._segment: SegmentRow | None = None
        self._forget()

    def _forget(self) -> None:
        """Know nothing; the ledger knows."""
        rules = self._rules
        self._segment = None
        self._belief = Belief(self._sensing, lateness=rules.lateness, max_jump=rules.max_jump)
        # Lines that were written and not confirmed are found again, as after a crash.
        self._out = self._opens_outlet()
        self._batch = Batch(self._ledger, self._out)
        self._sending = Sending(
            self._ledger,
            self._out,
            self._executor,
            self._executor_name,
            self._policies,
            self._groups,
            self._sending_rules,
        )

    @property
    def state_digest(self) -> str:
        """Digest of what sense believes now."""
        return self._belief.digest

    def run_until_end(self) -> None:
        """Apply what is new in the event files, run the ticks that came due, send and take in
        answers.

        A killed run goes on with its segment first. Raises PrefixChanged if applied lines changed,
        LedgerBusy if verdicts kept coming between one tick's question and its answer, or the ledger
        stayed away.
        """
        attempts, reached = 0, -1
        patience, was_away = Patience(), False
        while True:
            try:
                if was_away:
                    # What was to be stored last may be stored or not: the ledger knows.
                    self._forget()
                    was_away = False
                return self._run()
            except LeaseLost:
                raise
            except LedgerBusy as away:
                patience.wait(away)
                was_away = True
            except LedgerMoved as moved:
                # Someone gave a verdict meanwhile: what is believed here no longer follows the
                # ledger.
                self._forget()
                stands = self._ledger.batch_seq()
                attempts, reached = (attempts + 1 if stands == reached else 1), stands
                if attempts == ATTEMPTS:
                    raise LedgerBusy("the ledger kept moving under the run; try again") from moved

    def _run(self) -> None:
        self._segment = come_back(
            self._ledger, self._segments, self._sensing, self._belief, self._batch, self._sending
        )
        self._finish_last_tick()
        if self._segment is not None:
            self._finish_segment(self._segment, self._segments.merged(self._segment))
        for opened in self._segments.new():
            self._batch.begin_at(0)
            self._finish_segment(opened, self._segments.merged(opened))
        self._out.flush()
        with self._ledger.transaction() as write:
            write.set_control("state_digest", self.state_digest)

    # Going through a segment.

    def _finish_segment(self, segment: SegmentRow, merged: Sequence[Arrived]) -> None:
        self._segment = segment
        self._belief.mourn(segment)
        self._expect_fits(merged)
        for arrived in merged[self._batch.next_rank :]:
            self._judge(arrived, merged)
        if segment.is_whole:
            self._run_last_ticks()
        elif (
            segment.cut is not None and segment.cut.through is not None and self._rules.goes_by_time
        ):
            through = segment.cut.through
            while (due := self._next_tick(through)) <= through:
                self._tick(due)
        self._commit(finish=True)
        self._segment = None
        self._batch.begin_at(0)
        if segment.cut is not None and segment.cut.through is not None and self._timers is not None:
            self._ring(self._timers, segment.cut.through)

    def _ring(self, timers: MinuteTimers, at: datetime) -> None:
        """Timers and deadlines between two ticks, which hold their own."""
        belief = self._belief
        if belief.last_tick is None or at <= belief.last_tick:
            return
        self._policies.know(belief.network, belief.grants)
        for group in timers.due(at):
            policy = self._policies.at(at, belief.state.fit_sha)
            transact(self._ledger, group, TimersDue(at=at), policy)

    def _run_last_ticks(self) -> None:
        clock = self._belief.clock
        if clock is None:
            return
        while (due := self._next_tick(clock)) <= clock:
            self._tick(due, is_last=due == clock)
        last = self._belief.last_tick
        if last is None or clock > last:
            self._tick(clock, is_last=True)

    def _expect_fits(self, merged: Sequence[Arrived]) -> None:
        """Let the worker load its library meanwhile, if what is to be read makes a fit due."""
        last = merged[-1].arrival if merged else None
        asked = self._belief.state.fit_asked
        refit = self._sensing.rules.refit
        if self._pool is not None and last is not None and (asked is None or last - asked >= refit):
            self._pool.submit(import_module, "statsforecast.models")

    def _judge(self, arrived: Arrived, merged: Sequence[Arrived]) -> None:
        moves_to = self._belief.intake.moves_clock_to(arrived.result)
        if moves_to is not None:
            while (due := self._next_tick(moves_to)) < moves_to:
                self._tick(due)
        outcome = self._belief.take(arrived.result)
        self._batch.add(arrived.rank, outcome, self._belief.clock)
        if len(self._batch) >= self._rules.batch:
            self._commit()
            clock, done = self._belief.clock, self._batch.next_rank
            self._watch(Progress(done=done, total=len(merged), clock=clock, folding=False))

    def _next_tick(self, reached: datetime) -> datetime:
        return self._belief.next_tick(reached, self._rules.planning)

    # A tick.

    def _tick(self, at: datetime, *, is_last: bool = False) -> None:
        began = time.monotonic()
        self._switch.notice_file(at)
        open_due(self._ledger, self._switch)
        self._sending.take_acks(at, self._belief.acks(), self._belief.state.fit_sha)
        stood = self._ledger.desk_seqs()
        said, fit = sense(self._ledger, self._belief, at, self._sensing)
        over = results_due(
            self._ledger,
            self._sensing.planner,
            at,
            horizon_days=self._sensing.rules.horizon_days,
            lateness=self._rules.lateness,
        )
        taken = self._decide(at, said, stood, over)
        self._commit(at, said, taken=taken, fit=fit, over=over)
        made = tuple(one.body for desk in taken for one in desk.outcome.made)
        self._ticked(TickTold(at=at, seconds=time.monotonic() - began, made=made))
        if said.fit_wanted is not None:
            self._fit(at, said.fit_wanted)
        # Only now, and never on the way back after a crash: what is kept is the state after this
        # tick and before its answers, which are heard again after a restart.
        belief = self._belief
        # The state after a run's last tick is kept too: the next run may find other files of the
        # network, under which the ticks before would not be told alike.
        is_due = is_last or belief.ticks % self._rules.snapshot_ticks == 0
        due_now = is_due and not belief.state.inbox
        snapshot = belief.as_bytes() if due_now else None
        self._sending.release(at, belief)
        if snapshot is not None:
            self._batch.settle()
            with self._ledger.transaction() as write:
                self._batch.confirm(write)
                write.save_snapshot(at, snapshot)

    def _decide(
        self, at: datetime, said: Sensed, stood: dict[str, int], over: Scored | None
    ) -> list[Taken]:
        """What the desks make of it, group by group, since they may share a cap."""
        network = self._belief.network
        self._policies.know(network, self._belief.grants)
        policy = self._policies.at(at, self._belief.state.fit_sha)
        taken: list[Taken] = []
        moves, reserve_seq = None, None
        told = self._ledger.told_since(at - BUDGET_WINDOW)
        cited = [c for one in said.corrected for c in self._ledger.citing(one)]
        for group in self._groups:
            due = TickDue(
                at=at,
                proposals=tuple(p for p in said.proposals if p.group == group),
                reassessed=tuple(r for r in said.reassessed if r.group == group),
                cleared=tuple(c for c in said.cleared if network.items[c.item].group == group),
                cited=tuple(c for c in cited if c.body["group"] == group),
                replies=tuple(said.replies),
                reports=tuple(said.reports),
                results=() if over is None else _of_group(over, group, network),
            )
            one = take(
                self._ledger, group, due, policy, moves=moves, reserve_seq=reserve_seq, told=told
            )
            if one.seq != stood.get(group, 0):
                raise LedgerMoved(f"desk {group} said something that sense has not heard")
            moves = (*one.moves, *one.outcome.reserved)
            told = (*told, *announced_by(one))
            reserve_seq = one.reserve_seq + bool(one.outcome.reserved or one.outcome.released)
            taken.append(one)
        return taken

    def _finish_last_tick(self) -> None:
        """What a crash may have cut off after the last tick's transaction: its fit, its
        releases.
        """
        belief = self._belief
        tick = belief.last_tick
        if tick is None:
            return
        self._policies.know(belief.network, belief.grants)
        waiting = [row for row in self._ledger.fits_since(tick) if row.effective is None]
        if waiting:
            belief.fit_waiting = fit_waiting(waiting[-1].asked_at, waiting[-1].body)
        elif belief.state.fit_asked == tick:
            request = fit_question(belief.state, tick, self._sensing.rules)
            assert request is not None, "a fit was asked for at this tick"
            self._fit(tick, request)
        self._sending.release(tick, belief)

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
        self._belief.fit_waiting = fit_waiting(at, body)

    # Storing.

    def _commit(
        self,
        tick: datetime | None = None,
        said: Sensed | None = None,
        *,
        taken: Sequence[Taken] = (),
        fit: FitWaiting | None = None,
        over: Scored | None = None,
        finish: bool = False,
    ) -> None:
        """One transaction: what was judged since the last one, and with a tick what sense and desks
        said.
        """
        segment = self._segment
        assert segment is not None, "facts are only applied from a segment"
        self._batch.settle()
        with self._ledger.transaction() as write:
            self._batch.store(write, segment.id, tick)
            belief = self._belief
            reached = [at for at in (belief.clock, belief.last_tick) if at is not None]
            if reached:
                # A tick in a gap of the log is later than the newest event, and what is asked then
                # is asked no earlier than what was decided.
                write.set_clock(max(reached))
            if tick is not None and said is not None:
                stated = belief.network is not self._sensing.network
                write.set_control(NETWORK, belief.network.version if stated else None)
                write.set_control(GRANTS, grants_text(belief.grants))
                _store_tick(write, tick, said, taken, fit)
                begun = self._sensing.rules.decide_from
                if begun is None or tick >= begun:
                    remind(write, tick)
                if fit is not None:
                    rows = series_rows(fit.made.fit, belief.state.panel.series, belief.network)
                    write.put_series(rows)
            if over is not None:
                write.set_control(SCORED_THROUGH, over.mark)
            if finish:
                write.finish_segment(segment.id)
        self._batch.stored()
        if finish:
            self._batch.settle()
            with self._ledger.transaction() as write:
                self._batch.confirm(write)


def _of_group(over: Scored, group: str, network: Network) -> tuple[CaseResult, ...]:
    return tuple(r for r in over.results if network.items[r.item].group == group)


def _store_tick(
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
        body = proposal_json(proposal)
        rows.append(ProposalRow(group=proposal.group, item=proposal.item, n=n, body=body))
    write.add_proposals(tick, rows)
    write.upsert_forecasts(said.forecasts)
    write.add_days(said.days)
    write.put_alarms(said.alarms)
    if fit is not None:
        write.record_fit(fit.asked_at, tick, fit.body)
    for one in taken:
        store(write, one)
    step_down(write, taken, days_closed=bool(said.days))
