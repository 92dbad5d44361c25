"""Does the panel add up, keep its books, close days at the right moment and step them right?"""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from replan.closing import apply_fit, close_days, due_day, restorable_from
from replan.live_model import fit_request, forecast
from replan.network import close_instant
from replan.panel import (
    NEVER,
    Columns,
    Panel,
    add_sales,
    begin,
    empty_panel,
    local_day_number,
    panel_arrays,
    takes_part,
    trim_history,
    typical_daily,
)
from replan.state import state_digest
from replan.stock_book import (
    add_stock_moves,
    book_at,
    book_stock,
    count_stock,
    fold_old_moves,
    stock_known,
)
from replan.units import day_from_number, day_number
from tests.sense_facts import (
    MONDAY,
    OATS,
    S1,
    S2,
    adjusted,
    closed,
    counted,
    later,
    moved,
    receipt,
    sale,
)
from tests.sense_worlds import CALM, FORECASTERS, World, calm_sales, fit_of, fitted_world, network

DAY = day_number(MONDAY)
FIRST, SECOND = 0, 1
"""The rows of OATS at S1 and at S2."""

BERLIN, NEW_YORK = ZoneInfo("Europe/Berlin"), ZoneInfo("America/New_York")


def ints(*values: int) -> np.ndarray:  # type: ignore[type-arg]
    return np.array(values, dtype=np.int64)


def shelf(panel: Panel, *moves: tuple[int, int], row: int = FIRST) -> None:
    """Movements (moment, units) of one series."""
    add_stock_moves(
        panel, ints(*[row] * len(moves)), ints(*[m for m, _ in moves]), ints(*[q for _, q in moves])
    )


def bare() -> Panel:
    return empty_panel(network(), keep_days=7)


# Totals.


def test_sales_of_a_day_add_up() -> None:
    panel = bare()
    add_sales(panel, ints(0, 0, 1), ints(DAY, DAY, DAY + 1), ints(2_000, 3_000, 500))
    assert panel.sold[:2].tolist() == [[5_000, 0], [0, 500]]


def test_a_day_before_the_first_one_makes_room() -> None:
    panel = bare()
    add_sales(panel, ints(0), ints(DAY), ints(2_000))
    add_sales(panel, ints(0), ints(DAY - 3), ints(7_000))
    assert panel.first_day == DAY - 3
    assert panel.sold[[0, 3], 0].tolist() == [7_000, 2_000]


def test_a_day_before_the_first_one_counts_after_a_fit_too() -> None:
    world = fitted_world(28)
    world.tell([later(sale(-2.5, 9), 32)], 29.6)
    panel = world.state.panel
    assert panel.sold[DAY - 3 - panel.first_day, FIRST] == 9_000


def test_a_series_begins_with_the_first_it_is_heard_of() -> None:
    panel = bare()
    begin(panel, ints(0, 0), ints(DAY + 2, DAY))
    begin(panel, ints(0), ints(DAY + 1))
    assert panel.began.tolist() == [DAY, NEVER]


def test_the_usual_day_is_the_mean_of_four_closed_weeks() -> None:
    world = World(network())
    sales = [sale(day + 0.5, 100 if day < 2 else 3) for day in range(30)]
    world.live([*sales, *(closed(day) for day in range(30))], [30])
    assert typical_daily(world.state.panel, FIRST) == 3.0


def test_a_series_without_a_closed_day_has_no_usual_day() -> None:
    world = World(network())
    world.tell([sale(0.5, 3)], 0.6)
    assert typical_daily(world.state.panel, FIRST) is None


def test_old_days_are_forgotten_and_the_rest_stays_in_its_place() -> None:
    world = World(network(), replace(CALM, history_days=400))
    world.live([*calm_sales(0, 20), *calm_sales(0, 20, site=S2)], [20])
    panel = world.state.panel
    newest = panel.sold[19].tolist()
    trim_history(panel, 10)
    assert panel.first_day == DAY + 9
    assert panel.sold[10].tolist() == newest


