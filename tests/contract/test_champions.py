"""Is a series served by the model that is best on days it has not seen, plug-ins included?"""

from dataclasses import dataclass

import numpy as np
import pytest

from replan.forecasting import BoolArray, FitRequest, FloatArray, LiveFit, PanelFit
from replan.infra.workspace.settings import read_settings
from replan.models import fitting, registry
from replan.models.fitting import StatsforecastFitter
from replan.testing import check_forecaster

DAYS = 120
PAY_DAY = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class PayDays:
    """A plug-in that knows what ours do not: every tenth day is pay day."""

    name: str = "pay_days"
    version: str = "1"

    def fit(self, y: FloatArray, mask: BoolArray) -> LiveFit:
        if y.ndim != 2 or y.shape != mask.shape or len(y) < 2 * PAY_DAY:
            raise ValueError(f"history has shape {y.shape}, mask {mask.shape}")
        if not np.isfinite(y).all() or (y < 0).any():
            raise ValueError("history holds what is no demand")
        state = np.zeros((2 * PAY_DAY, y.shape[1]))
        errors = np.full(y.shape, np.nan)
        for day in range(len(y)):
            errors[day] = np.where(mask[day], y[day] - self.mean(state, {}, 1)[0], np.nan)
            state = self.step(state, {}, y[day], mask[day])
        errors[:PAY_DAY] = np.nan
        return LiveFit(state=state, params={}, growth=np.zeros(y.shape[1]), residuals=errors)

    def step(self, state: FloatArray, params: object, y: FloatArray, mask: BoolArray) -> FloatArray:
        after = state.copy()
        total, count = state[PAY_DAY - 1], state[2 * PAY_DAY - 1]
        after[1:PAY_DAY] = state[: PAY_DAY - 1]
        after[PAY_DAY + 1 : 2 * PAY_DAY] = state[PAY_DAY : 2 * PAY_DAY - 1]
        after[0] = total + np.where(mask, y, 0.0)
        after[PAY_DAY] = count + np.where(mask, 1.0, 0.0)
        return after

    def mean(self, state: FloatArray, params: object, h: int) -> FloatArray:
        days = PAY_DAY - 1 - np.arange(h) % PAY_DAY
        return state[days] / np.maximum(state[PAY_DAY + days], 1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wrong(PayDays):
    """Another, whose answers are negative."""

    name: str = "wrong"

    def mean(self, state: FloatArray, params: object, h: int) -> FloatArray:
        return np.full((h, state.shape[1]), -1.0)


@pytest.fixture(autouse=True)
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both plug-ins, as if they had been installed."""
    with_ours = {**registry.factories(), "pay_days": PayDays, "wrong": Wrong}
    monkeypatch.setattr(registry, "factories", lambda: with_ours)
    monkeypatch.setattr("replan.infra.workspace.settings.factories", lambda: with_ours)
    assert fitting.forecaster is registry.forecaster


def asked() -> FitRequest:
    """A shop with pay days, and one without."""
    rng = np.random.default_rng(6)
    pay = np.where(np.arange(DAYS) % PAY_DAY == 0, 5.0, 1.0)
    sold = np.column_stack([rng.poisson(20 * pay), rng.poisson(20.0, DAYS)]).astype(np.float64)
    return FitRequest(
        asked_at="",
        through=DAYS,
        sold=sold,
        mask=np.ones(sold.shape, dtype=np.bool_),
        young=np.zeros(2, dtype=np.bool_),
        item_of=np.arange(2),
        category_of=np.zeros(2, dtype=np.int64),
        site_of=np.zeros(2, dtype=np.int64),
        drivers=None,
        false_alarms_per_1000=2.0,
        seed=1,
    )


def champions(fit: PanelFit) -> list[str]:
    return [fit.models[choice] for choice in fit.choice]


def test_the_plug_in_keeps_the_rules_of_the_port() -> None:
    check_forecaster(PayDays())


@pytest.mark.slow
def test_a_plug_in_serves_the_series_that_it_forecasts_better() -> None:
    fit = StatsforecastFitter(candidates=("pay_days",)).fit_panel(asked())
    assert champions(fit)[0] == "pay_days"
    assert champions(fit)[1] != "pay_days"
    assert fit.state.shape[0] >= 2 * PAY_DAY


def test_a_plug_in_that_nobody_named_serves_nothing() -> None:
    assert "pay_days" not in champions(StatsforecastFitter().fit_panel(asked()))


def test_a_plug_in_that_breaks_a_rule_is_left_out_with_a_note() -> None:
    fit = StatsforecastFitter(candidates=("wrong",)).fit_panel(asked())
    assert "wrong" not in champions(fit)
    assert "wrong was left out: forecast is negative" in fit.notes


def test_settings_name_the_candidates_and_refuse_an_unknown_one() -> None:
    settings, wrong = read_settings(b"[models]\ncandidates = ['pay_days']")
    assert settings.models.candidates == ("pay_days",)
    assert wrong == ()
    _, wrong = read_settings(b"[models]\ncandidates = ['no_such']")
    assert [(f.rule, f.line) for f in wrong] == [("unknown_name", 2)]
    assert "no_such" in wrong[0].message
