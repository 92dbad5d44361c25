"""Was anything in the ledger edited? The chain rows are written here, and things held against them.

An audit row says of which thing it speaks and which hash its body has. Verification walks the
chains, looks up every body that a row speaks of, and at the end asks for things that have no row.
"""

import json
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa

from replan.canonical import canonical_bytes, sha256_hex
from replan.infra.ledger import schema as t
from replan.infra.ledger.columns import as_bytes, sortable_instant
from replan.infra.ledger.rows import AuditReport, action_columns, now_columns
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


def verdict_body(row: Mapping[str, Any]) -> dict[str, Any]:
    """The hashed content of a verdict row."""
    body = {name: row[name] for name in t.verdict.c.keys()}  # noqa: SIM118
    if body["via"] is None:
        # As it was before there was such a column.
        del body["via"]
    return body | {"at": instant_text(row["at"])}


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
            kind = _KINDS[body["kind"]]
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
        for name, kind in _KINDS.items():
            if not kind.columns:
                continue
            query = sa.select(*kind.columns, kind.group).order_by(*kind.columns)
            for *place, group in _in_parts(self.conn, query):
                key = (name, *map(_plain, place))
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


def _plain(value: Any) -> Any:
    return instant_text(value) if isinstance(value, datetime) else value


# One function per kind: what is wrong with the thing that an audit row of this kind speaks of.


def _decision_fault(conn: sa.Connection, body: Mapping[str, Any]) -> str | None:
    c = t.decision.c
    row = conn.execute(
        sa.select(c.body, c.sha, c.inputs, c.inputs_sha).where(
            c.decision_id == body["subject"], c.version == body["version"]
        )
    ).first()
    if row is None:
        return "is missing"
    if not _is(zlib.decompress(row.body), row.sha, body["body_sha"]):
        return f"version {body['version']} has another body"
    if not _is(zlib.decompress(row.inputs), row.inputs_sha, body["inputs_sha"]):
        return f"version {body['version']} has other inputs"
    return None


def _moved_fault(conn: sa.Connection, body: Mapping[str, Any]) -> str | None:
    c = t.decision_move.c
    move = conn.execute(
        sa.select(as_bytes(c.body)).where(
            c.planning_group == body["group"], c.seq == body["seq"], c.n == body["n"]
        )
    ).scalar()
    if move is None:
        return "is missing"
    return None if sha256_hex(move) == body["body_sha"] else "is another one"


def _verdict_fault(conn: sa.Connection, body: Mapping[str, Any]) -> str | None:
    c = t.verdict.c
    row = conn.execute(
        sa.select(t.verdict).where(
            c.planning_group == body["group"], c.seq == body["seq"], c.n == body["n"]
        )
    ).first()
    if row is None:
        return "is missing"
    data = canonical_bytes(verdict_body(row._asdict()))
    return None if sha256_hex(data) == body["body_sha"] else "is another one"


def _command_fault(conn: sa.Connection, body: Mapping[str, Any]) -> str | None:
    c = t.outbox.c
    row = conn.execute(sa.select(t.outbox).where(c.idem == body["idem"])).first()
    if row is None:
        return f"{body['idem']} is missing"
    if not _is(row.body.encode(), row.sha, body["body_sha"]):
        return f"{body['idem']} has another body"
    data = json.loads(row.body)
    if datetime.fromisoformat(data["not_after"]) != row.not_after:
        return f"{body['idem']} has another last moment"
    action = conn.execute(sa.select(t.action).where(t.action.c.action_id == row.action_id)).first()
    if action is None:
        return f"{body['idem']} has no action"
    if row.compensates != ("compensates" in data):
        return f"{body['idem']} is another kind of command"
    # A command that undoes an action has a key of its own and names the action's.
    stated = action_columns(data) | {"idem": data.get("compensates", data["idem"])}
    if any(getattr(action, name) != value for name, value in stated.items()):
        return f"action {row.action_id} differs from the command"
    return None


def _proposal_fault(conn: sa.Connection, body: Mapping[str, Any]) -> str | None:
    c = t.proposal.c
    row = conn.execute(
        sa.select(c.body, c.sha).where(
            c.tick == datetime.fromisoformat(body["tick"]),
            c.planning_group == body["group"],
            c.item == body["subject"],
            c.n == body["n"],
        )
    ).first()
    if row is None:
        return "is missing"
    same = _is(zlib.decompress(row.body), row.sha, body["body_sha"])
    return None if same else "has another body"


