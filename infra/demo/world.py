"""What does the demo plan? Its workspace: real sales, and around them declared assumptions.

Sales come from the bundled extract (`defaults/demo`, see README.md there). Prices and order-up-to
levels are computed from its learning months alone, so that nothing stocked on the first day of
deciding knows of a later surge. What is assumed stands in `demo_network`, in the files of
`defaults/demo/workspace`, and in the column `assumed` of each table. The same extract gives the
same bytes.
"""

import csv
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path
from statistics import median

from replan.errors import UsageError
from replan.infra.demo.events import SaleLine, read_extract, write_events, write_signals
from replan.infra.demo.logistics import (
    DEMO_YEAR,
    leg_rows,
    legs_of,
    read_flights,
    shipper_rows,
    suppliers_at,
)
from replan.infra.demo.network import (
    ZONE,
    LearntDemand,
    Row,
    item_rows,
    lane_rows,
    site_rows,
    stocking_rows,
    supply_rows,
)
from replan.infra.demo.promotions import (
    lift_per_share,
    promoted_days,
    promotion_events,
    read_promotions,
)
from replan.infra.demo.weather import alert_events, alerts_of, read_weather
from replan.infra.erp.legs import LEGS_FILE, LEGS_FOLDER, SUPPLIERS_FILE
from replan.units import ItemId, SiteId, Units, units_from_decimal

DEMO_DEFAULTS = Path(__file__).parent.parent / "defaults" / "demo"
EXTRACT = DEMO_DEFAULTS / "pos_lines.csv.gz"
PROMOTIONS = DEMO_DEFAULTS / "promotions.csv.gz"
FLIGHTS = DEMO_DEFAULTS / "flights.csv.gz"
WEATHER = DEMO_DEFAULTS / "weather.csv.gz"
LEARN_UNTIL = date(2017, 5, 1)
"""First day that nothing computed here may look at; `decide_from` of the demo's settings."""
LAST_HOUR = 10
"""The stream stops at this local hour of its last day: after the morning's planning and before the
cut-offs, so that whoever looks finds a desk at work and not one of the night.
"""


def build_demo_workspace(
    folder: Path,
    *,
    extract: Path | None = None,
    first_day: date | None = None,
    last_day: date | None = None,
) -> None:
    """Write the demo's workspace into `folder`, with the events of the days given (both inclusive).
    Without a last day it is the extract's last one, up to `LAST_HOUR`.

    Network files never depend on the days given. Raises UsageError if no sale lies in the learning
    months, if there is but one site, or if the folder already holds event files of other days.
    """
    lines = read_extract(extract or EXTRACT)
    learnt = [line for line in lines if line.day < LEARN_UNTIL]
    if not learnt:
        raise UsageError(
            f"{extract or EXTRACT}: no sale before {LEARN_UNTIL}, nothing to learn from"
        )
    sites = sorted({line.site for line in learnt})
    if len(sites) < 2:
        raise UsageError(
            f"{extract or EXTRACT}: names site {sites[0]} alone, must name two or more"
        )
    demand = learn_demand(learnt)
    prices = _prices_minor(learnt)
    items = sorted(prices)

    for source in sorted((DEMO_DEFAULTS / "workspace").iterdir()):
        _write_bytes(folder / source.name, source.read_bytes())
    network = folder / "network"
    _write_table(
        network / "items.csv", item_rows(items, prices, _abc_classes(learnt), _descriptions())
    )
    _write_table(network / "sites.csv", site_rows(sites))
    _write_table(network / "lanes.csv", lane_rows(sites))
    _write_table(network / "supply.csv", supply_rows(items, sites, demand, prices))
    _write_table(network / "stocking.csv", stocking_rows(items, sites, demand, prices))
    promotions = [
        promo
        for promo in read_promotions(PROMOTIONS)
        if promo.item in prices and promo.site in sites
    ]
    first, last = first_day or lines[0].day, last_day or lines[-1].day
    last_hour = LAST_HOUR if last_day is None else None
    write_events(
        folder / "events",
        [line for line in lines if line.item in prices and line.site in sites],
        promoted_days(promotions),
        sites=sites,
        zone=ZONE,
        first_day=first,
        last_day=last,
        last_hour=last_hour,
    )
    alerts = alerts_of(read_weather(WEATHER, DEMO_YEAR))
    legs = legs_of(read_flights(FLIGHTS), alerts, ZONE)
    _write_table(folder / LEGS_FOLDER / LEGS_FILE, leg_rows(legs))
    _write_table(folder / LEGS_FOLDER / SUPPLIERS_FILE, shipper_rows())
    write_signals(
        folder / "events" / "weather.jsonl.gz",
        alert_events(alerts, suppliers_at()),
        zone=ZONE,
        first_day=first,
        last_day=last,
        last_hour=last_hour,
    )
    write_signals(
        folder / "events" / "promotions.jsonl.gz",
        promotion_events(promotions, lift_per_share(promotions, learnt), ZONE),
        zone=ZONE,
        first_day=first,
        last_day=last,
        last_hour=last_hour,
    )


