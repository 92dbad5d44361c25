"""Is a surge found before its day closes, and a slow item's over its sites?"""

from collections.abc import Mapping

import numpy as np
import pytest

from replan.events import SenseFact
from replan.panel import NEVER
from replan.state import state_digest
from replan.units import SiteId
from replan.watch import fallen_since, left_of_day, risen_since, surges
from tests.sense_facts import S1, S2, closed, counted, later, sale, when
from tests.sense_worlds import FORECASTERS, World, fitted_world, till_sales, watched_world

TODAY = 28
TWO_O_CLOCK, SIX_O_CLOCK = TODAY + 12 / 24, TODAY + 16 / 24
"""Local time of Berlin in June."""


def rush(until: float, *, times: float = 4.0, site: SiteId = S1) -> list[SenseFact]:
    """Today's till lines up to a moment, so many times the usual."""
    facts = till_sales(TODAY, TODAY + 1, factor=times, site=site)
    return [f for f in facts if f.arrived_at <= when(until)]


def found(world: World, at: float) -> Mapping[int, bool]:
    """Which series surge at a moment, and whether only with others."""
    rows = range(world.state.panel.size)
    return {r: s.wide for r, s in surges(world.state.panel, rows, when(at), FORECASTERS).items()}


def row(site: SiteId) -> int:
    return OATS_ROWS.index(site)


OATS_ROWS = (S1, S2)


def test_a_surge_is_found_at_two_in_the_afternoon() -> None:
    world = watched_world()
    world.tell([*rush(TWO_O_CLOCK), *rush(TWO_O_CLOCK, times=1, site=S2)], TWO_O_CLOCK)
    assert found(world, TWO_O_CLOCK)[row(S1)] is False
    assert world.state.panel.closed[row(S1)] < world.state.panel.closed[row(S1)] + 1


def test_a_usual_day_does_not_surge_at_any_hour() -> None:
    world = watched_world()
    for hour in range(6, 20):
        at = TODAY + hour / 24
        calm = [f for s in OATS_ROWS for f in rush(at, times=1, site=s)]
        new = [f for f in calm if f.arrived_at > when(at - 1 / 24)]
        world.tell(new, at)
        assert found(world, at) == {}


def test_a_surge_opens_a_case_before_its_day_closes() -> None:
    world = watched_world(stock={S1: 60, S2: 300})
    said = world.tell(rush(TWO_O_CLOCK), TWO_O_CLOCK)
    (proposal,) = said.proposals
    assert (proposal.site, proposal.category, proposal.cause) == (S1, "demand_surge", "site:S1")
    newest = max(f.occurred_at for f in rush(TWO_O_CLOCK))
    assert proposal.event_time == newest


def test_evidence_of_a_surge_says_what_was_sold_and_what_was_expected_by_then() -> None:
    world = watched_world(stock={S1: 60, S2: 300})
    (proposal,) = world.tell(rush(TWO_O_CLOCK), TWO_O_CLOCK).proposals
    texts = [e.fact for e in proposal.evidence]
    assert any("sold so far on 2026-06-29 where" in text for text in texts)


def test_daily_totals_are_not_tested_within_the_day() -> None:
    world = fitted_world(28)
    world.tell([world.fit(27.95, watched=True)], 27.96)
    world.tell([sale(TWO_O_CLOCK, 90)], TWO_O_CLOCK)
    assert found(world, TWO_O_CLOCK) == {}


def test_returns_take_a_surge_back() -> None:
    world = watched_world()
    world.tell(rush(TWO_O_CLOCK), TWO_O_CLOCK)
    assert row(S1) in found(world, TWO_O_CLOCK)
    back = [sale(TWO_O_CLOCK + 0.001, -1, name=f"back-{n}") for n in range(30)]
    world.tell(back, SIX_O_CLOCK)
    assert found(world, SIX_O_CLOCK) == {}


def test_one_bulk_ticket_is_no_surge() -> None:
    world = watched_world()
    world.tell([*rush(TWO_O_CLOCK, times=1), sale(TWO_O_CLOCK, 200)], TWO_O_CLOCK)
    assert found(world, TWO_O_CLOCK) == {}


def test_a_silent_site_is_no_surge_and_no_drop() -> None:
    world = watched_world()
    world.tell([], SIX_O_CLOCK)
    assert found(world, SIX_O_CLOCK) == {}
    assert risen_since(world.state.panel, row(S1))[0] < 0


def test_what_is_left_of_today_follows_the_profile() -> None:
    world = watched_world()
    world.tell(rush(TWO_O_CLOCK, times=1), TWO_O_CLOCK)
    panel = world.state.panel
    today = int(panel.closed[row(S1)]) + 1
    left = left_of_day(panel, np.array([row(S1)]), when(TWO_O_CLOCK), today, FORECASTERS)
    assert left[row(S1)].share == pytest.approx(7 / 12, abs=0.08)


def test_after_a_surge_tomorrow_is_expected_to_sell_more() -> None:
    calm, surging = watched_world(stock={S1: 60}), watched_world(stock={S1: 60})
    usual = calm.tell(rush(TWO_O_CLOCK, times=1), TWO_O_CLOCK)
    rushed = surging.tell(rush(TWO_O_CLOCK), TWO_O_CLOCK)
    assert not usual.proposals
    (site,) = [s for s in rushed.proposals[0].problem.sites if s.site == S1]
    tomorrow = [q[1] for q in site.quantiles]
    assert tomorrow[3] > 21
    assert tomorrow[-1] - tomorrow[0] > 20


