"""What does the ledger know of the run? What was applied, kept states, fits, answers, alarms."""

import json
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa

from replan.alarms import Alarm, AlarmScope
from replan.infra.ledger import schema as t
from replan.infra.ledger.audit import LADDER, STOPS
from replan.infra.ledger.lease import lease_of
from replan.infra.ledger.reading import Reading
from replan.infra.ledger.rows import (
    AnswerRow,
    FitRow,
    LeaseRow,
    ManifestRow,
    SegmentFile,
    SegmentRow,
    SnapshotRow,
    unpacked,
)
from replan.ladder import StageMove, move_from_json
from replan.stops import Stop, stop_from_json
from replan.streams.log_slices import LogSlice

STATUSES: Final = ("accepted", "rejected", "duplicate", "late", "quarantined")
EVENTS: Final = "events."
TOMBSTONES: Final = "tombstones"
_SEQ: Final = t.manifest.c.batch_seq


class RunReads(Reading):
    """Questions about the run."""

    def lease(self, role: str) -> LeaseRow | None:
        """Who holds a role, or held it last; None if nobody ever did."""
        with self._reading() as conn:
            return lease_of(conn, role)

    def stops(self) -> tuple[Stop, ...]:
        """What is stopped, in the order in which it was."""
        kept = self.control(STOPS)
        return () if kept is None else tuple(stop_from_json(stop) for stop in kept["in_force"])

    def ladder(self) -> tuple[StageMove, ...]:
        """What was moved on the ladder, by what it is about."""
        kept = self.control(LADDER)
        return () if kept is None else tuple(move_from_json(m) for m in kept["moves"])

    def ladder_proposals(self) -> tuple[dict[str, Any], ...]:
        """Promotions that wait for a second person."""
        kept = self.control(LADDER)
        return () if kept is None else tuple(kept["proposed"])

    def stop_seq(self) -> int:
        """Counts up whenever something is stopped or let go on."""
        kept = self.control(STOPS)
        return 0 if kept is None else int(kept["seq"])

    def counts(self) -> dict[str, int]:
        """Events by status, over all runs."""
        rows = self._all(sa.select(t.counter).where(t.counter.c.name.startswith(EVENTS)))
        return dict.fromkeys(STATUSES, 0) | {
            row.name.removeprefix(EVENTS): row.value for row in rows
        }

    def segments(self) -> tuple[SegmentRow, ...]:
        """All segments, oldest first."""
        rows = self._all(sa.select(t.segment).order_by(t.segment.c.id))
        return tuple(_segment(row) for row in rows)

    def segments_among(self, ids: Collection[int]) -> tuple[SegmentRow, ...]:
        """The segments with these ids, oldest first."""
        c = t.segment.c
        if not ids:
            return ()
        query = sa.select(t.segment).where(c.id.between(min(ids), max(ids))).order_by(c.id)
        return tuple(_segment(row) for row in self._all(query) if row.id in ids)

    def newest_segment(self) -> SegmentRow | None:
        """The segment that was opened last; None before the first."""
        row = self._first(sa.select(t.segment).order_by(t.segment.c.id.desc()).limit(1))
        return None if row is None else _segment(row)

    def open_segment(self) -> SegmentRow | None:
        """The segment that is not wholly applied yet."""
        # Only the newest can be: none is opened before the one before it is done.
        newest = self.newest_segment()
        return newest if newest is not None and newest.state == "open" else None

    def prefixes(self) -> dict[str, SegmentFile]:
        """For every event file what was last taken of it by a segment that is done."""
        return {
            file.name: file for row in self.segments() if row.state == "done" for file in row.files
        }

    def batch_seq(self) -> int:
        """The number of the newest batch, 0 before the first."""
        return int(self._scalar(sa.select(sa.func.coalesce(sa.func.max(_SEQ), 0))))

    def last_tick(self) -> datetime | None:
        """The newest tick that is closed."""
        value = self._scalar(sa.select(sa.func.max(t.manifest.c.tick)))
        assert value is None or isinstance(value, datetime)
        return value

    def manifest_since(self, tick: datetime | None) -> tuple[ManifestRow, ...]:
        """The batches after the one that closed `tick`, all of them for None, in order."""
        query = sa.select(t.manifest).order_by(_SEQ)
        if tick is not None:
            closed = sa.select(sa.func.coalesce(sa.func.max(_SEQ), 0)).where(
                t.manifest.c.tick <= tick
            )
            query = query.where(closed.scalar_subquery() < _SEQ)
        return tuple(_manifest(row) for row in self._all(query))

    def latest_snapshot(self) -> SnapshotRow | None:
        """The newest state kept; LedgerBroken if it is not what was stored."""
        row = self._first(sa.select(t.snapshot).order_by(t.snapshot.c.tick.desc()).limit(1))
        if row is None:
            return None
        body = unpacked(row.body, row.sha, f"snapshot {row.tick}")
        return SnapshotRow(tick=row.tick, batch_seq=row.batch_seq, body=body)

    def fit_in_force(self, tick: datetime) -> FitRow | None:
        """The newest fit that took effect by a tick; None before the first."""
        c = t.fit.c
        query = sa.select(t.fit).where(c.effective <= tick)
        row = self._first(query.order_by(c.effective.desc(), c.asked_at.desc()).limit(1))
        return None if row is None else _fit(row)

    def fits_since(self, tick: datetime | None) -> tuple[FitRow, ...]:
        """Fits that take effect after `tick` or not yet, oldest first; all of them for None."""
        query = sa.select(t.fit).order_by(t.fit.c.asked_at)
        if tick is not None:
            query = query.where(t.fit.c.effective.is_(None) | (t.fit.c.effective > tick))
        return tuple(_fit(row) for row in self._all(query))

    def answers_for(self, tick: datetime) -> tuple[AnswerRow, ...]:
        """What executors answered to what `tick` released, by name."""
        query = sa.select(t.answer).where(t.answer.c.tick == tick)
        return tuple(_answer(row) for row in self._all(query.order_by(t.answer.c.executor)))

    def alarms(self) -> tuple[Alarm, ...]:
        """All alarms, open and closed, by when they opened."""
        c = t.alarm.c
        query = sa.select(t.alarm).order_by(c.opened_at, c.alarm_id)
        return tuple(_alarm(row) for row in self._all(query))

    def artefacts_among(self, shas: Sequence[str]) -> set[str]:
        """Those of these hex SHA-256 under which a text is kept."""
        c = t.artefact.c
        return {row.sha for row in self._all(sa.select(c.sha).where(c.sha.in_(sorted(shas))))}

    def artefact(self, sha: str) -> bytes | None:
        """The text kept under its hex SHA-256."""
        stored = self._scalar(sa.select(t.artefact.c.body).where(t.artefact.c.sha == sha))
        return None if stored is None else unpacked(stored, sha, f"artefact {sha}")

    def open_alarms(self, kind: str, source: str) -> tuple[Alarm, ...]:
        """The alarms of a kind and source that stand."""
        c = t.alarm.c
        mine = (c.kind == kind) & (c.source == source) & c.closed_at.is_(None)
        query = sa.select(t.alarm).where(mine).order_by(c.opened_at, c.alarm_id)
        return tuple(_alarm(row) for row in self._all(query))


