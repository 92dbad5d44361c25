"""What can be stored in one transaction? All writes of the engine, the commands and the pages.

A writer lives as long as its transaction. It also answers every question a ledger does, and sees
what it has written itself.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from replan.canonical import canonical_bytes, sha256_hex
from replan.effects import DayRow, DeskOutcome, Feedback, ForecastRow
from replan.errors import LedgerMoved
from replan.infra.ledger import checks as ledger_checks
from replan.infra.ledger import doors as ledger_doors
from replan.infra.ledger import notices as ledger_notices
from replan.infra.ledger import outbox as ledger_outbox
from replan.infra.ledger import schema as t
from replan.infra.ledger import shadow as ledger_shadow
from replan.infra.ledger.audit import CONTROL, SENSE, desk_writer
from replan.infra.ledger.database import insert_or, upsert
from replan.infra.ledger.desk import DeskTransaction, store_feedback
from replan.infra.ledger.desk_reads import RESERVE_SEQ
from replan.infra.ledger.doors import SessionRow, TicketRow, TokenRow
from replan.infra.ledger.forecasts import put_days, put_forecasts
from replan.infra.ledger.notices import NoticeRow, Serves
from replan.infra.ledger.rows import CapRow, DeskKind, OutboxRow, ProposalRow, packed, text
from replan.infra.ledger.run import RunWriter
from replan.planted import Planted
from replan.shadowing import Compared
from replan.units import instant_text


class LedgerWriter(RunWriter):
    """The writes of one transaction."""

    # Sense.

    def add_proposals(self, tick: datetime, rows: Sequence[ProposalRow]) -> None:
        """Hand a tick's proposals to the desks."""
        values = []
        for row in rows:
            body = canonical_bytes(row.body)
            sha = sha256_hex(body)
            values.append(
                {
                    "tick": tick,
                    "planning_group": row.group,
                    "item": row.item,
                    "n": row.n,
                    "body": packed(body),
                    "sha": sha,
                }
            )
            place = {"tick": instant_text(tick), "group": row.group, "n": row.n}
            self._tail.add(SENSE, "proposal", row.item, tick, body_sha=sha, **place)
        if values:
            self._conn.execute(sa.insert(t.proposal), values)

    def upsert_forecasts(self, rows: Sequence[ForecastRow]) -> None:
        """The newest forecast of each series."""
        put_forecasts(self._conn, rows)

    def add_days(self, rows: Sequence[DayRow]) -> None:
        """Closed days. A day closed again keeps the forecast that was made before it."""
        put_days(self._conn, rows)

    # What is only looked at; see `replan.infra.desk.shown`.

    def put_projections(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """The newest outlook of stock by item and site."""
        upsert(self._conn, t.projection, rows)

    def put_series(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Which model serves each series from here on."""
        upsert(self._conn, t.series, rows)

    def put_authority(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """A version of the table that has begun to decide; one that is known stays as it is."""
        upsert(self._conn, t.authority_row, rows, update=())

    # The desk.

    def advance_desk(
        self,
        group: str,
        expected_seq: int,
        tick: datetime | None,
        body: Any,
        kind: DeskKind,
        at: datetime,
        input: Any,
    ) -> int:
        """Take the next place in a group's order and keep what was given; the new `seq`.

        `tick`: the newest tick the desk has taken. Raises LedgerMoved if the desk is no longer at
        `expected_seq`.
        """
        state, given = canonical_bytes(body), canonical_bytes(input)
        c = t.desk.c
        columns = {"tick": tick, "body": packed(state), "sha": sha256_hex(state)}
        seq = expected_seq + 1
        if expected_seq == 0:
            first = insert_or(self._conn, t.desk).values(planning_group=group, seq=seq, **columns)
            found = self._conn.execute(
                first.on_conflict_do_nothing().execution_options(preserve_rowcount=True)
            )
        else:
            found = self._conn.execute(
                sa.update(t.desk)
                .where(c.planning_group == group, c.seq == expected_seq)
                .values(seq=seq, **columns)
            )
        if found.rowcount == 0:
            raise LedgerMoved(f"desk {group} is no longer at {expected_seq}")
        self._conn.execute(
            sa.insert(t.desk_log).values(
                planning_group=group,
                seq=seq,
                kind=kind,
                tick=tick,
                at=at,
                input=packed(given),
                sha=sha256_hex(given),
            )
        )
        place = {"group": group, "seq": seq, "tick": None if tick is None else instant_text(tick)}
        sha = sha256_hex(given)
        self._tail.add(desk_writer(group), "given", group, at, input=kind, body_sha=sha, **place)
        return seq

    def apply_outcome(
        self,
        group: str,
        seq: int,
        outcome: DeskOutcome,
        at: datetime,
        *,
        expected_reserve_seq: int | None = None,
    ) -> None:
        """Store all that the desk transaction `seq` decided.

        Raises LedgerMoved if reservations changed since `expected_reserve_seq` was read.
        """
        if expected_reserve_seq is not None and self.reserve_seq() != expected_reserve_seq:
            raise LedgerMoved(f"reservations are no longer at {expected_reserve_seq}")
        if outcome.reserved or outcome.released:
            self._count(RESERVE_SEQ, 1)
        desk = DeskTransaction(self._conn, self._tail, group=group, seq=seq, at=at)
        desk.store(outcome)
        self.add_feedback(group, seq, outcome.feedback)

    def add_feedback(self, group: str, seq: int, rows: Iterable[Feedback]) -> None:
        """Feedback of the desk transaction `seq` beside its outcome's."""
        store_feedback(self._conn, group, seq, self._desk_tick(group), rows)

    def set_caps(self, rows: Sequence[CapRow]) -> None:
        """Put the caps in force, and what is used of them, in place of those before."""
        self._conn.execute(sa.delete(t.cap_now))
        values = [{name: getattr(row, name) for name in CapRow.__slots__} for row in rows]
        if values:
            self._conn.execute(sa.insert(t.cap_now), values)

    def add_compared(self, body: Mapping[str, Any], compared: Compared) -> None:
        """Keep how a played plan compares with what people did."""
        ledger_shadow.add_case(self._conn, body, compared)

    # Commands on their way; see `ledger_outbox`.

    def desks_stand(self, seqs: Mapping[str, int]) -> None:
        """LedgerMoved if a desk has gone on since it was this far; none goes on before this
        transaction ends.
        """
        c = t.desk.c
        query = sa.select(c.planning_group, c.seq).with_for_update(read=True)
        now = {row.planning_group: row.seq for row in self._conn.execute(query)}
        for group, seq in sorted(seqs.items()):
            if now.get(group, 0) != seq:
                raise LedgerMoved(f"desk {group} is no longer at {seq}")

    def claim_commands(
        self, idems: Sequence[str], token: str, at: datetime
    ) -> tuple[OutboxRow, ...]:
        """Take commands for sending under a token, oldest first; those that another process sends
        are left out.
        """
        taken = set(ledger_outbox.claim(self._conn, idems, token, at))
        return tuple(row for row in self.outbox_among(idems) if row.idem in taken)

    def step_command(self, idem: str, token: str, state: str, *, note: str | None = None) -> None:
        """A claimed command is attempted, failed or unknown; LedgerMoved if another took it."""
        ledger_outbox.step(self._conn, idem, token, state, note=note)

    def command_sent(self, idem: str, token: str, at: datetime) -> None:
        """It stands where its executor reads it, or was taken there."""
        ledger_outbox.step(self._conn, idem, token, "sent", sent_at=at, note=None)

    def command_waits(
        self, idem: str, token: str, retry_at: datetime, note: str, *, left: bool
    ) -> None:
        """It is sent again, not before `retry_at` by the machine's clock; `left`: it may have
        arrived all the same.
        """
        ledger_outbox.put_back(self._conn, idem, token, retry_at, note, left=left)

    def end_command(self, idem: str, state: str, note: str) -> None:
        """One that nobody is sending will not be sent any more."""
        ledger_outbox.end(self._conn, idem, state, note)

    # Planted checks; see `ledger_checks`.

    def plant(self, check: Planted, month: str, at: datetime) -> bool:
        """Put a check in the queue, and on record; False where it stands already."""
        body = text(check.body)
        added = ledger_checks.add(
            self._conn,
            decision_id=check.decision_id,
            month=month,
            recipient=check.recipient,
            fault=check.fault,
            source_id=check.source_id,
            at=at,
            deadline=check.deadline,
            body=body,
        )
        if added:
            sha = sha256_hex(body.encode())
            self._tail.add(CONTROL, "check", check.decision_id, at, fault=check.fault, body_sha=sha)
        return added

    def answer_check(self, decision_id: str, at: datetime, verdict: str, caught: bool) -> bool:
        """Keep the answer to a check, and put it on record; False where it was answered before."""
        told = {"verdict": verdict, "caught": caught}
        taken = ledger_checks.answer(self._conn, decision_id, answered_at=at, **told)
        if taken:
            self._tail.add(CONTROL, "check", decision_id, at, **told)
        return taken

    # What people are told; see `ledger_notices`.

    def add_notice(
        self, notice_id: str, recipient: str, decision_id: str | None, at: datetime, body: Any
    ) -> None:
        """Something to be told; one that stands already is left as it is."""
        ledger_notices.add(
            self._conn,
            notice_id=notice_id,
            recipient=recipient,
            decision_id=decision_id,
            at=at,
            body=text(body),
        )

    def spread_notices(self, serves: Mapping[str, Serves]) -> int:
        """Let what is to be told wait at each way that serves its recipient; how much was new."""
        return ledger_notices.spread(self._conn, serves)

    def claim_notices(
        self, ways: Sequence[str], token: str, now: datetime, until: datetime, limit: int
    ) -> tuple[NoticeRow, ...]:
        """Take what may be told now, oldest first, so that nobody else does before `until`."""
        return ledger_notices.claim(self._conn, ways, token, now, until, limit)

    def notice_ended(
        self, row: NoticeRow, token: str, state: str, at: datetime, note: str | None
    ) -> None:
        """It is `told`, `refused`, or `over` before it was told; LedgerMoved if another took it."""
        ledger_notices.end(self._conn, row, token, state, at, note)

    def notice_waits(self, row: NoticeRow, token: str, retry_at: datetime, note: str) -> None:
        """It is tried again, not before `retry_at`; LedgerMoved if another took it."""
        ledger_notices.put_back(self._conn, row, token, retry_at, note)

    # The doors; see `ledger_doors`. Their time is the database's.

    def start_session(
        self, secret: str, idle: timedelta, most: timedelta, **who: str
    ) -> SessionRow:
        """Sign a browser in: for `idle` from its last use on, and for `most` at the longest."""
        now = self._now()
        sha = ledger_doors.hashed(secret)
        row = SessionRow(secret_sha=sha, until=now + idle, ends=now + most, **who)
        ledger_doors.start_session(self._conn, row, now)
        return row

    def prolong_session(self, row: SessionRow, idle: timedelta) -> None:
        """A session was used."""
        ledger_doors.prolong_session(self._conn, row.secret_sha, self._now() + idle)

    def end_session(self, secret: str) -> None:
        """A browser signed out."""
        ledger_doors.end_session(self._conn, secret)

    def add_ticket(self, secret: str, row: TicketRow, ttl: timedelta) -> None:
        """Hand out what may be done once, for a while."""
        ledger_doors.add_ticket(self._conn, secret, row, ttl, self._now())

    def use_ticket(self, secret: str, purpose: str, subject: str) -> TicketRow | None:
        """Use a ticket up; None where it opens nothing (any more)."""
        return ledger_doors.use_ticket(self._conn, secret, purpose, subject, self._now())

    def add_token(self, token_id: str, login: str, secret: str, life: timedelta) -> TokenRow:
        """Keep a new personal token, and put on record that there is one."""
        now = self._now()
        row = TokenRow(
            token_id=token_id,
            login=login,
            secret_sha=ledger_doors.hashed(secret),
            made_at=now,
            ends=now + life,
            revoked_at=None,
        )
        ledger_doors.add_token(self._conn, row)
        self.note_door({"token": "made", "login": login, "ends": instant_text(row.ends)}, token_id)
        return row

    def revoke_token(self, token_id: str) -> TokenRow | None:
        """End a personal token at once; None if there is none of that id."""
        row = ledger_doors.revoke_token(self._conn, token_id, self._now())
        if row is not None:
            self.note_door({"token": "revoked", "login": row.login}, token_id)
        return row

    def keep_answer(
        self, login: str, key: str, request_sha: str, answer: Mapping[str, Any]
    ) -> None:
        """Keep the first answer to a key of a login."""
        ledger_doors.keep_answer(self._conn, login, key, request_sha, answer)

    # The way out.

    def published(self, through: int) -> None:
        """The waiting lines up to this number stand in their files."""
        self._conn.execute(sa.delete(t.publication).where(t.publication.c.n <= through))

    def published_lines(self, numbers: Sequence[int]) -> None:
        """These waiting lines stand at their target."""
        self._conn.execute(sa.delete(t.publication).where(t.publication.c.n.in_(list(numbers))))

    def refused_line(self, number: int, reason: str) -> None:
        """A waiting line that its target refuses for good; it is kept and not sent again."""
        mine = t.publication.c.n == number
        self._conn.execute(sa.update(t.publication).where(mine).values(refused=reason))

    def confirm_length(self, file: str, length: int) -> None:
        """What an out file holds up to this many bytes is known to have been written."""
        upsert(self._conn, t.out_file, [{"file": file, "length": length}])

    def _desk_tick(self, group: str) -> datetime | None:
        tick = self._scalar(sa.select(t.desk.c.tick).where(t.desk.c.planning_group == group))
        assert tick is None or isinstance(tick, datetime)
        return tick
