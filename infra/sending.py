"""How do released commands reach the executor, and its answers the desks and sense?

After a tick is committed what waits in the outbox is appended to `out/commands.jsonl`, the executor
is asked, and what it answers is stored before the next tick, whose facts it is. A command that was
sent at this very clock and not answered is handed over again: a crash may have come between, and
the executor knows it by its key.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from replan.canonical import canonical_bytes
from replan.desk_state import (
    FINAL_ACTION,
    RELEASED,
    AnswersDue,
    ClaimDue,
    OpenDecision,
    Policy,
    desk_from_json,
)
from replan.effects import Command, Proposal
from replan.events import ActionAnswered
from replan.infra.batch import dead_letter
from replan.infra.belief import Belief
from replan.infra.desk_room import as_stopped, transact, transact_each
from replan.infra.execution import Executor, Respondent
from replan.infra.ledger_rows import AnswerRow, OutboxRow
from replan.infra.ledger_store import Ledger
from replan.infra.ledger_writer import LedgerWriter
from replan.infra.out_names import COMMANDS
from replan.infra.outlets import Outlet
from replan.infra.policy import PolicySource
from replan.infra.stop_switch import StopSwitch
from replan.records import proposal_from_json
from replan.standstill import held, stop_on_sent
from replan.units import DecisionId, instant_text

COMMAND_SOURCE = "/replan/engine"


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
    ) -> None:
        self._ledger = ledger
        self._out = out
        self._executor = executor
        self._executor_name = executor_name
        self._policies = policies
        self._groups = groups
        self._switch = StopSwitch(ledger, policies)

    def release(self, at: datetime, belief: Belief) -> None:
        """Send what waits in the outbox and store what executors answer; acks go to the desk at
        once.
        """
        commands = self.sendable(at, belief.state.fit_sha)
        new = [row for row in commands if row.state == "pending"]
        if new:
            self._out.append(COMMANDS, [_command_line(row, at) for row in new])
            with self._ledger.transaction() as write:
                write.mark_sent([row.action_id for row in new if not row.compensates], at)
                write.mark_compensations_sent([row.idem for row in new if row.compensates], at)
                self._out.confirm(write, COMMANDS)
        if isinstance(self._executor, Respondent) and self._policies.mode != "shadow":
            self._executor.hear(at, _questions_out(self._ledger))
        known = self._ledger.answers_for(at)
        sales = belief.tick_sales()
        events = self._executor.advance(
            at, () if known else sales, [_command(row) for row in commands]
        )
        heard = {_origin(event) for row in known for event in row.events}
        fresh = [event for event in events if _origin(event) not in heard]
        if fresh:
            self._take(at, f"{self._executor_name}#{len(known)}", fresh, belief)
        self._out.flush()

    def hear_again(self, tick: datetime, belief: Belief) -> None:
        """Put the answers to a tick that are on record before sense once more."""
        for row in self._ledger.answers_for(tick):
            belief.hear_answers(row.events, self._executor_name)

    def sendable(self, at: datetime, fit_sha: str) -> tuple[OutboxRow, ...]:
        """What may be sent now, and what was sent at this very clock and is not answered: a crash
        may have come between. What a planner approved is re-checked by its desk first.
        """
        if self._policies.mode == "shadow" or not self._ledger.sendable_outbox(at):
            return ()
        self._switch.notice_file(at)
        policy = as_stopped(self._ledger, self._policies.at(at, fit_sha))
        under_way: set[str] = set()
        still: set[str] = set()
        for group in self._groups:
            decisions = _open_decisions(self._ledger, group)
            if any(d.state in RELEASED for d in decisions):
                due = AnswersDue(at=at, answers=())
                after = transact(self._ledger, group, due, policy).state.decisions
                decisions = tuple(after.values())
            decisions = self._judged_again(group, decisions, policy, at)
            under_way |= {d.decision_id for d in decisions if d.state == "executing"}
            still |= {d.decision_id for d in decisions if held(d, policy) is not None}
        # Read last: what was approved since then waits for the next release.
        rows = self._ledger.sendable_outbox(at)
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
        return tuple(transact(self._ledger, group, due, policy).state.decisions.values())

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

    def _take(
        self, at: datetime, executor: str, events: Sequence[Mapping[str, Any]], belief: Belief
    ) -> None:
        """Store answers and let the desks take the acks among them, in one transaction."""
        answers, refused = belief.hear_answers(events, self._executor_name)
        letters = [dead_letter(one, belief.clock) for one in refused]
        row = AnswerRow(tick=at, executor=executor, events=tuple(events), acks_applied=True)

        def also(write: LedgerWriter) -> None:
            write.store_answers(row)
            write.add_dead_letters(letters)

        policy = self._policies.at(at, belief.state.fit_sha)
        transact_each(self._ledger, self._due(at, answers), policy, also)

    def _due(self, at: datetime, answers: Sequence[ActionAnswered]) -> dict[str, AnswersDue]:
        """The answers by the group whose desk still waits for them."""
        due: dict[str, AnswersDue] = {}
        for group in self._groups if answers else ():
            waiting = _answerable(self._ledger, group)
            mine = tuple(a for a in answers if a.action_id in waiting)
            if mine:
                due[group] = AnswersDue(at=at, answers=mine)
        return due


def decided_from(ledger: Ledger, decision_id: DecisionId) -> Proposal:
    """The case of the newest version of a decision that was planned, not only answered."""
    version = ledger.decision(decision_id).body["version"]
    while True:
        _, inputs = ledger.decision_made(decision_id, version)
        if "proposal" in inputs:
            return proposal_from_json(inputs["proposal"])
        version -= 1


def _open_decisions(ledger: Ledger, group: str) -> tuple[OpenDecision, ...]:
    body = ledger.desk(group).body
    return () if body is None else tuple(desk_from_json(body).decisions.values())


def _answerable(ledger: Ledger, group: str) -> set[str]:
    """Actions of a desk that an executor may still answer for."""
    body = ledger.desk(group).body
    if body is None:
        return set()
    state = desk_from_json(body)
    actions = [pair for d in state.decisions.values() for pair in d.actions.items()]
    return {a for a, stands in actions if stands not in FINAL_ACTION} | set(state.undoing)


def _questions_out(ledger: Ledger) -> list[dict[str, Any]]:
    """What is asked and not answered, by decision."""
    questions = []
    for body in ledger.decisions(state="clarifying"):
        if body["mode"] != "shadow":
            option = next(o for o in body["options"] if o["name"] == body["chosen"])
            about = {"decision_id": body["decision_id"], "actions": option["actions"]}
            questions.append({**body["clarification"], **about})
    return questions


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


def _command_line(command: OutboxRow, at: datetime) -> str:
    line = {
        "specversion": "1.0",
        "id": command.idem,
        "source": COMMAND_SOURCE,
        "type": "action.compensate.v1" if command.compensates else "action.request.v1",
        "time": instant_text(at),
        "subject": command.action_id,
        "correlationid": command.action_id,
        "data": dict(command.body),
    }
    if command.compensates:
        line["causationid"] = command.body["compensates"]
    return canonical_bytes(line).decode()
