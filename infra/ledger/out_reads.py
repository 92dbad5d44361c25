"""What does the ledger know of what goes out? Commands, and lines for out files and topics."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from replan.infra.ledger import schema as t
from replan.infra.ledger.outbox import OPEN, UNANSWERED, known_keys
from replan.infra.ledger.reading import Reading
from replan.infra.ledger.rows import OutboxRow


class OutReads(Reading):
    """Questions about what goes out."""

    def pending_outbox(self) -> tuple[OutboxRow, ...]:
        """Commands not sent yet, oldest first."""
        c = t.outbox.c
        query = sa.select(t.outbox).where(c.state == "pending").order_by(c.created_at, c.idem)
        return tuple(_command(row) for row in self._all(query))

    def sendable_outbox(self, at: datetime, now: datetime) -> tuple[OutboxRow, ...]:
        """Commands that did not leave for certain and may be tried by now, the machine's time, and
        those sent at `at` that were not answered; oldest first.
        """
        c = t.outbox.c
        unanswered = (c.state == "sent") & (c.sent_at == at)
        due = c.retry_at.is_(None) | (c.retry_at <= now)
        query = sa.select(t.outbox).where((c.state.in_(OPEN) & due) | unanswered)
        return tuple(_command(row) for row in self._all(query.order_by(c.created_at, c.idem)))

    def outbox_among(self, idems: Sequence[str]) -> tuple[OutboxRow, ...]:
        """The commands of these keys, oldest first."""
        c = t.outbox.c
        query = sa.select(t.outbox).where(c.idem.in_(sorted(idems)))
        return tuple(_command(row) for row in self._all(query.order_by(c.created_at, c.idem)))

    def unanswered_outbox(self, since: datetime) -> tuple[OutboxRow, ...]:
        """Commands of which nothing final was heard and that were claimed by `since`, or, where
        nobody could send them, made by then.
        """
        c = t.outbox.c
        begun = sa.func.coalesce(c.claimed_at, c.created_at)
        open_ = c.state.in_(sorted({*OPEN, *UNANSWERED})) & (begun <= since)
        query = sa.select(t.outbox).where(open_).order_by(c.created_at, c.idem)
        return tuple(_command(row) for row in self._all(query))

    def command_keys(self, actions: Sequence[str]) -> set[tuple[str, str]]:
        """Action and key of every command there is about these actions."""
        with self._reading() as conn:
            return known_keys(conn, actions)

    def outbox(self, decision_id: str | None = None) -> tuple[OutboxRow, ...]:
        """All commands, or those of one decision, oldest first."""
        c = t.outbox.c
        query = sa.select(t.outbox).order_by(c.created_at, c.idem)
        if decision_id is not None:
            query = query.where(c.decision_id == decision_id)
        return tuple(_command(row) for row in self._all(query))

    def publications(self, limit: int) -> tuple[tuple[int, str, str], ...]:
        """The oldest lines that wait for an out file: number, file, line without its end."""
        query = sa.select(t.publication).order_by(t.publication.c.n).limit(limit)
        return tuple((row.n, row.file, row.line) for row in self._all(query))

    def waiting_targets(self) -> tuple[str, ...]:
        """The targets for which lines wait that were not refused for good, in order of name."""
        c = t.publication.c
        query = sa.select(c.file).where(c.refused.is_(None)).distinct().order_by(c.file)
        return tuple(row.file for row in self._all(query))

    def publications_for(self, file: str, limit: int) -> tuple[tuple[int, str], ...]:
        """The oldest lines that wait for a target: number and line without its end."""
        c = t.publication.c
        mine = (c.file == file) & c.refused.is_(None)
        rows = self._all(sa.select(c.n, c.line).where(mine).order_by(c.n).limit(limit))
        return tuple((row.n, row.line) for row in rows)

    def out_lengths(self) -> dict[str, int]:
        """Confirmed length of every out file in bytes."""
        return {row.file: row.length for row in self._all(sa.select(t.out_file))}


def _command(row: Any) -> OutboxRow:
    return OutboxRow(
        idem=row.idem,
        action_id=row.action_id,
        decision_id=row.decision_id,
        body=json.loads(row.body),
        not_after=row.not_after,
        state=row.state,
        created_at=row.created_at,
        sent_at=row.sent_at,
        compensates=row.compensates,
        claimed_at=row.claimed_at,
        attempts=row.attempts,
        note=row.note,
    )
