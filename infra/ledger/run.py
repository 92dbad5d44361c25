"""How is the run stored? Segments and batches, the clock, states, fits, answers and dead letters.

This half of a transaction's writes knows nothing of decisions.
"""

import base64
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa

from replan.alarms import Alarm
from replan.canonical import canonical_bytes, sha256_hex
from replan.errors import LedgerBroken, LedgerMoved
from replan.infra.ledger import lease as ledger_lease
from replan.infra.ledger import schema as t
from replan.infra.ledger.audit import CONTROL, DOORS, INCIDENTS, LADDER, SENSE, STOPS, AuditTail
from replan.infra.ledger.database import backend, insert_or, upsert
from replan.infra.ledger.records import LedgerRecords
from replan.infra.ledger.rows import (
    AnswerRow,
    DeadLetterRow,
    ManifestRow,
    SegmentFile,
    SegmentRow,
    packed,
    text,
)
from replan.infra.ledger.run_reads import EVENTS, TOMBSTONES
from replan.infra.out_names import DLQ
from replan.ladder import StageMove, move_json
from replan.stops import Stop, stop_json
from replan.streams.log_slices import LogSlice
from replan.units import instant_text

SNAPSHOTS_KEPT: Final = 2
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
"""Where an instant is needed before the first event has given one."""