# The book of stock.


def test_a_count_wins_over_what_moved_up_to_it() -> None:
    panel = bare()
    shelf(panel, (10, -5_000), (20, -3_000), (30, -2_000))
    count_stock(panel, FIRST, 50_000, 20)
    assert book_stock(panel)[FIRST] == 48_000


def test_a_movement_from_before_the_count_never_matters() -> None:
    panel = bare()
    count_stock(panel, FIRST, 50_000, 20)
    shelf(panel, (19, -7_000), (20, -1_000))
    assert book_stock(panel)[FIRST] == 50_000


def test_a_count_of_an_earlier_moment_is_not_believed() -> None:
    panel = bare()
    count_stock(panel, FIRST, 50_000, 20)
    assert not count_stock(panel, FIRST, 90_000, 19)
    assert book_stock(panel)[FIRST] == 50_000


def test_a_count_from_before_a_movement_that_is_folded_comes_too_late() -> None:
    panel = bare()
    count_stock(panel, FIRST, 50_000, 10)
    shelf(panel, (20, -8_000))
    fold_old_moves(panel, 25)
    assert not count_stock(panel, FIRST, 90_000, 15)
    assert book_stock(panel)[FIRST] == 42_000


def test_a_movement_heard_of_after_the_fold_still_counts() -> None:
    panel = bare()
    count_stock(panel, FIRST, 50_000, 10)
    shelf(panel, (20, -8_000))
    fold_old_moves(panel, 25)
    shelf(panel, (15, -1_000))
    assert book_stock(panel)[FIRST] == 41_000


moves = st.lists(st.tuples(st.integers(0, 100), st.integers(-9, 9)), max_size=12)
counts = st.lists(st.tuples(st.integers(0, 100), st.integers(0, 50)), max_size=3)


@given(moves, counts, st.lists(st.integers(0, 100), max_size=3), moves)
def test_folding_old_movements_cannot_be_seen(
    first: list[tuple[int, int]],
    counted_: list[tuple[int, int]],
    folds: list[int],
    after: list[tuple[int, int]],
) -> None:
    one, other = bare(), bare()
    for panel in (one, other):
        shelf(panel, *first)
        for as_of, on_hand in counted_:
            count_stock(panel, FIRST, on_hand, as_of)
    if not counted_:
        folds = []  # a shelf that was never counted has no book
    for before in sorted(folds):
        fold_old_moves(one, before)
        shelf(one, *[m for m in after if m[0] == before])
        shelf(other, *[m for m in after if m[0] == before])
        for moment in (before, before + 7, 1_000):
            assert book_stock(one, moment)[FIRST] == book_stock(other, moment)[FIRST]
            assert book_at(one, FIRST, moment) == book_at(other, FIRST, moment)


def test_the_book_knows_nothing_of_a_moment_before_the_count() -> None:
    panel = bare()
    assert book_at(panel, FIRST, 20) is None
    count_stock(panel, FIRST, 50_000, 20)
    assert book_at(panel, FIRST, 19) is None
    assert book_at(panel, FIRST, 20) == 50_000


def test_stock_is_known_from_the_first_count_on() -> None:
    panel = bare()
    count_stock(panel, SECOND, 0, 20)
    assert stock_known(panel).tolist() == [False, True]


def test_the_book_follows_sales_returns_damage_adjustments_and_transfers() -> None:
    world = World(network())
    world.live(
        [
            counted(0.1, 100),
            counted(0.1, 100, site=S2),
            sale(0.3, 12),
            sale(0.4, -2),
            receipt(0.5, 30, damaged=4),
            adjusted(0.6, -5),
            moved(0.7, "shipped", 20),
            moved(0.9, "received", 18),
        ],
        [1],
    )
    book = book_stock(world.state.panel)
    assert book[FIRST] == (100 - 12 + 2 + 26 - 5 + 18) * 1_000
    assert book[SECOND] == (100 - 20) * 1_000


