"""How wide is the band around a forecast? Quantiles that calibrate themselves day by day.

Each level τ of `LEVELS` has an offset q in units of the day's spread. After a closed day with
standardised error r the offset moves along the pinball gradient (Gibbs and Candès 2021, "Adaptive
conformal inference under distribution shift"; the quantile tracker of Angelopoulos, Candès and
Tibshirani 2023, "Conformal PID control"):

    u = scale·√max(mean, floor)         r = (y - mean)/u
    q' = q + η·(τ - 1{r ≤ q})           scale' = scale·(1 + λ·(min(|r|, 4) - 1))

Over any sequence of days the share of days at or below q comes to τ, whatever the demand does:
nothing about its law is assumed. The scale follows the mean absolute error, so that steps grow when
errors grow, and after a shift the band opens within days. The root of the mean is the spread of
counts: a busy weekday gets a wider band than a quiet one. On the h-th day ahead the spread is u·√(1
+ (h-1)·a²), with the forecaster's growth a.

Counts have ties: where zero demand is likelier than τ the lower bound is 0, nothing can lie below
it, and the band covers more than its nominal share. Updates use + - * / √ element by element only,
so any subset of rows, in any order, gives the same bits.
"""

import numpy as np

from replan.forecasting import LEVELS, BoolArray, FloatArray

ETA = 0.2
"""Step of the offsets in units of spread: a doubled level is covered again within two weeks."""

LAMBDA = 0.1
"""Weight of the newest absolute error in the scale."""

WIDEST = 4.0
"""Largest standardised error that a scale learns from: one odd day must not open it for weeks."""

MEAN_FLOOR = 0.01
"""Base units a day below which the spread shrinks no further, so a quiet series keeps a band."""

SCALE_FLOOR = 0.02
"""Smallest scale: a history without any error would otherwise have a band of width 0 for ever."""

_TAU = np.array(LEVELS)[:, None]
# Standard normal quantiles at LEVELS in units of the mean absolute error √(2/π)·σ.
_NORMAL = np.array([-2.0615, -1.6062, -0.8454, 0.0, 0.8454, 1.6062, 2.0615])[:, None]


def spread(mean: FloatArray) -> FloatArray:
    """√max(mean, floor), any shape: what the spread of a day with this mean is proportional to."""
    result: FloatArray = np.sqrt(np.maximum(mean, MEAN_FLOOR))
    return result


def start_scale(residuals: FloatArray) -> FloatArray:
    """First scale (N,): the mean absolute of `residuals` as in `start`; 1 where there are none."""
    known = np.isfinite(residuals)
    count = known.sum(axis=0)
    level = np.where(known, np.abs(residuals), 0.0).sum(axis=0) / np.maximum(count, 1)
    return np.where(count > 0, np.maximum(level, SCALE_FLOOR), 1.0)


def start(residuals: FloatArray, scale: FloatArray) -> FloatArray:
    """First offsets (K, N): conformal quantiles of past errors.

    `residuals` (R, N): past one-step errors, each divided by the `spread` of its day's mean, NaN
    where there is none; `scale` (N,) in the same unit. The rank is τ·(R+1), as in split conformal
    prediction (Vovk, Gammerman and Shafer 2005). A series with fewer than 10 errors starts from the
    normal law.
    """
    offsets = np.empty((len(LEVELS), residuals.shape[1]))
    for i in range(residuals.shape[1]):
        column = residuals[:, i]
        column = column[np.isfinite(column)] / scale[i]
        if column.size < 10:
            offsets[:, i] = _NORMAL[:, 0]
        else:
            offsets[:, i] = np.quantile(column, LEVELS, method="weibull")
    return offsets


def after_history(residuals: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Offsets (K, N) and scale (N,) as a fit hands them over.

    `residuals` (R, N): in-sample one-step errors in base units, NaN where there is none; `y`
    (R, N): demand of the same days. The start is calibrated on all errors and then replayed through
    them: a start alone is too narrow, 87 % instead of 90 % in simulation with a weekly refit.
    """
    known = np.isfinite(residuals)
    mean: FloatArray = np.maximum(y - np.where(known, residuals, 0.0), 0.0)
    standard = residuals / spread(mean)
    scale = start_scale(standard)
    offsets = start(standard, scale)
    for day in range(y.shape[0]):
        offsets, scale = update(offsets, scale, y[day], mean[day], known[day])
    return offsets, scale


def update(
    offsets: FloatArray, scale: FloatArray, y: FloatArray, mean: FloatArray, mask: BoolArray
) -> tuple[FloatArray, FloatArray]:
    """Offsets (K, N) and scale (N,) after one closed day.

    `y` (N,): demand; `mean` (N,): what the live model expected of that day the evening before; rows
    with `mask` False stay as they are.
    """
    seen = np.where(mask, y, mean)
    error = (seen - mean) / (scale * spread(mean))
    below = np.where(error <= offsets, 1.0, 0.0)
    moved = offsets + ETA * (_TAU - below)
    size = np.minimum(np.abs(error), WIDEST)
    grown = np.maximum(scale * (1.0 + LAMBDA * (size - 1.0)), SCALE_FLOOR)
    return np.where(mask, moved, offsets), np.where(mask, grown, scale)


def quantiles(
    offsets: FloatArray, scale: FloatArray, mean: FloatArray, growth: FloatArray
) -> FloatArray:
    """Demand quantiles (K, H, N) at `LEVELS` for `mean` (H, N): ≥ 0, in order, to 1e-6 units."""
    days = np.arange(mean.shape[0], dtype=np.float64)[:, None]
    width = scale * spread(mean) * np.sqrt(1.0 + days * (growth * growth))
    # Offsets of neighbouring levels may cross for a day; sorted they are no worse (Chernozhukov et
    # al. 2010).
    ordered: FloatArray = np.sort(offsets, axis=0)
    bounds = mean[None, :, :] + ordered[:, None, :] * width[None, :, :]
    cut: FloatArray = np.maximum(bounds, 0.0)
    return np.round(cut, 6)
