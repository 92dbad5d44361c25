"""What is the smallest workspace in which everything happens? Two groups, two stores, three days.

Sixteen quiet days come first and are read once. What a simulated run goes through are those after
them, with plans that run by themselves, that ask a store first, and that wait for a planner.
"""

import json
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np

from tests.worlds import PLANNERS, RISK, at, event, order_line, placed

FIRST = date(2026, 3, 2)
QUIET_DAYS = 16
BUSY_DAYS = 3
DAYS = QUIET_DAYS + BUSY_DAYS
SITES = ("S1", "S2")
BASE = {"OATS": 20.0, "MILK": 30.0}
WEEKDAY = (0.8, 0.9, 0.9, 1.0, 1.2, 1.4, 0.8)

SETTINGS = f"""
timezone = "Europe/Berlin"
currency = "EUR"
mode = "live"
[ticks]
planning = "12h"
decide_from = {FIRST + timedelta(days=QUIET_DAYS)}
[time]
lateness = "12h"
[plan]
min_value_minor = 1000
max_batch = 6
scenarios = 5
held_out = 20
horizon_days = 10
[models]
min_days = 9
refit = "9d"
[engine]
workers = 0
snapshot_ticks = 3
"""

AUTHORITY = """
table: replan-authority
version: 1
effective: {from: 2026-01-01T00:00:00Z, to: 2027-01-01T00:00:00Z}
owner: "role:process-owner"
author: author-1
approver: approver-1
currency: EUR
cooldown: {scope: [item, site], after_action: 6h, reverse_direction: 12h}
caps:
- {scope: global, window: calendar_day, count: %(count)d}
rules:
- id: MOVE
  when: {action: reallocate, value: "[0,%(auto)d]"}
  then: {mode: AUTO, recipient: "role:planner"}
- id: MOVE-ASK
  when: {action: reallocate, value: "(%(auto)d,%(ask)d]"}
  then: {mode: CLARIFY, ask: site, timeout: 12h, recipient: "role:planner"}
- id: MOVE-HIGH
  when: {action: reallocate, value: "(%(ask)d,inf)"}
  then: {mode: ESCALATE, recipient: "role:planner"}
- id: RUSH
  when: {action: expedite, value: "[0,inf)"}
  then: {mode: ESCALATE, recipient: "role:planner"}
- id: LATER
  when: {action: postpone, value: "[0,inf)"}
  then: {mode: ESCALATE, recipient: "role:planner"}
"""

TABLES = {
    "items": """\
item,description,category,abc,uom,unit_cost_minor,unit_price_minor,currency,shelf_life_days,group
OATS,oat drink 1 L,drinks,A,EA,120,220,EUR,,ambient
MILK,milk 1 L,dairy,A,EA,80,150,EUR,12,chilled
""",
    "sites": """\
site,kind,region,timezone,priority
S1,store,NORTH,Europe/Berlin,1
S2,store,NORTH,Europe/Berlin,1
SUP,supplier,NORTH,Europe/Berlin,1
""",
    "lanes": """\
lane,origin,destination,mode,lead_time_days_p50,lead_time_days_p90,fixed_cost_minor,\
unit_cost_minor,min_qty,lot_multiple,capacity_units_per_day,cutoff_local
S1-S2,S1,S2,road,1,1,400,4,1,1,200,14:00
S2-S1,S2,S1,road,1,1,400,4,1,1,200,14:00
""",
    "supply": """\
supplier,item,site,approved,lead_time_days_p50,lead_time_days_p90,moq,lot_multiple,\
expedite_days_saved,expedite_fixed_minor,expedite_unit_minor,buffer_qty,\
buffer_lead_time_days,buffer_unit_premium_minor,contract_clause
"""
    + "".join(
        f"SUP,{item},{site},true,5,6,1,1,2,1500,5,,,,\n" for item in sorted(BASE) for site in SITES
    ),
    "stocking": """\
item,site,service_level,review_period_days,order_up_to,holding_minor_per_unit_day,\
shortage_minor_per_unit
"""
    + "".join(
        f"{item},{site},0.95,7,{int(base * 10)},0.1,\n"
        for item, base in sorted(BASE.items())
        for site in SITES
    ),
}


def authority(*, auto: int = 60, ask: int = 120, count: int = 2) -> str:
    """A table under which moves up to `auto` euros run, up to `ask` are asked about, and at most
    `count` actions a day count.
    """
    return AUTHORITY % {"auto": auto, "ask": ask, "count": count}


