"""What can be stored in one transaction? All writes of the engine, the commands and the pages.

A writer lives as long as its transaction. It also answers every question a ledger does, and sees
what it has written itself.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa

from replan.canonical import canonical_bytes, sha256_hex
from replan.effects import ActionMoved, DayRow, DeskOutcome, Feedback, ForecastRow
from replan.errors import LedgerMoved
from replan.infra import ledger_schema as t
from replan.infra.ledger_audit import SENSE, desk_writer
from replan.infra.ledger_database import insert_or, upsert
from replan.infra.ledger_desk import DeskTransaction, move_action, send_compensation, store_feedback
from replan.infra.ledger_reads import RESERVE_SEQ
from replan.infra.ledger_rows import CapRow, DeskKind, ProposalRow, packed, text
from replan.infra.ledger_run import RunWriter
from replan.units import ActionId, instant_text

_LEVELS: Final = ("p05", "p10", "p25", "p50", "p75", "p90", "p95")


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
        """Put the newest forecast of each series in place of the one before."""
        values = [
            {
                "item": row.item,
                "site": row.site,
                "made_at": row.made_at,
                "first_day": row.first_day,
                "body": text(tuple(zip(*row.quantiles, strict=True))),
            }
            for row in rows
        ]
        upsert(self._conn, t.forecast_now, values)

    def add_days(self, rows: Sequence[DayRow]) -> None:
        """Closed days. A day closed again keeps the forecast that was made before it."""
        values = []
        for row in rows:
            quantiles = row.quantiles or (None,) * len(_LEVELS)
            values.append(
                {
                    "item": row.item,
                    "site": row.site,
                    "date": row.day,
                    "made_at": None if row.quantiles is None else row.made_at,
                    "actual": row.actual,
                    "censored": row.censored,
                    **dict(zip(_LEVELS, quantiles, strict=True)),
                }
            )
        upsert(self._conn, t.forecast_day, values, update=("actual", "censored"))

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

    def mark_sent(self, actions: Iterable[ActionId], at: datetime) -> None:
        """The commands of these actions stand where their executor reads them."""
        for action_id in actions:
            move_action(self._conn, ActionMoved(action_id=action_id, state="sent", at=at))

    def mark_compensations_sent(self, keys: Iterable[str], at: datetime) -> None:
        """The commands of these keys, which ask to undo an action, stand there too."""
        for idem in keys:
            send_compensation(self._conn, idem, at)

    # The out files.

    def published(self, through: int) -> None:
        """The waiting lines up to this number stand in their files."""
        self._conn.execute(sa.delete(t.publication).where(t.publication.c.n <= through))

    def confirm_length(self, file: str, length: int) -> None:
        """What an out file holds up to this many bytes is known to have been written."""
        upsert(self._conn, t.out_file, [{"file": file, "length": length}])

    def _desk_tick(self, group: str) -> datetime | None:
        tick = self._scalar(sa.select(t.desk.c.tick).where(t.desk.c.planning_group == group))
        assert tick is None or isinstance(tick, datetime)
        return tick
