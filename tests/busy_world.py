"""A small but busy workspace: two planning groups, three stores, orders, late and broken lines.

Everything that a run can do happens in it within four weeks: fits, automatic moves, escalations,
missed deadlines, duplicates, late sales, parked and refused lines.
"""

import gzip
import json
import random
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np

from tests.worlds import PLANNERS, RISK, at, event, order_line, placed

FIRST = date(2026, 3, 2)
DAYS = 26
DECIDE_AFTER = 16
WEEKDAY = (0.8, 0.9, 0.9, 1.0, 1.2, 1.4, 0.8)
SITES = ("S1", "S2", "S3")
BASE = {"OATS": 20.0, "RICE": 12.0, "MILK": 30.0}

SETTINGS = """
timezone = "Europe/Berlin"
currency = "EUR"
mode = "live"
[ticks]
planning = "%(planning)s"
decide_from = %(decide_from)s
[time]
lateness = "48h"
[plan]
min_value_minor = 1000
max_batch = %(max_batch)d
scenarios = 5
held_out = 40
[models]
min_days = 14
refit = "7d"
[ledger]
url = "%(ledger)s"
[executor]
reference_erp = %(erp)s
[engine]
workers = %(workers)d
snapshot_ticks = %(snapshot_ticks)d
"""

AUTHORITY = """
table: replan-authority
version: 1
effective: {from: 2026-01-01T00:00:00Z, to: 2027-01-01T00:00:00Z}
owner: "role:process-owner"
author: author-1
approver: approver-1
currency: EUR
cooldown: {scope: [item, site], after_action: 24h, reverse_direction: 48h}
caps:
- {scope: global, window: calendar_day, count: 6}
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
- id: BUFFER
  when: {action: buffer_call, value: "[0,inf)"}
  then: {mode: ESCALATE, recipient: "role:planner"}
- id: LATER
  when: {action: postpone, value: "[0,inf)"}
  then: {mode: ESCALATE, recipient: "role:planner"}
"""

ITEMS = """\
item,description,category,abc,uom,unit_cost_minor,unit_price_minor,currency,shelf_life_days,group
OATS,oat drink 1 L,drinks,A,EA,120,220,EUR,,ambient
RICE,rice 1 kg,staples,B,EA,150,260,EUR,,ambient
MILK,milk 1 L,dairy,A,EA,80,150,EUR,12,chilled
"""

NETWORK_SITES = """\
site,kind,region,timezone,priority
S1,store,NORTH,Europe/Berlin,1
S2,store,NORTH,Europe/Berlin,1
S3,store,SOUTH,Europe/Berlin,2
SUP,supplier,NORTH,Europe/Berlin,1
"""

ENDS = [(a, b) for a in SITES for b in SITES if a != b]


def lanes() -> str:
    """A lane each way between any two stores."""
    head = (
        "lane,origin,destination,mode,lead_time_days_p50,lead_time_days_p90,fixed_cost_minor,"
        "unit_cost_minor,min_qty,lot_multiple,capacity_units_per_day,cutoff_local\n"
    )
    return head + "".join(f"{a}-{b},{a},{b},road,1,1,400,4,1,1,200,14:00\n" for a, b in ENDS)


def supply() -> str:
    """One supplier for everything; its open orders can be brought forward."""
    head = (
        "supplier,item,site,approved,lead_time_days_p50,lead_time_days_p90,moq,lot_multiple,"
        "expedite_days_saved,expedite_fixed_minor,expedite_unit_minor,buffer_qty,"
        "buffer_lead_time_days,buffer_unit_premium_minor,contract_clause\n"
    )
    return head + "".join(
        f"SUP,{item},{site},true,5,6,1,1,2,1500,5,,,,\n" for item in sorted(BASE) for site in SITES
    )


def stocking(erp: bool) -> str:
    """Order-up-to levels: about ten days, with the reference order system more at S2 and less
    elsewhere.
    """
    days = {"S1": 8, "S2": 24, "S3": 8} if erp else dict.fromkeys(SITES, 10)
    head = (
        "item,site,service_level,review_period_days,order_up_to,holding_minor_per_unit_day,"
        "shortage_minor_per_unit\n"
    )
    return head + "".join(
        f"{item},{site},0.95,7,{int(base * days[site])},0.1,\n"
        for item, base in sorted(BASE.items())
        for site in SITES
    )