def test_a_shelf_counted_with_a_date_long_past_does_not_open_years_of_days() -> None:
    world = World(network(), replace(CALM, history_days=60))
    world.live([counted(0.5, 10, as_of=datetime(1999, 1, 1, tzinfo=UTC))], [1.5])
    assert world.state.panel.first_day >= DAY - 60


# Days.


@pytest.mark.parametrize(
    ("zone", "at", "newest"),
    [
        # The clocks go forward on 29 March 2026 in Berlin and on 8 March in New York.
        (BERLIN, "2026-03-29T01:59:59+00:00", date(2026, 3, 27)),
        (BERLIN, "2026-03-29T02:00:00+00:00", date(2026, 3, 28)),
        (NEW_YORK, "2026-03-08T07:59:59+00:00", date(2026, 3, 6)),
        (NEW_YORK, "2026-03-08T08:00:00+00:00", date(2026, 3, 7)),
        # They go back on 25 October in Berlin and on 1 November in New York.
        (BERLIN, "2026-10-25T02:59:59+00:00", date(2026, 10, 23)),
        (BERLIN, "2026-10-25T03:00:00+00:00", date(2026, 10, 24)),
        (NEW_YORK, "2026-11-01T08:59:59+00:00", date(2026, 10, 30)),
        (NEW_YORK, "2026-11-01T09:00:00+00:00", date(2026, 10, 31)),
    ],
)
def test_a_day_closes_by_itself_at_four_local_time(zone: ZoneInfo, at: str, newest: date) -> None:
    assert day_from_number(due_day(datetime.fromisoformat(at), zone, time(4))) == newest


@given(
    st.integers(0, 366 * 1_440),
    st.sampled_from((BERLIN, NEW_YORK)),
    st.sampled_from((time(0), time(4), time(22, 30))),
)
def test_the_day_that_is_due_is_the_newest_whose_end_has_come(
    minute: int, zone: ZoneInfo, closes_at: time
) -> None:
    at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minute)
    newest = day_from_number(due_day(at, zone, closes_at))
    assert close_instant(newest, closes_at, zone) <= at
    assert at < close_instant(newest + timedelta(days=1), closes_at, zone)


def test_a_sale_belongs_to_the_calendar_day_of_its_store() -> None:
    panel = empty_panel(network(zones={S1: "Europe/Berlin", S2: "America/New_York"}), keep_days=7)
    at = datetime(2026, 3, 29, 22, 30, tzinfo=UTC)
    assert day_from_number(local_day_number(panel, S1, at)) == date(2026, 3, 30)
    assert day_from_number(local_day_number(panel, S2, at)) == date(2026, 3, 29)


def test_a_store_that_says_so_closes_its_day_at_once() -> None:
    world = World(network())
    world.live([sale(0.5, 3), closed(0)], [0.9])
    assert world.state.panel.closed.tolist() == [DAY, NEVER]


def test_a_store_that_says_nothing_closes_its_day_next_morning() -> None:
    world = World(network())
    # 04:00 in Berlin is 02:00 UTC in June.
    world.live([sale(0.5, 3)], [1.05])
    assert world.state.panel.closed[FIRST] == NEVER
    world.live([], [1.1])
    assert world.state.panel.closed[FIRST] == DAY


def test_stores_in_two_zones_close_one_after_the_other() -> None:
    world = World(network(zones={S1: "Europe/Berlin", S2: "America/New_York"}))
    world.live([sale(0.6, 3), sale(0.6, 3, site=S2)], [1.2])
    assert world.state.panel.closed.tolist() == [DAY, NEVER]
    world.live([], [1.4])
    assert world.state.panel.closed.tolist() == [DAY, DAY]


def shelf_of(*, on_hand: float, sold: float = 0) -> Panel:
    """One closed day with this stock and this sale."""
    world = World(network())
    sales = [sale(0.5, sold)] if sold else []
    world.live([counted(0.1, on_hand), *sales, closed(0)], [0.9])
    return world.state.panel


