"""Levels to order up to follow demand: the arithmetic by hand, then a store lived through.

The store sells milk at 10:00, is reviewed on Tuesdays at 20:00, and begins on Monday, 4 May 2026,
so that its day 120 is a Tuesday: the first review after the learning days.
"""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from replan.events import SaleRecorded
from replan.infra.erp.levels import LEARNING_DAYS, SMOOTHING_DAYS, AskedFor
from replan.infra.erp.reference import ReferenceErp
from replan.units import ONE_UNIT, SiteId
from tests.erp_cases import MILK, ZONE, contract, local, network, rule, sale, stock

pytestmark = pytest.mark.slow

START = local("04")
LOT = 6_000
LEARNT = LEARNING_DAYS


def asked(*days_and_units: tuple[int, int]) -> AskedFor:
    """So many days of so many units each, one after the other."""
    series = AskedFor()
    for days, units in days_and_units:
        for _ in range(days):
            series.today = units * ONE_UNIT
            series.close_day()
    return series


def smoothed_units(series: AskedFor) -> float:
    return round(series.smoothed / 1e9, 6)


# By hand


def test_the_first_days_are_a_plain_average() -> None:
    assert smoothed_units(asked((20, 3), (20, 5))) == 4


def test_later_a_day_weighs_one_part_in_forty_two() -> None:
    assert smoothed_units(asked((SMOOTHING_DAYS, 10), (1, 52))) == 11


@pytest.mark.parametrize("units", [0, 1, 400])
def test_until_learning_ends_the_level_stays_whatever_is_asked_for(units: int) -> None:
    assert asked((LEARNT - 50, 10), (49, units)).level(100_000, LOT) == 100_000


def test_steady_demand_keeps_the_level() -> None:
    assert asked((LEARNT + 200, 7)).level(100_000, LOT) == 100_000


def test_sixty_days_of_doubled_demand_bring_the_level_three_quarters_of_the_way() -> None:
    # 1 - (41 / 42)^60 = 0.7644 of the way from 100 to 200, rounded up.
    assert asked((LEARNT, 10), (60, 20)).level(100_000, LOT) == 177_000


def test_half_a_year_of_halved_demand_halves_the_level() -> None:
    # 50 + 50 * (41 / 42)^180 = 50.65.
    assert asked((LEARNT, 10), (180, 5)).level(100_000, LOT) == 51_000


def test_the_level_is_never_below_one_lot() -> None:
    assert asked((LEARNT, 10), (400, 0)).level(100_000, LOT) == LOT
    assert asked((LEARNT, 10), (400, -1)).level(100_000, LOT) == LOT


def test_a_series_without_demand_in_the_learning_days_keeps_its_level() -> None:
    assert asked((LEARNT, 0), (100, 9)).level(100_000, LOT) == 100_000


# Lived through


class Store:
    """One store with milk up to 100 pieces, three days from order to receipt, no other store."""

    def __init__(self, folder: Path, *, opening: int = 100, reopens: bool = False):
        self.world = network(rules=[rule()], contracts=[contract()], lanes=[])
        self.folder, self.opening, self.reopens = folder, stock(S1=opening), reopens
        self.said: list[dict[str, Any]] = []
        self.open()

    def open(self) -> None:
        self.erp = ReferenceErp(self.folder, self.world, self.opening, START)

    def live(self, days: range, units: int) -> None:
        """Sell so many units on each day, counted from the start; reported at 21:00."""
        for day in days:
            self.said += self.erp.advance(evening(day), [sold(day, units)], [])
            if self.reopens:
                self.erp.close()
                self.open()

    def position(self) -> float:
        """On hand and on order: right after a review that ordered, the level."""
        gain = self.erp.gain()
        return float(gain["on_hand_units"]["with"] + gain["inbound_units"]["with"])


def at(day: int, clock: str) -> datetime:
    midnight = START.astimezone(ZONE).replace(tzinfo=None) + timedelta(days=day)
    hours, minutes = map(int, clock.split(":"))
    return midnight.replace(hour=hours, minute=minutes, tzinfo=ZONE).astimezone(START.tzinfo)


