"""Is a promotion learned, kept out of the base, and put into the forecast of its days?"""

from dataclasses import replace

import numpy as np
import pytest

from replan.drivers import CHANNELS
from replan.events import Retracted, SaleRecorded
from replan.forecasting import DriverDays
from replan.live_model import base_mean, forecast, lift_ahead, live_mean
from replan.models.uplift_history import base_of, without_drivers
from replan.state import state_digest
from replan.state_record import state_bytes, state_from_bytes
from replan.units import EventId
from replan.uplift import explained, learned, lift_of, widened
from tests.sense_facts import OATS, S1, S2, closed, counted, sale, stated, when
from tests.sense_worlds import CALM, FORECASTERS, World, calm_sales, fitted_world, network

DISPLAY, FEATURE = CHANNELS.index("display"), CHANNELS.index("feature")
BLIND = replace(CALM, min_value_minor=10**9)


def at_work(prior: float, *channels: int, days: int = 1) -> DriverDays:
    bits = sum(1 << channel for channel in channels)
    return DriverDays(
        prior=np.full((days, 1), prior), channels=np.full((days, 1), bits, dtype=np.int64)
    )


def nothing() -> tuple[np.ndarray, np.ndarray, np.ndarray]:  # type: ignore[type-arg]
    shape = (len(CHANNELS), 1)
    return np.zeros(shape), np.zeros(shape), np.ones(shape)


def after_days(sold: float, base: float, prior: float, days: int) -> float:
    """The factor believed in after so many days."""
    seen, due, mean = nothing()
    one = at_work(prior, DISPLAY)
    for _ in range(days):
        seen, due = learned(
            np.array([sold]), np.array([base]), np.array([1e6]), one, seen, due, mean,
            np.array([True]),
        )  # fmt: skip
    return float(lift_of(one, seen, due, mean).factor[0, 0])


def test_before_anything_is_sold_the_stated_factor_holds() -> None:
    assert after_days(0, 0, 1.8, 0) == pytest.approx(1.8)


def test_a_week_under_a_display_that_sold_three_times_the_usual_is_believed() -> None:
    assert after_days(60, 20, 1.8, 7) == pytest.approx(3.0, rel=0.03)


def test_a_slow_seller_learns_slowly() -> None:
    assert 1.8 < after_days(3, 1, 1.8, 1) < 2.3


def test_the_spread_shrinks_with_what_was_seen_but_not_below_a_fifth() -> None:
    seen, due, mean = nothing()
    first = lift_of(at_work(2.0, DISPLAY), seen, due, mean).spread[0, 0]
    later = lift_of(at_work(2.0, DISPLAY), seen + 1e6, due + 1e6, mean).spread[0, 0]
    assert first == pytest.approx(0.54, abs=0.01)
    assert later == pytest.approx(0.2, abs=0.001)


def test_a_day_under_two_teaches_the_one_that_is_known_least() -> None:
    seen, due, mean = nothing()
    seen[DISPLAY] = due[DISPLAY] = 100.0
    both = at_work(4.0, DISPLAY, FEATURE)
    more, _ = learned(
        np.array([80.0]), np.array([20.0]), np.array([1e6]), both, seen, due, mean,
        np.array([True]),
    )  # fmt: skip
    assert more[DISPLAY, 0] == 100.0
    assert more[FEATURE, 0] == pytest.approx(80.0, rel=0.05)


def test_a_censored_day_teaches_nothing() -> None:
    seen, due, mean = nothing()
    more, _ = learned(
        np.array([0.0]), np.array([20.0]), np.array([1e6]), at_work(2.0, DISPLAY), seen, due, mean,
        np.array([False]),
    )  # fmt: skip
    assert not more.any()


def monitored(sold: float, *, prior: float) -> float:
    seen, due, mean = nothing()
    one = at_work(prior, DISPLAY)
    lift = lift_of(one, seen, due, mean)
    return float(explained(np.array([sold]), np.array([20.0]), one, lift, seen)[0])


def test_what_a_promotion_can_carry_does_not_deviate() -> None:
    assert monitored(52, prior=2.0) == pytest.approx(20.0)


def test_what_is_beyond_a_promotion_deviates() -> None:
    assert monitored(200, prior=2.0) > 45


