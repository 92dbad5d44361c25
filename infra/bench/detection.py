"""How soon are real surges found, and how often does it ring for nothing? On data that you bring.

`replan bench --only detection --data DIR` reads what DIR holds of two public data sets, laid out as
`complete_journey/lines.parquet` (ts, store_id, product_id, quantity) and
`freshretail50k/sales.parquet` with `series.parquet` (hourly sales, hours out of stock, cities), and
`episodes.csv`, a list of what really happened there (id, dataset, kind, sku, location, date,
cause). Sales are folded, closed and fitted as in a run, day by day with a look at some hours;
nothing is tuned to the list. Products that the list does not name are left out.
"""

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from replan.closing import apply_fit, close_days
from replan.errors import UsageError
from replan.forecasting import LEVELS, BoolArray, IntArray
from replan.infra.bench.measure import Measure
from replan.live_model import fit_request
from replan.models.fitting import StatsforecastFitter
from replan.models.registry import live_forecasters
from replan.network import Item, Network, Site, StockingRule
from replan.panel import Panel, add_hours, add_sales, empty_panel, micros
from replan.stock_book import count_stock
from replan.units import ItemId, SiteId, Units, day_number
from replan.watch import reopened_from, restart_pools, step_pools, surges

STATED = 2.0
"""False alarms per 1,000 series-days, the default of `[bands]`."""

LEARN_DAYS, REFIT_DAYS = 28, 14
LOOKS = (10, 13, 16, 19, 22)
AROUND = 3
"""An alarm so many days before or after the listed day belongs to its episode: listed are single
peak days, and a shift usually spans their neighbours."""

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


@dataclass(slots=True, kw_only=True)
class Found:
    """What rang: (day, hour; 24 at the close) by row or by pool, up and down; and the coverage."""

    up: dict[int, list[tuple[int, int]]] = field(default_factory=dict)
    down: dict[int, list[tuple[int, int]]] = field(default_factory=dict)
    pool_up: dict[int, list[tuple[int, int]]] = field(default_factory=dict)
    pool_down: dict[int, list[tuple[int, int]]] = field(default_factory=dict)
    inside: int = 0
    counted: int = 0
    series_days: int = 0
    first_day: int = 0


def detection(data: Path | None) -> list[Measure]:
    """Recall and delay of listed surges, stock-outs taken for lost demand, alarms beside the list,
    coverage; for each data set that the folder holds. UsageError without a folder or a list.
    """
    if data is None:
        raise UsageError("row 'detection' needs --data DIR, a folder with episodes.csv beside data")
    listed = data / "episodes.csv"
    if not listed.is_file():
        raise UsageError(f"{listed} is not there; it lists what happened in the data")
    measures: list[Measure] = []
    if (data / "freshretail50k" / "sales.parquet").is_file():
        measures += _measured("freshretail50k", *_fresh_retail(data, listed))
    if (data / "complete_journey" / "lines.parquet").is_file():
        measures += _measured("complete_journey", *_complete_journey(data, listed))
    if not measures:
        raise UsageError(f"{data} holds neither freshretail50k nor complete_journey")
    return measures


def watched(network: Network, days: Sequence[Day]) -> tuple[Panel, Found]:
    """Fold the days as a run does: learn for four weeks, then watch, fitting anew every second."""
    forecasters, panel, found = live_forecasters(), empty_panel(network, keep_days=7), Found()
    for place, day in enumerate(days):
        if place >= LEARN_DAYS and (place - LEARN_DAYS) % REFIT_DAYS == 0:
            request = fit_request(
                panel, asked_at="", min_days=14, false_alarms_per_1000=STATED, seed=1
            )
            assert request is not None, "days have closed"
            apply_fit(panel, StatsforecastFitter().fit_panel(request), forecasters)
            restart_pools(panel, forecasters)
            found.first_day = found.first_day or day.number
        _sell(panel, day, found, forecasters)
        _close(panel, day, found, forecasters)
    return panel, found


def _sell(panel: Panel, day: Day, found: Found, forecasters: Mapping[str, Any]) -> None:
    begun = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=day.number)
    before = 0
    for look in (*LOOKS, 24):
        now = (day.hours >= before) & (day.hours < look)
        rows, days = day.rows[now], np.full(int(now.sum()), day.number, dtype=np.int64)
        bulk = add_sales(panel, rows, days, day.qty[now])
        usual = np.ones(len(rows), dtype=np.bool_)
        usual[bulk] = False
        add_hours(panel, rows[usual], days[usual], day.hours[now][usual], day.qty[now][usual])
        before = look
        if panel.fit is None or look == 24:
            continue
        at = begun + timedelta(hours=look)
        for row, surge in surges(panel, rows.tolist(), at, forecasters).items():
            if not surge.wide:
                found.up.setdefault(row, []).append((day.number, look))
                continue
            item = panel.series[row][0]
            for g, pool in enumerate(panel.pools):
                if pool.item == item and row in pool.rows:
                    rung = found.pool_up.setdefault(g, [])
                    if not rung or rung[-1][0] != day.number:
                        rung.append((day.number, look))


