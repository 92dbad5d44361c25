"""Do the live steps of the forecasters say what their formulas say?"""

import numpy as np

from replan.models.classical import SeasonalEts
from replan.models.intermittent import Tsb
from replan.models.rolling import RollingMean
from replan.models.seasonal_naive import SeasonalNaive

YES, NO = np.array([True]), np.array([False])


def test_ets_moves_level_and_season_by_their_share_of_the_error() -> None:
    state = np.array([[10.0], [1.0], [2.0], [3.0], [4.0], [5.0], [6.0], [-2.0]])
    params = {"alpha": np.array([0.5]), "gamma": np.array([0.1])}
    after = SeasonalEts().step(state, params, np.array([12.0]), YES)
    np.testing.assert_allclose(after[:, 0], [12.0, -1.6, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0])


def test_ets_never_forecasts_below_zero() -> None:
    state = np.array([[1.0], *[[-5.0]] * 7])
    params = {"alpha": np.array([0.5]), "gamma": np.array([0.1])}
    assert (SeasonalEts().mean(state, params, 7) == 0.0).all()


def test_tsb_fades_when_demand_stops() -> None:
    params = {"alpha_d": np.array([0.1]), "alpha_p": np.array([0.1])}
    state = np.array([[5.0], [0.4], [1.0]])
    for _ in range(10):
        state = Tsb().step(state, params, np.array([0.0]), YES)
    np.testing.assert_allclose(Tsb().mean(state, params, 1), [[5.0 * 0.4 * 0.9**10]])


def test_tsb_stays_as_it_is_on_an_empty_shelf() -> None:
    params = {"alpha_d": np.array([0.1]), "alpha_p": np.array([0.1])}
    state = np.array([[5.0], [0.4], [1.0]])
    np.testing.assert_array_equal(Tsb().step(state, params, np.array([0.0]), NO), state)


def test_the_rolling_mean_forgets_what_is_older_than_28_days() -> None:
    y = np.concatenate([np.full((20, 1), 100.0), np.full((28, 1), 3.0)])
    fitted = RollingMean().fit(y, np.ones(y.shape, dtype=np.bool_))
    assert RollingMean().mean(fitted.state, {}, 1)[0, 0] == 3.0


def test_the_rolling_mean_of_one_day_is_that_day() -> None:
    fitted = RollingMean().fit(np.array([[4.0]]), np.array([[True]]))
    assert RollingMean().mean(fitted.state, {}, 2)[:, 0].tolist() == [4.0, 4.0]


def test_the_rolling_mean_of_nothing_is_zero() -> None:
    fitted = RollingMean().fit(np.array([[0.0]]), np.array([[False]]))
    assert RollingMean().mean(fitted.state, {}, 1)[0, 0] == 0.0


def test_the_seasonal_naive_repeats_last_week() -> None:
    y = np.arange(10, dtype=np.float64)[:, None]
    fitted = SeasonalNaive().fit(y, np.ones(y.shape, dtype=np.bool_))
    mean = SeasonalNaive().mean(fitted.state, {}, 8)[:, 0]
    assert mean.tolist() == [3, 4, 5, 6, 7, 8, 9, 3]


def test_the_seasonal_naive_works_from_one_day() -> None:
    fitted = SeasonalNaive().fit(np.array([[6.0]]), np.array([[True]]))
    assert (SeasonalNaive().mean(fitted.state, {}, 7) == 6.0).all()
