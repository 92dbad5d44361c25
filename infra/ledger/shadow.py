"""How are played plans kept beside what people did? One row a plan; the sums of a day with them."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from replan.infra.ledger import schema as t
from replan.infra.ledger.database import upsert
from replan.intervals import wilson
from replan.shadowing import Compared


def known_cases(conn: sa.Connection) -> set[str]:
    """Ids of the decisions that were compared already."""
    return {row.decision_id for row in conn.execute(sa.select(t.shadow_case.c.decision_id))}


def add_case(conn: sa.Connection, body: Mapping[str, Any], compared: Compared) -> None:
    """Keep one comparison, the first of its decision, and count it in its day."""
    row = {
        "decision_id": compared.decision_id,
        "date": body["decided_at"][:10],
        "category": body["category"],
        "item": body["item"],
        "site": body["site"],
        "model": body["model"]["name"],
        "dq": body["dq"],
        "at": compared.at,
        "agreed": compared.agreed,
        "difference": compared.difference,
        "cost_delta_minor": compared.cost_delta_minor,
        "currency": body["currency"],
        "found_by": compared.found_by,
    }
    upsert(conn, t.shadow_case, [row], update=())
    _count_day(conn, row["date"], row["category"], row["currency"])


def _count_day(conn: sa.Connection, date: str, category: str, currency: str) -> None:
    c = t.shadow_case.c
    mine = (c.date == date) & (c.category == category) & (c.currency == currency)
    columns = (c.agreed, c.difference, c.cost_delta_minor)
    cases = conn.execute(sa.select(*columns).where(mine).order_by(c.decision_id)).all()
    agreed = sum(bool(one.agreed) for one in cases)
    low, high = wilson(agreed, len(cases))
    causes = Counter(one.difference for one in cases if one.difference is not None)
    day = {
        "date": date,
        "category": category,
        "currency": currency,
        "cases": len(cases),
        "agreed": agreed,
        "agreement_low": low,
        "agreement_high": high,
        "cost_delta_minor": sum(one.cost_delta_minor or 0 for one in cases),
        "cause": min(causes, key=lambda name: (-causes[name], name)) if causes else None,
    }
    upsert(conn, t.shadow_day, [day])


def cases_since(conn: sa.Connection, date: str | None) -> list[dict[str, Any]]:
    """All comparisons of plans made on or after a day, by day and id."""
    c = t.shadow_case.c
    query = sa.select(t.shadow_case).order_by(c.date, c.decision_id)
    if date is not None:
        query = query.where(c.date >= date)
    return [dict(row._mapping) for row in conn.execute(query)]
