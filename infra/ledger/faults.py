"""What is wrong with the thing that an audit row speaks of? One function per kind of row."""

import json
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa

from replan.canonical import canonical_bytes, sha256_hex
from replan.infra.ledger import schema as t
from replan.infra.ledger.columns import as_bytes
from replan.infra.ledger.rows import action_columns
from replan.units import instant_text


def verdict_body(row: Mapping[str, Any]) -> dict[str, Any]:
    """The hashed content of a verdict row."""
    body = {name: row[name] for name in t.verdict.c.keys()}  # noqa: SIM118
    if body["via"] is None:
        # As it was before there was such a column.
        del body["via"]
    return body | {"at": instant_text(row["at"])}


def plain_value(value: Any) -> Any:
    """A column's value as the body of an audit row says it."""
    return instant_text(value) if isinstance(value, datetime) else value


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
    if (row.kind, plain_value(row.tick), plain_value(row.at)) != stated:
        return f"{body['seq']} differs in kind, tick or time"
    return None


def _is(plain: bytes, *hashes: str) -> bool:
    return all(sha256_hex(plain) == sha for sha in hashes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """How to find the thing of an audit row: by members of the row's body, equal to its columns.

    `group`: the planning group whose desk wrote it, NULL for sense.
    """

    fault: Callable[[sa.Connection, Mapping[str, Any]], str | None]
    key: tuple[str, ...]
    columns: tuple[sa.ColumnElement[Any], ...]
    group: sa.ColumnElement[Any]


def _at_desk(fault: Callable[[sa.Connection, Mapping[str, Any]], str | None], c: Any) -> Kind:
    columns = (c.planning_group, c.seq, c.n)
    return Kind(fault=fault, key=("group", "seq", "n"), columns=columns, group=c.planning_group)


KINDS: Final = {
    "decision": Kind(
        fault=_decision_fault,
        key=("subject", "version"),
        columns=(t.decision.c.decision_id, t.decision.c.version),
        group=t.decision.c.planning_group,
    ),
    "moved": _at_desk(_moved_fault, t.decision_move.c),
    "verdict": _at_desk(_verdict_fault, t.verdict.c),
    "command": Kind(
        fault=_command_fault,
        key=("idem",),
        columns=(t.outbox.c.idem,),
        group=sa.select(t.decision_now.c.planning_group)
        .where(t.decision_now.c.decision_id == t.outbox.c.decision_id)
        .scalar_subquery(),
    ),
    "proposal": Kind(
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
    "given": Kind(
        fault=_given_fault,
        key=("group", "seq"),
        columns=(t.desk_log.c.planning_group, t.desk_log.c.seq),
        group=t.desk_log.c.planning_group,
    ),
    # The row itself is the record; what it left in force is looked at when all rows are read.
    "stop": Kind(fault=lambda conn, body: None, key=("verb",), columns=(), group=sa.null()),
    "incident": Kind(fault=lambda conn, body: None, key=("verb",), columns=(), group=sa.null()),
    "ladder": Kind(fault=lambda conn, body: None, key=("verb",), columns=(), group=sa.null()),
    # The row itself is the record of what a person said about the run.
    "gap": Kind(fault=lambda conn, body: None, key=("subject",), columns=(), group=sa.null()),
    "door": Kind(fault=lambda conn, body: None, key=("subject",), columns=(), group=sa.null()),
    "drill": Kind(fault=lambda conn, body: None, key=("drill",), columns=(), group=sa.null()),
    "estimate": Kind(fault=lambda conn, body: None, key=("subject",), columns=(), group=sa.null()),
    "check": Kind(fault=lambda conn, body: None, key=("subject",), columns=(), group=sa.null()),
    "fit": Kind(fault=_fit_fault, key=("tick",), columns=(t.fit.c.asked_at,), group=sa.null()),
}
