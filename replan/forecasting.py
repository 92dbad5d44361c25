"""What do we expect to sell? Forecast quantiles by day, and the `Forecaster` port.

A forecaster has two halves. The batch half (`fit`) sees a whole history and returns compact
parameters and the last state for every series; a fit is slow, runs in a worker process, and is
recorded. The live half (`step`, `mean`) is plain arithmetic on columns for all series at once and
must equal the batch library's own result on the same data.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.int64]

LEVELS: tuple[float, ...] = (0.05, 0.10, 0.25, 0.50, 0.75, 0.90, 0.95)
"""The probability levels at which every forecast is stated."""


def published_band(nominal: float) -> tuple[float, float]:
    """The two levels of `LEVELS` that bound the widest published band of at most `nominal` (0.5 to
    1): 50, 80 or 90 %.
    """
    low = min(level for level in LEVELS if 1.0 - 2.0 * level <= nominal + 1e-9)
    return low, next(level for level in LEVELS if abs(level - (1.0 - low)) < 1e-9)


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveFit:
    """What a fit leaves behind for N series of one forecaster, in columns.

    `state` (S, N) float64: the state after the last fitted day, ready for `step`.
    `params` name → (N,) float64. `growth` (N,): the factor a of the h-step spread √(1 + (h-1)·a²).
    `residuals` (R, N): in-sample one-step errors of the last R days (NaN where there is none).
    """

    state: FloatArray
    params: Mapping[str, FloatArray]
    growth: FloatArray
    residuals: FloatArray


class Forecaster(Protocol):
    """A forecasting model, batch and live.

    `name` and `version` enter every decision record. All arrays are float64 in base units, days are
    consecutive calendar days, and `first_weekday` (0 = Monday) tells where the seasonal cycle
    stands.
    """

    @property
    def name(self) -> str: ...

    @property
    def version(self) -> str: ...

    def fit(self, y: FloatArray, mask: BoolArray) -> LiveFit:
        """Fit N series at once. `y` (T, N) ≥ 0 without NaN; `mask` (T, N) False where a day is
        censored.

        Days masked out must not count as demand. T ≥ 2 seasons. Raises ValueError on a bad shape.
        """
        ...

    def step(
        self, state: FloatArray, params: Mapping[str, FloatArray], y: FloatArray, mask: BoolArray
    ) -> FloatArray:
        """State (S, N) after one more closed day `y` (N,); rows with mask False advance without
        data.
        """
        ...

    def mean(self, state: FloatArray, params: Mapping[str, FloatArray], h: int) -> FloatArray:
        """Expected demand (h, N) of the next h days, ≥ 0."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class DriverDays:
    """What is at work on D days of N series: the product of stated factors `prior` (D, N), and
    `channels` (D, N) int64, one bit for each of `replan.drivers.CHANNELS`; 0 where nothing is.
    """

    prior: FloatArray
    channels: IntArray


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchFit:
    """What watching within the day and over sites rests on, learned over many series at once.

    `profile` (P, SLOTS): share of a day's sales by kind of weekday and local hour
    (`replan.intraday`); `profile_of` (N,) int64: which of them a series follows, -1 where its sales
    come as one total a day. `jump` (N,): units of a usual sale, Σq²/Σq. `size` (N,):
    negative-binomial size of a day's count of such sales. `limit` (N,): log E that makes a surge.
    Of each pool (`replan.pooling`) (G,): `pool_sigma`, the spread of its sum beside independent
    sites; `pool_size`, the negative-binomial size of its sum in base units; `pool_jump` and
    `pool_day_size` as of a series; `pool_up`, `pool_down`, `pool_limit` its alarm levels.
    """

    profile: FloatArray
    profile_of: IntArray
    jump: FloatArray
    size: FloatArray
    limit: FloatArray
    pool_sigma: FloatArray
    pool_size: FloatArray
    pool_day_size: FloatArray
    pool_jump: FloatArray
    pool_up: FloatArray
    pool_down: FloatArray
    pool_limit: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class PanelFit:
    """One recorded fit of all N series of a panel; applied at a tick, replayed from the record.

    `through`: day number of the last day seen. `models`: names, in the order that `choice` indexes;
    `choice` (N,) int64, -1 where nothing is known of a series yet; `young` (N,) int64, 1 where it
    is forecast but too young to take part. `state` (S, N) and `params`
    name → (N,) are padded with zeros where a model does not use them. `growth` (N,). `offsets` (K,
    N): band offsets at `LEVELS` in units of `scale` (N,). `sigma` (N,): one-step spread of the
    reference in base units. `size` (N,): negative-binomial size r of the reference (1e6 where
    demand is not over-dispersed). `threshold_up`, `threshold_down` (N,): alarm levels of the two
    monitors. `degraded` (N,) int64: 1 where a fallback serves because the model of the series'
    class could not be fitted.
    `persistent`, `shared`: shares of the error variance that the days of a series, and the sites of
    an item, have in common (`replan.dependence`).
    `lift_seen`, `lift_due`, `lift_mean` (C, N): what drivers did by channel (`replan.uplift`).
    `watch`: None where nothing is known of how days run and which series belong together.
    """

    through: int
    models: tuple[str, ...]
    versions: tuple[str, ...]
    choice: IntArray
    state: FloatArray
    params: Mapping[str, FloatArray]
    growth: FloatArray
    offsets: FloatArray
    scale: FloatArray
    sigma: FloatArray
    size: FloatArray
    threshold_up: FloatArray
    threshold_down: FloatArray
    degraded: IntArray
    young: IntArray
    lift_seen: FloatArray
    lift_due: FloatArray
    lift_mean: FloatArray
    persistent: float
    shared: float
    notes: tuple[str, ...]
    watch: WatchFit | None = None


