"""Small workspaces written by hand, as a stranger would from the documentation."""

import json
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

ZONE = ZoneInfo("Europe/Berlin")
FIRST_DAY = date(2026, 1, 5)
DAYS = 120
SURGE_DAYS = 4
SURGE = 2.5
WEEKDAY = (0.8, 0.9, 0.9, 1.0, 1.3, 1.5, 0.6)
REVIEW_DAYS = 7
LEAD_DAYS = 7
OPENING_STOCK = {"S1": 260, "S2": 620}
ORDER_UP_TO = {"S1": 420, "S2": 780}
"""S2 keeps a large stock: it can help out when S1 runs short."""

SETTINGS = """
timezone = "Europe/Berlin"
currency = "EUR"
mode = "live"
[ticks]
planning = "6h"
decide_from = 2026-04-20
[plan]
min_value_minor = 2000
[models]
refit = "28d"
[engine]
workers = 0
"""

QUICK = SETTINGS.replace('"6h"', '"24h"').replace('"28d"', '"365d"')
"""One tick a day and one fit: the same story, sooner told."""

AUTHORITY = """
table: replan-authority
version: 1
effective: {from: 2026-01-01T00:00:00Z, to: 2027-01-01T00:00:00Z}
owner: "role:process-owner"
author: author-1
approver: approver-1
currency: EUR
rules:
- id: MOVE
  when: {action: reallocate, value: "[0,%(limit)d]"}
  then: {mode: AUTO, recipient: "role:planner"}
- id: MOVE-HIGH
  when: {action: reallocate, value: "(%(limit)d,inf)"}
  then: {mode: ESCALATE, recipient: "role:planner"}
- id: RUSH
  when: {action: expedite, value: "[0,inf)"}
  then: {mode: ESCALATE, recipient: "role:planner"}
"""

PLANNERS = """
planners:
- {login: planner-1, roles: [planner], regions: ["*"], limit_minor: 500000, delegate_to: null, active: true}
- {login: planner-2, roles: [planner], regions: ["*"], limit_minor: 100, delegate_to: null, active: true}
- {login: owner-1, roles: [process-owner, operator], regions: ["*"], limit_minor: null, delegate_to: null, active: true}
- {login: ops-1, roles: [operator], regions: ["*"], limit_minor: 0, delegate_to: null, active: true}
- {login: author-1, roles: [viewer], regions: ["*"], limit_minor: null, delegate_to: null, active: true}
- {login: approver-1, roles: [viewer], regions: ["*"], limit_minor: null, delegate_to: null, active: true}
"""

RISK = """
classification: not_high_risk
intended_use: re-planning of two test stores
excluded_use: [anything else]
rationale: no person is monitored and nothing critical depends on it
signed_by: owner-1
signed_on: 2026-01-01
expires_on: 2027-01-01
"""

NETWORK = {
    "items": """item,description,category,abc,uom,unit_cost_minor,unit_price_minor,currency,shelf_life_days
OATS,oat drink 1 L,drinks,A,EA,120,220,EUR,
""",
    "sites": """site,kind,region,timezone,priority
S1,store,NORTH,Europe/Berlin,1
S2,store,NORTH,Europe/Berlin,1
SUP,supplier,NORTH,Europe/Berlin,1
""",
    "lanes": """lane,origin,destination,mode,lead_time_days_p50,lead_time_days_p90,fixed_cost_minor,unit_cost_minor,min_qty,lot_multiple,capacity_units_per_day,cutoff_local
S2-S1,S2,S1,road,1,1,500,5,1,1,500,14:00
S1-S2,S1,S2,road,1,1,500,5,1,1,500,14:00
""",
    "supply": """supplier,item,site,approved,lead_time_days_p50,lead_time_days_p90,moq,lot_multiple,expedite_days_saved,expedite_fixed_minor,expedite_unit_minor,buffer_qty,buffer_lead_time_days,buffer_unit_premium_minor,contract_clause
SUP,OATS,S1,true,7,8,1,1,2,500,20,,,,
SUP,OATS,S2,true,7,8,1,1,2,500,20,,,,
""",
    "stocking": """item,site,service_level,review_period_days,order_up_to,holding_minor_per_unit_day,shortage_minor_per_unit
OATS,S1,0.95,7,420,0.1,100
OATS,S2,0.95,7,780,0.1,100
""",
}


def write_world(folder: Path, *, limit: int = 1000, settings: str = SETTINGS) -> Path:
    """Two stores, one item, 120 days of sales, a surge at S1 in the last days while S2 has
    plenty.
    """
    (folder / "network").mkdir(parents=True)
    (folder / "events").mkdir()
    (folder / "replan.toml").write_text(settings)
    (folder / "authority.yaml").write_text(AUTHORITY % {"limit": limit})
    (folder / "planners.yaml").write_text(PLANNERS)
    (folder / "risk_record.yaml").write_text(RISK)
    for name, text in NETWORK.items():
        (folder / "network" / f"{name}.csv").write_text(text)
    write_events(folder / "events" / "days.jsonl", world_events())
    return folder


