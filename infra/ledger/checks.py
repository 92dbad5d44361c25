"""Which planted checks are there, and how were they answered? A table apart from all decisions.

No action can refer to a check, since none of them is a decision: nothing of it can be ordered.
"""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa

from replan.infra.ledger import schema as t
from replan.infra.ledger.database import insert_or

_P: Final = t.planted.c


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckRow:
    """A planted check; `answered_at` None: it waits, or nobody answered in time."""

    decision_id: str
    month: str
    recipient: str
    fault: str
    source_id: str
    at: datetime
    deadline: datetime
    body: Any
    answered_at: datetime | None
    verdict: str | None
    caught: bool | None


def add(conn: sa.Connection, **row: Any) -> bool:
    """Plant a check; False where it stands already."""
    found = conn.execute(
        insert_or(conn, t.planted)
        .values(**row)
        .on_conflict_do_nothing()
        .execution_options(preserve_rowcount=True)
    )
    return found.rowcount > 0


def answer(conn: sa.Connection, decision_id: str, **columns: Any) -> bool:
    """Keep the answer to a check that waits; False where it was answered before."""
    found = conn.execute(
        sa.update(t.planted)
        .where(_P.decision_id == decision_id, _P.answered_at.is_(None))
        .values(**columns)
    )
    return found.rowcount > 0


def query(decision_id: str | None = None) -> sa.Select[Any]:
    """All checks, or one, by when they were planted."""
    columns = [_P[name] for name in CheckRow.__slots__]
    found = sa.select(*columns).order_by(_P.at, _P.decision_id)
    return found if decision_id is None else found.where(_P.decision_id == decision_id)


def row_of(row: Any) -> CheckRow:
    """A row of `query`."""
    return CheckRow(**{**row._asdict(), "body": json.loads(row.body)})
