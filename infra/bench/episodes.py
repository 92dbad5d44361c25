"""What really happened, and when? Listed episodes of two public data sets, and days of sales."""

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from replan.forecasting import BoolArray, IntArray
from replan.network import Item, Network, Site, StockingRule
from replan.units import ItemId, SiteId, Units, day_number

PLENTY = Units(10**9)


@dataclass(frozen=True, slots=True, kw_only=True)
class Episode:
    """What happened to an item, in a region (None: everywhere) or at a site, from a day on."""

    id: str
    kind: str
    item: ItemId
    region: str | None
    site: SiteId | None
    first: int
    last: int
    is_stock_out: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """One day's sales: rows, hours and thousandths (M,); `out` (N,) whose shelf was empty at its
    end.
    """

    number: int
    rows: IntArray
    hours: IntArray
    qty: IntArray
    out: BoolArray


def episodes_of(listed: Path, dataset: str, week: bool) -> list[Episode]:
    with listed.open(encoding="utf-8", newline="") as lines:
        rows = [row for row in csv.DictReader(lines) if row["dataset"] == dataset]
    found = []
    for row in rows:
        first = day_number(date.fromisoformat(row["date"]))
        place = row["location"]
        region = place.split(",")[0].replace(" ", "-") if place.startswith("city") else None
        site = place.split("store ")[1] if ", store " in place else None
        found.append(
            Episode(
                id=row["id"],
                kind=row["kind"],
                item=ItemId(f"P{row['sku']}"),
                region=region,
                site=None if site is None else SiteId(f"T{site}"),
                first=first,
                last=first + 6 if week else first,
                is_stock_out=row["cause"].startswith("supply:"),
            )
        )
    return found


def fresh_retail(data: Path, listed: Path) -> tuple[Network, list[Day], list[Episode]]:
    import pandas as pd

    episodes = episodes_of(listed, "freshretail50k", week=False)
    frame = pd.read_parquet(data / "freshretail50k" / "sales.parquet")
    named = {int(e.item.removeprefix("P")) for e in episodes}
    frame = frame[frame["product_id"].isin(sorted(named))]
    series = pd.read_parquet(data / "freshretail50k" / "series.parquet")
    city = {int(s): f"city-{c}" for s, c in zip(series["store_id"], series["city_id"], strict=True)}
    pairs = {(int(p), int(s)) for p, s in zip(frame["product_id"], frame["store_id"], strict=True)}
    network = _network({(f"P{p}", f"T{s}") for p, s in pairs}, {f"T{s}": city[s] for _, s in pairs})
    return network, list(_fresh_days(frame, network)), episodes


def _fresh_days(frame: Any, network: Network) -> Iterator[Day]:
    row_of = {key: row for row, key in enumerate(network.series)}
    frame = frame.assign(date=frame["date"].astype(str).str[:10])
    for day, part in frame.groupby("date", sort=True):
        rows = np.array(
            [
                row_of[(ItemId(f"P{p}"), SiteId(f"T{s}"))]
                for p, s in zip(part["product_id"], part["store_id"], strict=True)
            ],
            dtype=np.int64,
        )
        hourly = np.stack(part["hourly_sale_x100"].to_list()).astype(np.int64)
        place, hour = np.nonzero(hourly)
        # Out of stock in the last trading hour, 21 to 22 o'clock.
        out = np.zeros(len(row_of), dtype=np.bool_)
        out[rows] = (part["stockout_hours_mask"].to_numpy().astype(np.int64) >> 21) & 1 == 1
        yield Day(
            number=day_number(date.fromisoformat(str(day))),
            rows=rows[place],
            hours=hour.astype(np.int64),
            qty=hourly[place, hour] * 10,
            out=out,
        )


def complete_journey(data: Path, listed: Path) -> tuple[Network, list[Day], list[Episode]]:
    import pandas as pd

    episodes = episodes_of(listed, "complete_journey", week=True)
    named = {e.item for e in episodes}
    lines = pd.read_parquet(data / "complete_journey" / "lines.parquet")
    lines = lines.assign(
        item="P" + lines["product_id"].astype(str), site="T" + lines["store_id"].astype(str)
    )
    lines = lines[lines["item"].isin(named) & (lines["quantity"] > 0)]
    pairs = set(zip(lines["item"], lines["site"], strict=True))
    network = _network(pairs, dict.fromkeys({s for _, s in pairs}, "all"))
    row_of = {key: row for row, key in enumerate(network.series)}
    stamp = pd.to_datetime(lines["ts"])
    days = []
    by_day = {str(day): part for day, part in lines.groupby(stamp.dt.date.astype(str))}
    first, last = date.fromisoformat(min(by_day)), date.fromisoformat(max(by_day))
    for n in range((last - first).days + 1):
        day = first + timedelta(days=n)
        part = by_day.get(day.isoformat(), lines.iloc[:0])
        keys = zip(part["item"], part["site"], strict=True)
        days.append(
            Day(
                number=day_number(day),
                rows=np.array([row_of[(ItemId(i), SiteId(s))] for i, s in keys], dtype=np.int64),
                hours=pd.to_datetime(part["ts"]).dt.hour.to_numpy().astype(np.int64),
                qty=(part["quantity"].to_numpy().astype(np.int64) * 1_000),
                out=np.zeros(len(row_of), dtype=np.bool_),
            )
        )
    return network, days, episodes


def _network(pairs: set[tuple[str, str]], region_of: Mapping[str, str]) -> Network:
    """Just enough of a chain to hold these series; local times are taken as UTC."""
    items = sorted({item for item, _ in pairs})
    return Network(
        items={
            ItemId(item): Item(
                item=ItemId(item),
                description="",
                category="all",
                abc="A",
                uom="EA",
                unit_cost_minor=100,
                unit_price_minor=150,
                currency="EUR",
                shelf_life_days=None,
            )
            for item in items
        },
        sites={
            SiteId(site): Site(
                site=SiteId(site), kind="store", region=region, timezone="UTC", priority=1
            )
            for site, region in sorted(region_of.items())
        },
        lanes={},
        supply={},
        stocking={
            (ItemId(item), SiteId(site)): StockingRule(
                item=ItemId(item),
                site=SiteId(site),
                service_level=0.95,
                review_period_days=7.0,
                order_up_to=PLENTY,
                holding_minor_per_unit_day=0.1,
                shortage_minor_per_unit=50,
            )
            for item, site in sorted(pairs)
        },
    )
