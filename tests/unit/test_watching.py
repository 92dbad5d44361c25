"""Are profiles learned over sites, daily totals recognised, and pools given their spread?"""

import numpy as np

from replan.deviation import POISSON_SIZE
from replan.forecasting import FloatArray, IntArray, WatchHistory
from replan.intraday import HOURS, SLOTS
from replan.models.watching import FitErrors, profiles, told_once_a_day, watch_fit

DAYS = 140


def hours_of(*at: int, units: float) -> FloatArray:
    """Units spread evenly over these hours of every kind of weekday."""
    slots = np.zeros(SLOTS)
    for hour in at:
        slots[hour::HOURS] = units / len(at) / 3
    return slots


def history(
    by_hour: list[FloatArray],
    squares: list[float],
    *,
    classes: list[int] | None = None,
    sites: list[int] | None = None,
    pools: tuple[IntArray, ...] = (),
) -> WatchHistory:
    n = len(by_hour)
    return WatchHistory(
        by_hour=np.stack(by_hour, axis=1),
        squares=np.array(squares),
        class_of=np.array(classes or [0] * n),
        site_of=np.array(sites or range(n)),
        pools=pools,
    )


def sold(*daily: float) -> FloatArray:
    return np.tile(np.array(daily), (DAYS, 1))


def test_sales_at_one_hour_of_the_day_are_totals() -> None:
    known = history([hours_of(23, units=1_400)], [1_400.0])
    assert told_once_a_day(known, sold(10)).tolist() == [True]


def test_one_sale_as_large_as_its_day_is_a_total_whatever_its_hour() -> None:
    known = history([hours_of(9, 13, 17, 21, units=1_400)], [DAYS * 100.0])
    assert told_once_a_day(known, sold(10)).tolist() == [True]


def test_till_lines_are_no_totals() -> None:
    known = history([hours_of(9, 13, 17, 21, units=1_400)], [1_500.0])
    assert told_once_a_day(known, sold(10)).tolist() == [False]


def test_a_unit_a_day_is_no_total_even_where_it_is_one_sale() -> None:
    known = history([hours_of(9, 13, 17, 21, units=140)], [140.0])
    assert told_once_a_day(known, sold(1)).tolist() == [False]


def test_a_slow_item_follows_its_site_which_tells_totals() -> None:
    known = history(
        [hours_of(9, 13, 17, units=1_400), hours_of(9, 13, 17, units=14)],
        [DAYS * 100.0, 14.0],
        sites=[0, 0],
    )
    assert told_once_a_day(known, sold(10, 0.1)).tolist() == [True, True]


def test_a_class_has_its_own_hours_pooled_over_sites() -> None:
    known = history(
        [hours_of(7, 8, units=3_000), hours_of(7, 8, units=3_000), hours_of(19, 20, units=6_000)],
        [3_000.0, 3_000.0, 6_000.0],
        classes=[0, 0, 1],
    )
    morning, evening = profiles(known, np.zeros(3, dtype=np.bool_))
    assert morning[7] + morning[8] > 0.9
    assert evening[19] + evening[20] > 0.9


def test_a_class_that_hardly_sells_follows_all_others() -> None:
    known = history(
        [hours_of(7, 8, units=9_000), hours_of(19, units=3)], [9_000.0, 3.0], classes=[0, 1]
    )
    rare = profiles(known, np.zeros(2, dtype=np.bool_))[1]
    assert rare[7] + rare[8] > 0.9


def test_shares_of_each_kind_of_weekday_add_up() -> None:
    known = history([hours_of(9, 17, units=500)], [500.0])
    table = profiles(known, np.zeros(1, dtype=np.bool_))
    np.testing.assert_allclose(table.reshape(3, HOURS).sum(axis=1), 1.0, atol=1e-6)


def test_hours_of_totals_do_not_enter_a_profile() -> None:
    known = history([hours_of(9, 10, units=500), hours_of(23, units=9_000)], [500.0, 9_000.0])
    table = profiles(known, np.array([False, True]))
    assert table[0, 23] < 0.1


def past(y: FloatArray) -> FitErrors:
    """What a constant forecast of the mean leaves."""
    mean = y.mean(axis=0)
    errors = y - mean
    n = y.shape[1]
    return FitErrors(
        errors=errors,
        y=y,
        sigma=np.sqrt((errors * errors).mean(axis=0)),
        level=mean,
        growth=np.zeros(n),
        choice=np.zeros(n, dtype=np.int64),
        rate=1 / 3,
        block=28,
        seed=1,
    )


def pooled(y: FloatArray) -> WatchHistory:
    n = y.shape[1]
    units = y.sum(axis=0)
    return history(
        [hours_of(9, 13, 17, 21, units=float(u)) for u in units],
        [float(u) for u in units],
        pools=(np.arange(n),),
    )


def test_sites_that_err_by_themselves_have_the_spread_of_a_root() -> None:
    y = np.random.default_rng(3).poisson(8.0, (182, 12)).astype(np.float64)
    fit, _ = watch_fit(pooled(y), past(y), y)
    assert 0.85 < fit.pool_sigma[0] < 1.15


def test_sites_that_err_together_have_a_wider_sum() -> None:
    rng = np.random.default_rng(3)
    weather = rng.gamma(10, 0.1, (182, 1))
    y = rng.poisson(8.0 * weather, (182, 12)).astype(np.float64)
    fit, _ = watch_fit(pooled(y), past(y), y)
    assert fit.pool_sigma[0] > 1.5
    assert fit.pool_size[0] < POISSON_SIZE


def test_a_fit_of_the_watch_is_the_same_twice() -> None:
    y = np.random.default_rng(3).poisson(2.0, (182, 4)).astype(np.float64)
    one, two = (watch_fit(pooled(y), past(y), y)[0] for _ in range(2))
    for name in ("profile", "limit", "pool_up", "pool_down", "pool_limit"):
        np.testing.assert_array_equal(getattr(one, name), getattr(two, name))


def levels(sites: int) -> tuple[float, float, float]:
    """Alarm levels up, down and of one day of an item that sells at so many sites."""
    y = np.random.default_rng(3).poisson(2.0, (364, sites)).astype(np.float64)
    fit, _ = watch_fit(pooled(y), past(y), y)
    return float(fit.pool_up[0]), float(fit.pool_down[0]), float(fit.pool_limit[0])


def test_a_pool_may_ring_as_often_as_the_series_it_speaks_for() -> None:
    """R12: what is allowed is counted by series-days, so many sites are watched more closely."""
    assert all(many < few for many, few in zip(levels(16), levels(2), strict=True))


def test_an_item_rings_for_nothing_every_hundred_days_at_most_however_many_sites_it_has() -> None:
    y = np.random.default_rng(3).poisson(2.0, (364, 64)).astype(np.float64)
    fit, _ = watch_fit(pooled(y), past(y), y)
    assert fit.pool_limit[0] >= round(float(np.log(100.0)), 6)