def _segment(row: Any) -> SegmentRow:
    plain = json.loads(row.files)
    is_cut = isinstance(plain, dict)
    return SegmentRow(
        id=row.id,
        files=() if is_cut else tuple(SegmentFile(**file) for file in plain),
        cut=LogSlice.from_json(plain) if is_cut else None,
        state=row.state,
        next_offset=row.next_offset,
    )


def _manifest(row: Any) -> ManifestRow:
    return ManifestRow(
        batch_seq=row.batch_seq,
        segment=row.segment,
        first_offset=row.first_offset,
        last_offset=row.last_offset,
        tick=row.tick,
        statuses=json.loads(row.statuses),
        counts=json.loads(row.counts),
        replied=row.replied,
    )


def _fit(row: Any) -> FitRow:
    body = unpacked(row.body, row.sha, f"fit asked at {row.asked_at}")
    return FitRow(asked_at=row.asked_at, effective=row.effective, body=body)


def _answer(row: Any) -> AnswerRow:
    body = unpacked(row.body, row.sha, f"answer of {row.executor} at {row.tick}")
    return AnswerRow(
        tick=row.tick,
        executor=row.executor,
        events=tuple(json.loads(body)),
        acks_applied=row.acks_applied,
    )


def _alarm(row: Any) -> Alarm:
    return Alarm(
        alarm_id=row.alarm_id,
        kind=row.kind,
        scope=AlarmScope(item=row.item, site=row.site, model=row.model, source=row.source),
        opened_at=row.opened_at,
        closed_at=row.closed_at,
        text=row.text,
    )
