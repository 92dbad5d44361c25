"""Does an implementation keep its port's rules? Checks that plug-in authors run in one line.

    def test_mine_is_a_forecaster() -> None:
        check_forecaster(Mine())

A check raises `AssertionError` naming the rule and the case that broke it.
"""

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

import numpy as np

from replan.forecasting import BoolArray, FloatArray, Forecaster, ForecastRefused, LiveFit
from replan.forecasting import checked_mean as refused_or_mean

DAYS, LATER, HORIZON, WEEK = 98, 21, 14, 7
LIVE_EQUALS_BATCH = 1e-9


@runtime_checkable
class TellsBatch(Protocol):
    """A forecaster that can also answer by its batch library: the live form is held against it."""

    def batch_mean(self, y: FloatArray, later: FloatArray, h: int) -> FloatArray:
        """The library's forecast (h, N), fitted on `y` (T, N) and having seen `later` (D, N)."""
        ...


def check_forecaster(forecaster: Forecaster, *, seed: int = 20_170_501) -> None:
    """Every rule of the `Forecaster` port on a seeded world of shop-like series.

    Shapes, finite and non-negative means, inputs left alone, the same answer twice, rows
    independent of one another to the last bit, masked days, state with spare rows, and live equal
    to batch where `batch_mean` exists.
    """
    y = demand(np.random.default_rng(seed))
    past, later = y[:DAYS], y[DAYS:]
    everything = np.ones(past.shape, dtype=np.bool_)
    kept = past.copy()
    fit = forecaster.fit(past, everything)
    _rule(np.array_equal(past, kept), "fit changed the history that it was given")
    _check_fit(fit, past)
    _check_mean(forecaster, fit)
    again = forecaster.fit(past.copy(), everything.copy())
    _rule(_same(fit, again), "two fits on the same history differ")
    _check_rows(forecaster, fit, later)
    _check_mask(forecaster, fit, past, later)
    _check_spare_rows(forecaster, fit, later)
    _check_bad_history(forecaster, past, everything)
    if isinstance(forecaster, TellsBatch):
        _check_batch(forecaster, fit, past, later)


def demand(rng: np.random.Generator) -> FloatArray:
    """119 days of six series: busy, weekly, over-dispersed, intermittent, dead, and constant."""
    days = np.arange(DAYS + LATER)
    week = np.array([0.7, 0.8, 0.9, 1.0, 1.1, 1.5, 1.2])[days % WEEK]
    busy = rng.poisson(40.0 * week)
    weekly = rng.poisson(4.0 * week)
    wild = rng.negative_binomial(2, 2.0 / (2.0 + 10.0), size=days.size)
    rare = (rng.random(days.size) < 0.2) * (1 + rng.poisson(2.0, size=days.size))
    dead = np.zeros(days.size)
    constant = np.full(days.size, 3.0)
    return np.column_stack([busy, weekly, wild, rare, dead, constant]).astype(np.float64)


def run_live(forecaster: Forecaster, fit: LiveFit, days: FloatArray, mask: BoolArray) -> FloatArray:
    """The state after stepping through `days` (D, N)."""
    state = fit.state
    for day in range(days.shape[0]):
        state = forecaster.step(state, fit.params, days[day], mask[day])
    return state


def _check_fit(fit: LiveFit, past: FloatArray) -> None:
    n = past.shape[1]
    _rule(fit.state.ndim == 2 and fit.state.shape[1] == n, f"state has shape {fit.state.shape}")
    _rule(bool(np.isfinite(fit.state).all()), "state holds NaN or infinity")
    for name, values in sorted(fit.params.items()):
        _rule(values.shape == (n,), f"param {name} has shape {values.shape}, must be {(n,)}")
        _rule(bool(np.isfinite(values).all()), f"param {name} holds NaN or infinity")
    _rule(fit.growth.shape == (n,), f"growth has shape {fit.growth.shape}, must be {(n,)}")
    _rule(bool((fit.growth >= 0.0).all()), "growth is negative or NaN")
    rows = fit.residuals.shape[0]
    _rule(
        fit.residuals.shape == (rows, n) and rows <= past.shape[0],
        f"residuals have shape {fit.residuals.shape}, must be (R, {n}) with R <= {past.shape[0]}",
    )
    _rule(not np.isinf(fit.residuals).any(), "residuals hold infinity")
    arrays = [fit.state, fit.growth, fit.residuals, *fit.params.values()]
    _rule(all(a.dtype == np.float64 for a in arrays), "an array of the fit is not float64")


def _check_mean(forecaster: Forecaster, fit: LiveFit) -> None:
    before = fit.state.copy()
    for h in (1, HORIZON):
        mean = forecaster.mean(fit.state, fit.params, h)
        try:
            refused_or_mean(mean, h, fit.state.shape[1])
        except ForecastRefused as error:
            raise AssertionError(f"{h} days ahead: {error}") from error
        twice = forecaster.mean(fit.state, fit.params, h)
        _rule(np.array_equal(mean, twice), f"two forecasts of {h} days from one state differ")
    first = forecaster.mean(fit.state, fit.params, 1)[0]
    longer = forecaster.mean(fit.state, fit.params, HORIZON)[0]
    _rule(np.array_equal(first, longer), "the first day depends on how many days are asked for")
    _rule(np.array_equal(before, fit.state), "mean changed the state that it was given")