def test_the_quantiles_of_promoted_days_open_by_the_doubt() -> None:
    quantiles = np.array([84.0, 87.0, 93.0, 100.0, 107.0, 113.0, 116.0]).reshape(7, 1, 1)
    lift = lift_of(at_work(2.0, DISPLAY), *nothing())
    wide = widened(quantiles, np.array([[100.0]]), lift)[:, 0, 0]
    assert (np.diff(wide) >= 0).all()
    assert wide[-1] == pytest.approx(100 + np.hypot(16, 1.645 * 54), rel=0.01)
    assert wide[3] == pytest.approx(100.0)


# History


def test_the_base_of_a_promoted_day_is_read_off_the_days_around_it() -> None:
    week = np.array([0.8, 0.9, 0.9, 1.0, 1.3, 1.5, 0.6])
    sold = (20.0 * week[np.arange(84) % 7])[:, None]
    usual = np.ones(sold.shape, dtype=np.bool_)
    usual[40:47] = False
    sold[40:47] *= 5
    base, known = base_of(sold, usual)
    assert known.all()
    np.testing.assert_allclose(base[40:47, 0], sold[40:47, 0] / 5, rtol=0.06)


def test_a_fit_pools_what_promotions_did_over_a_category() -> None:
    rng = np.random.default_rng(3)
    sold = rng.poisson(20.0, (120, 6)).astype(np.float64)
    channels = np.zeros(sold.shape, dtype=np.int64)
    prior = np.ones(sold.shape)
    for series in range(5):
        first = 30 + 10 * series
        sold[first : first + 7, series] = rng.poisson(60.0, 7)
        channels[first : first + 7, series] = 1 << DISPLAY
        prior[first : first + 7, series] = 1.5
    past = without_drivers(
        sold,
        np.ones(sold.shape, dtype=np.bool_),
        DriverDays(prior=prior, channels=channels),
        np.array([0, 0, 0, 0, 0, 0]),
    )
    assert past.mean[DISPLAY, 5] == pytest.approx(2.0, rel=0.1)
    assert past.base_sold.max() < 45
    np.testing.assert_array_equal(past.base_sold[channels == 0], sold[channels == 0])


# The whole of sense


def promoted_world(factor: float = 3.0, *, told: bool = True, tagged: bool = False) -> World:
    """Thirty calm days, then a week in which S1 sells `factor` times the usual."""
    world = fitted_world(28, model="ets_ana", rules=BLIND)
    promoted = calm_sales(30, 37, factor=factor)
    if tagged:
        promoted = [replace(f, promo="P7") if isinstance(f, SaleRecorded) else f for f in promoted]
    facts = [*calm_sales(28, 30), *calm_sales(28, 37, site=S2), *promoted]
    if told:
        facts.append(stated(28.0, 30, 36, prior=3.0))
    unique = {f.event_id: f for f in facts}
    world.live(unique.values(), [28.5 + day for day in range(10)])
    return world


def row_of(world: World) -> np.ndarray:  # type: ignore[type-arg]
    return np.array([world.state.panel.row_of[(OATS, S1)]])


def test_a_promotion_does_not_lift_the_base_forecast() -> None:
    world = promoted_world()
    base = base_mean(world.state.panel, row_of(world), 7, FORECASTERS)
    assert base.mean() == pytest.approx(20, rel=0.12)


def test_without_the_announcement_the_same_week_lifts_the_base() -> None:
    world = promoted_world(told=False)
    base = base_mean(world.state.panel, row_of(world), 7, FORECASTERS)
    assert base.mean() > 26


def test_a_known_promotion_rings_no_alarm_and_an_unknown_one_does() -> None:
    told, untold = promoted_world(), promoted_world(told=False)
    assert told.state.panel.live.alarm_up[row_of(told)] < 0
    assert untold.state.panel.live.alarm_up[row_of(untold)] > 0


def test_a_promotion_seen_at_the_till_only_rings_and_then_stays_out_of_the_base() -> None:
    world = promoted_world(told=False, tagged=True)
    assert world.state.panel.live.alarm_up[row_of(world)] > 0
    base = base_mean(world.state.panel, row_of(world), 7, FORECASTERS)
    assert base.mean() == pytest.approx(20, rel=0.25)


