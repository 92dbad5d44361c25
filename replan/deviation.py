"""Did demand leave its band, and is it drift rather than a spike? Two sequential tests.

Each closed day is compared with a *reference* that stays frozen since the last fit or the last
alarm, because a model that keeps learning forgets half a shift within a week. Two cumulative sums
(Page 1954, "Continuous inspection schemes"):

    up    S⁺' = max(0, S⁺ + z - k)              z = (y - μ)/σ, k = 0.5
    down  S⁻' = max(0, S⁻ + log(f(y; ρμ, r)/f(y; μ, r)))    f negative binomial, ρ = 0.5

The upward test counts in standard deviations, which keeps it short on any law; the downward test
needs the likelihood, because a fall is bounded by zero and a z-score of low counts never gets
large. With L = log((r+μ)/(r+ρμ)) the likelihood ratio of the negative binomial with mean μ and size
r is y·(log ρ + L) + r·L.

The frozen reference of a live model is its own state stepped with every row masked: `step(state,
params, y, none)`.
"""

from dataclasses import dataclass

import numpy as np

from replan.forecasting import BoolArray, FloatArray

K_UP = 0.5
RHO_DOWN = 0.5
_LOG_RHO = -0.693147181
"""log ρ, rounded as every logarithm here is, to 1e-9: libraries differ in the last bits."""

TESTS = 6
"""The allowed false alarms are shared evenly: up, down and within the day, alone and in a pool.
They are counted by series-days, so a pool may ring as often as the series for which it speaks
(`replan.pooling.shares`)."""

FEW_STRETCHES = 40
"""With fewer stretches of history a threshold is a guess: the textbook's is its floor."""

