"""Was anything in the ledger edited? The chain rows are written here, and things held against them.

An audit row says of which thing it speaks and which hash its body has. Verification walks the
chains, looks up every body that a row speaks of, and at the end asks for things that have no row.
"""

import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa

from replan.canonical import canonical_bytes, sha256_hex
from replan.infra.ledger import schema as t
from replan.infra.ledger.columns import as_bytes, sortable_instant
from replan.infra.ledger.faults import KINDS, plain_value
from replan.infra.ledger.rows import AuditReport, now_columns
from replan.ledger import GENESIS, BadRow, ChainRow, link, verify
from replan.units import instant_text

SENSE: Final = "sense:0"
DOORS: Final = "doors"
"""The name under which those are put on record who were not let in."""
CONTROL: Final = "control"
"""The name under which the stop switch writes."""
STOPS: Final = "stops"
"""Under this key the ledger keeps what is stopped."""
LADDER: Final = "ladder"
"""And under this what was moved on the ladder."""
INCIDENTS: Final = "incidents"
"""And under this all incidents, open and closed."""


def desk_writer(group: str) -> str:
    """The name under which the desk of a planning group writes."""
    return f"desk:{group}"


class AuditTail:
    """Adds rows to the chains inside one transaction; `flush` before it commits."""

    def __init__(self, conn: sa.Connection) -> None:
        self._conn = conn
        self._heads: dict[str, tuple[int, str]] = {}
        self._rows: list[dict[str, Any]] = []

    def add(self, writer: str, kind: str, subject: str, at: datetime, **body: Any) -> None:
        """One row more in a writer's chain; `body` is plain JSON data."""
        data = canonical_bytes({**body, "kind": kind, "subject": subject, "at": instant_text(at)})
        last, prev = self._head(writer)
        hashed = link(writer, last + 1, prev, data)
        row = {
            "writer": writer,
            "seq": last + 1,
            "prev": prev,
            "hash": hashed,
            "body": data.decode(),
            "at": at,
            "subject": subject,
        }
        self._rows.append(row)
        self._heads[writer] = (last + 1, hashed)

    def flush(self) -> None:
        """Write what was added."""
        if self._rows:
            self._conn.execute(sa.insert(t.audit), self._rows)
            self._rows = []

    def _head(self, writer: str) -> tuple[int, str]:
        if writer not in self._heads:
            c = t.audit.c
            newest = sa.select(c.seq, c.hash).where(c.writer == writer).order_by(c.seq.desc())
            row = self._conn.execute(newest.limit(1)).first()
            self._heads[writer] = (0, GENESIS) if row is None else (row.seq, row.hash)
        return self._heads[writer]


def verify_audit(conn: sa.Connection) -> AuditReport:
    """Check the chains, then every body against its row, then that nothing is without a row."""
    read = _Progress()
    try:
        broken = verify(row for row, _, _ in read.following(_stored(conn)))
        bodies = _Bodies(conn=conn)
        for row, instant, subject in _stored(conn):
            if broken is not None and (row.writer, row.seq) == (broken.writer, broken.seq):
                return read.report(broken)
            fault = bodies.fault(row, instant, subject)
            if fault is not None:
                return read.report(BadRow(writer=row.writer, seq=row.seq, reason=fault))
        return read.report(broken or bodies.without_row())
    except sa.exc.DBAPIError as error:
        # A damaged page: the row after the last one that could be read.
        reason = f"cannot be read: {error.orig}"
        return read.report(BadRow(writer=read.writer, seq=read.seq + 1, reason=reason))


@dataclass(slots=True)
class _Progress:
    """How far the chains could be read."""

    rows: int = 0
    writer: str = ""
    seq: int = 0

    def following(
        self, rows: Iterator[tuple[ChainRow, str, str]]
    ) -> Iterator[tuple[ChainRow, str, str]]:
        for row in rows:
            self.rows, self.writer, self.seq = self.rows + 1, row[0].writer, row[0].seq
            yield row

    def report(self, bad: BadRow | None) -> AuditReport:
        return AuditReport(rows=self.rows, first_bad=bad)


