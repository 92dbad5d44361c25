"""What is still to be told, to whom, which way? Claims and ends, one way apart from the others.

A claim belongs to the process that made it and runs out by the machine's clock: what a killed
process was telling is told again by another, so each message comes at least once.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa

from replan.errors import LedgerMoved
from replan.infra.ledger import schema as t
from replan.infra.ledger.database import insert_or

_N: Final = t.notice.c
_W: Final = t.notice_way.c


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeRow:
    """One message on one way; `body`: its JSON text."""

    notice_id: str
    way: str
    recipient: str
    decision_id: str | None
    body: str
    attempts: int


def add(conn: sa.Connection, **row: Any) -> None:
    """Something to be told; one that stands already is left as it is."""
    conn.execute(insert_or(conn, t.notice).values(**row).on_conflict_do_nothing())


Serves = Callable[[str, bool], bool]
"""Whether a way tells a recipient, or (True) gives it the digest."""

DIGEST: Final = "digest:"
"""So begins the id of a digest."""


def spread(conn: sa.Connection, serves: Mapping[str, Serves]) -> int:
    """A row for each notice and way that serves its recipient and has none yet; how many."""
    rows = []
    for way, is_served in sorted(serves.items()):
        known = sa.select(_W.notice_id).where(_W.way == way)
        fresh = sa.select(_N.notice_id, _N.recipient).where(_N.notice_id.not_in(known))
        rows += [
            {"notice_id": row.notice_id, "way": way, "state": "waiting", "attempts": 0}
            for row in conn.execute(fresh.order_by(_N.at, _N.notice_id))
            if is_served(row.recipient, row.notice_id.startswith(DIGEST))
        ]
    if rows:
        conn.execute(insert_or(conn, t.notice_way).on_conflict_do_nothing(), rows)
    return len(rows)


def claim(
    conn: sa.Connection,
    ways: Sequence[str],
    token: str,
    now: datetime,
    until: datetime,
    limit: int,
) -> tuple[NoticeRow, ...]:
    """Take what may be told now, oldest first."""
    due = (_W.state == "waiting") & (_W.retry_at.is_(None) | (_W.retry_at <= now))
    left = (_W.state == "claimed") & (_W.claimed_until <= now)
    columns = (_W.notice_id, _W.way, _W.attempts, _N.recipient, _N.decision_id, _N.body)
    free = (
        sa.select(*columns)
        .join(t.notice, _N.notice_id == _W.notice_id)
        .where(_W.way.in_(sorted(ways)), due | left)
        .order_by(_N.at, _W.notice_id, _W.way)
        .limit(limit)
        .with_for_update(skip_locked=True, of=t.notice_way)
    )
    taken = [NoticeRow(**row._asdict()) for row in conn.execute(free)]
    for row in taken:
        conn.execute(
            sa.update(t.notice_way)
            .where(_W.notice_id == row.notice_id, _W.way == row.way)
            .values(state="claimed", claim=token, claimed_until=until, attempts=_W.attempts + 1)
        )
    return tuple(taken)


def end(
    conn: sa.Connection, row: NoticeRow, token: str, state: str, at: datetime, note: str | None
) -> None:
    """A claimed message needs nothing more."""
    told_at = at if state == "told" else None
    _step(conn, row, token, state=state, note=note, told_at=told_at)


def put_back(
    conn: sa.Connection, row: NoticeRow, token: str, retry_at: datetime, note: str
) -> None:
    """A claimed message waits again."""
    _step(conn, row, token, state="waiting", note=note, retry_at=retry_at)


def _step(conn: sa.Connection, row: NoticeRow, token: str, **columns: Any) -> None:
    mine = (_W.notice_id == row.notice_id) & (_W.way == row.way) & (_W.claim == token)
    found = conn.execute(
        sa.update(t.notice_way).where(mine, _W.state == "claimed").values(**columns)
    )
    if found.rowcount == 0:
        raise LedgerMoved(f"notice {row.notice_id} was taken over by another process")
