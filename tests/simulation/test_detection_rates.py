"""Do all tests together keep to the stated rate of false alarms, and are shifts found in time?

Forty items at six sites: slow and quick ones, Poisson and over-dispersed, with a weekly pattern, an
item's own good and bad days at all its sites, and hours that differ by class. Half a year is
learned from; then the world goes on, fitted anew every four weeks, with a look at every hour.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from replan.closing import apply_fit, close_days
from replan.intraday import HOURS, weekday_kind
from replan.live_model import fit_request
from replan.models.fitting import StatsforecastFitter
from replan.models.registry import live_forecasters
from replan.network import Network
from replan.panel import NEVER, Panel, add_hours, add_sales, empty_panel
from replan.units import ItemId, SiteId, day_from_number, day_number
from replan.watch import reopened_from, restart_pools, step_pools, surges
from tests.demand_worlds import WEEK, Floats
from tests.sense_facts import MONDAY
from tests.sense_worlds import network

LEARN, REFIT = 182, 28
STATED = 2.0
"""False alarms per 1,000 series-days."""

FORECASTERS = live_forecasters()
LOOKS = (9, 11, 13, 15, 17, 19, 21)
"""Hours at which the open day is looked at."""

Factor = Callable[[int], Floats | float]


@dataclass
class Quiet:
    """A seeded chain of `items` × `sites`; days from 0 on, all times UTC."""

    items: int = 40
    sites: int = 6
    level: float | None = None
    seed: int = 5
    panel: Panel = field(init=False)
    alarms: list[tuple[int, str, int]] = field(default_factory=list)
    """(day, test, row or pool)."""

    def __post_init__(self) -> None:
        names = tuple(ItemId(f"I{n:02}") for n in range(self.items))
        zones = dict.fromkeys((SiteId(f"S{n}") for n in range(self.sites)), "UTC")
        chain: Network = network(items=names, zones=zones, lanes=())
        chain = replace(
            chain,
            items={
                item: replace(row, category="bread" if n % 2 else "beer")
                for n, (item, row) in enumerate(sorted(chain.items.items()))
            },
        )
        self.panel = empty_panel(chain, keep_days=7)
        rng = np.random.default_rng(self.seed)
        n = self.panel.size
        of = np.repeat(np.arange(self.items), self.sites)
        own = rng.choice([0.3, 1.0, 3.0, 8.0, 20.0], self.items)[of]
        self.base = np.full(n, self.level) if self.level is not None else own
        self.size = rng.choice([1e6, 6.0, 2.5], self.items)[of]
        self.of, self.rng = of, rng
        hours = np.arange(HOURS)
        early, late = np.exp(-((hours - 9) ** 2) / 8.0), np.exp(-((hours - 18) ** 2) / 6.0)
        self.shape = {0: late / late.sum(), 1: early / early.sum()}

    def day(self, day: int, factor: Floats | float = 1.0, *, look: bool = False) -> None:
        """One day of sales, hour by hour, and its close."""
        panel, n, number = self.panel, self.panel.size, day_number(MONDAY) + day
        shared = self.rng.gamma(60.0, 1 / 60.0, self.items)[self.of]
        mean = self.base * WEEK[day % 7] * shared * factor
        own = np.where(
            self.size >= 1e6, 1.0, self.rng.gamma(np.minimum(self.size, 1e3), 1.0) / self.size
        )
        rows = np.arange(n)
        begun = datetime.combine(day_from_number(number), datetime.min.time(), tzinfo=UTC)
        by_class = np.stack([self.shape[int(c)] for c in panel.category_of])
        risen: set[tuple[str, int]] = set()
        for hour in range(HOURS):
            units = self.rng.poisson(mean * own * by_class[:, hour])
            qty = units.astype(np.int64) * 1_000
            days = np.full(n, number, dtype=np.int64)
            add_sales(panel, rows, days, qty)
            add_hours(panel, rows, days, np.full(n, hour, dtype=np.int64), qty)
            # Every unit is a sale of its own.
            panel.squares += units * 1_000 - units * units * 1_000
            if look and hour + 1 in LOOKS:
                sold = np.flatnonzero(units).tolist()
                found = surges(panel, sold, begun + timedelta(hours=hour + 1), FORECASTERS)
                for row, surge in found.items():
                    place = int(self.of[row]) if surge.wide else row
                    risen.add(("open day of a pool" if surge.wide else "open day", place))
        self.alarms += [(day, test, place) for test, place in sorted(risen)]
        self._close(day, number)

    def _close(self, day: int, number: int) -> None:
        panel = self.panel
        through = dict.fromkeys(panel.site_rows, number)
        ends = {site: {number: 0} for site in panel.site_rows}
        back = reopened_from(panel)
        close_days(panel, through, ends, FORECASTERS)
        step_pools(panel, FORECASTERS, back)
        if panel.fit is None:
            return
        for test, marks in (("up", panel.live.alarm_up), ("down", panel.live.alarm_down)):
            self.alarms += [(day, test, int(r)) for r in np.flatnonzero(marks == number)]
        for test, marks in (
            ("pool up", panel.pool_alarm_up[-1]),
            ("pool down", panel.pool_alarm_down[-1]),
        ):
            self.alarms += [(day, test, int(g)) for g in np.flatnonzero(marks == number)]

    def fit(self) -> None:
        request = fit_request(
            self.panel, asked_at="", min_days=28, false_alarms_per_1000=STATED, seed=1
        )
        assert request is not None, "days have closed"
        apply_fit(self.panel, StatsforecastFitter().fit_panel(request), FORECASTERS)
        restart_pools(self.panel, FORECASTERS)

    def learn(self) -> None:
        for day in range(LEARN):
            self.day(day)
        self.fit()

    def go_on(self, days: int, factor: Factor = lambda _: 1.0) -> None:
        for n in range(days):
            self.day(LEARN + n, factor(n), look=True)
            if (n + 1) % REFIT == 0:
                self.fit()

    def first(self, *tests: str) -> dict[int, int]:
        """The first day after `LEARN`, from 1, on which each row or pool was alarmed."""
        found: dict[int, int] = {}
        for day, test, place in self.alarms:
            if test in tests:
                found.setdefault(place, day - LEARN + 1)
        return found


@pytest.fixture(scope="module")
def quiet() -> Quiet:
    world = Quiet()
    world.learn()
    world.go_on(112)
    return world


def test_a_quiet_world_rings_no_more_often_than_stated(quiet: Quiet) -> None:
    series_days = 112 * quiet.panel.size
    assert len(quiet.alarms) <= 1.3 * STATED * series_days / 1_000


def test_no_test_takes_more_than_its_share(quiet: Quiet) -> None:
    allowed = STATED / 6 * 112 * quiet.panel.size / 1_000
    tests = {test for _, test, _ in quiet.alarms}
    for test in sorted(tests):
        rung = sum(1 for _, name, _ in quiet.alarms if name == test)
        assert rung <= 2 * allowed + 3, test


def test_a_doubled_slow_item_is_found_over_its_sites_in_days_instead_of_weeks() -> None:
    world = Quiet(items=24, sites=12, level=0.6)
    world.learn()
    world.go_on(56, lambda _: 2.0)
    over_sites = world.first("pool up")
    alone = world.first("up")
    items = [over_sites.get(g, 57) for g, pool in enumerate(world.panel.pools)]
    series = [alone.get(row, 57) for row in range(world.panel.size)]
    assert np.median(items) <= 6
    assert np.median(series) >= 3 * np.median(items)


def test_a_day_of_four_times_the_usual_is_found_before_it_closes() -> None:
    world = Quiet(items=24, sites=6, level=8.0)
    world.size[:] = 6.0
    world.learn()
    world.go_on(1, lambda _: 4.0)
    seen = {place for _, test, place in world.alarms if test == "open day"}
    wide = {place for _, test, place in world.alarms if test == "open day of a pool"}
    covered = seen | {row for row in range(world.panel.size) if int(world.of[row]) in wide}
    assert len(covered) >= 0.8 * world.panel.size


def test_a_panel_of_one_site_has_nothing_to_pool() -> None:
    world = Quiet(items=2, sites=1)
    assert world.panel.pools == ()
    assert (world.panel.live.alarm_up == NEVER).all()


def test_kinds_of_weekday_follow_the_calendar() -> None:
    kinds = [weekday_kind(day_number(MONDAY) + n) for n in range(7)]
    assert kinds == [0, 0, 0, 0, 0, 1, 2]
