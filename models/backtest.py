"""How good would a model have been? A rolling origin over a history, with scores.

The live model, the same model frozen between weekly refits (the usual batch), and the 28-day mean
see the same days. WAPE and RMSSE judge the mean, pinball loss and coverage the quantiles.
"""

from dataclasses import dataclass

import numpy as np

from replan import bands
from replan.forecasting import LEVELS, BoolArray, FloatArray, Forecaster
from replan.models.history import WEEK


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """Errors over all origins, days ahead and series; smaller is better but for coverage.

    `wape`: Σ|e|/Σy. `rmsse`: root of the mean squared error over that of the naive forecast on the
    training days, weighted by volume (as in the M5 competition). `pinball`: mean loss over `LEVELS`
    ÷ mean demand. `coverage`: share of next days inside p05…p95, ends included.
    """

    wape: float
    rmsse: float
    pinball: float
    coverage: float


def rolling(
    forecaster: Forecaster,
    y: FloatArray,
    mask: BoolArray,
    *,
    first: int,
    refit_every: int = WEEK,
    live: bool = True,
    horizon: int = WEEK,
) -> Scores:
    """Scores on `y` (T, N) from day `first` on.

    The model is fitted every `refit_every` days on what lies before. In between, a live model steps
    each day; without `live` it advances without data, and its bands stand still. Masked days are
    not scored.
    """
    days, n = y.shape
    if not 2 * WEEK <= first < days - horizon:
        raise ValueError(f"first is {first}, must be from {2 * WEEK} to {days - horizon - 1}")
    error = np.zeros(n)
    squared, count = np.zeros(n), np.zeros(n)
    pinball, inside, scored = 0.0, 0.0, 0.0
    tau = np.array(LEVELS)[:, None, None]
    for day in range(first, days - horizon + 1):
        if (day - first) % refit_every == 0:
            fit = forecaster.fit(y[:day], mask[:day])
            state = fit.state
            offsets, scale = bands.after_history(
                fit.residuals, y[day - fit.residuals.shape[0] : day]
            )
        mean = forecaster.mean(state, fit.params, horizon)
        q = bands.quantiles(offsets, scale, mean, fit.growth)
        actual, seen = y[day : day + horizon], mask[day : day + horizon]
        miss = np.where(seen, actual - mean, 0.0)
        error += np.abs(miss).sum(axis=0)
        squared += (miss * miss).sum(axis=0)
        count += seen.sum(axis=0)
        below = actual[None] - q
        loss = np.maximum(tau * below, (tau - 1.0) * below)
        pinball += float(np.where(seen, loss.mean(axis=0), 0.0).sum())
        covered = (q[0, 0] <= actual[0]) & (actual[0] <= q[-1, 0]) & seen[0]
        inside += float(covered.sum())
        scored += float(seen[0].sum())
        used = mask[day] if live else np.zeros(n, dtype=np.bool_)
        offsets, scale = bands.update(offsets, scale, y[day], mean[0], used)
        state = forecaster.step(state, fit.params, y[day], used)
    volume = _demand(y, mask, first, horizon)
    naive = np.maximum(np.square(np.diff(y[:first], axis=0)).mean(axis=0), 1e-9)
    of_series = np.sqrt(squared / np.maximum(count, 1.0) / naive)
    return Scores(
        wape=float(error.sum() / max(volume.sum(), 1e-9)),
        rmsse=float((of_series * volume).sum() / max(volume.sum(), 1e-9)),
        pinball=pinball / max(float(volume.sum()), 1e-9),
        coverage=inside / max(scored, 1.0),
    )


def compare(
    forecaster: Forecaster,
    challenger: Forecaster,
    y: FloatArray,
    mask: BoolArray,
    *,
    first: int,
    horizon: int = WEEK,
) -> dict[str, Scores]:
    """`live`: weekly refits and daily steps; `batch`: weekly refits alone; `challenger`: live."""
    return {
        "live": rolling(forecaster, y, mask, first=first, horizon=horizon),
        "batch": rolling(forecaster, y, mask, first=first, horizon=horizon, live=False),
        "challenger": rolling(challenger, y, mask, first=first, horizon=horizon),
    }


def _demand(y: FloatArray, mask: BoolArray, first: int, horizon: int) -> FloatArray:
    """Demand per series, each day counted as often as it was forecast."""
    total = np.zeros(y.shape[1])
    for day in range(first, y.shape[0] - horizon + 1):
        seen = mask[day : day + horizon]
        total = total + np.where(seen, y[day : day + horizon], 0.0).sum(axis=0)
    return total
