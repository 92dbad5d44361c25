"""Is a running count judged by its hour, and are false surges as rare as asked for?"""

from datetime import date

import numpy as np
import pytest

from replan import intraday
from replan.forecasting import LEVELS, FloatArray, mean_of
from replan.units import day_number

MONDAY, SATURDAY, SUNDAY = date(2026, 6, 1), date(2026, 6, 6), date(2026, 6, 7)
POISSON = 1e6


def shop_day() -> FloatArray:
    """Open from 8 to 20 o'clock, twice as busy in the last four hours; the same every day."""
    hours = np.zeros(24)
    hours[8:16], hours[16:20] = 1.0, 2.0
    return np.tile(hours / hours.sum(), intraday.KINDS)[None, :]


def share(hour: float) -> float:
    seconds = np.array([round(hour * 3_600)])
    return float(intraday.share_by(shop_day(), np.array([0]), seconds)[0])


def log_e(
    sold: float, mean: float, part: float, *, size: float = POISSON, jump: float = 1
) -> float:
    values = [np.array([v], dtype=np.float64) for v in (sold, mean, part, size, jump)]
    return float(intraday.log_e(*values)[0])


def rest(sold: float, mean: float, part: float, *, size: float = 10) -> FloatArray:
    values = [np.array([v], dtype=np.float64) for v in (sold, mean, part, size, 1)]
    return intraday.rest_of_day(*values)[:, 0]


def test_saturday_and_sunday_are_kinds_of_their_own() -> None:
    kinds = [intraday.weekday_kind(day_number(day)) for day in (MONDAY, SATURDAY, SUNDAY)]
    assert kinds == [0, 1, 2]


def test_nothing_is_sold_before_the_shop_opens() -> None:
    assert share(7.5) == 0.0


def test_half_of_the_day_is_sold_when_the_busy_hours_begin() -> None:
    assert share(16) == pytest.approx(0.5)


def test_within_an_hour_sales_come_evenly() -> None:
    assert share(17.5) == pytest.approx(0.5 + 1.5 / 8)


def test_the_day_is_over_at_its_end() -> None:
    assert share(24) == 1.0


def test_a_count_as_expected_speaks_against_a_surge() -> None:
    assert log_e(10, 20, 0.5) < 0.0


def test_three_times_the_usual_by_noon_is_a_surge() -> None:
    assert log_e(30, 20, 0.5) > intraday.limit(0.4)


def test_the_same_count_late_in_the_evening_is_none() -> None:
    assert log_e(30, 20, 1.0) < intraday.limit(0.4)


def test_days_that_differ_much_need_more_to_surge() -> None:
    assert log_e(30, 20, 0.5, size=2) < log_e(30, 20, 0.5)


def test_one_large_basket_is_no_surge_where_baskets_are_large() -> None:
    assert log_e(30, 20, 0.5, jump=10) < intraday.limit(0.4) < log_e(30, 20, 0.5)


def test_the_first_customer_before_the_usual_hour_is_no_surge() -> None:
    assert log_e(1, 2, 0.0) < intraday.limit(0.4)


@pytest.mark.parametrize("size", [POISSON, 5.0, 1.0])
@pytest.mark.parametrize("mean", [0.8, 6.0, 60.0])
def test_looking_every_hour_raises_no_more_false_alarms_than_asked_for(
    mean: float, size: float
) -> None:
    """Ville's inequality, here at 20 false alarms per 1,000 days so that few days show it."""
    days, looks = 20_000, 24
    rng = np.random.default_rng(7)
    rate = mean * (np.ones(days) if size == POISSON else rng.gamma(size, 1 / size, days))
    count = np.cumsum(rng.poisson(rate[:, None] / looks, (days, looks)), axis=1)
    part = np.arange(1, looks + 1) / looks
    shape = (days, looks)
    e = intraday.log_e(
        count.astype(np.float64),
        np.full(shape, mean),
        np.broadcast_to(part, shape),
        np.full(shape, size),
        np.ones(shape),
    )
    alarms = int((e.max(axis=1) >= intraday.limit(20.0)).sum())
    assert alarms <= 20 * days / 1_000


def test_what_is_left_of_a_usual_day_is_the_rest_of_its_profile() -> None:
    assert mean_of(rest(10, 20, 0.5)) == pytest.approx(10, rel=0.05)


def test_a_surging_day_goes_on_to_surge() -> None:
    assert rest(60, 20, 0.5)[LEVELS.index(0.5)] > 40


def test_how_far_a_surge_goes_on_is_uncertain() -> None:
    calm, surging = rest(10, 20, 0.5), rest(60, 20, 0.5)
    assert surging[-1] - surging[0] > 2 * (calm[-1] - calm[0])


def test_a_silent_morning_lowers_nothing() -> None:
    assert mean_of(rest(0, 20, 0.5)) == pytest.approx(10, rel=0.05)


def test_nothing_is_left_of_a_day_that_is_over() -> None:
    assert rest(12, 20, 1.0).max() == 0.0


def test_quantiles_of_the_rest_are_in_order() -> None:
    assert (np.diff(rest(1, 2, 0.3, size=1)) >= 0).all()
