"""How does a command leave the ledger? Claimed, perhaps attempted, sent; each step under its token.

A claim belongs to the process that made it: a step under another token raises LedgerMoved, so that
one which was held up in between sends nothing that another has taken over.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa

from replan.errors import LedgerMoved
from replan.infra.ledger import schema as t
from replan.infra.ledger.columns import Instant

OPEN: Final = ("pending", "claimed", "attempted")
"""States of a command that has not left for certain."""

UNANSWERED: Final = ("claimed", "attempted", "sent", "unknown")
"""States of a command that may have left and of which nothing final was heard."""

_C: Final = t.outbox.c


def claim(conn: sa.Connection, idems: Sequence[str], token: str, at: datetime) -> tuple[str, ...]:
    """Take commands for sending, one at a time over all processes; the keys that were to be had.

    `at`: the clock that decides. It stays with the command: each sending has the same bytes.
    """
    free = (
        sa.select(_C.idem)
        .where(_C.idem.in_(sorted(idems)), _C.state.in_(OPEN))
        .order_by(_C.created_at, _C.idem)
        .with_for_update(skip_locked=True)
    )
    taken = tuple(conn.execute(free).scalars())
    conn.execute(
        sa.update(t.outbox)
        .where(_C.idem.in_(taken))
        .values(
            state=sa.case((_C.state == "attempted", "attempted"), else_="claimed"),
            claim=token,
            claimed_at=sa.func.coalesce(_C.claimed_at, sa.bindparam("at", at, Instant())),
            attempts=_C.attempts + 1,
        )
    )
    _show(conn, taken)
    return taken


def step(conn: sa.Connection, idem: str, token: str, state: str, **columns: Any) -> None:
    """A claimed command goes on; LedgerMoved if another process has taken it meanwhile."""
    found = conn.execute(
        sa.update(t.outbox)
        .where(_C.idem == idem, _C.claim == token, _C.state.in_(("claimed", "attempted")))
        .values(state=state, **columns)
    )
    if found.rowcount == 0:
        raise LedgerMoved(f"command {idem} was taken over by another process")
    _show(conn, (idem,))


def put_back(
    conn: sa.Connection, idem: str, token: str, retry_at: datetime, note: str, *, left: bool
) -> None:
    """A claimed command waits again; `left`: it may have left. One that was attempted stays so."""
    otherwise = "claimed" if left else "pending"
    state = sa.case((_C.state == "attempted", "attempted"), else_=otherwise)
    found = conn.execute(
        sa.update(t.outbox)
        .where(_C.idem == idem, _C.claim == token, _C.state.in_(("claimed", "attempted")))
        .values(state=state, retry_at=retry_at, note=note)
    )
    if found.rowcount == 0:
        raise LedgerMoved(f"command {idem} was taken over by another process")
    _show(conn, (idem,))


def end(conn: sa.Connection, idem: str, state: str, note: str) -> None:
    """A command that is open ends without being sent; LedgerMoved if it ended meanwhile."""
    found = conn.execute(
        sa.update(t.outbox)
        .where(_C.idem == idem, _C.state.in_(OPEN))
        .values(state=state, note=note)
    )
    if found.rowcount == 0:
        raise LedgerMoved(f"command {idem} is no longer open")
    _show(conn, (idem,))


def known_keys(conn: sa.Connection, actions: Iterable[str]) -> set[tuple[str, str]]:
    """Action and key of every command there is about these actions."""
    query = sa.select(_C.action_id, _C.idem).where(_C.action_id.in_(sorted(set(actions))))
    return {(row.action_id, row.idem) for row in conn.execute(query)}


def _show(conn: sa.Connection, idems: Sequence[str]) -> None:
    """An action stands as its command does; asking to undo it is a matter of its own."""
    mine = sa.select(_C.action_id, _C.state, _C.sent_at).where(
        _C.idem.in_(idems), sa.not_(_C.compensates)
    )
    for row in conn.execute(mine).all():
        conn.execute(
            sa.update(t.action)
            .where(t.action.c.action_id == row.action_id)
            .values(state=row.state, sent_at=row.sent_at)
        )