# Over sites.

MANY = tuple(SiteId(f"T{n}") for n in range(1, 10))
ZONES = dict.fromkeys(MANY, "Europe/Berlin")
SLOW = 0.6


def slow_world() -> World:
    return watched_world(daily=SLOW, zones=ZONES)


def days_until_found(world: World, factor: float, *, alone: bool) -> int:
    """Days after which the item's first site, or the item, has risen."""
    for day in range(TODAY, TODAY + 60):
        facts = [
            f for s in MANY for f in till_sales(day, day + 1, daily=SLOW, factor=factor, site=s)
        ]
        world.tell(facts, day + 0.875)
        panel = world.state.panel
        alarm = panel.live.alarm_up[0] if alone else panel.pool_alarm_up[-1, 0]
        if alarm >= panel.closed[0] - 60 and alarm > 0:
            return day - TODAY + 1
    return 60


def test_a_doubling_of_a_slow_item_is_found_far_sooner_over_its_sites() -> None:
    together = days_until_found(slow_world(), 2.0, alone=False)
    alone = days_until_found(slow_world(), 2.0, alone=True)
    assert 3 * together <= alone


def test_sites_that_lean_the_same_way_take_part_in_an_items_alarm() -> None:
    world = slow_world()
    days_until_found(world, 3.0, alone=False)
    part = [risen_since(world.state.panel, r) for r in range(len(MANY))]
    assert sum(together for _, together in part) >= len(MANY) // 2


def test_an_items_surge_shows_within_the_day_on_the_sites_that_sell_more() -> None:
    world = watched_world(daily=3.0, zones=ZONES)
    facts = [
        f
        for s in MANY
        for f in till_sales(TODAY, TODAY + 1, daily=3.0, factor=4.0, site=s)
        if f.arrived_at <= when(TWO_O_CLOCK)
    ]
    world.tell(facts, TWO_O_CLOCK)
    assert sum(found(world, TWO_O_CLOCK).values()) >= 4


def test_a_rush_at_one_site_is_not_the_items() -> None:
    world = watched_world(daily=3.0, zones=ZONES)
    rush_at = MANY[0]
    for day in (TODAY, TODAY + 1):
        facts = [
            f
            for s in MANY
            for f in till_sales(day, day + 1, daily=3.0, factor=12 if s == rush_at else 1, site=s)
        ]
        world.tell(facts, day + 0.875)
    assert risen_since(world.state.panel, 0)[1] is False
    assert not any(risen_since(world.state.panel, r)[1] for r in range(len(MANY)))


def test_late_sales_of_a_closed_day_come_to_the_same_watch() -> None:
    """A late sale steps its series and its item again from its day on."""
    days = range(TODAY, TODAY + 4)
    facts = [f for s in MANY for d in days for f in till_sales(d, d + 1, daily=3.0, site=s)]
    late = facts[5]
    on_time, behind = (watched_world(daily=3.0, zones=ZONES) for _ in range(2))
    for day in days:
        now = [f for f in facts if when(day) <= f.arrived_at < when(day + 1)]
        on_time.tell(now, day + 0.9)
        behind.tell([f for f in now if f is not late], day + 0.9)
    behind.tell([later(late, 3)], TODAY + 3.95)
    on_time.tell([], TODAY + 3.95)
    one, two = on_time.state.panel, behind.state.panel
    for name in ("pool_up", "pool_down", "pool_alarm_up", "pool_through", "by_hour", "squares"):
        np.testing.assert_array_equal(getattr(one, name)[-1], getattr(two, name)[-1])


def test_a_new_fit_keeps_what_spoke_for_a_deviation() -> None:
    world = watched_world(daily=3.0, zones=ZONES)
    facts = [f for s in MANY for f in till_sales(TODAY, TODAY + 1, daily=3.0, factor=2, site=s)]
    world.tell(facts, TODAY + 0.9)
    before = world.state.panel.live.up.copy()
    assert before.max() > 0
    world.tell([world.fit(TODAY + 0.9, watched=True)], TODAY + 0.91)
    np.testing.assert_array_equal(world.state.panel.live.up, before)


def test_batches_of_a_tick_do_not_show_in_the_watch() -> None:
    digests = set()
    for size in (1, 7, 10_000):
        world = watched_world(daily=3.0)
        facts = [*till_sales(TODAY, TODAY + 1, daily=3.0), closed(TODAY, site=S2)]
        for start in range(0, len(facts), size):
            world.state.inbox.extend(facts[start : start + size])
        world.tell([], TODAY + 0.9)
        digests.add(state_digest(world.state))
    assert len(digests) == 1


def test_a_shelf_that_sold_out_says_nothing_of_a_fall() -> None:
    """What was sold before it was empty is only the least that was asked for."""
    sold_out, stocked = watched_world(stock={S1: 0}), watched_world(stock={S1: 500})
    for day in range(TODAY, TODAY + 4):
        for world, on_hand in ((sold_out, 2), (stocked, 500)):
            two = [sale(day + 0.4, name=f"a-{day}"), sale(day + 0.5, name=f"b-{day}")]
            world.tell([counted(day + 0.2, on_hand), *two, closed(day)], day + 0.875)
    fell = [fallen_since(world.state.panel, row(S1))[0] for world in (sold_out, stocked)]
    assert fell[0] == NEVER < fell[1]