def evening(day: int) -> datetime:
    return at(day, "21:00")


def sold(day: int, units: int, site: str = "S1") -> SaleRecorded:
    return sale(at(day, "10:00"), units, site)


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[Callable[..., Store]]:
    opened: list[Store] = []

    def make(**how: Any) -> Store:
        folder = tmp_path / str(len(opened))
        folder.mkdir()
        opened.append(Store(folder, **how))
        return opened[-1]

    yield make
    for store in opened:
        store.erp.close()


def test_before_the_learning_days_are_over_a_doubled_demand_orders_up_to_the_old_level(
    stores: Callable[..., Store],
) -> None:
    store = stores()
    store.live(range(50), 5)
    store.live(range(50, LEARNT - 6), 10)

    assert store.position() == 100  # at the last review before, on day 113


def test_two_months_after_demand_doubled_orders_go_up_to_the_level_of_most_of_it(
    stores: Callable[..., Store],
) -> None:
    store = stores()
    store.live(range(LEARNT), 10)
    store.live(range(LEARNT, LEARNT + 64), 20)

    # On day 183 the last closed day is the 63rd of double demand: 200 - 100 * (41 / 42)^63 = 178.1.
    assert store.position() == 179


def test_what_was_lost_counts_as_asked_for(stores: Callable[..., Store]) -> None:
    store = stores()
    store.live(range(LEARNT), 10)
    store.live(range(LEARNT, LEARNT + 64), 40)

    assert store.erp.gain()["lost_units"]["with"] > 500
    # As if nothing had been lost: 400 - 300 * (41 / 42)^63 = 334.3.
    assert store.position() == 335


def test_without_commands_both_worlds_stay_the_same_when_levels_move(
    stores: Callable[..., Store],
) -> None:
    store = stores()
    store.live(range(LEARNT), 10)
    store.live(range(LEARNT, LEARNT + 86), 25)
    gain = store.erp.gain()

    assert gain["net_gain_minor"] == 0
    for name in ("lost_units", "holding_minor", "on_hand_units", "inbound_units"):
        assert gain[name]["with"] == gain[name]["without"] > 0


def test_no_unit_appears_or_vanishes_when_levels_move(stores: Callable[..., Store]) -> None:
    store = stores()
    store.live(range(LEARNT), 10)
    store.live(range(LEARNT, LEARNT + 60), 30)
    came = sum(e["data"]["qty_received"] for e in store.said if e["type"] == "receipt.v1")
    lost = store.erp.gain()["lost_units"]["with"]

    assert (
        100 + came - (10 * LEARNT + 30 * 60 - lost) == store.erp.stock()[MILK, SiteId("S1")] / 1_000
    )


def test_a_system_opened_anew_every_day_says_the_same(stores: Callable[..., Store]) -> None:
    said = []
    for reopens in (False, True):
        store = stores(reopens=reopens)
        store.live(range(LEARNT), 10)
        store.live(range(LEARNT, LEARNT + 30), 17)
        said.append(store.said)

    assert said[0] == said[1]


def test_a_clock_asked_again_counts_no_demand_twice(stores: Callable[..., Store]) -> None:
    once, twice = stores(), stores()
    for store in (once, twice):
        for day in range(LEARNT + 15):
            units = 10 if day < LEARNT else 20
            for _ in range(2 if store is twice else 1):
                store.erp.advance(evening(day), [sold(day, units)], [])

    assert twice.position() == once.position() > 100


def test_a_series_stocked_later_learns_from_its_own_first_day(
    stores: Callable[..., Store],
) -> None:
    store = stores()
    store.live(range(30), 10)
    store.erp.close()
    store.world = network(lanes=[])  # with a second store, reviewed on Fridays
    store.open()
    for day in range(30, 131):
        units = 5 if day < 90 else 10
        store.erp.advance(evening(day), [sold(day, 10), sold(day, units, "S2")], [])

    # Friday, day 130. S2 has learnt for 100 days and orders up to 100 as before; S1 has sold 30
    # since Tuesday.
    assert store.position() == 100 + 70
