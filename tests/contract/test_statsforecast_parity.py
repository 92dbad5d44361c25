"""Does the live form equal statsforecast's own result on the same data?"""

import numpy as np
import pytest

from replan.models.classical import PARITY, SeasonalEts, check_parity, parity_error, random_weekly
from replan.models.intermittent import Tsb
from tests.demand_worlds import intermittent

pytestmark = pytest.mark.slow


def test_live_ets_equals_forward_on_sixty_series_and_fifty_updates() -> None:
    assert parity_error(series=60, updates=50, h=14) <= PARITY


def test_the_comparison_fails_when_alpha_is_a_thousandth_off() -> None:
    assert parity_error(series=60, updates=50, h=14, alpha_factor=1.001) > 1e-6


def test_the_self_test_passes_on_the_installed_version() -> None:
    check_parity()


def test_ets_parity_holds_from_every_weekday() -> None:
    y = random_weekly(np.random.default_rng(3), 160, 3)
    ets = SeasonalEts()
    fitted = ets.fit(y[:140], np.ones((140, 3), dtype=np.bool_))
    state = fitted.state
    for day in range(140, 150):
        state = ets.step(state, fitted.params, y[day], np.ones(3, dtype=np.bool_))
        expected = ets.batch_mean(y[:140], y[140 : day + 1], 10)
        np.testing.assert_allclose(ets.mean(state, fitted.params, 10), expected, rtol=1e-9)


def test_live_tsb_equals_the_full_forecast() -> None:
    y = intermittent(np.random.default_rng(4), 250, 60, np.ones(250))
    tsb = Tsb()
    fitted = tsb.fit(y[:200], np.ones((200, 60), dtype=np.bool_))
    state = fitted.state
    for day in y[200:]:
        state = tsb.step(state, fitted.params, day, np.ones(60, dtype=np.bool_))
    expected = tsb.batch_mean(y[:200], y[200:], 1)
    np.testing.assert_allclose(tsb.mean(state, fitted.params, 1), expected, rtol=1e-14)


def test_tsb_leaves_masked_days_out_as_if_the_calendar_had_none() -> None:
    y = intermittent(np.random.default_rng(5), 120, 1, np.ones(120))
    mask = np.ones((120, 1), dtype=np.bool_)
    mask[40:60] = False
    with_gap = Tsb().fit(y, mask)
    without = Tsb().fit(y[mask[:, 0]], np.ones((100, 1), dtype=np.bool_))
    np.testing.assert_array_equal(with_gap.state, without.state)


def test_ets_keeps_its_weekly_phase_through_a_masked_week() -> None:
    days = np.arange(140)
    y = np.where(days % 7 == 5, 30.0, 10.0)[:, None] + np.random.default_rng(0).normal(
        0, 0.1, (140, 1)
    )
    ets = SeasonalEts()
    fitted = ets.fit(y, np.ones(y.shape, dtype=np.bool_))
    state = fitted.state
    for _ in range(10):
        state = ets.step(state, fitted.params, np.zeros(1), np.zeros(1, dtype=np.bool_))
    after = ets.mean(state, fitted.params, 7)[:, 0]
    assert int(np.argmax(after)) == 5 - (140 + 10) % 7


def test_a_censored_week_in_the_history_is_imputed_by_weekday() -> None:
    days = np.arange(140)
    y = np.where(days % 7 == 5, 30.0, 10.0)[:, None].astype(np.float64)
    y += np.random.default_rng(0).normal(0, 0.1, y.shape)
    emptied, mask = y.copy(), np.ones(y.shape, dtype=np.bool_)
    emptied[70:77], mask[70:77] = 0.0, False
    whole = SeasonalEts().fit(y, np.ones(y.shape, dtype=np.bool_))
    mended = SeasonalEts().fit(emptied, mask)
    expected = SeasonalEts().mean(whole.state, whole.params, 7)
    got = SeasonalEts().mean(mended.state, mended.params, 7)
    np.testing.assert_allclose(got, expected, rtol=0.01)
    assert np.isnan(mended.residuals[-70:-63]).all()