def test_a_day_without_sales_and_without_stock_is_censored() -> None:
    assert shelf_of(on_hand=0).empty[0, FIRST]


def test_a_day_without_sales_but_with_stock_is_zero_demand() -> None:
    assert not shelf_of(on_hand=5).empty[0, FIRST]


def test_a_shelf_that_nobody_counted_is_not_taken_for_empty() -> None:
    world = World(network())
    world.live([sale(0.5, 3), closed(0), closed(1)], [1.9])
    assert not world.state.panel.empty.any()


def test_a_day_that_sold_out_counts_with_what_it_sold() -> None:
    panel = shelf_of(on_hand=5, sold=5)
    request = fit_request(panel, asked_at="", min_days=1, false_alarms_per_1000=2.0, seed=1)
    assert request is not None
    assert request.mask[0, FIRST]
    assert request.sold[0, FIRST] == 5.0


def test_a_censored_day_is_left_out_of_the_fit() -> None:
    panel = shelf_of(on_hand=0)
    request = fit_request(panel, asked_at="", min_days=1, false_alarms_per_1000=2.0, seed=1)
    assert request is not None
    assert not request.mask[0, FIRST]


def test_days_before_a_series_began_are_left_out_of_the_fit() -> None:
    world = World(network())
    world.live([*calm_sales(0, 6), *calm_sales(4, 6, site=S2)], [6])
    request = fit_request(
        world.state.panel, asked_at="", min_days=3, false_alarms_per_1000=2.0, seed=1
    )
    assert request is not None
    assert request.mask[:, SECOND].tolist() == [False] * 4 + [True] * 2
    assert request.young.tolist() == [False, True]


def test_there_is_no_fit_before_every_store_has_closed_a_day() -> None:
    world = World(network())
    world.live([*calm_sales(0, 6), sale(5.6, 3, site=S2)], [5.9])
    panel = world.state.panel
    assert fit_request(panel, asked_at="", min_days=1, false_alarms_per_1000=2.0, seed=1) is None


# Steps.

STOCK = {S1: 5_000.0, S2: 5_000.0}


def test_an_empty_shelf_leaves_model_bands_and_monitors_as_they_were() -> None:
    world = fitted_world(28, stock={S1: 0, S2: 5_000})
    before = {n: getattr(world.state.panel.live, n).copy() for n in Columns.__dataclass_fields__}
    world.live([closed(28), closed(28, site=S2)], [29])
    live = world.state.panel.live
    for name, was in before.items():
        np.testing.assert_array_equal(getattr(live, name)[..., FIRST], was[..., FIRST])
    assert not np.array_equal(live.offsets[:, SECOND], before["offsets"][:, SECOND])


def test_a_sale_after_the_close_steps_the_day_again() -> None:
    once = fitted_world(28, stock=STOCK)
    twice = fitted_world(28, stock=STOCK)
    once.live([sale(28.5, 30), sale(28.9, 9), closed(28)], [28.84, 29])
    twice.live([sale(28.5, 30), closed(28), later(sale(28.9, 9), 0.05)], [28.84, 29])
    assert state_digest(once.state) == state_digest(twice.state)


def test_the_seven_newest_closed_days_can_be_stepped_again() -> None:
    world = fitted_world(28, stock=STOCK)
    world.live([*calm_sales(28, 40), *calm_sales(28, 40, site=S2)], np.arange(28.5, 40.5, 0.5))
    panel = world.state.panel
    panel.reopened[FIRST] = DAY + 20
    assert restorable_from(panel, FIRST) == DAY + 39 - 6


def test_a_longer_lateness_keeps_more_days() -> None:
    assert replace(CALM, lateness=timedelta(days=9, hours=1)).ring_days == 12


