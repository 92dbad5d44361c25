"""How does everything stand, in numbers? What monitors count, read from the ledger in one go.

They are counts over indexes and small tables, so that asking every few seconds costs little however
long the engine has been running.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from replan.infra.ledger import schema as t
from replan.infra.ledger.audit import STOPS
from replan.infra.ledger.rows import LeaseRow
from replan.infra.ledger.run_reads import TOMBSTONES
from replan.streams.log_slices import LogSlice, Partition

MODE = "run_mode"
"""Under this key the ledger keeps the mode of the newest run: verdicts follow it."""
NETWORK = "network"
"""Under this key the ledger keeps which network holds, where more was stated than the files say."""
GRANTS = "grants"
"""And under this what was stated of logins."""

_EVENTS = "events."


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """The numbers of one committed state.

    How many there are: `events` by status, dead `letters` by code, `decisions` and `actions` by
    state, `commands` of the outbox by state, open `alarms` by kind, `stopped` scopes, `waiting`
    lines that are not published yet. `read_to`: for each partition of a log the offset after the
    newest that belongs to a segment. `tombstones`: records without a value. `now`: the time of the
    database, by which leases run.
    """

    now: datetime
    clock: datetime | None
    last_tick: datetime | None
    mode: str | None
    stopped: int
    events: Mapping[str, int]
    letters: Mapping[str, int]
    decisions: Mapping[str, int]
    actions: Mapping[str, int]
    commands: Mapping[str, int]
    alarms: Mapping[str, int]
    waiting: int
    read_to: Mapping[Partition, int]
    leases: tuple[LeaseRow, ...]
    tombstones: int = 0


def standing_of(conn: sa.Connection, now: datetime) -> Standing:
    """The numbers as a connection sees them."""
    control = t.control.c
    kept = {
        row.key: json.loads(row.value)
        for row in conn.execute(sa.select(t.control).where(control.key.in_(("clock", MODE, STOPS))))
    }
    clock, stops = kept.get("clock"), kept.get(STOPS)
    counter = t.counter.c
    wanted = counter.name.startswith(_EVENTS) | (counter.name == TOMBSTONES)
    counted = {row.name: row.value for row in conn.execute(sa.select(t.counter).where(wanted))}
    alarm = t.alarm.c
    return Standing(
        now=now,
        clock=None if clock is None else datetime.fromisoformat(clock),
        last_tick=conn.execute(sa.select(sa.func.max(t.manifest.c.tick))).scalar(),
        mode=kept.get(MODE),
        stopped=0 if stops is None else len(stops["in_force"]),
        events={
            name.removeprefix(_EVENTS): value
            for name, value in counted.items()
            if name.startswith(_EVENTS)
        },
        letters=_by_word(conn, t.dlq.c.code),
        decisions=_by_word(conn, t.decision_now.c.state),
        actions=_by_word(conn, t.action.c.state),
        commands=_by_word(conn, t.outbox.c.state),
        alarms=_by_word(conn, alarm.kind, alarm.closed_at.is_(None)),
        waiting=int(
            conn.execute(sa.select(sa.func.count()).select_from(t.publication)).scalar_one()
        ),
        read_to=_read_to(conn),
        leases=tuple(
            LeaseRow(**row._asdict())
            for row in conn.execute(sa.select(t.lease).order_by(t.lease.c.role))
        ),
        tombstones=counted.get(TOMBSTONES, 0),
    )


def _by_word(
    conn: sa.Connection, column: sa.Column[Any], *where: sa.ColumnElement[bool]
) -> dict[str, int]:
    query = sa.select(column, sa.func.count()).where(*where).group_by(column).order_by(column)
    return {word: int(n) for word, n in conn.execute(query)}


def _read_to(conn: sa.Connection) -> dict[Partition, int]:
    c = t.segment.c
    newest = conn.execute(sa.select(c.files).order_by(c.id.desc()).limit(1)).scalar()
    plain = None if newest is None else json.loads(newest)
    if not isinstance(plain, dict):
        return {}
    return {part.partition: part.end for part in LogSlice.from_json(plain).ranges}
