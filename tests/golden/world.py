"""Which ordinary life do the golden cases break into? Three stores, three items, two suppliers.

Sixty days of history come before every case; `ordinary` goes on with the same world, as it was or
with something changed. A case keeps the events of its own days in `events.jsonl`.
"""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

ZONE = ZoneInfo("Europe/Berlin")
FIRST = date(2026, 3, 2)
HISTORY_DAYS = 60
CASE_FIRST = FIRST + timedelta(days=HISTORY_DAYS)
"""The first day of a case, Friday 1 May 2026; decisions are taken from it on."""

WEEKDAY = (0.8, 0.9, 0.9, 1.0, 1.2, 1.5, 0.7)
HOURS = (9, 12, 15, 18)
SHARES = (0.2, 0.3, 0.3, 0.2)
DAILY = {
    ("OATS", "S1"): 24.0,
    ("OATS", "S2"): 24.0,
    ("OATS", "S3"): 30.0,
    ("KEFIR", "S1"): 16.0,
    ("KEFIR", "S2"): 12.0,
    ("KEFIR", "S3"): 14.0,
    ("TEA", "S1"): 5.0,
    ("TEA", "S2"): 5.0,
    ("TEA", "S3"): 6.0,
}
SUPPLIER = {"OATS": "SUP1", "KEFIR": "SUP2", "TEA": "SUP1"}
COST = {"OATS": 120, "KEFIR": 90, "TEA": 260}
LEAD_DAYS = {"SUP1": 5, "SUP2": 3}
REVIEW_DAYS = 7
COVER_DAYS = 17
"""Base stock covers so many mean days: review, lead time and a reserve."""

Event = dict[str, Any]
Series = tuple[str, str]


def ordinary(
    last: date,
    *,
    first: date = FIRST,
    times: Mapping[tuple[str, str, date], float] | None = None,
    stock: Mapping[Series, int] | None = None,
    late: Mapping[str, int] | None = None,
) -> Iterator[Event]:
    """Events from `first` to `last`, the world being lived from its first day.

    `times`: factor on the mean sales of (item, site, day). `stock`: on hand on the morning of
    `first`, counted. `late`: days by which receipts of an order (`PO-<item>-<site>-<n>`) come late.
    """
    rng = np.random.default_rng(11)
    held = {pair: round(DAILY[pair] * 12) for pair in DAILY}
    coming: dict[tuple[str, str, int], list[tuple[str, int]]] = {}
    for n in range((last - FIRST).days + 1):
        day = FIRST + timedelta(days=n)
        told = list(_day(n, day, rng, held, coming, times or {}, late or {}))
        if day < first:
            continue
        if day == first and stock:
            for pair, units in sorted(stock.items()):
                held[pair] = units
                yield count(pair, day, units, "06:00")
        yield from told


def _day(
    n: int,
    day: date,
    rng: np.random.Generator,
    held: dict[Series, int],
    coming: dict[tuple[str, str, int], list[tuple[str, int]]],
    times: Mapping[tuple[str, str, date], float],
    late: Mapping[str, int],
) -> Iterator[Event]:
    for place, pair in enumerate(sorted(DAILY)):
        item, site = pair
        for po, qty in coming.pop((item, site, n), []):
            held[pair] += qty
            yield event(
                "receipt.v1",
                f"receipt-{po}",
                f"{po}@1",
                at(day, "07:00"),
                {"qty_received": qty, "qty_damaged": 0, "at": at(day, "07:00")},
            )
        if n == 0:
            yield count(pair, day, held[pair], "06:30")
        if n % REVIEW_DAYS == place % REVIEW_DAYS:
            yield from _review(n, day, pair, held, coming, late)
        mean = DAILY[pair] * WEEKDAY[day.weekday()] * times.get((item, site, day), 1.0)
        for hour, share in zip(HOURS, SHARES, strict=True):
            sold = min(int(rng.poisson(mean * share)), held[pair])
            held[pair] -= sold
            if sold:
                yield event(
                    "pos.sale.v1",
                    f"{item}-{site}-{day}-{hour}",
                    f"{item}@{site}",
                    at(day, f"{hour:02d}:45"),
                    {"qty": sold},
                )
    for site in sorted({site for _, site in DAILY}):
        yield event(
            "pos.day_close.v1",
            f"close-{site}-{day}",
            site,
            at(day, "22:00"),
            {"business_date": day.isoformat()},
        )


def _review(
    n: int,
    day: date,
    pair: Series,
    held: Mapping[Series, int],
    coming: dict[tuple[str, str, int], list[tuple[str, int]]],
    late: Mapping[str, int],
) -> Iterator[Event]:
    item, site = pair
    way = sum(q for (i, s, _), rows in coming.items() if (i, s) == pair for _, q in rows)
    qty = round(DAILY[pair] * COVER_DAYS) - held[pair] - way
    if qty <= 0:
        return
    po = f"PO-{item}-{site}-{n}"
    lead = LEAD_DAYS[SUPPLIER[item]]
    coming.setdefault((item, site, n + lead + late.get(po, 0)), []).append((po, qty))
    due = (day + timedelta(days=lead)).isoformat()
    yield event(
        "po.created.v1",
        f"order-{po}",
        f"{po}@1",
        at(day, "08:00"),
        {
            "po": po,
            "line": "1",
            "item": item,
            "supplier": SUPPLIER[item],
            "ship_to": site,
            "qty": qty,
            "price": COST[item],
            "need_by": due,
            "promised": due,
        },
    )


def count(pair: Series, day: date, units: int, clock: str) -> Event:
    """A count of the shelf."""
    item, site = pair
    return event(
        "inv.snapshot.v1",
        f"count-{item}-{site}-{day}",
        f"{item}@{site}",
        at(day, clock),
        {"on_hand": units, "as_of": at(day, clock)},
    )


def event(
    kind: str,
    event_id: str,
    subject: str,
    moment: str,
    data: Mapping[str, Any],
    **more: str,
) -> Event:
    """A CloudEvent as a producer would write it; `more`: further attributes."""
    head = {"specversion": "1.0", "id": event_id, "source": "/golden", "type": kind}
    return {**head, "time": moment, "subject": subject, "data": dict(data), **more}


def at(day: date, clock: str) -> str:
    """A wall-clock moment in the stores' zone, as RFC 3339 in UTC."""
    local = datetime.combine(day, time.fromisoformat(clock), tzinfo=ZONE)
    return local.astimezone(UTC).isoformat().replace("+00:00", "Z")


def write_lines(path: Path, events: Iterator[Event] | list[Event]) -> None:
    """One event a line."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(e, sort_keys=True) + "\n" for e in events))
