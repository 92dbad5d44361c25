"""What do the folds fold when they are measured? A made-up chain of shops and its till lines.

Every series sells a few times a day, hour by hour; its model is one of a few that were really
fitted, so that a day's end costs what it costs in a run. Everything is seeded.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import fields, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from typing import Any

import numpy as np

from replan.forecasting import FitRequest, PanelFit
from replan.models.classical import random_weekly
from replan.models.fitting import StatsforecastFitter
from replan.models.registry import live_forecasters
from replan.network import Item, Network, Site, StockingRule
from replan.planning import Answer, PlanningProblem
from replan.sensing import FitMade, Sensing
from replan.state import SenseRules
from replan.units import ItemId, SiteId, Units, day_number

FIRST_DAY = date(2026, 3, 2)
BEGINS = datetime(2026, 3, 2, tzinfo=UTC)
SITES = ("S1", "S2", "S3")
SALES_A_DAY = 4.0
"""Sales of a series in a day, on average."""

FITTED, HISTORY_DAYS = 30, 112


def network(series: int) -> Network:
    """A chain of three shops with so many series; they must fill whole items."""
    assert series % len(SITES) == 0, f"{series} series are not whole items of {len(SITES)} sites"
    items = [ItemId(f"I{n:05d}") for n in range(series // len(SITES))]
    return Network(
        items={item: _item(item) for item in items},
        sites={
            SiteId(name): Site(
                site=SiteId(name), kind="store", region="EAST", timezone="UTC", priority=1
            )
            for name in SITES
        },
        lanes={},
        supply={},
        stocking={
            (item, SiteId(site)): StockingRule(
                item=item,
                site=SiteId(site),
                service_level=0.95,
                review_period_days=1.0,
                order_up_to=Units(100_000),
                holding_minor_per_unit_day=0.1,
                shortage_minor_per_unit=None,
            )
            for item in items
            for site in SITES
        },
    )


def till_lines(chain: Network, days: int, *, seed: int = 0) -> list[bytes]:
    """The sales of so many days in order of arrival, each line one event of the wire format."""
    rng = np.random.default_rng(seed)
    found: list[tuple[datetime, str, dict[str, Any]]] = []
    for item, site in chain.series:
        for n, minute in enumerate(_minutes(rng, days)):
            at = BEGINS + timedelta(minutes=minute)
            event_id = f"{item}:{site}:{n}"
            event = {
                "specversion": "1.0",
                "id": event_id,
                "source": f"/till/{site}",
                "type": "pos.sale.v1",
                "time": at.isoformat(),
                "recordedtime": (at + timedelta(minutes=2)).isoformat(),
                "subject": f"{item}@{site}",
                "data": {"qty": 1 + n % 3, "price": 129},
            }
            found.append((at, event_id, event))
    found.sort(key=lambda row: row[:2])
    encode = json.JSONEncoder(separators=(",", ":")).encode
    return [encode(event).encode() for _, _, event in found]


def sensing(chain: Network) -> Sensing:
    """Ports and rules under which facts are folded and days close, and nothing is ever decided."""
    rules = SenseRules(
        lateness=timedelta(hours=48),
        day_closes_at=time(4),
        horizon_days=14,
        min_value_minor=5_000,
        min_days=28,
        refit=timedelta(days=3_650),
        decide_from=BEGINS + timedelta(days=36_500),
        false_alarms_per_1000=2.0,
        scenarios=10,
        held_out=100,
        history_days=400,
    )
    return Sensing(
        network=chain, rules=rules, forecasters=live_forecasters(), planner=_NeverAsked()
    )


def fit_of(series: int) -> FitMade:
    """A fit for so many series, in force from the first day on."""
    return FitMade(fit=_repeated(_fitted(), np.arange(series) % FITTED), sha="sha256:made-up")


class _NeverAsked:
    """A planner for runs that decide nothing."""

    def plan(self, problems: Iterable[PlanningProblem]) -> tuple[Answer, ...]:
        """No answers, as there are no questions."""
        assert not list(problems), "nothing is decided while folds are measured"
        return ()


@cache
def _fitted() -> PanelFit:
    """Real fits of a few series: half of them sell daily, half now and then."""
    rng = np.random.default_rng(1)
    sold = random_weekly(rng, HISTORY_DAYS, FITTED)
    sold[:, ::2] *= rng.random((HISTORY_DAYS, FITTED // 2)) < 0.3
    request = FitRequest(
        asked_at="",
        through=day_number(FIRST_DAY) - 1,
        sold=sold,
        mask=np.ones(sold.shape, dtype=np.bool_),
        young=np.zeros(FITTED, dtype=np.bool_),
        item_of=np.arange(FITTED) // len(SITES),
        category_of=np.zeros(FITTED, dtype=np.int64),
        site_of=np.arange(FITTED) % len(SITES),
        drivers=None,
        false_alarms_per_1000=2.0,
        seed=1,
    )
    return StatsforecastFitter().fit_panel(request)


def _repeated(fit: PanelFit, rows: np.ndarray[Any, np.dtype[np.int64]]) -> PanelFit:
    """The fit with the given columns of every array."""
    columns = {
        field.name: getattr(fit, field.name)[..., rows]
        for field in fields(fit)
        if isinstance(getattr(fit, field.name), np.ndarray)
    }
    params = {name: values[rows] for name, values in fit.params.items()}
    return replace(fit, **columns, params=params)


def _minutes(rng: np.random.Generator, days: int) -> Sequence[int]:
    """When a series sells: minutes since the beginning, in opening hours."""
    a_day = rng.poisson(SALES_A_DAY, size=days)
    day = np.repeat(np.arange(days), a_day)
    minutes: list[int] = np.sort(day * 1440 + rng.integers(420, 1200, size=len(day))).tolist()
    return minutes


def _item(item: ItemId) -> Item:
    return Item(
        item=item,
        description="",
        category="drinks",
        abc="A",
        uom="EA",
        unit_cost_minor=80,
        unit_price_minor=129,
        currency="EUR",
        shelf_life_days=None,
    )
