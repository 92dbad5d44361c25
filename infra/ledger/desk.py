"""How is a desk transaction stored? Its decisions, reservations, commands and audit rows.

Every row names the transaction by group and `seq`; the caller has advanced the desk before.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa

from replan.canonical import sha256_hex
from replan.effects import (
    ActionMoved,
    Command,
    DecisionMade,
    DecisionMoved,
    DeskOutcome,
    Feedback,
    Move,
    Question,
    VerdictTaken,
)
from replan.errors import LedgerBroken
from replan.infra.ledger import schema as t
from replan.infra.ledger.audit import AuditTail, desk_writer
from replan.infra.ledger.database import upsert
from replan.infra.ledger.faults import verdict_body
from replan.infra.ledger.rows import action_columns, now_columns, packed, text
from replan.infra.out_names import COMMANDS, DECISIONS, ESCALATIONS, NOTIFICATIONS
from replan.records import feedback_json
from replan.throttle import notification
from replan.units import ActionId, instant_text

ENGINE_SOURCE: Final = "/replan/engine"


_ORDER: Final = (
    t.decision,
    t.decision_move,
    t.action,
    t.outbox,
    t.reservation,
    t.verdict,
    t.publication,
    t.notice,
)


@dataclass(slots=True)
class _Standing:
    """A decision as it stands: the newest version, with all that happened to it since."""

    version: int
    state: str
    was_escalated: bool
    body: str


class DeskTransaction:
    """One transaction of a planning group's desk at an instant, on a connection."""

    def __init__(
        self, conn: sa.Connection, audit: AuditTail, *, group: str, seq: int, at: datetime
    ) -> None:
        self._conn = conn
        self._tail = audit
        self._group = group
        self._seq = seq
        self._at = at
        self._rows: dict[str, list[dict[str, Any]]] = {}
        self._decisions: dict[str, _Standing] = {}
        self._touched: set[str] = set()

    def store(self, outcome: DeskOutcome) -> None:
        """Decisions first, then what rests on them; rows of a kind go in together."""
        self._load(
            {row.decision_id for row in outcome.made} | {row.decision_id for row in outcome.moved}
        )
        for made in outcome.made:
            self._made(made)
        for n, moved in enumerate(outcome.moved):
            self._moved(n, moved)
        for command in outcome.commands:
            self._command(command)
        for move in outcome.reserved:
            self._reserve(move)
        for n, verdict in enumerate(outcome.verdicts):
            self._verdict(n, verdict)
        for question in outcome.questions:
            self._add(t.publication, file=COMMANDS, line=text(question_event(question)))
        self._flush()
        for action in outcome.actions:
            move_action(self._conn, action)
        for action_id in outcome.released:
            self._release(action_id)

    def _load(self, ids: set[str]) -> None:
        c = t.decision_now.c
        columns = (c.decision_id, c.version, c.state, c.was_escalated, c.body)
        found = self._conn.execute(sa.select(*columns).where(c.decision_id.in_(sorted(ids))))
        for decision_id, *standing in found:
            self._decisions[decision_id] = _Standing(*standing)

    def _flush(self) -> None:
        # In this order, because a row may name one of a table before it.
        upsert(self._conn, t.decision_now, self._now_rows())
        for table in _ORDER:
            if rows := self._rows.get(table.name):
                self._conn.execute(sa.insert(table), rows)

    def _add(self, table: sa.Table, **row: Any) -> None:
        self._rows.setdefault(table.name, []).append(row)

    def _made(self, made: DecisionMade) -> None:
        body = text(made.body)
        inputs = text(made.inputs).encode()
        sha, inputs_sha = sha256_hex(body.encode()), sha256_hex(inputs)
        self._add(
            t.decision,
            decision_id=made.decision_id,
            version=made.version,
            planning_group=self._group,
            seq=self._seq,
            at=self._at,
            body=packed(body.encode()),
            sha=sha,
            inputs=packed(inputs),
            inputs_sha=inputs_sha,
        )
        self._stands(made.decision_id, made.version, body)
        self._notify(made)
        self._note(
            "decision",
            made.decision_id,
            version=made.version,
            state=made.body["state"],
            body_sha=sha,
            inputs_sha=inputs_sha,
            now_sha=sha,
        )

    def _moved(self, n: int, moved: DecisionMoved) -> None:
        standing = self._decisions.get(moved.decision_id)
        if standing is None or standing.version < moved.version:
            raise LedgerBroken(
                f"decision {moved.decision_id} moves at version {moved.version}, "
                f"the newest is {None if standing is None else standing.version}"
            )
        move = text(
            {
                "decision_id": moved.decision_id,
                "version": moved.version,
                "at": instant_text(moved.at),
                "changes": moved.changes,
                "reason": moved.reason,
            }
        )
        self._add(
            t.decision_move,
            planning_group=self._group,
            seq=self._seq,
            n=n,
            decision_id=moved.decision_id,
            version=moved.version,
            body=move,
        )
        body = standing.body
        # What happens to a version that is no longer the newest leaves the decision as it stands.
        if standing.version == moved.version:
            body = text({**json.loads(body), **moved.changes})
            self._stands(moved.decision_id, moved.version, body)
        self._note(
            "moved",
            moved.decision_id,
            n=n,
            version=moved.version,
            state=json.loads(body)["state"],
            reason=moved.reason,
            body_sha=sha256_hex(move.encode()),
            now_sha=sha256_hex(body.encode()),
        )

    def _stands(self, decision_id: str, version: int, body: str) -> None:
        before = self._decisions.get(decision_id)
        state = json.loads(body)["state"]
        escalated = state == "escalated"
        self._decisions[decision_id] = _Standing(
            version=version,
            state=state,
            was_escalated=escalated or (before is not None and before.was_escalated),
            body=body,
        )
        self._touched.add(decision_id)
        self._add(t.publication, file=DECISIONS, line=body)
        # A move that leaves a pending escalation pending is no new escalation.
        pending = before is not None and (before.version, before.state) == (version, "escalated")
        if escalated and not pending:
            self._add(t.publication, file=ESCALATIONS, line=body)

    def _notify(self, made: DecisionMade) -> None:
        if made.body.get("notified"):
            told = text(notification(made.body))
            self._add(t.publication, file=NOTIFICATIONS, line=told)
            if made.body["mode"] != "shadow":
                self._add(
                    t.notice,
                    notice_id=f"{made.decision_id}.{made.version}",
                    recipient=made.body["recipient"],
                    decision_id=made.decision_id,
                    at=self._at,
                    body=told,
                )

    def _now_rows(self) -> list[dict[str, Any]]:
        standing = {decision_id: self._decisions[decision_id] for decision_id in self._touched}
        # Sorted, so that the same transaction writes the same file.
        return [
            {
                "decision_id": decision_id,
                **now_columns(json.loads(now.body)),
                "planning_group": self._group,
                "was_escalated": now.was_escalated,
                "body": now.body,
                "updated": self._at,
            }
            for decision_id, now in sorted(standing.items())
        ]

    def _command(self, command: Command) -> None:
        body = text(command.body)
        sha = sha256_hex(body.encode())
        columns = action_columns(command.body)
        if not command.compensates:
            self._add(t.action, action_id=command.action_id, state="pending", **columns)
        self._add(
            t.outbox,
            idem=command.idem,
            action_id=command.action_id,
            decision_id=command.decision_id,
            body=body,
            sha=sha,
            not_after=command.not_after,
            state="pending",
            created_at=self._at,
            compensates=command.compensates,
        )
        place = {"idem": command.idem, "action_id": command.action_id}
        self._note("command", command.decision_id, body_sha=sha, **place)

    def _reserve(self, move: Move) -> None:
        self._add(
            t.reservation,
            action_id=move.action_id,
            decision_id=move.decision_id,
            planning_group=self._group,
            at=move.at,
            value_minor=move.value_minor,
            counts_for=text(dict(move.keys)),
            account=move.account,
            released=move.released,
        )

    def _release(self, action_id: ActionId) -> None:
        c = t.reservation.c
        found = self._conn.execute(
            sa.update(t.reservation).where(c.action_id == action_id).values(released=True)
        )
        if found.rowcount == 0:
            raise LedgerBroken(f"action {action_id} is released and was never reserved")

    def _verdict(self, n: int, taken: VerdictTaken) -> None:
        row = {
            "planning_group": self._group,
            "seq": self._seq,
            "n": n,
            **{name: getattr(taken, name) for name in VerdictTaken.__slots__},
            "via": None if taken.via is None else text(dict(taken.via)),
        }
        self._add(t.verdict, **row)
        self._note(
            "verdict",
            taken.decision_id,
            n=n,
            login=taken.login,
            verdict=taken.verdict,
            result=taken.result,
            body_sha=sha256_hex(text(verdict_body(row)).encode()),
        )

    def _note(self, kind: str, decision_id: str, **body: Any) -> None:
        writer = desk_writer(self._group)
        self._tail.add(
            writer, kind, decision_id, self._at, group=self._group, seq=self._seq, **body
        )


