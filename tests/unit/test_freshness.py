"""Is a silent till told from a quiet one? (R11, SR4)"""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from replan.alarms import AlarmScope
from replan.closing import censored
from replan.freshness import TillFeed, feed_from_json, feed_json
from tests.sense_facts import OATS, S1, S2, closed, sale, when
from tests.sense_worlds import World, calm_sales, fitted_world

START = datetime(2026, 6, 1, tzinfo=UTC)
"""A Monday."""


def silence_found(
    speaks: Callable[[datetime], bool], *, days: int, stops: float, until: float
) -> float | None:
    """Hours from the last word to the alarm of a feed that speaks at half past some hours; None if
    nothing was found up to day `until`.
    """
    feed = TillFeed()
    for hour in range(round(until * 24)):
        at = START + timedelta(hours=hour)
        if feed.is_unusual(hour, at):
            assert feed.last_at is not None
            return (at - feed.last_at) / timedelta(hours=1)
        if hour < stops * 24 and speaks(at):
            feed.hear(hour, at + timedelta(minutes=30))
    return None


def always(at: datetime) -> bool:
    return True


def opening_hours(at: datetime) -> bool:
    return at.weekday() < 6 and 8 <= at.hour < 20


def at_noon(at: datetime) -> bool:
    return at.hour == 12


@pytest.mark.parametrize(
    ("speaks", "stops", "most"),
    [
        (always, 35.5, 3.0),
        (opening_hours, 37.5, 4.0),
        (at_noon, 35.6, 48.0),
    ],
)
def test_silence_is_found_within_two_usual_intervals_and_the_tick(
    speaks: Callable[[datetime], bool], stops: float, most: float
) -> None:
    found = silence_found(speaks, days=40, stops=stops, until=45)
    assert found is not None
    assert found <= most


@pytest.mark.parametrize("speaks", [always, opening_hours, at_noon])
def test_usual_silence_is_none(speaks: Callable[[datetime], bool]) -> None:
    assert silence_found(speaks, days=70, stops=70, until=70) is None


def test_habits_of_a_few_days_are_not_known() -> None:
    assert silence_found(always, days=15, stops=15, until=20) is None


def test_feed_is_kept_as_it_is() -> None:
    feed = TillFeed()
    for hour in (5, 7, 30):
        feed.hear(hour, START + timedelta(hours=hour))
    feed.resume(8)
    assert feed_from_json(feed_json(feed)) == feed


# In sense: store S1 falls silent on day 35 while S2 goes on.


def silent_world(*, back_at: int | None = None) -> World:
    world = fitted_world(28, stock={S1: 500, S2: 500})
    facts = [*calm_sales(28, 35), *calm_sales(28, 40, site=S2)]
    if back_at is not None:
        facts += calm_sales(back_at, 40)
    world.live(facts, hours(28, 40))
    return world


def hours(first: int, last: int) -> Iterable[float]:
    return [first + hour / 24 for hour in range((last - first) * 24 + 1)]


SCOPE = AlarmScope(site=S1)


def test_silent_till_opens_an_alarm_and_holds_its_site() -> None:
    world = silent_world()
    assert world.state.alarms.stands("freshness", SCOPE)
    alarm = next(iter(world.state.alarms.standing.values()))
    assert when(34 + 20 / 24) < alarm.opened_at <= when(36.5)
    (hold,) = world.state.holds.reasons(OATS, [S1], world.state.panel.row_of)
    assert "nothing was heard of the till of S1" in hold.reason
    assert world.state.holds.reasons(OATS, [S2], world.state.panel.row_of) == ()


def test_days_of_a_silent_till_say_nothing_about_demand() -> None:
    world = silent_world()
    panel = world.state.panel
    row = panel.row_of[(OATS, S1)]
    first = int(panel.closed[row]) - 3
    blind = [bool(censored(panel, day, np.array([row]))[0]) for day in range(first, first + 4)]
    assert blind == [True] * 4
    assert panel.live.alarm_down[row] < first


def test_level_of_a_silent_store_stays_where_it_was() -> None:
    world, before = silent_world(), fitted_world(28, stock={S1: 500, S2: 500})
    before.live(calm_sales(28, 35), hours(28, 35))
    row = world.state.panel.row_of[(OATS, S1)]
    assert np.allclose(
        np.sort(world.state.panel.live.offsets[:, row]),
        np.sort(before.state.panel.live.offsets[:, row]),
    )


def test_alarm_and_hold_end_when_the_till_speaks_again() -> None:
    world = silent_world(back_at=38)
    assert not world.state.alarms.stands("freshness", SCOPE)
    assert world.state.holds.reasons(OATS, [S1], world.state.panel.row_of) == ()


def test_day_that_the_store_still_declares_closed_is_seen_after_all() -> None:
    world = silent_world(back_at=38)
    panel = world.state.panel
    row = panel.row_of[(OATS, S1)]
    day = int(panel.closed[row]) - 3
    assert censored(panel, day, np.array([row]))[0]
    late = closed(36, at=39.9, arrived=39.95)
    world.tell([late], 40.01)
    assert not censored(panel, day, np.array([row]))[0]


def test_store_that_declares_its_days_without_sales_has_no_demand_and_no_alarm() -> None:
    world = fitted_world(28, stock={S1: 500, S2: 500})
    facts = [*calm_sales(28, 40, site=S2), *(closed(day) for day in range(28, 40))]
    world.live(facts, hours(28, 40))
    panel = world.state.panel
    row = panel.row_of[(OATS, S1)]
    assert not world.state.alarms.stands("freshness", SCOPE)
    assert panel.live.alarm_down[row] > int(panel.closed[row]) - 12


@pytest.mark.slow
def test_shop_that_never_declares_days_and_sells_something_now_and_then_is_not_silent() -> None:
    world = fitted_world(28, stock={S1: 500, S2: 500})
    rng = np.random.default_rng(3)
    quiet = [sale(d + 0.5, 1, site=S1) for d in range(28, 90) if rng.random() < 0.5]
    world.live([*quiet, *calm_sales(28, 90, site=S2)], [d + 0.25 for d in range(28, 91)])
    assert not any(f.silent for s, f in world.state.tills.items() if s == S2)
