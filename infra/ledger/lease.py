"""Which process may do what only one may? A lease per role, taken, kept and given back.

A holder knows the epoch under which it took the lease and states it in each transaction. Taking
the lease counts the epoch up, so what a holder that was replaced still tries to store is refused,
however late it comes. `until` only says when others may take over; the time is the database's.
"""

from datetime import datetime, timedelta

import sqlalchemy as sa

from replan.errors import LeaseLost
from replan.infra.ledger import schema as t
from replan.infra.ledger.database import insert_or
from replan.infra.ledger.rows import LeaseRow


def lease_of(conn: sa.Connection, role: str) -> LeaseRow | None:
    """How the lease of a role stands; None if it was never taken."""
    row = conn.execute(sa.select(t.lease).where(t.lease.c.role == role)).first()
    return None if row is None else LeaseRow(**row._asdict())


def take(conn: sa.Connection, role: str, owner: str, ttl: timedelta, now: datetime) -> int | None:
    """Take a lease that nobody holds until now plus `ttl`; its new epoch, None if it is held."""
    c = t.lease.c
    until = now + ttl
    insert = insert_or(conn, t.lease).values(role=role, epoch=1, owner=owner, until=until)
    taken = insert.on_conflict_do_update(
        index_elements=["role"],
        set_={"epoch": c.epoch + 1, "owner": owner, "until": insert.excluded.until},
        where=c.until <= now,
    )
    epoch: int | None = conn.execute(taken.returning(c.epoch)).scalar()
    return epoch


def hold(conn: sa.Connection, role: str, epoch: int, until: datetime) -> None:
    """Keep a lease until an instant; LeaseLost if someone took it since, even if it ran out."""
    c = t.lease.c
    held = conn.execute(
        sa.update(t.lease).where(c.role == role, c.epoch == epoch).values(until=until)
    )
    if held.rowcount == 0:
        stands = lease_of(conn, role)
        whose = "nobody" if stands is None else f"{stands.owner} under epoch {stands.epoch}"
        raise LeaseLost(f"the lease {role} was taken under epoch {epoch} and is held by {whose}")