def write_tiny_world(folder: Path) -> Path:
    """The workspace without any event."""
    (folder / "network").mkdir(parents=True)
    (folder / "replan.toml").write_text(SETTINGS)
    (folder / "authority.yaml").write_text(authority())
    (folder / "planners.yaml").write_text(PLANNERS)
    (folder / "risk_record.yaml").write_text(RISK)
    for name, text in TABLES.items():
        (folder / "network" / f"{name}.csv").write_text(text)
    return folder


def quiet_lines() -> list[str]:
    """The events before anything is decided, in order of arrival."""
    return _between(0, QUIET_DAYS)


def busy_lines(days: int = BUSY_DAYS) -> list[str]:
    """Those of so many of the days that follow."""
    return _between(QUIET_DAYS, QUIET_DAYS + days)


def _between(first: int, end: int) -> list[str]:
    found = [(datetime.fromisoformat(arrived), line) for arrived, line in _told()]
    begins, ends = (FIRST + timedelta(days=n) for n in (first, end))
    return [line for arrived, line in sorted(found) if begins <= arrived.date() < ends]


def _told() -> Iterable[tuple[str, str]]:
    rng = np.random.default_rng(11)
    for n in range(DAYS):
        day = FIRST + timedelta(days=n)
        for item, base in sorted(BASE.items()):
            for k, site in enumerate(SITES):
                mean = base * WEEKDAY[day.weekday()]
                surges = (item, site) in (("OATS", "S1"), ("MILK", "S2")) and n >= QUIET_DAYS
                yield from _sales(item, site, day, rng.poisson(mean * (2.6 if surges else 1.0)))
                if n % 4 == k or n >= QUIET_DAYS - 1:
                    counted = {"on_hand": int(base * (2 if surges else 14)), "as_of": at(day, 21)}
                    name = f"count-{item}-{site}-{day}"
                    yield placed(
                        event("inv.snapshot.v1", name, f"{item}@{site}", at(day, 21), counted)
                    )
                if n % 7 == k:
                    yield from _order(item, site, day, int(base * 7))
        for site in SITES:
            closed = {"business_date": day.isoformat()}
            yield placed(
                event("pos.day_close.v1", f"close-{site}-{day}", site, at(day, 22), closed)
            )
        yield from _trouble(day)


def _sales(item: str, site: str, day: date, sold: int) -> Iterable[tuple[str, str]]:
    if sold:
        name = f"{item}-{site}-{day}"
        sale = event("pos.sale.v1", name, f"{item}@{site}", at(day, 19), {"qty": int(sold)})
        yield placed(sale)
        if FIRST + timedelta(days=QUIET_DAYS - 1) <= day < FIRST + timedelta(days=DAYS - 1):
            # A till sends its day again in the night and at noon: ticks have run by then, and after
            # a crash, or a night without a process, only what was kept knows it.
            for hour in (2, 14):
                again = at(day + timedelta(days=1), hour)
                yield again, json.dumps(sale | {"recordedtime": again})


def _order(item: str, site: str, day: date, qty: int) -> Iterable[tuple[str, str]]:
    po, promised, line = order_line(item, site, day, qty)
    yield placed(event("po.created.v1", po, f"{po}@1", at(day, 10), line))
    if FIRST + timedelta(days=QUIET_DAYS - 5) <= day:
        late = promised + timedelta(days=9)
        told = at(max(day, FIRST + timedelta(days=QUIET_DAYS)), 11)
        slipped = line | {"promised": late.isoformat()}
        yield placed(event("po.changed.v1", f"{po}-slip", f"{po}@1", told, slipped))
        return
    got = {"qty_received": qty, "qty_damaged": 0, "at": at(promised, 7)}
    yield placed(event("receipt.v1", f"{po}-in", f"{po}@1", at(promised, 7), got))


def _trouble(day: date) -> Iterable[tuple[str, str]]:
    """Lines that are refused, parked, late or repeated."""
    if day.day % 2:
        return
    sale = event("pos.sale.v1", f"odd-{day}", "OATS@S2", at(day, 9), {"qty": 1})
    yield at(day, 9), json.dumps(sale)
    soon = at(day, 9, 40)
    again = {"recordedtime": soon}
    yield soon, json.dumps(sale | again)
    yield (
        at(day, 9, 20),
        json.dumps(sale | {"id": f"minus-{day}", "time": at(day, 9, 20), "data": {"qty": -1}}),
    )
    parked = sale | {"id": f"new-{day}", "time": at(day, 9, 30), "subject": "TEA@S1"}
    yield at(day, 9, 30), json.dumps(parked)
    late = sale | {"id": f"late-{day}", "time": at(day - timedelta(days=2), 12)}
    yield soon, json.dumps(late | again)
