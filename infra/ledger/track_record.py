"""How has a category done lately? The newest cases of each measure by which it may step down."""

from datetime import datetime

import sqlalchemy as sa

from replan.demotion import Measure
from replan.infra.ledger import schema as t

_DECIDING = ("approve", "modify", "reject")
_RAN = ("executed", "failed", "unknown")
"""How a plan ends that ran by itself; what was called off before it was done is no error of it."""

_WRONG = ("failed", "unknown")


def newest(
    conn: sa.Connection, measure: Measure, about: str, over: int, since: datetime | None
) -> tuple[int, int]:
    """Bad ones among the newest cases, and how many these are, at most `over`. `about`: a category,
    of the coverage a model. `since`: only what came after that.
    """
    found = {
        "override_rate": _overrides,
        "error_rate": _errors,
        "coverage_90": _outside,
    }[measure](conn, about, over, since)
    return sum(found), len(found)


def _overrides(conn: sa.Connection, category: str, over: int, since: datetime | None) -> list[bool]:
    c, now = t.verdict.c, t.decision_now.c
    query = (
        sa.select(c.verdict)
        .join(t.decision_now, now.decision_id == c.decision_id)
        .where(now.category == category, c.result == "accepted", c.verdict.in_(_DECIDING))
        .order_by(c.at.desc(), c.planning_group.desc(), c.seq.desc(), c.n.desc())
        .limit(over)
    )
    if since is not None:
        query = query.where(c.at > since)
    return [row.verdict != "approve" for row in conn.execute(query)]


def _errors(conn: sa.Connection, category: str, over: int, since: datetime | None) -> list[bool]:
    c = t.decision_now.c
    query = (
        sa.select(c.state, c.found)
        .where(
            c.category == category,
            c.state.in_(_RAN),
            c.mode.in_(("live", "spot_check")),
            sa.not_(c.was_escalated),
        )
        .order_by(c.updated.desc(), c.decision_id)
        .limit(over)
    )
    if since is not None:
        query = query.where(c.decided_at > since)
    return [row.state in _WRONG or row.found == "wrong" for row in conn.execute(query)]


def looks(conn: sa.Connection, category: str, since: datetime | None) -> list[tuple[str, bool]]:
    """Day and finding (right?) of each plan of a category that was looked at afterwards."""
    c = t.decision_now.c
    query = sa.select(c.decided_at, c.found).where(c.category == category, c.found.is_not(None))
    if since is not None:
        query = query.where(c.decided_at > since)
    rows = conn.execute(query.order_by(c.decided_at, c.decision_id))
    return [(row.decided_at.date().isoformat(), row.found == "right") for row in rows]


def serving(conn: sa.Connection) -> tuple[str, ...]:
    """The models that serve a series, by name."""
    c = t.series.c.model
    return tuple(conn.execute(sa.select(c).where(c.is_not(None)).distinct().order_by(c)).scalars())


def _outside(conn: sa.Connection, model: str, over: int, since: datetime | None) -> list[bool]:
    """Coverage is a matter of a model: of all series that it serves now, whatever they lead to."""
    c, of = t.forecast_day.c, t.series.c
    query = (
        sa.select(c.actual, c.p05, c.p95)
        .join(t.series, (of.item == c.item) & (of.site == c.site))
        .where(c.p05.is_not(None), sa.not_(c.censored), of.model == model)
        .order_by(c.date.desc(), c.item, c.site)
        .limit(over)
    )
    if since is not None:
        query = query.where(c.date > since.date())
    rows = conn.execute(query)
    return [not row.p05 <= row.actual / 1_000 <= row.p95 for row in rows]