def write_events(path: Path, events: Iterable[dict[str, Any]]) -> None:
    """One event a line."""
    path.write_text("".join(json.dumps(event) + "\n" for event in events))


def world_events(seed: int = 7) -> list[dict[str, Any]]:
    """Four months of two stores: sales, day closes, a weekly order up to the target and its
    receipt a week later, a count that agrees with the book every Sunday. All stock that is sold or
    received stands in the events; what the engine orders does not happen here.
    """
    rng = np.random.default_rng(seed)
    on_hand = dict(OPENING_STOCK)
    coming: dict[tuple[str, int], int] = {}
    events = []
    for n in range(DAYS):
        day = FIRST_DAY + timedelta(days=n)
        for site in sorted(on_hand):
            arrived = coming.pop((site, n), 0)
            if arrived:
                on_hand[site] += arrived
                events.append(receipt(f"PO-{site}-{n - LEAD_DAYS}", day, arrived))
            if n % REVIEW_DAYS == 0:
                under_way = sum(qty for (to, _), qty in coming.items() if to == site)
                qty = ORDER_UP_TO[site] - on_hand[site] - under_way
                if qty > 0:
                    coming[site, n + LEAD_DAYS] = qty
                    events.append(order(f"PO-{site}-{n}", site, day, qty))
            surges = n >= DAYS - SURGE_DAYS and site == "S1"
            mean = 20.0 * WEEKDAY[day.weekday()] * (SURGE if surges else 1.0)
            sold = min(int(rng.poisson(mean)), on_hand[site])
            on_hand[site] -= sold
            if sold:
                events.append(
                    event(
                        "pos.sale.v1", f"{site}-{day}", f"OATS@{site}", at(day, 19), {"qty": sold}
                    )
                )
            if n == 0 or day.weekday() == 6:
                events.append(
                    event(
                        "inv.snapshot.v1",
                        f"count-{site}-{day}",
                        f"OATS@{site}",
                        at(day, 21),
                        {"on_hand": on_hand[site], "as_of": at(day, 21)},
                    )
                )
            events.append(
                event(
                    "pos.day_close.v1",
                    f"close-{site}-{day}",
                    site,
                    at(day, 22),
                    {"business_date": day.isoformat()},
                )
            )
    return events


def order(po: str, site: str, day: date, qty: int) -> dict[str, Any]:
    """A weekly order of oats, as its buyer wrote it in the morning."""
    due = (day + timedelta(days=LEAD_DAYS)).isoformat()
    return event(
        "po.created.v1",
        f"order-{po}",
        f"{po}@1",
        at(day, 8),
        {
            "po": po,
            "line": "1",
            "item": "OATS",
            "supplier": "SUP",
            "ship_to": site,
            "qty": qty,
            "price": 120,
            "need_by": due,
            "promised": due,
        },
    )


def receipt(po: str, day: date, qty: int) -> dict[str, Any]:
    """Goods of an order that came in early in the morning."""
    data = {"qty_received": qty, "qty_damaged": 0, "at": at(day, 7)}
    return event("receipt.v1", f"receipt-{po}", f"{po}@1", at(day, 7), data)


def event(
    kind: str, event_id: str, subject: str, time: str, data: dict[str, Any]
) -> dict[str, Any]:
    """A CloudEvent as a producer would write it."""
    return {
        "specversion": "1.0",
        "id": event_id,
        "source": "/tests/till",
        "type": kind,
        "time": time,
        "subject": subject,
        "data": data,
    }


def at(day: date, hour: int, minute: int = 0) -> str:
    """A local time of a day as RFC 3339."""
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=ZONE).isoformat()


def placed(row: dict[str, Any]) -> tuple[str, str]:
    """An event with its arrival, as a line of a file."""
    return str(row.get("recordedtime", row["time"])), json.dumps(row)


def order_line(item: str, site: str, day: date, qty: int) -> tuple[str, date, dict[str, Any]]:
    """Number, promised day and data of an order of SUP that is promised in five days."""
    promised = day + timedelta(days=5)
    line = {
        "po": f"PO-{item}-{site}-{day}",
        "line": 1,
        "item": item,
        "supplier": "SUP",
        "ship_to": site,
        "qty": qty,
        "price": 80,
        "need_by": promised.isoformat(),
        "promised": promised.isoformat(),
    }
    return line["po"], promised, line
