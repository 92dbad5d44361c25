"""Does a panel get the right models, the same bits twice, and a fallback where nothing fits?"""

import pickle

import numpy as np
import pytest

from replan.fit_record import panel_fit_digest
from replan.forecasting import FitRequest, PanelFit
from replan.models.backtest import compare, rolling
from replan.models.classical import SeasonalEts
from replan.models.fitting import StatsforecastFitter, classes
from replan.models.registry import live_forecasters
from replan.models.rolling import RollingMean
from tests.demand_worlds import LAWS, WEEK, shifted

pytestmark = pytest.mark.slow

DAYS = 200
WEEKLY, RARE, DEAD, CONSTANT, UNSEEN, SHORT, YOUNG = range(7)


def request(**changes: object) -> FitRequest:
    rng = np.random.default_rng(1)
    week = WEEK[np.arange(DAYS) % 7]
    sold = np.column_stack(
        [
            rng.poisson(20.0 * week),
            (rng.random(DAYS) < 0.2) * (1 + rng.poisson(2.0, DAYS)),
            np.zeros(DAYS),
            np.full(DAYS, 4.0),
            np.zeros(DAYS),
            rng.poisson(5.0, DAYS),
            rng.poisson(5.0, DAYS),
        ]
    ).astype(np.float64)
    mask = np.ones(sold.shape, dtype=np.bool_)
    mask[:, UNSEEN] = False
    mask[:-10, SHORT] = False
    young = np.zeros(sold.shape[1], dtype=np.bool_)
    young[YOUNG] = True
    values: dict[str, object] = {
        "asked_at": "2017-07-01T00:00:00Z",
        "through": 17_347,
        "sold": sold,
        "mask": mask,
        "young": young,
        "item_of": np.arange(sold.shape[1]) // 2,
        "category_of": np.zeros(sold.shape[1], dtype=np.int64),
        "site_of": np.arange(sold.shape[1]) % 2,
        "drivers": None,
        "false_alarms_per_1000": 2.0,
        "seed": 7,
    }
    return FitRequest(**{**values, **changes})  # type: ignore[arg-type]  # one place to vary


@pytest.fixture(scope="module")
def fit() -> PanelFit:
    return StatsforecastFitter().fit_panel(request())


def test_series_are_classified_by_their_demand_interval() -> None:
    asked = request()
    wanted = classes(asked.sold, asked.mask, asked.young, days=196)
    assert wanted == ["ets_ana", "tsb", "mean28", "mean28", "mean28", "mean28", None]


def test_a_young_series_is_forecast_and_does_not_take_part(fit: PanelFit) -> None:
    assert fit.models[fit.choice[YOUNG]] == "mean28"
    assert fit.young.tolist() == [0] * 6 + [1]


def test_a_series_that_was_never_heard_of_gets_no_model() -> None:
    asked = request()
    young = asked.young.copy()
    young[UNSEEN] = True
    assert StatsforecastFitter().fit_panel(request(young=young)).choice[UNSEEN] == -1


def test_a_weekly_series_gets_the_seasonal_model(fit: PanelFit) -> None:
    assert fit.models[fit.choice[WEEKLY]] == "ets_ana"


def test_every_number_of_a_fit_is_finite(fit: PanelFit) -> None:
    for values in (fit.state, fit.growth, fit.offsets, fit.scale, fit.sigma, fit.size):
        assert np.isfinite(values).all()
    assert (fit.threshold_up > 0).all()
    assert (fit.threshold_down > 0).all()
    assert (fit.sigma > 0).all()


def test_the_same_request_gives_the_same_bits(fit: PanelFit) -> None:
    again = StatsforecastFitter().fit_panel(request())
    assert panel_fit_digest(again) == panel_fit_digest(fit)


def test_a_fit_can_be_asked_in_another_process(fit: PanelFit) -> None:
    fitter, asked = pickle.loads(pickle.dumps((StatsforecastFitter(), request())))
    assert panel_fit_digest(fitter.fit_panel(asked)) == panel_fit_digest(fit)


def test_the_seasonal_fit_looks_back_28_weeks_only(fit: PanelFit) -> None:
    longer = request()
    before = np.full((50, 7), 999.0)
    seen = np.ones((50, 7), dtype=np.bool_)
    more = request(
        sold=np.concatenate([before, longer.sold]), mask=np.concatenate([seen, longer.mask])
    )
    got = StatsforecastFitter().fit_panel(more)
    np.testing.assert_array_equal(got.state[:8, WEEKLY], fit.state[:8, WEEKLY])


def test_the_recorded_state_forecasts_through_the_live_form(fit: PanelFit) -> None:
    models = live_forecasters()
    mine = np.array([WEEKLY])
    params = {name: values[mine] for name, values in fit.params.items()}
    mean = models["ets_ana"].mean(fit.state[:, mine], params, 7)
    assert mean.mean() == pytest.approx(20.0, rel=0.15)


def test_shapes_that_do_not_fit_are_refused_by_name() -> None:
    with pytest.raises(ValueError, match="young has shape"):
        StatsforecastFitter().fit_panel(request(young=np.zeros(3, dtype=np.bool_)))


def test_seasonal_models_refitted_every_four_weeks_cover_nine_days_in_ten() -> None:
    rng = np.random.default_rng(3)
    level = np.exp(rng.uniform(np.log(2.0), np.log(20.0), 40))
    days = 196 + 120
    y = rng.poisson(level * WEEK[np.arange(days) % 7][:, None]).astype(np.float64)
    mask = np.ones(y.shape, dtype=np.bool_)
    score = rolling(SeasonalEts(), y[:, :20], mask[:, :20], first=196, refit_every=28)
    assert 0.87 <= score.coverage <= 0.93


def test_after_a_shift_live_beats_the_weekly_batch_and_the_28_day_mean() -> None:
    rng = np.random.default_rng(4)
    days = 140 + 28
    drift = np.exp(np.cumsum(rng.normal(0.0, 0.06, (days, 12)), axis=0))
    y = rng.poisson(30.0 * WEEK[np.arange(days) % 7][:, None] * drift).astype(np.float64)
    scores = compare(
        SeasonalEts(), RollingMean(), y, np.ones(y.shape, dtype=np.bool_), first=140, horizon=3
    )
    assert scores["live"].wape < scores["batch"].wape
    assert scores["live"].wape < scores["challenger"].wape


@pytest.mark.parametrize("law", ["poisson", "negative binomial"])
@pytest.mark.parametrize("seed", [11, 12])
def test_the_live_model_covers_88_to_92_over_5400_steps_with_a_doubled_level(
    law: str, seed: int
) -> None:
    days = 196 + 360
    factor = shifted(days, 196 + 180, 2.0) * WEEK[np.arange(days) % 7]
    y = LAWS[law](np.random.default_rng(seed), days, 15, factor)
    mask = np.ones(y.shape, dtype=np.bool_)
    score = rolling(SeasonalEts(), y, mask, first=196, refit_every=28)
    assert 0.88 <= score.coverage <= 0.92