def write_busy_world(
    folder: Path,
    *,
    limit: int = 300,
    erp: bool = False,
    planning: str = "12h",
    max_batch: int = 500,
    snapshot_ticks: int = 5,
    workers: int = 0,
    events: Sequence[str] | None = None,
    ledger: str = "sqlite:///ledger.db",
) -> Path:
    """The workspace, with `events` (lines) in one file, or its own; `limit` in whole euros,
    `ledger` the URL of its ledger.
    """
    (folder / "network").mkdir(parents=True)
    (folder / "events").mkdir()
    settings = SETTINGS % {
        "planning": planning,
        "decide_from": FIRST + timedelta(days=DECIDE_AFTER),
        "max_batch": max_batch,
        "snapshot_ticks": snapshot_ticks,
        "workers": workers,
        "erp": str(erp).lower(),
        "ledger": ledger,
    }
    tables = {
        "items": ITEMS,
        "sites": NETWORK_SITES,
        "lanes": lanes(),
        "supply": supply(),
        "stocking": stocking(erp),
    }
    (folder / "replan.toml").write_text(settings)
    (folder / "authority.yaml").write_text(AUTHORITY % {"limit": limit})
    (folder / "planners.yaml").write_text(PLANNERS)
    (folder / "risk_record.yaml").write_text(RISK)
    for name, text in tables.items():
        (folder / "network" / f"{name}.csv").write_text(text)
    write_lines(folder / "events" / "all.jsonl", busy_lines(erp=erp) if events is None else events)
    return folder


def write_lines(path: Path, lines: Iterable[str]) -> None:
    """Lines of an event file, compressed if its name says so."""
    data = "".join(line + "\n" for line in lines).encode()
    path.write_bytes(gzip.compress(data, mtime=0) if path.suffix == ".gz" else data)


def append_lines(path: Path, lines: Iterable[str]) -> None:
    """More lines at the end of a file."""
    with path.open("a", encoding="utf-8") as out:
        out.writelines(line + "\n" for line in lines)


def busy_lines(*, erp: bool = False, days: int = DAYS, first: int = 0) -> list[str]:
    """The lines of the event file in order of arrival. With the reference order system only the
    tills speak, else counts, orders and receipts too.
    """
    found: list[tuple[str, str]] = []
    for arrived, line in [*_sales(), *([] if erp else _stock()), *_trouble()]:
        day = (datetime.fromisoformat(arrived).date() - FIRST).days
        if first <= day < days:
            found.append((datetime.fromisoformat(arrived).isoformat(), line))
    found.sort(key=lambda entry: datetime.fromisoformat(entry[0]))
    return [line for _, line in found]


def arrival_of(line: str) -> datetime | None:
    """When a line arrived; None for one that cannot be read."""
    try:
        row = json.loads(line)
        return datetime.fromisoformat(row.get("recordedtime", row["time"]))
    except (ValueError, KeyError):
        return None


def shuffled(lines: Sequence[str], *, seed: int, reach: timedelta) -> list[str]:
    """The same lines in another order, none further than `reach` from its place. Lines without an
    arrival, which stand with the line before them, are left out.
    """
    rng = random.Random(seed)
    placed = []
    for n, line in enumerate(lines):
        arrived = arrival_of(line)
        if arrived is not None:
            placed.append((arrived + rng.random() * reach, n, line))
    return [line for _, _, line in sorted(placed)]


def _sales() -> Iterable[tuple[str, str]]:
    rng = np.random.default_rng(11)
    for n in range(DAYS):
        day = FIRST + timedelta(days=n)
        for item, base in BASE.items():
            for site in SITES:
                mean = base * WEEKDAY[day.weekday()]
                if (item, site) in (("OATS", "S1"), ("MILK", "S3")) and n >= 18:
                    mean *= 2.6
                if (item, site) == ("RICE", "S2") and n >= 21:
                    mean *= 2.2
                for part, hour in enumerate((12, 19)):
                    sold = int(rng.poisson(mean / 2))
                    if not sold:
                        continue
                    row = event(
                        "pos.sale.v1",
                        f"{item}-{site}-{day}-{part}",
                        f"{item}@{site}",
                        at(day, hour),
                        {"qty": sold},
                    )
                    if rng.random() < 0.05:
                        row["recordedtime"] = at(day + timedelta(days=1), 16)
                    yield placed(row)
        for site in SITES:
            # The third store never says that a day is over.
            if site != "S3":
                closed = {"business_date": day.isoformat()}
                row = event("pos.day_close.v1", f"close-{site}-{day}", site, at(day, 22), closed)
                yield placed(row)