def _fit_fault(conn: sa.Connection, body: Mapping[str, Any]) -> str | None:
    asked_at = datetime.fromisoformat(body["tick"])
    row = conn.execute(
        sa.select(t.fit.c.body, t.fit.c.sha).where(t.fit.c.asked_at == asked_at)
    ).first()
    if row is None:
        return "is missing"
    same = _is(zlib.decompress(row.body), row.sha, body["body_sha"])
    return None if same else "has another body"


def _given_fault(conn: sa.Connection, body: Mapping[str, Any]) -> str | None:
    c = t.desk_log.c
    row = conn.execute(
        sa.select(t.desk_log).where(c.planning_group == body["group"], c.seq == body["seq"])
    ).first()
    if row is None:
        return f"{body['seq']} is missing"
    if not _is(zlib.decompress(row.input), row.sha, body["body_sha"]):
        return f"{body['seq']} was given something else"
    stated = (body["input"], body["tick"], body["at"])
    if (row.kind, _plain(row.tick), _plain(row.at)) != stated:
        return f"{body['seq']} differs in kind, tick or time"
    return None


def _is(plain: bytes, *hashes: str) -> bool:
    return all(sha256_hex(plain) == sha for sha in hashes)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kind:
    """How to find the thing of an audit row: by members of the row's body, equal to its columns.

    `group`: the planning group whose desk wrote it, NULL for sense.
    """

    fault: Callable[[sa.Connection, Mapping[str, Any]], str | None]
    key: tuple[str, ...]
    columns: tuple[sa.ColumnElement[Any], ...]
    group: sa.ColumnElement[Any]


def _at_desk(fault: Callable[[sa.Connection, Mapping[str, Any]], str | None], c: Any) -> _Kind:
    columns = (c.planning_group, c.seq, c.n)
    return _Kind(fault=fault, key=("group", "seq", "n"), columns=columns, group=c.planning_group)


_KINDS: Final = {
    "decision": _Kind(
        fault=_decision_fault,
        key=("subject", "version"),
        columns=(t.decision.c.decision_id, t.decision.c.version),
        group=t.decision.c.planning_group,
    ),
    "moved": _at_desk(_moved_fault, t.decision_move.c),
    "verdict": _at_desk(_verdict_fault, t.verdict.c),
    "command": _Kind(
        fault=_command_fault,
        key=("idem",),
        columns=(t.outbox.c.idem,),
        group=sa.select(t.decision_now.c.planning_group)
        .where(t.decision_now.c.decision_id == t.outbox.c.decision_id)
        .scalar_subquery(),
    ),
    "proposal": _Kind(
        fault=_proposal_fault,
        key=("tick", "group", "subject", "n"),
        columns=(
            t.proposal.c.tick,
            t.proposal.c.planning_group,
            t.proposal.c.item,
            t.proposal.c.n,
        ),
        group=sa.null(),
    ),
    "given": _Kind(
        fault=_given_fault,
        key=("group", "seq"),
        columns=(t.desk_log.c.planning_group, t.desk_log.c.seq),
        group=t.desk_log.c.planning_group,
    ),
    # The row itself is the record; what it left in force is looked at when all rows are read.
    "stop": _Kind(fault=lambda conn, body: None, key=("verb",), columns=(), group=sa.null()),
    "incident": _Kind(fault=lambda conn, body: None, key=("verb",), columns=(), group=sa.null()),
    "ladder": _Kind(fault=lambda conn, body: None, key=("verb",), columns=(), group=sa.null()),
    # The row itself is the record of what a person said about the run.
    "gap": _Kind(fault=lambda conn, body: None, key=("subject",), columns=(), group=sa.null()),
    "door": _Kind(fault=lambda conn, body: None, key=("subject",), columns=(), group=sa.null()),
    "drill": _Kind(fault=lambda conn, body: None, key=("drill",), columns=(), group=sa.null()),
    "estimate": _Kind(fault=lambda conn, body: None, key=("subject",), columns=(), group=sa.null()),
    "check": _Kind(fault=lambda conn, body: None, key=("subject",), columns=(), group=sa.null()),
    "fit": _Kind(fault=_fit_fault, key=("tick",), columns=(t.fit.c.asked_at,), group=sa.null()),
}
