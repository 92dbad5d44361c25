"""Does a series that has hardly sold borrow the level of its like, and never act unseen? (DS9)"""

from dataclasses import replace

import numpy as np
import pytest

from replan import bands
from replan.forecasting import FitRequest
from replan.live_model import forecast
from replan.models.cold_start import borrowed, priors
from replan.models.rolling import RollingMean
from replan.panel import days_known, is_forecast, takes_part
from tests.sense_facts import OATS, S1, S2, adjusted
from tests.sense_worlds import CALM, FORECASTERS, fitted_world

DAYS = 60
MILK, TEA, NEW = 0, 1, 2


def asked(own_days: int = 0, *, young: bool = True) -> FitRequest:
    """Milk and tea at sites 0, 1 and 2, where site 2 sells twice as much; a new tea at site 2."""
    rng = np.random.default_rng(4)
    levels = np.array([20.0, 20.0, 40.0, 5.0, 5.0, 10.0])
    sold = rng.poisson(levels, (DAYS, 6)).astype(np.float64)
    mask = np.ones(sold.shape, dtype=np.bool_)
    mask[: DAYS - own_days, 5] = False
    return FitRequest(
        asked_at="",
        through=DAYS,
        sold=np.where(mask, sold, 0.0),
        mask=mask,
        young=np.array([False] * 5 + [young]),
        item_of=np.array([0, 0, 0, 1, 1, 1]),
        category_of=np.array([0, 0, 0, 1, 1, 1]),
        site_of=np.array([0, 1, 2, 0, 1, 2]),
        drivers=None,
        false_alarms_per_1000=2.0,
        seed=1,
    )


def mean_after(own_days: int) -> float:
    request = asked(own_days)
    found = borrowed(request.sold, request)
    assert found is not None
    assert found.rows.tolist() == [5]
    return float(RollingMean().mean(found.fit.state, {}, 1)[0, 0])


def test_a_new_site_of_an_item_expects_its_other_sites_times_its_own_share() -> None:
    assert mean_after(1) == pytest.approx(8.5, rel=0.2)


def test_own_days_replace_the_prior_one_by_one() -> None:
    request = asked(13)
    own = request.sold[-13:, 5]
    prior = (mean_after(1) * 28 - request.sold[-1, 5]) / 27
    assert mean_after(13) == pytest.approx((own.sum() + 15 * prior) / 28)


def test_an_item_with_no_other_site_borrows_from_its_category() -> None:
    level = np.array([10.0, 12.0, 0.0])
    old = np.array([True, True, False])
    site, item, category = np.array([0, 0, 0]), np.array([0, 1, 2]), np.array([0, 0, 0])
    assert priors(level, old, item, category, site)[2] == pytest.approx(11.0)


def test_a_category_without_any_old_series_borrows_from_all() -> None:
    level = np.array([10.0, 12.0, 0.0])
    old = np.array([True, True, False])
    site, item, category = np.array([0, 0, 0]), np.array([0, 1, 2]), np.array([0, 0, 1])
    assert priors(level, old, item, category, site)[2] == pytest.approx(11.0)


def test_the_band_of_a_new_series_is_wider_than_that_of_its_like() -> None:
    request = asked(1)
    found = borrowed(request.sold, request)
    assert found is not None
    like = RollingMean().fit(request.sold[:, 3:5], request.mask[:, 3:5])
    _, usual = bands.after_history(like.residuals, request.sold[:, 3:5])
    assert found.scale[0] > 1.2 * usual.max()


def test_a_series_that_was_never_heard_of_borrows_nothing() -> None:
    request = asked(0)
    assert borrowed(request.sold, request) is None


def test_old_series_borrow_nothing() -> None:
    request = asked(40, young=False)
    assert borrowed(request.sold, request) is None


def test_with_nobody_old_there_is_nothing_to_borrow() -> None:
    request = replace(asked(5), young=np.ones(6, dtype=np.bool_))
    assert borrowed(request.sold, request) is None


def test_a_young_series_is_forecast_and_does_not_take_part() -> None:
    world = fitted_world(28, model="mean28")
    panel = world.state.panel
    assert panel.fit is not None
    panel.fit = replace(panel.fit, young=np.array([1, 0]))
    assert is_forecast(panel).tolist() == [True, True]
    assert takes_part(panel).tolist() == [False, True]
    assert forecast(panel, np.array([0]), 3, FORECASTERS)[3].min() > 0


def test_a_young_series_opens_no_case_and_is_told_all_the_same() -> None:
    world = fitted_world(28, stock={S1: 5, S2: 900}, rules=CALM)
    panel = world.state.panel
    assert panel.fit is not None
    panel.fit = replace(panel.fit, young=np.array([1, 0]))
    for case in world.state.cases.values():
        case.stirred = True
    said = world.tell([], 28.2)
    assert said.proposals == []
    assert {(row.item, row.site) for row in said.forecasts} == {(OATS, S1), (OATS, S2)}


def test_a_plan_on_a_series_known_for_too_few_days_is_novel() -> None:
    rules = replace(CALM, novel_days=56)
    world = fitted_world(28, stock={S1: 40, S2: 900}, rules=rules)
    found = world.tell([adjusted(28.1, 0)], 28.2)
    (novel,) = [p.novel for p in found.proposals]
    assert novel[0].startswith("OATS at S1 is known for 28 days, 56 are needed")


def test_days_known_count_from_the_first_word() -> None:
    world = fitted_world(28)
    assert days_known(world.state.panel, 0) == 28