def test_the_forecast_of_promoted_days_is_base_times_factor_and_wider() -> None:
    world = fitted_world(28, model="ets_ana", rules=BLIND)
    panel, rows = world.state.panel, row_of(world)
    before = forecast(panel, rows, 7, FORECASTERS)
    world.tell([stated(27.95, 29, 30, prior=2.0)], 27.97)
    after = forecast(panel, rows, 7, FORECASTERS)
    lift = lift_ahead(panel, rows, 7)
    assert lift is not None
    assert lift.factor[:, 0].tolist() == [1, 2, 2, 1, 1, 1, 1]
    np.testing.assert_array_equal(after[:, 0], before[:, 0])
    np.testing.assert_allclose(
        live_mean(panel, rows, 7, FORECASTERS)[1:3],
        2 * base_mean(panel, rows, 7, FORECASTERS)[1:3],
    )
    assert (after[-1, 1:3] - after[0, 1:3] > 2 * (before[-1, 1:3] - before[0, 1:3])).all()


def test_a_driver_heard_of_late_is_as_if_it_had_been_known() -> None:
    early, late = (fitted_world(28, model="ets_ana", rules=BLIND) for _ in range(2))
    facts = {f.event_id: f for f in [*calm_sales(28, 31, factor=2.0), *calm_sales(28, 31, site=S2)]}
    ticks = [28.9, 29.9, 30.9, 31.5]
    early.live([*facts.values(), stated(28.0, 28, 31)], ticks)
    late.live([*facts.values(), stated(28.0, 28, 31, arrived=31.0)], ticks)
    assert state_digest(early.state) == state_digest(late.state)


def test_the_newest_statement_of_a_promotion_holds() -> None:
    world = fitted_world(28, rules=BLIND)
    told = [stated(27.9, 29, 30, prior=2.0), stated(27.95, 33, 34, prior=4.0)]
    world.tell(told, 27.97)
    lift = lift_ahead(world.state.panel, row_of(world), 8)
    assert lift is not None
    assert lift.factor[:, 0].tolist() == [1, 1, 1, 1, 1, 4, 4, 1]


def test_what_is_known_of_drivers_outlives_a_restart() -> None:
    world = promoted_world(tagged=True)
    kept = state_bytes(world.state, {})
    again = World(world.network, world.rules)
    state, _ = state_from_bytes(again.state, kept, world.state.panel.fit)
    assert state_digest(state) == state_digest(world.state)
    assert state_bytes(state, {}) == kept


def test_a_donor_with_a_promotion_ahead_has_less_to_spare() -> None:
    """DESIGN 4: known promotions of the donor are protected."""
    spares = []
    for promotion in ([], [stated(27.95, 28, 34, site=S2, prior=2.0)]):
        world = fitted_world(28, stock={S1: 20, S2: 320}, model="ets_ana")
        world.tell([*promotion, sale(27.96, 1), closed(27)], 27.99)
        (site,) = [s for s in world.planner.asked[-1].sites if s.site == S2]
        spares.append(site.spare)
    assert spares[1] < spares[0] - 100_000


def test_a_promotion_far_from_a_series_changes_nothing_of_it() -> None:
    plain, other = (fitted_world(28, rules=BLIND) for _ in range(2))
    other.tell([stated(27.95, 28, 34, site=S2)], 27.97)
    plain.tell([], 27.97)
    mine = row_of(plain)
    np.testing.assert_array_equal(
        forecast(plain.state.panel, mine, 7, FORECASTERS),
        forecast(other.state.panel, mine, 7, FORECASTERS),
    )


def test_counting_the_shelf_is_no_driver() -> None:
    world = World(network(), BLIND)
    world.tell([counted(0.5, 10)], 1.0)
    assert world.state.panel.drivers.days(np.array([0]), np.array([0]), 7) is None


def test_a_promotion_that_was_taken_back_lifts_nothing_and_taught_nothing() -> None:
    never, back = (fitted_world(28, model="ets_ana", rules=BLIND) for _ in range(2))
    facts = {f.event_id: f for f in [*calm_sales(28, 31), *calm_sales(28, 31, site=S2)]}
    told = stated(28.0, 28, 33)
    gone = Retracted(
        event_id=EventId("gone"),
        source=told.source,
        occurred_at=when(31.2),
        arrived_at=when(31.2),
        payload_sha=told.payload_sha,
        of=told,
        reason="did_not_occur",
    )
    ticks = [28.9, 29.9, 30.9, 31.5]
    never.live(facts.values(), ticks)
    back.live([*facts.values(), told, gone], ticks)
    assert state_digest(never.state) == state_digest(back.state)