def test_a_day_that_the_fit_has_seen_is_not_stepped_again() -> None:
    world = fitted_world(28, stock=STOCK)
    panel = world.state.panel
    panel.reopened[FIRST] = DAY + 26
    assert restorable_from(panel, FIRST) == DAY + 28


def test_a_fit_applied_late_steps_through_the_days_since() -> None:
    """Days closed between the question and the answer count the same on either side of it."""
    week = [*calm_sales(28, 32), *calm_sales(28, 32, site=S2)]
    ticks = np.arange(28.5, 32.5, 0.5)
    rows = [*calm_sales(0, 28), *calm_sales(0, 28, site=S2), counted(0.1, 9_999)]
    early, late = World(network()), World(network())
    for world in (early, late):
        world.live(rows, [28])
    fit = early.fit(28)
    early.tell([fit], 28.1)
    early.live(week, ticks)
    late.live(week, ticks)
    late.tell([fit], 32.1)
    for name, column in panel_arrays(early.state.panel).items():
        np.testing.assert_array_equal(column, panel_arrays(late.state.panel)[name], err_msg=name)


def test_a_new_fit_starts_the_monitors_anew_but_remembers_the_last_alarm() -> None:
    world = fitted_world(28, stock=STOCK)
    world.live([*calm_sales(28, 32, factor=3), *calm_sales(28, 32, site=S2)], [29, 30, 31, 32])
    panel = world.state.panel
    alarmed = int(panel.live.alarm_up[FIRST])
    assert alarmed >= DAY + 28
    request = fit_request(panel, asked_at="", min_days=1, false_alarms_per_1000=2.0, seed=1)
    assert request is not None
    apply_fit(panel, fit_of(request), FORECASTERS)
    assert panel.live.up[FIRST] == 0.0
    assert panel.live.alarm_up[FIRST] == alarmed


def test_a_young_series_takes_no_part_and_forecasts_nothing() -> None:
    world = World(network())
    rows = [*calm_sales(0, 28), *calm_sales(25, 28, site=S2)]
    world.live(rows, [28])
    world.tell([world.fit(28)], 28.1)
    panel = world.state.panel
    assert takes_part(panel).tolist() == [True, False]
    ahead = forecast(panel, ints(FIRST, SECOND), 3, FORECASTERS)
    assert (ahead[3, :, FIRST] > 0).all()
    assert (ahead[:, :, SECOND] == 0).all()


def test_days_of_both_stores_give_the_same_bits_as_days_of_one() -> None:
    """Which other rows step on the same day is an accident of the stores' closing times."""
    together = fitted_world(28, stock=STOCK, model="ets_ana")
    apart = fitted_world(28, stock=STOCK, model="ets_ana")
    one, other = calm_sales(28, 29), calm_sales(28, 29, site=S2)
    together.live([*one, *other], [29])
    apart.live([*one, *[later(f, 0.04) for f in other]], [28.84, 29])
    assert state_digest(together.state) == state_digest(apart.state)


def test_closing_returns_the_forecast_that_was_made_before_the_day() -> None:
    world = fitted_world(28, stock=STOCK)
    panel = world.state.panel
    before = forecast(panel, ints(FIRST, SECOND), 1, FORECASTERS)[:, 0, :]
    add_sales(panel, ints(FIRST), ints(DAY + 28), ints(4_000))
    ends = {S1: {DAY + 28: 2**60}, S2: {DAY + 28: 2**60}}
    ((day, rows, quantiles),) = close_days(panel, {S1: DAY + 28, S2: DAY + 28}, ends, FORECASTERS)
    assert (day, rows.tolist()) == (DAY + 28, [FIRST, SECOND])
    np.testing.assert_array_equal(quantiles, before)


def test_a_series_that_was_never_heard_of_has_no_day_on_record() -> None:
    world = World(network(items=(OATS, "RICE")))  # type: ignore[arg-type]
    said = world.live([sale(0.5, 3), closed(0)], [0.9])
    assert [(row.item, row.site) for row in said[0].days] == [(OATS, S1)]