POISSON_SIZE = 1e6
"""The negative-binomial size that stands for no over-dispersion."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Monitor:
    """State of both tests, one column per series. `up`, `down` (N,) float64 ≥ 0."""

    up: FloatArray
    down: FloatArray


def quiet(n: int) -> Monitor:
    """The state of N series that have seen nothing."""
    return Monitor(up=np.zeros(n), down=np.zeros(n))


def up_increment(y: FloatArray, mean: FloatArray, sigma: FloatArray) -> FloatArray:
    """What a day adds to the upward test; any shape."""
    result: FloatArray = (y - mean) / sigma - K_UP
    return result


def down_increment(y: FloatArray, mean: FloatArray, size: FloatArray) -> FloatArray:
    """What a day adds to the downward test; any shape. Logarithms are rounded to 1e-9."""
    log_ratio = np.log1p((1.0 - RHO_DOWN) * mean / (size + RHO_DOWN * mean))
    per_unit = np.round(log_ratio, 9) + _LOG_RHO
    # Rounded as a product: with the size of a Poisson law the factor alone would lose its digits.
    per_day = np.round(size * log_ratio, 9)
    result: FloatArray = y * per_unit + per_day
    return result


def observe(
    up: FloatArray,
    down: FloatArray,
    y: FloatArray,
    ref_mean: FloatArray,
    sigma: FloatArray,
    size: FloatArray,
    mask: BoolArray,
) -> tuple[FloatArray, FloatArray]:
    """Both sums (N,) after one closed day. Masked rows stay: censored is not low demand."""
    seen = np.where(mask, y, ref_mean)
    rise = np.maximum(up + up_increment(seen, ref_mean, sigma), 0.0)
    fall = np.maximum(down + down_increment(seen, ref_mean, size), 0.0)
    return np.where(mask, rise, up), np.where(mask, fall, down)


def alarms(
    up: FloatArray, down: FloatArray, threshold_up: FloatArray, threshold_down: FloatArray
) -> tuple[BoolArray, BoolArray]:
    """Which series are above their threshold, (N,) upward and (N,) downward."""
    return up > threshold_up, down > threshold_down


def reset(up: FloatArray, down: FloatArray, rows: BoolArray) -> tuple[FloatArray, FloatArray]:
    """Both sums with `rows` (N,) set back to zero, as after an alarm."""
    return np.where(rows, 0.0, up), np.where(rows, 0.0, down)


def reference_size(mean: FloatArray, residuals: FloatArray) -> FloatArray:
    """Negative-binomial size r (N,) by moments, Var = μ + μ²/r.

    From means and errors (R, N), NaN left out. Errors no larger than Poisson's give `POISSON_SIZE`.
    """
    known = np.isfinite(residuals)
    count = np.maximum(known.sum(axis=0), 1)
    level = np.where(known, np.maximum(mean, 0.0), 0.0)
    squares = np.where(known, residuals * residuals, 0.0).sum(axis=0) / count
    excess = squares - level.sum(axis=0) / count
    of_mean = (level * level).sum(axis=0) / count
    over = excess > 1e-9
    ratio = of_mean / np.where(over, excess, 1.0)
    return np.where(over & (of_mean > 0.0), np.clip(ratio, 0.02, POISSON_SIZE), POISSON_SIZE)


def frozen_errors(residuals: FloatArray, growth: FloatArray, block: int) -> FloatArray:
    """Errors (block, M) of a reference frozen at the start of each block, from errors (R, N).

    Until the next fit the reference misses what the live model learns: after h days its error is
    e_h + a·(e_1 + … + e_h-1) with the growth a (exact for exponential smoothing). M = N · ⌊R/block⌋
    blocks, latest days, block by block, NaN where an error is missing.
    """
    blocks = residuals.shape[0] // block
    tail = residuals[residuals.shape[0] - blocks * block :]
    cut = tail.reshape(blocks, block, residuals.shape[1])
    learned = np.cumsum(np.where(np.isfinite(cut), cut, 0.0), axis=1)
    before = np.concatenate([np.zeros_like(learned[:, :1]), learned[:, :-1]], axis=1)
    frozen = cut + growth * before
    return np.ascontiguousarray(frozen.transpose(1, 0, 2).reshape(block, -1))


def textbook_thresholds(false_alarms_per_1000: float) -> tuple[float, float]:
    """Thresholds (up, down) without any history, at this rate for each test.

    Up: Siegmund (1985) for a normal z, T = (e^(2kb) - 2kb - 1)/(2k²) with b = h + 1.166. Down: the
    logarithm of T, as the likelihood ratio of any law passes h with probability at most e⁻ʰ on each
    renewal (Lorden 1971).
    """
    target = 1000.0 / false_alarms_per_1000
    low, high = 0.0, 50.0
    for _ in range(60):
        b = (low + high) / 2.0
        reached = (np.exp(2 * K_UP * b) - 2 * K_UP * b - 1.0) / (2 * K_UP * K_UP)
        low, high = (b, high) if reached < target else (low, b)
    return round(max(low - 1.166, 1.0), 6), round(max(float(np.log(target)), 1.0), 6)


def calibrate(
    increments: FloatArray,
    false_alarms_per_1000: float,
    rng: np.random.Generator,
    *,
    paths: int = 400,
) -> float:
    """The threshold at which one test raises this many false alarms per 1,000 series-days.

    `increments` (D, M): what each day of M stretches of D days without deviation added to the test,
    NaN where a day is missing. Stretches drawn with replacement are joined to paths as long as the
    mean time between false alarms T = 1000/rate. Times to a false alarm are close to exponential,
    so with probability e⁻¹ no alarm falls into T: the threshold is the e⁻¹ quantile of the highest
    sum of a path. Whole stretches are drawn because days of one series resemble one another.
    Deterministic given `rng`.
    """
    if false_alarms_per_1000 <= 0.0:
        raise ValueError(f"false alarms per 1,000 is {false_alarms_per_1000}, must be above 0")
    usable = increments[:, np.isfinite(increments).any(axis=0)]
    if usable.shape[1] == 0:
        raise ValueError("no day without deviation to calibrate on")
    added = np.where(np.isfinite(usable), usable, 0.0)
    block = added.shape[0]
    days = int(np.ceil(1000.0 / false_alarms_per_1000))
    total, highest = np.zeros(paths), np.zeros(paths)
    for _ in range(-(-days // block)):
        drawn = added[:, rng.integers(0, added.shape[1], size=paths)]
        for day in range(block):
            total = np.maximum(total + drawn[day], 0.0)
            highest = np.maximum(highest, total)
    level = float(np.quantile(highest, np.exp(-1.0), method="higher"))
    return max(round(level, 6), 1.0)