def initial_stock(folder: Path) -> dict[tuple[ItemId, SiteId], Units]:
    """What the reference order system starts with: `order_up_to` of the workspace's rules."""
    with (folder / "network" / "stocking.csv").open(encoding="utf-8", newline="") as rows:
        return {
            (ItemId(row["item"]), SiteId(row["site"])): units_from_decimal(
                Decimal(row["order_up_to"])
            )
            for row in csv.DictReader(rows)
        }


def learn_demand(learnt: Sequence[SaleLine]) -> dict[tuple[str, str], LearntDemand]:
    """Mean and variance of daily sales by (item, site); a day without a line is a day of zero."""
    days = (LEARN_UNTIL - min(line.day for line in learnt)).days
    by_day: Counter[tuple[str, str, date]] = Counter()
    for line in learnt:
        by_day[line.item, line.site, line.day] += line.qty
    total: Counter[tuple[str, str]] = Counter()
    squares: Counter[tuple[str, str]] = Counter()
    for (item, site, _), qty in by_day.items():
        total[item, site] += qty
        squares[item, site] += qty * qty
    return {
        key: LearntDemand(
            mean=total[key] / days,
            variance=(days * squares[key] - total[key] ** 2) / days**2,
        )
        for key in sorted(total)
    }


def _prices_minor(learnt: Sequence[SaleLine]) -> dict[str, int]:
    """Median money a piece over each item's lines, at least a cent; gifts do not count."""
    unit_values: defaultdict[str, list[float]] = defaultdict(list)
    for line in learnt:
        if line.value_minor > 0:
            unit_values[line.item].append(line.value_minor / line.qty)
    return {item: max(1, round(median(values))) for item, values in sorted(unit_values.items())}


def _abc_classes(learnt: Sequence[SaleLine]) -> dict[str, str]:
    """A: the items that make the first 80 % of the money, B: up to 95 %, C: the rest."""
    money: Counter[str] = Counter()
    for line in learnt:
        money[line.item] += line.value_minor
    classes: dict[str, str] = {}
    before = 0
    for item, value in sorted(money.items(), key=lambda pair: (-pair[1], pair[0])):
        share = before / money.total()
        classes[item] = "A" if share < 0.80 else "B" if share < 0.95 else "C"
        before += value
    return classes


def _descriptions() -> dict[str, tuple[str, str]]:
    with (DEMO_DEFAULTS / "items.csv").open(encoding="utf-8", newline="") as rows:
        return {
            row["item"]: (row["description"], row["department"]) for row in csv.DictReader(rows)
        }


def _write_table(path: Path, rows: Iterable[Row]) -> None:
    table = list(rows)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as out:
        writer = csv.DictWriter(out, list(table[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(table)


def _write_bytes(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