def _check_rows(forecaster: Forecaster, fit: LiveFit, later: FloatArray) -> None:
    n = later.shape[1]
    mask = np.ones(later.shape, dtype=np.bool_)
    whole = run_live(forecaster, fit, later, mask)
    means = forecaster.mean(whole, fit.params, HORIZON)
    for rows in (*([i] for i in range(n)), list(range(n))[::-1], [n - 1, 0, n // 2]):
        part = run_live(forecaster, _rows_of(fit, rows), later[:, rows], mask[:, rows])
        _rule(np.array_equal(part, whole[:, rows]), f"rows {rows} alone step to other bits")
        mean = forecaster.mean(part, _rows_of(fit, rows).params, HORIZON)
        _rule(np.array_equal(mean, means[:, rows]), f"rows {rows} alone forecast other bits")


def _check_mask(forecaster: Forecaster, fit: LiveFit, past: FloatArray, later: FloatArray) -> None:
    n = later.shape[1]
    seen = np.ones((1, n), dtype=np.bool_)
    hidden = seen.copy()
    hidden[0, 0] = False
    huge = later[:1].copy()
    huge[0, 0] = 1e6
    masked = run_live(forecaster, fit, huge, hidden)
    plain = run_live(forecaster, fit, later[:1], hidden)
    _rule(np.array_equal(masked, plain), "the demand of a masked day reached the state")
    seen_state = run_live(forecaster, fit, later[:1], seen)
    _rule(np.array_equal(masked[:, 1:], seen_state[:, 1:]), "masking one row changed another row")
    before = fit.state.copy()
    week = np.tile(past[:1], (WEEK, 1))
    run_live(forecaster, fit, week, np.zeros(week.shape, dtype=np.bool_))
    _rule(np.array_equal(before, fit.state), "step changed the state that it was given")
    # Censored days must not count as demand in a fit either.
    mask = np.ones(past.shape, dtype=np.bool_)
    mask[10:13] = False
    one, other = past.copy(), past.copy()
    other[10:13] = 1e6
    _rule(
        _same(forecaster.fit(one, mask), forecaster.fit(other, mask)),
        "a masked day counted as demand in the fit",
    )


def _check_spare_rows(forecaster: Forecaster, fit: LiveFit, later: FloatArray) -> None:
    """Panels hold models of different sizes, so a state comes with spare rows at its end."""
    spare = np.full((3, fit.state.shape[1]), 0.25)
    mask = np.ones(later.shape, dtype=np.bool_)
    padded = LiveFit(
        state=np.concatenate([fit.state, spare]),
        params={**fit.params, "of_another_model": np.zeros(fit.state.shape[1])},
        growth=fit.growth,
        residuals=fit.residuals,
    )
    wide = run_live(forecaster, padded, later, mask)
    narrow = run_live(forecaster, fit, later, mask)
    _rule(
        wide.shape == padded.state.shape and np.array_equal(wide[: len(narrow)], narrow),
        "a state with spare rows steps differently",
    )
    _rule(np.array_equal(wide[len(narrow) :], spare), "step changed the spare rows of a state")
    _rule(
        np.array_equal(
            forecaster.mean(wide, padded.params, HORIZON),
            forecaster.mean(narrow, fit.params, HORIZON),
        ),
        "a state with spare rows forecasts differently",
    )


def _check_bad_history(forecaster: Forecaster, past: FloatArray, mask: BoolArray) -> None:
    holed, negative = past.copy(), past.copy()
    holed[5, 0], negative[5, 0] = np.nan, -1.0
    bad = {
        "NaN": (holed, mask),
        "a negative day": (negative, mask),
        "a mask of another shape": (past, mask[1:]),
        "one dimension": (past[:, 0], mask[:, 0]),
    }
    for what, (y, m) in bad.items():
        try:
            forecaster.fit(y, m)
        except ValueError:
            continue
        raise AssertionError(f"fit took a history with {what}; it must raise ValueError")


def _check_batch(forecaster: Forecaster, fit: LiveFit, past: FloatArray, later: FloatArray) -> None:
    assert isinstance(forecaster, TellsBatch)
    state = run_live(forecaster, fit, later, np.ones(later.shape, dtype=np.bool_))
    live = forecaster.mean(state, fit.params, HORIZON)
    batch = forecaster.batch_mean(past, later, HORIZON)
    gap = float((np.abs(live - batch) / (1.0 + np.abs(batch))).max())
    _rule(gap <= LIVE_EQUALS_BATCH, f"live differs from batch by {gap:.3g}, must be <= 1e-9")


def _rows_of(fit: LiveFit, rows: list[int]) -> LiveFit:
    params: Mapping[str, FloatArray] = {name: v[rows] for name, v in fit.params.items()}
    return LiveFit(
        state=fit.state[:, rows],
        params=params,
        growth=fit.growth[rows],
        residuals=fit.residuals[:, rows],
    )


def _same(a: LiveFit, b: LiveFit) -> bool:
    return (
        np.array_equal(a.state, b.state)
        and np.array_equal(a.growth, b.growth)
        and np.array_equal(a.residuals, b.residuals, equal_nan=True)
        and sorted(a.params) == sorted(b.params)
        and all(np.array_equal(a.params[name], b.params[name]) for name in a.params)
    )


def _rule(kept: bool, broken: str) -> None:
    if not kept:
        raise AssertionError(broken)