def _stock() -> Iterable[tuple[str, str]]:
    for n in range(DAYS):
        day = FIRST + timedelta(days=n)
        for item, base in sorted(BASE.items()):
            for k, site in enumerate(SITES):
                subject = f"{item}@{site}"
                if n % 4 == k or (n >= 16 and n % 2 == 0):
                    days_left = 4 if (item, site) in (("OATS", "S1"), ("MILK", "S3")) else 14
                    counted = {"on_hand": int(base * days_left), "as_of": at(day, 21)}
                    row = event(
                        "inv.snapshot.v1",
                        f"count-{item}-{site}-{day}",
                        subject,
                        at(day, 21),
                        counted,
                    )
                    yield placed(row)
                if n % 7 == k:
                    yield from _order(item, site, day, int(base * 7))
        if n % 6 == 5:
            lost = {"delta": -7, "reason": "shrink"}
            yield placed(event("inv.adjust.v1", f"shrink-{day}", "RICE@S3", at(day, 9), lost))
        if n % 9 == 4:
            for step, hour in (("shipped", 8), ("received", 15)):
                moved = {
                    "status": step,
                    "qty": 12,
                    "at": at(day, hour),
                    "item": "RICE",
                    "from": "S2",
                    "to": "S3",
                }
                name = f"TR-{day}"
                yield placed(
                    event("transfer.status.v1", f"{name}-{step}", name, at(day, hour), moved)
                )


def _order(item: str, site: str, day: date, qty: int) -> Iterable[tuple[str, str]]:
    po, promised, line = order_line(item, site, day, qty)
    yield placed(event("po.created.v1", po, f"{po}@1", at(day, 10), line))
    if item == "OATS":
        promised += timedelta(days=1)
        changed = line | {"promised": promised.isoformat()}
        told = at(day + timedelta(days=2), 11)
        yield placed(event("po.changed.v1", f"{po}-slip", f"{po}@1", told, changed))
    arrived = at(promised, 7)
    got = {"qty_received": qty, "qty_damaged": 2 if item == "MILK" else 0, "at": arrived}
    yield placed(event("receipt.v1", f"{po}-in", f"{po}@1", arrived, got))


def _trouble() -> Iterable[tuple[str, str]]:
    """Lines that are refused, parked, late, suspect or repeated."""
    for n in range(3, DAYS, 4):
        day = FIRST + timedelta(days=n)
        noon = at(day, 12, 30)
        sale = event("pos.sale.v1", f"odd-{day}", "OATS@S2", noon, {"qty": 1})
        yield noon, json.dumps(sale)
        yield noon, json.dumps(sale)
        soon = at(day, 12, 40)
        yield soon, json.dumps(sale | {"time": soon, "data": {"qty": 2}})
        yield noon, json.dumps(sale | {"id": f"minus-{day}", "data": {"qty": -1}})
        yield noon, json.dumps(sale | {"id": f"new-{day}", "subject": "TEA@S1"})
        yield noon, json.dumps(sale | {"id": f"nan-{day}", "data": {"qty": float("nan")}})
        late = sale | {"id": f"late-{day}", "time": at(day - timedelta(days=4), 12)}
        yield noon, json.dumps(late | {"recordedtime": noon})
        ahead = sale | {"id": f"ahead-{day}", "time": at(day + timedelta(days=3), 12)}
        yield noon, json.dumps(ahead | {"recordedtime": noon})
    slip = FIRST + timedelta(days=20)
    spike = event("pos.sale.v1", "spike", "RICE@S1", at(slip, 13), {"qty": 4000})
    yield at(slip, 13), json.dumps(spike)
