"""How soon are real surges found, and how often does it ring for nothing? On data that you bring.

`replan bench --only detection --data DIR` reads what DIR holds of two public data sets, laid out as
`complete_journey/lines.parquet` (ts, store_id, product_id, quantity) and
`freshretail50k/sales.parquet` with `series.parquet` (hourly sales, hours out of stock, cities), and
`episodes.csv`, a list of what really happened there (id, dataset, kind, sku, location, date,
cause). Sales are folded, closed and fitted as in a run, day by day with a look at some hours;
nothing is tuned to the list. Products that the list does not name are left out.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from replan.closing import apply_fit, close_days
from replan.errors import UsageError
from replan.forecasting import LEVELS
from replan.infra.bench.episodes import PLENTY, Day, Episode, complete_journey, fresh_retail
from replan.infra.bench.measure import Measure
from replan.live_model import fit_request
from replan.models.fitting import StatsforecastFitter
from replan.models.registry import live_forecasters
from replan.network import Network
from replan.panel import Panel, add_hours, add_sales, empty_panel, micros
from replan.stock_book import count_stock
from replan.units import ItemId, Units
from replan.watch import reopened_from, restart_pools, step_pools, surges

STATED = 2.0
"""False alarms per 1,000 series-days, the default of `[bands]`."""

LEARN_DAYS, REFIT_DAYS = 28, 14
LOOKS = (10, 13, 16, 19, 22)
AROUND = 3
"""An alarm so many days before or after the listed day belongs to its episode: listed are single
peak days, and a shift usually spans their neighbours."""


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
        measures += _measured("freshretail50k", *fresh_retail(data, listed))
    if (data / "complete_journey" / "lines.parquet").is_file():
        measures += _measured("complete_journey", *complete_journey(data, listed))
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
    other, items = _beside(panel, found, judged)
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
            measure=f"{name}: items that rang beside it",
            value=1_000.0 * items / max(found.series_days, 1),
            unit="per 1,000 series-days",
            against="one a day for an item, as a case is",
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


def _beside(panel: Panel, found: Found, episodes: Sequence[Episode]) -> tuple[int, int]:
    """Alarms of days and items that the list does not name, one a day for a series or a pool; and
    of how many items, each counted once a day.
    """
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
    other = {row for row in (*of_rows, *of_pools) if (row[0], row[2]) not in named}
    return len(other), len({(item, day) for item, _, day in other})
