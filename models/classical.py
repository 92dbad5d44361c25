"""What does a weekly pattern with a moving level forecast? ETS(A,N,A), live in O(1).

The additive seasonal model of Hyndman, Koehler, Ord and Snyder (2008), "Forecasting with
Exponential Smoothing: The State Space Approach", with level l, seasonals s and season length m = 7:

    ŷ_t|t-1 = l + s_m          e = y - ŷ
    l'      = l + α·(y - s_m - l)
    s'      = s_m + γ·(y - l - s_m)
    ŷ_t+h|t = l + s_(m-(h-1) mod m)

Parameters and the last state come from statsforecast's `AutoETS(model="ANA")`, whose fitted state
is private: it is read in this module alone, behind a version gate, and `parity_error` compares the
live form with the library's own `forward` on the same data.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from replan.errors import BrokenPromise
from replan.forecasting import BoolArray, FloatArray, LiveFit
from replan.models.history import (
    RESIDUAL_DAYS,
    WEEK,
    SeriesNotFitted,
    checked_history,
    first_day,
    imputed,
    required_statsforecast,
)

PARITY = 1e-9
"""Largest difference that counts as equal, relative to 1 + the largest forecast."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SeasonalEts:
    """ETS(A,N,A) with a weekly season.

    State (8, N): row 0 the level, row 1 the season of the last day, …, row 7 the season of the next
    day, which is also the season of one week ago. Rows rotate by one a day, so the next season is
    always in row 7.
    """

    name: str = "ets_ana"
    version: str = "1"
    state_size: int = 1 + WEEK

    def fit(self, y: FloatArray, mask: BoolArray) -> LiveFit:
        """Fit each column by statsforecast. Leading masked days are cut off, later ones imputed.

        Raises ValueError on a bad shape, or naming the first column that cannot be fitted.
        """
        y, mask = checked_history(y, mask, min_days=2 * WEEK)
        required_statsforecast()
        days, n = y.shape
        state = np.zeros((self.state_size, n))
        alpha, gamma = np.zeros(n), np.zeros(n)
        residuals = np.full((min(days, RESIDUAL_DAYS), n), np.nan)
        for i in range(n):
            begin = first_day(mask[:, i])
            if int(mask[:, i].sum()) < 2 * WEEK:
                raise SeriesNotFitted(f"series {i} has fewer than {2 * WEEK} days with data")
            seen = mask[begin:, i]
            alpha[i], gamma[i], state[:, i], errors = _fit_one(imputed(y[begin:, i], seen), i)
            errors = np.where(seen, errors, np.nan)[-RESIDUAL_DAYS:]
            residuals[residuals.shape[0] - errors.shape[0] :, i] = errors
        # The h-step variance is σ²·(1 + Σ c_j²), c_j = α, and α + γ once a week; a² is the mean of
        # c_j² over a week.
        growth = np.sqrt(((WEEK - 1) * alpha * alpha + (alpha + gamma) * (alpha + gamma)) / WEEK)
        params = {"alpha": alpha, "gamma": gamma}
        return LiveFit(state=state, params=params, growth=growth, residuals=residuals)

    def step(
        self, state: FloatArray, params: Mapping[str, FloatArray], y: FloatArray, mask: BoolArray
    ) -> FloatArray:
        """The recursion above; a masked day turns the season and changes no value."""
        level, season = state[0], state[WEEK]
        seen = np.where(mask, y, 0.0)
        after = state.copy()
        after[0] = np.where(mask, level + params["alpha"] * ((seen - season) - level), level)
        after[1] = np.where(mask, season + params["gamma"] * ((seen - level) - season), season)
        after[2 : 1 + WEEK] = state[1:WEEK]
        return after

    def mean(self, state: FloatArray, params: Mapping[str, FloatArray], h: int) -> FloatArray:
        """Level plus the season of each day (h, N), cut at 0."""
        out = np.empty((h, state.shape[1]))
        for day in range(h):
            out[day] = np.maximum(state[0] + state[WEEK - day % WEEK], 0.0)
        return out

    def scaled(self, state: FloatArray, ratio: FloatArray) -> FloatArray:
        """Level and seasons, which are in units of sales, times `ratio` (N,)."""
        result: FloatArray = state.copy()
        result[: 1 + WEEK] *= ratio
        return result

    def batch_mean(self, y: FloatArray, later: FloatArray, h: int) -> FloatArray:
        """statsforecast's own answer (h, N): fitted on `y`, then `forward` over `y` and `later`."""
        from statsforecast.models import AutoETS

        columns = []
        for i in range(y.shape[1]):
            model = AutoETS(season_length=WEEK, model="ANA").fit(y[:, i])
            whole = np.concatenate([y[:, i], later[:, i]])
            columns.append(np.asarray(model.forward(y=whole, h=h)["mean"], dtype=np.float64))
        return np.maximum(np.column_stack(columns), 0.0)