class PanelFitter(Protocol):
    """Fits a whole panel; slow, so it runs in a worker process and its answer is recorded."""

    def fit_panel(self, request: "FitRequest") -> PanelFit:
        """Fit every series of the request; a series that no model can fit gets the fallback, with a
        note.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchHistory:
    """How days ran and what belongs together: `by_hour` (SLOTS, N) base units sold by kind of
    weekday and local hour, `squares` (N,) the sum of the squared units of each sale, `class_of` and
    `site_of` (N,) numbers of the item's class and of the site, `pools` the rows of each pool.
    """

    by_hour: FloatArray
    squares: FloatArray
    class_of: IntArray
    site_of: IntArray
    pools: tuple[IntArray, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FitRequest:
    """History up to and with day number `through`: `sold` (T, N) base units ≥ 0, `mask` (T, N)
    False where censored or before the series began; `young` (N,) True where a series has too few
    closed days.
    `item_of`, `category_of`, `site_of` (N,): the number of each series' item, its category, site.
    `drivers`: what was at work on each day (T, N); None: nothing ever.
    """

    asked_at: str
    through: int
    sold: FloatArray
    mask: BoolArray
    young: BoolArray
    item_of: IntArray
    category_of: IntArray
    site_of: IntArray
    drivers: DriverDays | None
    false_alarms_per_1000: float
    seed: int
    watch: WatchHistory | None = None


class ForecastRefused(ValueError):
    """A forecaster's answer broke the port's rules (shape, NaN, sign, order)."""


def checked_mean(mean: FloatArray, h: int, n: int) -> FloatArray:
    """The answer of a forecaster if it keeps the rules, else ForecastRefused."""
    if mean.shape != (h, n):
        raise ForecastRefused(f"forecast has shape {mean.shape}, must be {(h, n)}")
    if not np.isfinite(mean).all():
        raise ForecastRefused("forecast holds NaN or infinity")
    if (mean < 0).any():
        raise ForecastRefused("forecast is negative")
    return mean


def mean_of(quantiles: FloatArray) -> FloatArray:
    """Mean demand (…) of the quantile functions whose values at `LEVELS` are `quantiles` (K, …):
    linear between levels, zero at 0, the last step doubled at 1, as scenarios draw it.
    """
    tail = quantiles[-1:] + 2.0 * (quantiles[-1:] - quantiles[-2:-1])
    knots = np.concatenate((np.zeros_like(tail), quantiles, tail))
    steps = np.diff(np.array((0.0, *LEVELS, 1.0))).reshape(-1, *(1,) * (quantiles.ndim - 1))
    result: FloatArray = (steps * (knots[1:] + knots[:-1]) / 2.0).sum(axis=0)
    return result


def combined(quantiles: FloatArray, mean: FloatArray) -> FloatArray:
    """Quantiles (K, …) whose level lies halfway between their own and the model's `mean` (…).

    The bands follow the newest days quickly, so that they hold after a shift; summed over a
    fortnight that haste overstates what follows a high day. The model's mean errs the other way.
    Equal weights, as in Bates and Granger (1969), "The combination of forecasts"; the shape stays.
    """
    own = mean_of(quantiles)
    factor = np.where(own > 0.0, (own + mean) / np.where(own > 0.0, 2.0 * own, 1.0), 1.0)
    result: FloatArray = quantiles * np.clip(factor, 0.5, 2.0)
    return result