class RunWriter(LedgerRecords):
    """What a run stores, on the connection of one transaction."""

    def __init__(self, conn: sa.Connection) -> None:
        self._conn = conn
        self._tail = AuditTail(conn)

    def _reading(self) -> AbstractContextManager[sa.Connection]:
        return nullcontext(self._conn)

    def finish(self) -> None:
        """Write what was collected; the ledger calls this before it commits."""
        self._tail.flush()

    def take_lease(self, role: str, owner: str, ttl: timedelta) -> int | None:
        """Become the one who holds a role; see `Ledger.take_lease`."""
        return ledger_lease.take(self._conn, role, owner, ttl, self._now())

    def hold_lease(self, role: str, epoch: int, ttl: timedelta) -> None:
        """What this transaction stores is stored under a lease, which then lasts `ttl` from now on.

        Raises LeaseLost if another one has taken it since.
        """
        ledger_lease.hold(self._conn, role, epoch, self._now() + ttl)

    def _now(self) -> datetime:
        return backend(self._conn.engine).now(self._conn)

    def set_control(self, key: str, value: Any) -> None:
        """Keep a plain JSON value under a key."""
        upsert(self._conn, t.control, [{"key": key, "value": text(value)}])

    def set_clock(self, at: datetime) -> None:
        """Move the log clock; LedgerBroken if it would go back."""
        stands = self.clock()
        if stands is not None and at < stands:
            raise LedgerBroken(
                f"clock would go back from {instant_text(stands)} to {instant_text(at)}"
            )
        self.set_control("clock", instant_text(at))

    def move_stops(
        self, stops: Sequence[Stop], note: Mapping[str, Any], at: datetime | None
    ) -> None:
        """Keep what is stopped from here on, and who said so."""
        kept = {"seq": self.stop_seq() + 1, "in_force": [stop_json(stop) for stop in stops]}
        self.set_control(STOPS, kept)
        sha = sha256_hex(text(kept).encode())
        self.note_stop({**note, "stop_seq": kept["seq"], "stops_sha": sha}, at)

    def note_stop(self, note: Mapping[str, Any], at: datetime | None) -> None:
        """Put on record who moved the stop switch, or tried to; `at` None: before the first
        event.
        """
        self._tail.add(CONTROL, "stop", "stops", at or EPOCH, **note)

    def move_ladder(
        self,
        moves: Sequence[StageMove],
        proposed: Sequence[Mapping[str, Any]],
        note: Mapping[str, Any],
        at: datetime | None,
    ) -> None:
        """Keep what stands on the ladder from here on, and who moved it."""
        kept = {"moves": [move_json(move) for move in moves], "proposed": list(proposed)}
        self.set_control(LADDER, kept)
        self.note_ladder({**note, "ladder_sha": sha256_hex(text(kept).encode())}, at)

    def note_ladder(self, note: Mapping[str, Any], at: datetime | None) -> None:
        """Put on record who moved something on the ladder, or tried to."""
        self._tail.add(CONTROL, "ladder", "ladder", at or EPOCH, **note)

    def note_door(self, note: Mapping[str, Any], subject: str) -> None:
        """Put on record that somebody was not let in, or may come in from now on or no longer; by
        the database's time, which the doors go by.
        """
        self._tail.add(DOORS, "door", subject, self._now(), **note)

    def keep_incidents(
        self, rows: Sequence[Mapping[str, Any]], note: Mapping[str, Any], at: datetime | None
    ) -> None:
        """Keep all incidents as they stand, and put on record what was said of one. Its own kind
        is `incident_kind` there.
        """
        self.set_control(INCIDENTS, list(rows))
        said = {**{k: v for k, v in note.items() if k != "kind"}, "incident_kind": note["kind"]}
        said["incidents_sha"] = sha256_hex(text(list(rows)).encode())
        self._tail.add(CONTROL, "incident", "incidents", at or EPOCH, **said)

    def note_estimate(self, decision_id: str, at: datetime | None, **told: Any) -> None:
        """Put on record what a reader thought before the engine's figures were shown."""
        self._tail.add(CONTROL, "estimate", decision_id, at or EPOCH, **told)

    def note_drill(self, note: Mapping[str, Any], at: datetime | None) -> None:
        """Put a rehearsal on record."""
        self._tail.add(CONTROL, "drill", "drills", at or EPOCH, **note)

    def add_counts(self, counts: Mapping[str, int]) -> None:
        """Count events by status on top of what was counted before."""
        for name in sorted(counts):
            self._count(EVENTS + name, counts[name])

    def add_tombstones(self, count: int) -> None:
        """Count records without a value: they hold no event, and their offsets are read."""
        if count:
            self._count(TOMBSTONES, count)

    def store_segment(self, files: Iterable[SegmentFile]) -> SegmentRow:
        """Open a segment of event files, before its first batch. LedgerMoved while another is open.

        Who needs the row takes it from here: by the next read another process may have done it.
        """
        plain = [{name: getattr(file, name) for name in file.__slots__} for file in files]
        return self._open_segment(plain)

    def store_slice(self, cut: LogSlice) -> SegmentRow:
        """Open a segment of a log in the same way."""
        return self._open_segment(cut.to_json())

    def _open_segment(self, content: Any) -> SegmentRow:
        if self.open_segment() is not None:
            raise LedgerMoved("a segment is open already")
        newest = self._scalar(sa.select(sa.func.coalesce(sa.func.max(t.segment.c.id), 0)))
        self._conn.execute(
            sa.insert(t.segment).values(
                id=newest + 1, files=text(content), state="open", next_offset=0
            )
        )
        opened = self.open_segment()
        assert opened is not None, "stored by the statement before, in this transaction"
        return opened

    def finish_segment(self, segment: int) -> None:
        """All ranks of the segment are applied."""
        c = t.segment.c
        found = self._conn.execute(
            sa.update(t.segment).where(c.id == segment, c.state == "open").values(state="done")
        )
        if found.rowcount == 0:
            raise LedgerMoved(f"segment {segment} is not open")

    def append_manifest(self, row: ManifestRow) -> None:
        """Note a batch as applied; LedgerMoved if it does not follow the newest one."""
        c = t.segment.c
        moved = self._conn.execute(
            sa.update(t.segment)
            .where(c.id == row.segment, c.state == "open", c.next_offset == row.first_offset)
            .values(next_offset=row.last_offset + 1)
        )
        if moved.rowcount == 0 or row.batch_seq != self.batch_seq() + 1:
            raise LedgerMoved(
                f"batch {row.batch_seq} of segment {row.segment} from rank {row.first_offset} "
                "does not follow what was applied"
            )
        self._conn.execute(
            sa.insert(t.manifest).values(
                batch_seq=row.batch_seq,
                segment=row.segment,
                partition=0,
                first_offset=row.first_offset,
                last_offset=row.last_offset,
                tick=row.tick,
                statuses=text(row.statuses),
                counts=text(dict(row.counts)),
                replied=row.replied,
            )
        )

    def mark_replied(self, through_batch: int) -> None:
        """The replies of all batches up to this one stand in their out file."""
        c = t.manifest.c
        self._conn.execute(
            sa.update(t.manifest)
            .where(c.batch_seq <= through_batch, sa.not_(c.replied))
            .values(replied=True)
        )

    def add_artefact(self, kind: str, body: bytes) -> str:
        """Keep a text by its content; its hex SHA-256."""
        sha = sha256_hex(body)
        row = {"sha": sha, "kind": kind, "body": packed(body)}
        upsert(self._conn, t.artefact, [row], update=())
        return sha

    def save_snapshot(self, tick: datetime, body: bytes) -> None:
        """Keep the state as it stands after `tick`; only the newest ones stay."""
        row = {
            "tick": tick,
            "batch_seq": self.batch_seq(),
            "body": packed(body),
            "sha": sha256_hex(body),
        }
        upsert(self._conn, t.snapshot, [row])
        c = t.snapshot.c
        kept = sa.select(c.tick).order_by(c.tick.desc()).limit(SNAPSHOTS_KEPT)
        self._conn.execute(sa.delete(t.snapshot).where(c.tick.not_in(kept)))

    def record_fit(self, asked_at: datetime, effective: datetime | None, body: bytes) -> None:
        """Keep a fit, or say when a kept one takes effect; LedgerBroken for another one."""
        sha = sha256_hex(body)
        c = t.fit.c
        kept = self._first(sa.select(c.sha, c.effective).where(c.asked_at == asked_at))
        if kept is None:
            row = {"asked_at": asked_at, "effective": effective, "sha": sha, "body": packed(body)}
            self._conn.execute(sa.insert(t.fit).values(row))
            tick = instant_text(asked_at)
            self._tail.add(SENSE, "fit", "fit", asked_at, tick=tick, body_sha=sha)
        elif kept.sha != sha or kept.effective not in (None, effective):
            raise LedgerBroken(f"fit asked at {instant_text(asked_at)}: another one is kept")
        else:
            self._conn.execute(
                sa.update(t.fit).where(c.asked_at == asked_at).values(effective=effective)
            )

    def store_answers(self, row: AnswerRow) -> None:
        """Keep what an executor answered to a tick, a silence too."""
        body = canonical_bytes(list(row.events))
        self._conn.execute(
            sa.insert(t.answer).values(
                tick=row.tick,
                executor=row.executor,
                body=packed(body),
                sha=sha256_hex(body),
                acks_applied=row.acks_applied,
            )
        )

    def put_alarms(self, rows: Sequence[Alarm]) -> None:
        """Keep alarms as they stand now: opened, or closed since."""
        values = [
            {
                "alarm_id": row.alarm_id,
                "kind": row.kind,
                **asdict(row.scope),
                "opened_at": row.opened_at,
                "closed_at": row.closed_at,
                "text": row.text,
            }
            for row in rows
        ]
        for value in values:
            upsert(self._conn, t.alarm, [value], update=("closed_at",))

    def close_alarms(self, alarm_ids: Sequence[str], at: datetime) -> None:
        """These alarms are over."""
        mine = t.alarm.c.alarm_id.in_(sorted(alarm_ids))
        self._conn.execute(sa.update(t.alarm).where(mine).values(closed_at=at))

    def add_dead_letters(self, rows: Sequence[DeadLetterRow]) -> None:
        """Keep events that were not applied, with their bytes, and publish them."""
        if rows:
            names = tuple(DeadLetterRow.__slots__)
            values = [
                {("sha" if name == "sha256" else name): getattr(row, name) for name in names}
                for row in rows
            ]
            self._conn.execute(sa.insert(t.dlq), values)
            self.publish(DLQ, [text(_dead_letter_json(row)) for row in rows])

    def note(self, writer: str, kind: str, subject: str, at: datetime, **body: Any) -> None:
        """What a person said about the run itself, in the audit chain of a writer."""
        self._tail.add(writer, kind, subject, at, **body)

    def publish(self, file: str, lines: Iterable[str]) -> None:
        """Lines, without their ends, that are to be appended to an out file."""
        values = [{"file": file, "line": line} for line in lines]
        if values:
            self._conn.execute(sa.insert(t.publication), values)

    def _count(self, name: str, by: int) -> None:
        insert = insert_or(self._conn, t.counter).values(name=name, value=by)
        added = t.counter.c.value + insert.excluded.value
        self._conn.execute(
            insert.on_conflict_do_update(index_elements=["name"], set_={"value": added})
        )


def _dead_letter_json(row: DeadLetterRow) -> dict[str, Any]:
    return {
        "id": row.event_id,
        "place": row.place,
        "status": row.status,
        "code": row.code,
        "pointer": row.pointer,
        "reason": row.reason,
        "sha256": row.sha256,
        "at": instant_text(row.at),
        "raw_base64": base64.b64encode(row.raw).decode(),
    }