def _stored(conn: sa.Connection) -> Iterator[tuple[ChainRow, str, str]]:
    # As bytes: text that is no longer UTF-8 must be reported, not stumbled over.
    c = t.audit.c
    columns = (c.writer, c.prev, c.hash, c.body, c.at, c.subject)
    query = sa.select(c.seq, *map(as_bytes, columns))
    for seq, writer, prev, hashed, body, at, subject in _in_parts(
        conn, query.order_by(c.writer, c.seq)
    ):
        chained = ChainRow(
            writer=_loose(writer), seq=seq, prev=_loose(prev), hash=_loose(hashed), body=body
        )
        yield chained, _loose(at), _loose(subject)


def _in_parts(conn: sa.Connection, query: sa.Select[Any]) -> Iterator[Any]:
    # A server would otherwise send a whole table before the first row is looked at.
    with conn.execute(query.execution_options(yield_per=500)) as found:
        yield from found


def _loose(data: bytes) -> str:
    return data.decode(errors="replace")


@dataclass(slots=True)
class _Bodies:
    """What the audit rows state, held against what is stored."""

    conn: sa.Connection
    seen: set[tuple[Any, ...]] = field(default_factory=set)
    heads: dict[str, int] = field(default_factory=dict)
    newest: dict[str, str] = field(default_factory=dict)
    stops: str | None = None
    ladder: str | None = None
    incidents: str | None = None

    def fault(self, row: ChainRow, instant: str, subject: str) -> str | None:
        """What is wrong with the thing a row speaks of; None if it is as stated."""
        self.heads[row.writer] = row.seq
        try:
            body = json.loads(row.body)
            if instant != sortable_instant(datetime.fromisoformat(body["at"])):
                return "the column `at` differs from the body"
            if subject != body["subject"]:
                return "the column `subject` differs from the body"
            kind = KINDS[body["kind"]]
            self.seen.add((body["kind"], *(body[name] for name in kind.key)))
            if "stops_sha" in body:
                self.stops = body["stops_sha"]
            if "ladder_sha" in body:
                self.ladder = body["ladder_sha"]
            if "incidents_sha" in body:
                self.incidents = body["incidents_sha"]
            if "now_sha" in body:
                self.newest[subject] = body["now_sha"]
            fault = kind.fault(self.conn, body)
        except (sa.exc.DBAPIError, zlib.error, ValueError, KeyError) as error:
            return f"what {subject} is cannot be read: {error}"
        return None if fault is None else f"{body['kind']} {subject} {fault}"

    def without_row(self) -> BadRow | None:
        """The first stored thing that no audit row speaks of, or that differs from its last row."""
        for name, kind in KINDS.items():
            if not kind.columns:
                continue
            query = sa.select(*kind.columns, kind.group).order_by(*kind.columns)
            for *place, group in _in_parts(self.conn, query):
                key = (name, *map(plain_value, place))
                if key not in self.seen:
                    writer = SENSE if group is None else desk_writer(group)
                    return self._missing(writer, f"{key} has no audit row")
        for name, stated, what in (
            (STOPS, self.stops, "what is stopped"),
            (LADDER, self.ladder, "what was moved on the ladder"),
            (INCIDENTS, self.incidents, "what is kept of incidents"),
        ):
            value = sa.select(t.control.c.value).where(t.control.c.key == name)
            kept = self.conn.execute(value).scalar()
            if (None if kept is None else sha256_hex(kept.encode())) != stated:
                return self._missing(CONTROL, f"{what} is not what the last row states")
        return self._now()

    def _now(self) -> BadRow | None:
        standing = sa.select(t.decision_now).order_by(t.decision_now.c.decision_id)
        for row in _in_parts(self.conn, standing):
            who = desk_writer(row.planning_group)
            body = row.body.encode()
            if self.newest.get(row.decision_id) != sha256_hex(body):
                return self._missing(who, f"decision {row.decision_id} stands as no row states")
            columns = now_columns(json.loads(body))
            if any(getattr(row, name) != value for name, value in columns.items()):
                return self._missing(who, f"decision {row.decision_id}: a column differs from it")
        return None

    def _missing(self, writer: str, reason: str) -> BadRow:
        return BadRow(writer=writer, seq=self.heads.get(writer, 0) + 1, reason=reason)
