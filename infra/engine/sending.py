"""How do released commands reach the executor, and its answers the desks and sense?

After a tick is committed what waits in the outbox is claimed, at most ten at a time, and carried
out of the process (`ways`); the executor is asked, and what it answers is stored before the next
tick, whose facts it is. A command that was sent at this very clock and not answered is handed over
again: a crash may have come between, and the executor knows it by its key.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Any, Final
from uuid import uuid4

from replan.desk_state import (
    RELEASED,
    AnswersDue,
    ClaimDue,
    OpenDecision,
    Policy,
    SendingWord,
)
from replan.effects import Command
from replan.events import ActionAnswered
from replan.infra.desk.incidents_due import open_due
from replan.infra.desk.policy import PolicySource
from replan.infra.desk.room import Taken, as_stopped, transact, transact_each
from replan.infra.desk.stop_switch import StopSwitch
from replan.infra.engine.batch import dead_letter
from replan.infra.engine.belief import Belief
from replan.infra.engine.waiting import answerable, decided_from, open_decisions, questions_out
from replan.infra.executors.execution import Executor, Respondent
from replan.infra.executors.overdue import watch_overdue
from replan.infra.executors.signing import Seal
from replan.infra.executors.ways import Asks, Carried, Leaving, OpensWay, OutletWay, leaving
from replan.infra.ledger.outbox import OPEN
from replan.infra.ledger.rows import AnswerRow, OutboxRow
from replan.infra.ledger.store import Ledger
from replan.infra.ledger.writer import LedgerWriter
from replan.infra.outlets import Outlet
from replan.infra.workspace.executor_settings import ACK_TIMEOUT
from replan.standstill import held, stop_on_sent
from replan.units import ActionId, instant_text

IN_FLIGHT: Final = 10
"""Commands claimed at a time: as many may still leave when everything is stopped."""
CLAIM_HOLDS: Final = 1.0
"""Seconds within which a claimed command must begin to leave; then it is claimed again."""
ASKS_EVERY: Final = timedelta(minutes=5)
LONGEST_PAUSE: Final = timedelta(minutes=5)
"""Between two attempts to send a command; each pause is twice the one before."""


def _host_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class SendingRules:
    """`ack_timeout`: how long an answer may take before an alarm; `seal` signs commands, `way`
    carries them.
    """

    ack_timeout: timedelta = ACK_TIMEOUT
    seal: Seal | None = None
    way: OpensWay = OutletWay


class Sending:
    """The way out and back of one executor."""

    def __init__(
        self,
        ledger: Ledger,
        out: Outlet,
        executor: Executor,
        executor_name: str,
        policies: PolicySource,
        groups: Sequence[str],
        rules: SendingRules | None = None,
        host_now: Callable[[], datetime] = _host_now,
    ) -> None:
        self._ledger = ledger
        self._out = out
        self._executor = executor
        self._executor_name = executor_name
        self._policies = policies
        self._groups = groups
        self._switch = StopSwitch(ledger, policies)
        self._rules = rules or SendingRules()
        self._way = self._rules.way(out)
        self._host_now = host_now
        self._asks_next = datetime.min.replace(tzinfo=UTC)
        self._token = uuid4().hex
        self._stood: dict[str, int] = {}
        """How far each desk was when it was asked what may be sent."""

    def release(self, at: datetime, belief: Belief) -> None:
        """Send what waits in the outbox and store what executors answer; acks go to the desk at
        once.
        """
        commands = self._send(at, belief)
        if isinstance(self._executor, Respondent) and self._policies.mode != "shadow":
            self._executor.hear(at, questions_out(self._ledger))
        known = self._ledger.answers_for(at)
        sales = belief.tick_sales()
        events = self._executor.advance(at, () if known else sales, commands)
        heard = {_origin(event) for row in known for event in row.events}
        fresh = [event for event in events if _origin(event) not in heard]
        if fresh:
            self._take(at, fresh, belief)
        self._ask_about_the_silent(at, belief)
        watch_overdue(self._ledger, at, self._rules.ack_timeout, self._executor_name)
        self._out.flush()

    def hear_again(self, tick: datetime, belief: Belief) -> None:
        """Put the answers to a tick that are on record before sense once more."""
        for row in self._ledger.answers_for(tick):
            belief.hear_answers(row.events, self._executor_name)

    def sendable(self, at: datetime, fit_sha: str) -> tuple[OutboxRow, ...]:
        """What may be sent now, and what was sent at this very clock and is not answered: a crash
        may have come between. What a planner approved is re-checked by its desk first.
        """
        now = self._host_now()
        if self._policies.mode == "shadow" or not self._ledger.sendable_outbox(at, now):
            return ()
        self._switch.notice_file(at)
        open_due(self._ledger, self._switch)
        # Read first: a stop that comes after it is noticed when commands are claimed.
        seqs = self._ledger.desk_seqs()
        self._stood = {group: seqs.get(group, 0) for group in self._groups}
        policy = as_stopped(self._ledger, self._policies.at(at, fit_sha))
        under_way: set[str] = set()
        still: set[str] = set()
        for group in self._groups:
            decisions = open_decisions(self._ledger, group)
            if any(d.state in RELEASED for d in decisions):
                due = AnswersDue(at=at, answers=())
                taken = transact(self._ledger, group, due, policy)
                decisions = self._taken(taken)
            decisions = self._judged_again(group, decisions, policy, at)
            under_way |= {d.decision_id for d in decisions if d.state == "executing"}
            still |= {d.decision_id for d in decisions if held(d, policy) is not None}
        # Read last: what was approved since then waits for the next release.
        rows = self._ledger.sendable_outbox(at, now)
        return tuple(
            row
            for row in rows
            if (self._may_undo(row, policy) if row.compensates else row.decision_id in under_way)
            and (row.state == "sent" or row.decision_id not in still)
        )

    def _judged_again(
        self, group: str, decisions: tuple[OpenDecision, ...], policy: Policy, at: datetime
    ) -> tuple[OpenDecision, ...]:
        """What is open once the desk has looked again at what was decided under another table and
        is not sent.
        """
        now = policy.versions["authority"]
        waiting = {row.action_id for row in self._ledger.pending_outbox()}
        claims = tuple(
            (d.decision_id, decided_from(self._ledger, d.decision_id))
            for d in decisions
            if d.state == "executing"
            and not d.approved_by
            and d.body["authority_hash"] != now
            and all(a in waiting for a in d.actions)
            and held(d, policy) is None
        )
        if not claims:
            return decisions
        due = ClaimDue(at=at, claims=claims)
        return self._taken(transact(self._ledger, group, due, policy))

    def _taken(self, taken: Taken) -> tuple[OpenDecision, ...]:
        """What is open after a transaction of our own, which is no reason to ask anew."""
        self._stood[taken.group] += taken.seq == self._stood[taken.group]
        return tuple(taken.state.decisions.values())

    def _may_undo(self, row: OutboxRow, policy: Policy) -> bool:
        body = self._ledger.decision(row.decision_id).body
        return stop_on_sent(row.body, body, policy) is None

    def take_acks(self, at: datetime, acks: Sequence[ActionAnswered], fit_sha: str) -> None:
        """Let the desks take what executors said in the log, before they decide at `at`. Said again
        after a crash it changes nothing.
        """
        due = self._due(at, acks)
        if due:
            transact_each(self._ledger, due, self._policies.at(at, fit_sha))

    # Out.

    def _send(self, at: datetime, belief: Belief) -> list[Command]:
        """Carry out of the process what may leave; the commands that stand where they are read and
        were sent at this clock.
        """
        rows = self.sendable(at, belief.state.fit_sha)
        words = [word for row in rows if (word := self._over(row, at)) is not None]
        if words:
            self._end(at, words, belief)
        over = {word.idem for word in words}
        kept = {row.idem: row for row in rows if row.state == "sent"}
        due = [row for row in rows if row.state in OPEN and row.idem not in over]
        for n in range(0, len(due), IN_FLIGHT):
            batch = due[n : n + IN_FLIGHT]
            for results in self._way.carry(self._claim(batch, at), at, self._attempt):
                self._store(at, results, belief)
                kept |= {r.row.idem: r.row for r in results if r.state == "sent"}
        return [_command(kept[row.idem]) for row in rows if row.idem in kept]

    def _over(self, row: OutboxRow, at: datetime) -> SendingWord | None:
        """What must not be sent any more: too late, or attempted by a process that died of a way
        that must not try twice.
        """
        if row.state not in OPEN:
            return None
        match self._way.fate(row, is_late=row.not_after < at):
            case "expired":
                reason = f"not sent by {instant_text(row.not_after)}; nothing was done"
                return _word(row, "expired", reason)
            case "unknown":
                return _word(row, "unknown", "sending was cut off; it may have been carried out")
            case _:
                return None

    def _end(self, at: datetime, words: Sequence[SendingWord], belief: Belief) -> None:
        def first(write: LedgerWriter) -> None:
            for word in words:
                write.end_command(word.idem, word.state, word.reason)

        self._tell(at, words, belief, first)

    def _claim(self, rows: Sequence[OutboxRow], at: datetime) -> list[Leaving]:
        """Take a batch for sending; LedgerMoved if a desk has said something since it was asked
        (someone stopped, or took a decision over), so that everything is asked anew.
        """
        while True:
            with self._ledger.transaction() as write:
                write.desks_stand(self._stood)
                taken = write.claim_commands([row.idem for row in rows], self._token, at)
                # Before the commit: a process that stands still right after it has not claimed now.
                begun = monotonic()
            hashes = self._ledger.authority_hashes({row.decision_id for row in taken})
            made = [
                leaving(row, authority_hash=hashes.get(row.decision_id, ""), seal=self._rules.seal)
                for row in taken
            ]
            if monotonic() - begun <= CLAIM_HOLDS:
                return made

    def _attempt(self, row: OutboxRow) -> None:
        """Store that a command is about to leave; LedgerMoved if it must not."""
        with self._ledger.transaction() as write:
            write.desks_stand(self._stood)
            write.step_command(row.idem, self._token, "attempted")

    def _store(self, at: datetime, results: Sequence[Carried], belief: Belief) -> None:
        """What became of claimed commands, with what was answered at once."""
        words = [
            _word(one.row, one.state, one.note or one.state)
            for one in results
            if one.state in ("failed", "unknown")
        ]
        now = self._host_now()

        def first(write: LedgerWriter) -> None:
            for one in results:
                if one.state == "sent":
                    write.command_sent(one.row.idem, self._token, at)
                elif one.state in ("later", "again"):
                    pause = min(timedelta(seconds=2 ** min(one.row.attempts, 9)), LONGEST_PAUSE)
                    left = one.state == "again"
                    write.command_waits(
                        one.row.idem, self._token, now + pause, one.note or "", left=left
                    )
                else:
                    write.step_command(one.row.idem, self._token, one.state, note=one.note)

        events = [event for one in results for event in one.events]
        if events:
            self._take(at, events, belief, words, first)
        else:
            self._tell(at, words, belief, first)

    # Back.

    def _ask_about_the_silent(self, at: datetime, belief: Belief) -> None:
        """Ask, now and then by the clock that decides, about commands of which nothing final was
        heard.
        """
        if not isinstance(self._way, Asks) or at < self._asks_next:
            return
        self._asks_next = at + ASKS_EVERY
        silent = self._ledger.unanswered_outbox(at)
        asked = [row for row in silent if row.state in ("sent", "unknown")]
        found = [event for row in asked if (event := self._way.found_out(row, at)) is not None]
        if found:
            self._take(at, found, belief)

    def _take(
        self,
        at: datetime,
        events: Sequence[Mapping[str, Any]],
        belief: Belief,
        words: Sequence[SendingWord] = (),
        first: Callable[[LedgerWriter], None] | None = None,
    ) -> None:
        """Store answers and let the desks take the acks among them, in one transaction."""
        answers, refused = belief.hear_answers(events, self._executor_name)
        letters = [dead_letter(one, belief.clock) for one in refused]
        # An executor that is asked again for a clock may have more to say.
        name = f"{self._executor_name}#{len(self._ledger.answers_for(at))}"
        row = AnswerRow(tick=at, executor=name, events=tuple(events), acks_applied=True)

        def also(write: LedgerWriter) -> None:
            write.store_answers(row)
            write.add_dead_letters(letters)

        policy = self._policies.at(at, belief.state.fit_sha)
        due = self._due(at, answers, words)
        transact_each(self._ledger, due, policy, also, first)
        self._follow(due)

    def _tell(
        self,
        at: datetime,
        words: Sequence[SendingWord],
        belief: Belief,
        first: Callable[[LedgerWriter], None],
    ) -> None:
        """Let the desks know what became of commands, in the transaction that stores it."""
        due = self._due(at, (), words)
        policy = self._policies.at(at, belief.state.fit_sha)
        transact_each(self._ledger, due, policy, first=first)
        self._follow(due)

    def _follow(self, due: Mapping[str, AnswersDue]) -> None:
        # What we told a desk ourselves is no reason to ask it again.
        for group in due:
            if group in self._stood:
                self._stood[group] += 1

    def _due(
        self,
        at: datetime,
        answers: Sequence[ActionAnswered],
        words: Sequence[SendingWord] = (),
    ) -> dict[str, AnswersDue]:
        """The answers by the group whose desk still waits for them, those under a key that we sent;
        an answer that repeats, or is to nothing of ours, changes nothing.
        """
        due: dict[str, AnswersDue] = {}
        if not answers and not words:
            return due
        keys = self._ledger.command_keys([answer.action_id for answer in answers])
        ours = [answer for answer in answers if (answer.action_id, answer.idem) in keys]
        for group in self._groups:
            waiting = answerable(self._ledger, group)
            mine = tuple(a for a in ours if a.action_id in waiting)
            told = tuple(w for w in words if w.action_id in waiting)
            if mine or told:
                due[group] = AnswersDue(at=at, answers=mine, words=told)
        return due


def _word(row: OutboxRow, state: Any, reason: str) -> SendingWord:
    return SendingWord(action_id=ActionId(row.action_id), idem=row.idem, state=state, reason=reason)


def _origin(event: Mapping[str, Any]) -> tuple[str, str]:
    return event["source"], event["id"]


def _command(row: OutboxRow) -> Command:
    return Command(
        idem=row.idem,
        action_id=row.action_id,
        decision_id=row.decision_id,
        not_after=row.not_after,
        body=row.body,
        compensates=row.compensates,
    )