def _fit_one(y: FloatArray, column: int) -> tuple[float, float, FloatArray, FloatArray]:
    """α, γ, last state (8,) and one-step errors (T,) of one series."""
    from statsforecast.models import AutoETS

    try:
        model = AutoETS(season_length=WEEK, model="ANA").fit(y).model_
    except Exception as error:  # the library raises bare Exception when no model converges
        raise SeriesNotFitted(f"series {column}: statsforecast found no ETS: {error}") from error
    state = np.zeros(1 + WEEK)
    last = np.asarray(model["states"], dtype=np.float64)[-1]
    alpha, gamma = float(model["par"][0]), float(model["par"][2])
    components = str(model["components"])
    errors = np.asarray(model["residuals"], dtype=np.float64)
    if components == "ANNN":  # a constant series: no season was fitted
        state[0], gamma = last[0], 0.0
    elif components == "ANAN" and int(model["m"]) == WEEK:
        state[:] = last
    else:
        raise SeriesNotFitted(f"series {column}: statsforecast fitted {components}, expected ANAN")
    if not (
        np.isfinite(state).all() and np.isfinite([alpha, gamma]).all() and np.isfinite(errors).all()
    ):
        raise SeriesNotFitted(f"series {column}: statsforecast returned NaN or infinity")
    return alpha, gamma, state, errors


def parity_error(
    *, series: int = 4, updates: int = 20, h: int = 14, seed: int = 0, alpha_factor: float = 1.0
) -> float:
    """Largest relative difference from statsforecast's `forward` on random weekly series.

    `alpha_factor` other than 1 spoils the live form on purpose: the control that shows that the
    comparison can fail.
    """
    rng = np.random.default_rng(seed)
    y = random_weekly(rng, 140 + updates, series)
    ets = SeasonalEts()
    fitted = ets.fit(y[:140], np.ones((140, series), dtype=np.bool_))
    params = {**fitted.params, "alpha": fitted.params["alpha"] * alpha_factor}
    state = fitted.state
    for day in y[140:]:
        state = ets.step(state, params, day, np.ones(series, dtype=np.bool_))
    expected = ets.batch_mean(y[:140], y[140:], h)
    gap = np.abs(ets.mean(state, params, h) - expected).max()
    return float(gap / (1.0 + np.abs(expected).max()))


def check_parity() -> None:
    """BrokenPromise when the installed statsforecast and the live form disagree."""
    error = parity_error()
    if error > PARITY:
        raise BrokenPromise(
            f"live ETS differs from statsforecast {required_statsforecast()} by {error:.3g}, "
            f"must be <= {PARITY}"
        )


def random_weekly(rng: np.random.Generator, days: int, series: int) -> FloatArray:
    """Demand (days, series) with weekly patterns and drifting levels, 2 to 200 a day."""
    level = np.exp(rng.uniform(np.log(2.0), np.log(200.0), size=series))
    week = rng.uniform(0.5, 1.8, size=(WEEK, series))
    drift = np.exp(np.cumsum(rng.normal(0.0, 0.03, size=(days, series)), axis=0))
    rate = level * week[np.arange(days) % WEEK] * drift
    return rng.poisson(rate).astype(np.float64)
