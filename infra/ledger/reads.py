"""What does the ledger know? Everything that the engine, the commands and the pages ask it.

Each question sees one committed state, however many statements it takes.
"""

import json
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa

from replan.alarms import Alarm, AlarmScope
from replan.effects import Move
from replan.errors import LedgerBroken
from replan.infra.ledger import schema as t
from replan.infra.ledger.audit import LADDER, STOPS
from replan.infra.ledger.lease import lease_of
from replan.infra.ledger.outbox import OPEN, UNANSWERED, known_keys
from replan.infra.ledger.rows import (
    AnswerRow,
    DeskLogRow,
    DeskRow,
    FeedbackRow,
    FitRow,
    LeaseRow,
    ManifestRow,
    OutboxRow,
    ProposalRow,
    SegmentFile,
    SegmentRow,
    SnapshotRow,
    unpacked,
)
from replan.ladder import StageMove, move_from_json
from replan.records import feedback_from_json
from replan.stops import Stop, stop_from_json
from replan.streams.log_slices import LogSlice

STATUSES: Final = ("accepted", "rejected", "duplicate", "late", "quarantined")
EVENTS: Final = "events."
TOMBSTONES: Final = "tombstones"
RESERVE_SEQ: Final = "reserve_seq"


class LedgerReads(ABC):
    """Questions about the run and the desk; a ledger and a running transaction both answer them."""

    @abstractmethod
    def _reading(self) -> AbstractContextManager[sa.Connection]:
        """A connection that sees one state."""

    def _all(self, statement: sa.Executable) -> list[Any]:
        with self._reading() as conn:
            return list(conn.execute(statement).all())

    def _first(self, statement: sa.Executable) -> Any:
        with self._reading() as conn:
            return conn.execute(statement).first()

    def _scalar(self, statement: sa.Executable) -> Any:
        with self._reading() as conn:
            return conn.execute(statement).scalar()

    # The run.

    def control(self, key: str) -> Any:
        """The value kept under a key, None if there is none."""
        value = self._scalar(sa.select(t.control.c.value).where(t.control.c.key == key))
        return None if value is None else json.loads(value)

    def clock(self) -> datetime | None:
        """Where the log clock stands; None before the first event."""
        value = self.control("clock")
        return None if value is None else datetime.fromisoformat(value)

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

    def escalated_ids(self) -> frozenset[str]:
        """Decisions that were ever put before a planner."""
        c = t.decision_now.c
        rows = self._all(sa.select(c.decision_id).where(c.was_escalated))
        return frozenset(row.decision_id for row in rows)

    def action_states(self) -> tuple[tuple[str, str], ...]:
        """Kind and state of each released action."""
        c = t.action.c
        return tuple(
            (row.kind, row.state)
            for row in self._all(sa.select(c.kind, c.state).order_by(c.action_id))
        )

    def artefact(self, sha: str) -> bytes | None:
        """The text kept under its hex SHA-256."""
        stored = self._scalar(sa.select(t.artefact.c.body).where(t.artefact.c.sha == sha))
        return None if stored is None else unpacked(stored, sha, f"artefact {sha}")

    # The desk.

    def proposals_for(self, tick: datetime, group: str | None = None) -> tuple[ProposalRow, ...]:
        """The proposals of a tick by group, item and number."""
        c = t.proposal.c
        query = sa.select(t.proposal).where(c.tick == tick)
        if group is not None:
            query = query.where(c.planning_group == group)
        return tuple(
            ProposalRow(
                group=row.planning_group,
                item=row.item,
                n=row.n,
                body=json.loads(unpacked(row.body, row.sha, f"proposal {row.item} at {tick}")),
            )
            for row in self._all(query.order_by(c.planning_group, c.item, c.n))
        )

    def newest_proposal(self, item: str) -> ProposalRow | None:
        """The last proposal ever made about an item; None if there was none."""
        c = t.proposal.c
        newest = sa.select(t.proposal).where(c.item == item).order_by(c.tick.desc(), c.n.desc())
        row = self._first(newest.limit(1))
        if row is None:
            return None
        name = f"proposal {item} at {row.tick}"
        body = json.loads(unpacked(row.body, row.sha, name))
        return ProposalRow(group=row.planning_group, item=item, n=row.n, body=body)

    def reassessed_at(self, group: str, tick: str | None) -> list[dict[str, Any]]:
        """What sense judged again at a tick (RFC 3339; None: never), as the desk was given it."""
        if tick is None:
            return []
        c = t.desk_log.c
        at = datetime.fromisoformat(tick)
        row = self._first(
            sa.select(t.desk_log).where(c.planning_group == group, c.kind == "tick", c.at == at)
        )
        if row is None:
            return []
        given = json.loads(unpacked(row.input, row.sha, f"desk log {group} {row.seq}"))
        return list(given["given"]["reassessed"])

    def feedback_for(self, tick: datetime) -> tuple[FeedbackRow, ...]:
        """What the desk told sense since `tick` and before the next one, in order."""
        c = t.feedback.c
        order = (c.planning_group, c.seq, c.n)
        query = sa.select(t.feedback).where(c.tick == tick).order_by(*order)
        return tuple(_feedback(row) for row in self._all(query))

    def desk(self, group: str) -> DeskRow:
        """The desk of a group as its newest transaction left it."""
        row = self._first(sa.select(t.desk).where(t.desk.c.planning_group == group))
        if row is None:
            return DeskRow(group=group, seq=0, tick=None, body=None)
        body = json.loads(unpacked(row.body, row.sha, f"desk {group}"))
        return DeskRow(group=group, seq=row.seq, tick=row.tick, body=body)

    def desk_seqs(self) -> dict[str, int]:
        """How many transactions the desk of each group has had; those without any are left out."""
        rows = self._all(sa.select(t.desk.c.planning_group, t.desk.c.seq))
        return {row.planning_group: row.seq for row in rows}

    def desk_log(self, group: str, since_seq: int = 0) -> tuple[DeskLogRow, ...]:
        """What the desk transactions after `since_seq` were given, in order."""
        c = t.desk_log.c
        query = sa.select(t.desk_log).where(c.planning_group == group, c.seq > since_seq)
        return tuple(
            DeskLogRow(
                group=group,
                seq=row.seq,
                kind=row.kind,
                tick=row.tick,
                at=row.at,
                input=json.loads(unpacked(row.input, row.sha, f"desk log {group} {row.seq}")),
            )
            for row in self._all(query.order_by(c.seq))
        )

    def desk_policy(self, group: str, seq: int) -> dict[str, Any]:
        """What the policy of a desk transaction was made of, by name; LedgerBroken if there was no
        such transaction.
        """
        c = t.desk_log.c
        row = self._first(sa.select(c.input, c.sha).where(c.planning_group == group, c.seq == seq))
        if row is None:
            raise LedgerBroken(f"desk {group} has no transaction {seq}")
        return dict(json.loads(unpacked(row.input, row.sha, f"desk log {group} {seq}"))["policy"])

    def reserve_seq(self) -> int:
        """Counts up whenever a reservation is made or released."""
        value = self._scalar(sa.select(t.counter.c.value).where(t.counter.c.name == RESERVE_SEQ))
        return int(value or 0)

    def reservations(self, since: datetime | None = None) -> tuple[Move, ...]:
        """Reservations made at or after an instant, released ones marked, by time and id."""
        c = t.reservation.c
        query = sa.select(t.reservation).order_by(c.at, c.action_id)
        if since is not None:
            query = query.where(c.at >= since)
        return tuple(
            Move(
                action_id=row.action_id,
                decision_id=row.decision_id,
                at=row.at,
                value_minor=row.value_minor,
                keys=json.loads(row.counts_for),
                account=row.account,
                released=row.released,
            )
            for row in self._all(query)
        )

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

    def authority_hashes(self, decisions: Iterable[str]) -> dict[str, str]:
        """Under which table each of these decisions was made."""
        c = t.decision_now.c
        query = sa.select(c.decision_id, c.body).where(c.decision_id.in_(sorted(decisions)))
        bodies = {row.decision_id: json.loads(row.body) for row in self._all(query)}
        return {name: str(body.get("authority_hash", "")) for name, body in bodies.items()}

    def open_alarms(self, kind: str, source: str) -> tuple[Alarm, ...]:
        """The alarms of a kind and source that stand."""
        c = t.alarm.c
        mine = (c.kind == kind) & (c.source == source) & c.closed_at.is_(None)
        query = sa.select(t.alarm).where(mine).order_by(c.opened_at, c.alarm_id)
        return tuple(_alarm(row) for row in self._all(query))

    def outbox(self, decision_id: str | None = None) -> tuple[OutboxRow, ...]:
        """All commands, or those of one decision, oldest first."""
        c = t.outbox.c
        query = sa.select(t.outbox).order_by(c.created_at, c.idem)
        if decision_id is not None:
            query = query.where(c.decision_id == decision_id)
        return tuple(_command(row) for row in self._all(query))

    # The out files.

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


_SEQ: Final = t.manifest.c.batch_seq


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


def _feedback(row: Any) -> FeedbackRow:
    return FeedbackRow(
        group=row.planning_group,
        seq=row.seq,
        tick=row.tick,
        feedback=feedback_from_json(json.loads(row.body)),
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