def _close(panel: Panel, day: Day, found: Found, forecasters: Mapping[str, Any]) -> None:
    end = micros(datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=day.number + 1))
    for row in range(panel.size):
        count_stock(panel, row, Units(0) if day.out[row] else PLENTY, end)
    through = dict.fromkeys(panel.site_rows, day.number)
    ends = {site: {day.number: end} for site in panel.site_rows}
    back = reopened_from(panel)
    closings = close_days(panel, through, ends, forecasters)
    step_pools(panel, forecasters, back)
    if panel.fit is None:
        return
    for rung, marks in (
        (found.up, panel.live.alarm_up),
        (found.down, panel.live.alarm_down),
        (found.pool_up, panel.pool_alarm_up[-1]),
        (found.pool_down, panel.pool_alarm_down[-1]),
    ):
        for place in np.flatnonzero(marks == day.number).tolist():
            rung.setdefault(place, []).append((day.number, 24))
    for number, rows, quantiles in closings:
        if number != day.number or quantiles is None:
            continue
        sold = panel.sold[number - panel.first_day, rows] / 1_000
        seen = (panel.fit.choice[rows] >= 0) & ~day.out[rows]
        low, high = quantiles[LEVELS.index(0.05)], quantiles[LEVELS.index(0.95)]
        found.inside += int((seen & (low <= sold) & (sold <= high)).sum())
        found.counted += int(seen.sum())
        found.series_days += len(rows)


def _measured(
    name: str, network: Network, days: Sequence[Day], episodes: Sequence[Episode]
) -> list[Measure]:
    panel, found = watched(network, days)
    judged = [e for e in episodes if e.first - AROUND >= found.first_day]
    surging = [e for e in judged if e.kind.endswith("surge") and not e.is_stock_out]
    delays = [d for e in surging if (d := _delay(panel, found, e)) is not None]
    outs = [e for e in judged if e.kind == "collapse" and e.is_stock_out]
    mistaken = [e for e in outs if _rang(panel, found.pool_down, found.down, e)]
    other = _beside(panel, found, judged)
    row = "detection"
    of_days = f"{found.series_days} series-days"
    found_share = len(delays) / len(surging) if surging else 0.0
    measures = [
        Measure(
            row=row,
            measure=f"{name}: surges found",
            value=len(delays),
            unit="episodes",
            against="listed, no stock-out",
            ratio=found_share,
        ),
        Measure(
            row=row,
            measure=f"{name}: stock-outs told as lost demand",
            value=len(mistaken),
            unit="episodes",
            against=f"{len(outs)} listed stock-outs",
        ),
        Measure(
            row=row,
            measure=f"{name}: alarms beside the list",
            value=1_000.0 * other / max(found.series_days, 1),
            unit="per 1,000 series-days",
            against=f"{of_days}, allowed {STATED:g}",
            ratio=1_000.0 * other / max(found.series_days, 1) / STATED,
        ),
        Measure(
            row=row,
            measure=f"{name}: inside the 90 % band",
            value=100.0 * found.inside / max(found.counted, 1),
            unit="% of days",
            against="90 %",
            ratio=found.inside / max(found.counted, 1) / 0.9,
        ),
    ]
    if delays:
        measures.insert(
            1,
            Measure(
                row=row,
                measure=f"{name}: median delay of a surge",
                value=float(np.median(delays)),
                unit="days after its day began",
                against=f"{len(delays)} found",
            ),
        )
    return measures


def _places(panel: Panel, episode: Episode) -> tuple[list[int], list[int]]:
    """Which rows and which pools an episode concerns."""
    rows = [
        row
        for row, (item, site) in enumerate(panel.series)
        if item == episode.item and episode.site in (None, site)
    ]
    if episode.site is not None:
        return rows, []
    pools = [
        g
        for g, pool in enumerate(panel.pools)
        if pool.item == episode.item and pool.region in (None, episode.region)
    ]
    return rows, pools


def _delay(panel: Panel, found: Found, episode: Episode) -> float | None:
    """Days from the beginning of the episode's day to its first alarm; None where none rang."""
    rows, pools = _places(panel, episode)
    rung = [moment for g in pools for moment in found.pool_up.get(g, [])]
    if episode.site is not None:
        rung += [moment for row in rows for moment in found.up.get(row, [])]
    near = [m for m in rung if episode.first - AROUND <= m[0] <= episode.last + AROUND]
    return min((day - episode.first + hour / 24 for day, hour in near), default=None)


def _rang(
    panel: Panel,
    pools_rung: Mapping[int, list[tuple[int, int]]],
    rows_rung: Mapping[int, list[tuple[int, int]]],
    episode: Episode,
) -> bool:
    rows, pools = _places(panel, episode)
    days = range(episode.first - 1, episode.last + AROUND + 1)
    together = any(day in days for g in pools for day, _ in pools_rung.get(g, []))
    alone = sum(any(day in days for day, _ in rows_rung.get(row, [])) for row in rows)
    return together or 3 * alone >= len(rows)


def _beside(panel: Panel, found: Found, episodes: Sequence[Episode]) -> int:
    """Alarms of days and items that the list does not name; one a day for a series or a pool."""
    named: set[tuple[ItemId, int]] = set()
    for episode in episodes:
        days = range(episode.first - AROUND, episode.last + AROUND + 1)
        named |= {(episode.item, day) for day in days}
    of_rows = [
        (panel.series[r][0], r, d) for b in (found.up, found.down) for r in b for d, _ in b[r]
    ]
    of_pools = [
        (panel.pools[g].item, -1 - g, d)
        for b in (found.pool_up, found.pool_down)
        for g in b
        for d, _ in b[g]
    ]
    return len({row for row in (*of_rows, *of_pools) if (row[0], row[2]) not in named})


def _episodes(listed: Path, dataset: str, week: bool) -> list[Episode]:
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


def _fresh_retail(data: Path, listed: Path) -> tuple[Network, list[Day], list[Episode]]:
    import pandas as pd

    episodes = _episodes(listed, "freshretail50k", week=False)
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


def _complete_journey(data: Path, listed: Path) -> tuple[Network, list[Day], list[Episode]]:
    import pandas as pd

    episodes = _episodes(listed, "complete_journey", week=True)
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