def question_event(question: Question) -> dict[str, Any]:
    """A question as it goes out: a CloudEvent whose subject is the decision."""
    return {
        "specversion": "1.0",
        "id": question.body["clarification_id"],
        "source": ENGINE_SOURCE,
        "type": "clarification.requested.v1",
        "time": question.body["asked_at"],
        "subject": question.decision_id,
        "correlationid": question.decision_id,
        "data": dict(question.body),
    }


def move_action(conn: sa.Connection, moved: ActionMoved) -> None:
    """Set the state of an action and of its command; LedgerBroken if there is no such action."""
    stamps: Mapping[str, Any] = {"sent": {"sent_at": moved.at}, "acked": {"acked_at": moved.at}}
    found = conn.execute(
        sa.update(t.action)
        .where(t.action.c.action_id == moved.action_id)
        .values(state=moved.state, **stamps.get(moved.state, {}))
    )
    if found.rowcount == 0:
        raise LedgerBroken(f"action {moved.action_id} is {moved.state} and was never released")
    sent = {"sent_at": moved.at} if moved.state == "sent" else {}
    mine = t.outbox.c.action_id == moved.action_id
    if moved.state != "cancelled":
        # Whether it can be undone is a matter of its own.
        mine &= sa.not_(t.outbox.c.compensates)
    conn.execute(sa.update(t.outbox).where(mine).values(state=moved.state, **sent))


def store_feedback(
    conn: sa.Connection, group: str, seq: int, tick: datetime | None, rows: Iterable[Feedback]
) -> None:
    """What sense is to know after the desk transaction `seq`, from the tick after `tick` on."""
    c = t.feedback.c
    mine = sa.select(sa.func.count()).where(c.planning_group == group, c.seq == seq)
    stored = conn.execute(mine).scalar_one()
    values = [
        {
            "planning_group": group,
            "seq": seq,
            "n": n,
            "item": row.item,
            "tick": tick,
            "body": text(feedback_json(row)),
        }
        for n, row in enumerate(rows, start=stored)
    ]
    if values:
        conn.execute(sa.insert(t.feedback), values)
