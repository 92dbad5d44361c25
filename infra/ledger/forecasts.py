"""What was forecast of a day, and when? Of days to come the newest; of a day that has begun the
last forecast made before it, which stays when the day closes.
"""

import json
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any, Final

import sqlalchemy as sa

from replan.effects import DayRow, ForecastRow
from replan.infra.ledger import schema as t
from replan.infra.ledger.database import upsert
from replan.infra.ledger.rows import text

LEVELS: Final = ("p05", "p10", "p25", "p50", "p75", "p90", "p95")

Series = tuple[str, str]
Told = dict[str, Any]
"""`made_at` and the quantiles by name."""


def put_forecasts(conn: sa.Connection, rows: Sequence[ForecastRow]) -> None:
    """Put the newest forecast of each series in place of the one before, of which the days are kept
    that have begun since.
    """
    if not rows:
        return
    newest = {(str(row.item), str(row.site)): row.first_day for row in rows}
    begun = []
    for old in _standing(conn, {item for item, _ in newest}):
        series = (old.item, old.site)
        until = newest.get(series, old.first_day)
        days = (until - old.first_day).days
        begun += [
            {"item": old.item, "site": old.site, "date": day, **told}
            for day, told in _days(old, days)
        ]
    upsert(conn, t.forecast_begun, begun, update=())
    values = [
        {
            "item": row.item,
            "site": row.site,
            "made_at": row.made_at,
            "first_day": row.first_day,
            "body": text(tuple(zip(*row.quantiles, strict=True))),
        }
        for row in rows
    ]
    upsert(conn, t.forecast_now, values)


def put_days(conn: sa.Connection, rows: Sequence[DayRow]) -> None:
    """Closed days, each with what was forecast before it. One that closes again keeps that."""
    if not rows:
        return
    told = _told(conn, rows)
    nothing: Told = {"made_at": None, **dict.fromkeys(LEVELS)}
    values = [
        {
            "item": row.item,
            "site": row.site,
            "date": row.day,
            "actual": row.actual,
            "censored": row.censored,
            **told.get((row.item, row.site, row.day), nothing),
        }
        for row in rows
    ]
    upsert(conn, t.forecast_day, values, update=("actual", "censored"))
    begun, closed = t.forecast_begun.c, t.forecast_day.c
    done = sa.exists().where(
        closed.item == begun.item, closed.site == begun.site, closed.date == begun.date
    )
    conn.execute(sa.delete(t.forecast_begun).where(done))


def _told(conn: sa.Connection, rows: Sequence[DayRow]) -> dict[tuple[str, str, date], Told]:
    """What was forecast of closed days: kept when they began, or, where no forecast was made since,
    still the newest.
    """
    items = {row.item for row in rows}
    last = max(row.day for row in rows)
    found: dict[tuple[str, str, date], Told] = {}
    for old in _standing(conn, items):
        for day, told in _days(old, (last - old.first_day).days + 1):
            found[(old.item, old.site, day)] = told
    c = t.forecast_begun.c
    for row in conn.execute(sa.select(t.forecast_begun).where(c.item.in_(sorted(items)))):
        told = {"made_at": row.made_at, **{level: getattr(row, level) for level in LEVELS}}
        found[(row.item, row.site, row.date)] = told
    return found


def _standing(conn: sa.Connection, items: set[Any]) -> Sequence[sa.Row[Any]]:
    c = t.forecast_now.c
    return conn.execute(sa.select(t.forecast_now).where(c.item.in_(sorted(items)))).all()


def _days(row: sa.Row[Any], count: int) -> list[tuple[date, Told]]:
    """The first `count` days of a newest forecast, as far as it goes."""
    if count <= 0:
        return []
    days = json.loads(row.body)[:count]
    return [
        (
            row.first_day + timedelta(days=n),
            {"made_at": row.made_at, **dict(zip(LEVELS, quantiles, strict=True))},
        )
        for n, quantiles in enumerate(days)
    ]
