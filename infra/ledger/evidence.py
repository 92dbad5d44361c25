"""What of the ledger proves one decision? Its records as they were hashed, the audit rows that
state their hashes, and the links of the chain from the first of them to the head.
"""

import json
import zlib
from typing import Any, Final

import sqlalchemy as sa

from replan.canonical import canonical_bytes, sha256_hex
from replan.errors import LedgerBroken, UsageError
from replan.infra.ledger import schema as t
from replan.infra.ledger.audit import desk_writer
from replan.infra.ledger.faults import verdict_body
from replan.infra.ledger.rows import text

FORMAT: Final = "replan-evidence-v1"
ARTEFACTS: Final = ("authority", "people", "network")
"""Parts of a policy that a desk transaction names by their hash."""


def collect(conn: sa.Connection, name: str) -> dict[str, Any]:
    """The evidence on a decision, or on the decision of an action; UsageError for an unknown id."""
    decision_id, action_id = _about(conn, name)
    group = _one(conn, t.decision_now, t.decision_now.c.decision_id == decision_id).planning_group
    writer = desk_writer(group)
    records = _records(conn, decision_id)
    chain = _chain(conn, writer)
    told = [row for row in chain if row.subject == decision_id]
    seqs = {json.loads(row.body)["seq"] for row in told}
    given = [row for row in chain if row.subject == group and _given(row.body) in seqs]
    rows = sorted([*given, *told], key=lambda row: row.seq)
    artefacts: dict[str, str] = {}
    for seq in sorted(seqs):
        at = (t.desk_log.c.planning_group == group) & (t.desk_log.c.seq == seq)
        plain = zlib.decompress(_one(conn, t.desk_log, at).input).decode()
        records[f"given/{seq}"] = plain
        for sha in (json.loads(plain)["policy"][part] for part in ARTEFACTS):
            if sha is not None and sha not in artefacts:
                kept = _one(conn, t.artefact, t.artefact.c.sha == sha)
                artefacts[sha] = zlib.decompress(kept.body).decode()
    first = rows[0].seq
    return {
        "format": FORMAT,
        "decision_id": decision_id,
        "action_id": action_id,
        "writer": writer,
        "prev": rows[0].prev,
        "rows": [{"seq": row.seq, "body": row.body} for row in rows],
        "links": [
            [row.seq, sha256_hex(row.body.encode()), row.hash] for row in chain if row.seq >= first
        ],
        "records": records,
        "artefacts": artefacts,
    }


def _about(conn: sa.Connection, name: str) -> tuple[str, str | None]:
    c = t.decision_now.c
    if conn.execute(sa.select(c.decision_id).where(c.decision_id == name)).first() is not None:
        return name, None
    found = conn.execute(
        sa.select(t.action.c.decision_id).where(t.action.c.action_id == name)
    ).scalar()
    if found is None:
        raise UsageError(f"{name!r}: there is no decision and no action of that id")
    return str(found), name


def _records(conn: sa.Connection, decision_id: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for row in _of(conn, t.decision, decision_id):
        found[f"decision/{row.version}"] = zlib.decompress(row.body).decode()
        found[f"inputs/{row.version}"] = zlib.decompress(row.inputs).decode()
    for row in _of(conn, t.decision_move, decision_id):
        found[f"moved/{row.seq}/{row.n}"] = row.body
    for row in _of(conn, t.verdict, decision_id):
        plain = canonical_bytes(verdict_body(row._asdict())).decode()
        found[f"verdict/{row.seq}/{row.n}"] = plain
    for row in _of(conn, t.outbox, decision_id):
        found[f"command/{row.idem}"] = row.body
    for row in _of(conn, t.action, decision_id):
        sent, acked = (None if at is None else at.isoformat() for at in (row.sent_at, row.acked_at))
        state = {"action_id": row.action_id, "state": row.state, "sent_at": sent, "acked_at": acked}
        found[f"action/{row.action_id}"] = text(state)
    return found


def _chain(conn: sa.Connection, writer: str) -> list[Any]:
    c = t.audit.c
    return list(conn.execute(sa.select(t.audit).where(c.writer == writer).order_by(c.seq)))


def _given(body: str) -> int | None:
    plain = json.loads(body)
    return int(plain["seq"]) if plain["kind"] == "given" else None


def _of(conn: sa.Connection, table: sa.Table, decision_id: str) -> list[Any]:
    return list(conn.execute(sa.select(table).where(table.c.decision_id == decision_id)))


def _one(conn: sa.Connection, table: sa.Table, where: Any) -> Any:
    row = conn.execute(sa.select(table).where(where)).first()
    if row is None:
        raise LedgerBroken(f"{table.name}: a row that others name is missing")
    return row
