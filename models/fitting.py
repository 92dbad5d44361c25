"""How does a whole panel get its models? Classify, fit, fall back, calibrate.

Series are classified by their average demand interval (Syntetos and Boylan 2005, "On the
categorization of demand patterns"): at least 1.32 days between days with demand means intermittent.
What cannot be fitted, or loses to the 28-day mean on its own history, gets the 28-day mean. Runs in
a worker process; one thread, float64, the same request gives the same bits.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from replan import bands, deviation
from replan.dependence import persistent_share, shared_share
from replan.forecasting import (
    LEVELS,
    BoolArray,
    FitRequest,
    FloatArray,
    IntArray,
    LiveFit,
    PanelFit,
)
from replan.models.cold_start import Borrowed, borrowed
from replan.models.history import RESIDUAL_DAYS, WEEK, required_statsforecast
from replan.models.registry import BUILT_IN
from replan.models.uplift_history import Past, without_drivers
from replan.models.watching import FitErrors, watch_fit

INTERMITTENT_FROM = 1.32
COMPARED_DAYS = 56
"""Days on which a model must keep up with the 28-day mean."""

CLEARLY_WORSE = 1.02
"""Ratio of squared errors from which the 28-day mean replaces a model; less is noise."""

FROZEN_DAYS = 28
"""Longest time that a reference stays frozen when thresholds are calibrated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StatsforecastFitter:
    """Fits a panel with the built-in models; a seasonal fit uses the newest `ets_days` days."""

    ets_days: int = 28 * WEEK

    def fit_panel(self, request: FitRequest) -> PanelFit:
        """Every series of the request that is not young gets a model, offsets and thresholds.

        Raises ValueError when the request's shapes do not fit together.
        """
        _check(request)
        sold = np.ascontiguousarray(request.sold, dtype=np.float64)
        past = without_drivers(sold, request.mask, request.drivers, request.category_of)
        sold = past.base_sold
        work = _Fitting(sold, request.mask, self.ets_days)
        work.fit_chosen(classes(sold, request.mask, request.young, days=self.ets_days))
        work.challenge()
        work.lend(borrowed(sold, request))
        return work.finished(request, past)


def classes(y: FloatArray, mask: BoolArray, young: BoolArray, *, days: int) -> list[str | None]:
    """The model each column should get, by the newest `days`; None where it is young."""
    y, mask = y[-days:], mask[-days:]
    seen = mask.sum(axis=0)
    with_demand = (mask & (y > 0.0)).sum(axis=0)
    wanted: list[str | None] = []
    for i in range(y.shape[1]):
        column = y[mask[:, i], i]
        if young[i]:
            wanted.append(None)
        elif seen[i] < 2 * WEEK or (column == column[0]).all():
            wanted.append("mean28")
        elif seen[i] >= INTERMITTENT_FROM * with_demand[i]:
            wanted.append("tsb")
        else:
            wanted.append("ets_ana")
    return wanted


class _Fitting:
    """The growing answer to one request."""

    def __init__(self, y: FloatArray, mask: BoolArray, ets_days: int) -> None:
        self.y, self.mask, self.ets_days = y, mask, ets_days
        self.names = tuple(sorted(BUILT_IN))
        self.models = {name: BUILT_IN[name]() for name in self.names}
        n = y.shape[1]
        self.choice: IntArray = np.full(n, -1, dtype=np.int64)
        self.state: FloatArray = np.zeros((max(m.state_size for m in self.models.values()), n))
        self.params: dict[str, FloatArray] = {}
        self.growth: FloatArray = np.zeros(n)
        self.residuals: FloatArray = np.full((min(y.shape[0], RESIDUAL_DAYS), n), np.nan)
        self.degraded: IntArray = np.zeros(n, dtype=np.int64)
        self.least_scale: FloatArray = np.zeros(n)
        self.notes: list[str] = [f"statsforecast {required_statsforecast()}"]

    def fit_chosen(self, wanted: Sequence[str | None]) -> None:
        todo = {name: [i for i, w in enumerate(wanted) if w == name] for name in self.names}
        self.degraded[todo["mean28"] + todo["seasonal_naive"]] = 1
        # Each step hands what it could not fit to the next one; the last works from one day on.
        for name, fallback in (
            ("ets_ana", "mean28"),
            ("tsb", "mean28"),
            ("mean28", "seasonal_naive"),
        ):
            failed = self._fit(name, todo[name])
            if failed:
                self.degraded[failed] = 1
                self.notes.append(
                    f"{name} could not be fitted, {fallback} used: series {_some(failed)}"
                )
                todo[fallback] = sorted(todo[fallback] + failed)
        still = self._fit("seasonal_naive", todo["seasonal_naive"])
        if still:
            raise ValueError(f"no model could be fitted: series {_some(still)}")

    def challenge(self) -> None:
        """Give the 28-day mean to every series on whose recent days it was clearly better."""
        rolling = self.names.index("mean28")
        held = [i for i in range(len(self.choice)) if self.choice[i] not in (-1, rolling)]
        if not held:
            return
        fit = self.models["mean28"].fit(self.y[:, held], self.mask[:, held])
        ours = self.residuals[-COMPARED_DAYS:, held]
        theirs = fit.residuals[-COMPARED_DAYS:]
        both = np.isfinite(ours) & np.isfinite(theirs)
        our_loss = np.where(both, ours * ours, 0.0).sum(axis=0)
        their_loss = np.where(both, theirs * theirs, 0.0).sum(axis=0)
        beaten = np.flatnonzero(our_loss > CLEARLY_WORSE * their_loss)
        if beaten.size:
            columns = [held[int(i)] for i in beaten]
            self._keep("mean28", columns, _columns_of(fit, beaten))
            self.notes.append(
                f"beaten by mean28 over {COMPARED_DAYS} days: series {_some(columns)}"
            )

    def lend(self, found: Borrowed | None) -> None:
        """Give the level of their like to the series that have hardly sold yet."""
        if found is None:
            return
        columns = found.rows.tolist()
        self._keep("mean28", columns, found.fit)
        self.degraded[columns] = 1
        self.least_scale[columns] = found.scale
        self.notes.append(f"level borrowed from their like: series {_some(columns)}")

    def finished(self, request: FitRequest, past: Past) -> PanelFit:
        tail = self.residuals.shape[0]
        newest = self.y[-tail:]
        mean = np.maximum(newest - np.where(np.isfinite(self.residuals), self.residuals, 0.0), 0.0)
        offsets, scale = bands.after_history(self.residuals, newest)
        scale = np.maximum(scale, self.least_scale)
        known = np.isfinite(self.residuals)
        squares = np.where(known, self.residuals * self.residuals, 0.0).sum(axis=0)
        count = np.maximum(known.sum(axis=0), 1)
        level = np.where(known, mean, 0.0).sum(axis=0) / count
        # A series that never sold, or never varied, must not call its first odd unit a hundred
        # deviations.
        sigma = np.maximum(np.sqrt(squares / count), np.maximum(0.25 * np.sqrt(level), 0.2))
        size = deviation.reference_size(mean, self.residuals)
        up, down = self._thresholds(request, newest, level, sigma, size)
        watch = None
        if request.watch is not None:
            made = FitErrors(
                errors=self.residuals,
                y=newest,
                sigma=sigma,
                level=level,
                growth=self.growth,
                choice=np.where(request.young, -1, self.choice),
                rate=request.false_alarms_per_1000 / deviation.TESTS,
                block=min(FROZEN_DAYS, newest.shape[0]),
                seed=request.seed,
            )
            watch, notes = watch_fit(request.watch, made, request.sold)
            self.notes.extend(notes)
        idle = self.choice < 0
        blank = np.zeros(len(self.choice))
        return PanelFit(
            through=request.through,
            models=self.names,
            versions=tuple(self.models[name].version for name in self.names),
            choice=self.choice,
            state=self.state,
            params=dict(sorted(self.params.items())),
            growth=self.growth,
            offsets=np.where(idle, np.zeros((len(LEVELS), 1)), offsets),
            scale=np.where(idle, blank + 1.0, scale),
            sigma=np.where(idle, blank + 1.0, sigma),
            size=np.where(idle, blank + deviation.POISSON_SIZE, size),
            threshold_up=up,
            threshold_down=down,
            degraded=self.degraded,
            young=request.young.astype(np.int64),
            lift_seen=past.seen,
            lift_due=past.due,
            lift_mean=past.mean,
            persistent=persistent_share(self.residuals, sigma),
            shared=shared_share(self.residuals, sigma, request.item_of),
            notes=tuple(self.notes),
            watch=watch,
        )

    def _thresholds(
        self,
        request: FitRequest,
        newest: FloatArray,
        level: FloatArray,
        sigma: FloatArray,
        size: FloatArray,
    ) -> tuple[FloatArray, FloatArray]:
        """Both alarm levels (N,), the allowed false alarms shared evenly by all tests."""
        rate = request.false_alarms_per_1000 / deviation.TESTS
        floor_up, floor_down = deviation.textbook_thresholds(rate)
        up, down = np.full(len(level), floor_up), np.full(len(level), floor_down)
        block = min(FROZEN_DAYS, newest.shape[0])
        groups: dict[tuple[int, int], list[int]] = {}
        for i in np.flatnonzero(self.choice >= 0):
            # Skewness is what separates counts of one a day from counts of ten.
            band = int(level[i] >= 0.5) + int(level[i] >= 3.0)
            groups.setdefault((int(self.choice[i]), band), []).append(int(i))
        for (model, band), members in sorted(groups.items()):
            rng = np.random.Generator(
                np.random.Philox(key=np.array([request.seed, 10 * model + band], dtype=np.uint64))
            )
            errors = deviation.frozen_errors(
                self.residuals[:, members], self.growth[members], block
            )
            actual = deviation.frozen_errors(newest[:, members], np.zeros(len(members)), block)
            times = errors.shape[1] // len(members)
            mean = np.maximum(actual - errors, 0.0)
            known = np.isfinite(errors).any(axis=0)
            if not known.any():
                continue
            rises = deviation.up_increment(actual, actual - errors, np.tile(sigma[members], times))
            falls = deviation.down_increment(actual, mean, np.tile(size[members], times))
            few = int(known.sum()) < deviation.FEW_STRETCHES
            high = deviation.calibrate(rises, rate, rng)
            low = deviation.calibrate(falls, rate, rng)
            up[members] = max(high, floor_up) if few else high
            down[members] = max(low, floor_down) if few else low
            self.notes.append(
                f"thresholds {self.names[model]}/{band}: {len(members)} series, "
                f"up {up[members[0]]}, down {down[members[0]]}, "
                f"{'textbook floor' if few else 'calibrated'}"
            )
        return up, down

    def _fit(self, name: str, columns: list[int]) -> list[int]:
        """Fit these columns with one model; the columns that failed."""
        if not columns:
            return []
        days = self.ets_days if name == "ets_ana" else self.y.shape[0]
        y, mask, model = self.y[-days:], self.mask[-days:], self.models[name]
        try:
            self._keep(name, columns, model.fit(y[:, columns], mask[:, columns]))
            return []
        except ValueError:
            if len(columns) == 1:
                return columns
        # One bad column spoils its block only: halve until it stands alone.
        half = len(columns) // 2
        return self._fit(name, columns[:half]) + self._fit(name, columns[half:])

    def _keep(self, name: str, columns: list[int], fit: LiveFit) -> None:
        """Write a fit over whatever these columns held before."""
        self.choice[columns] = self.names.index(name)
        self.state[:, columns] = 0.0
        self.state[: fit.state.shape[0], columns] = fit.state
        for values in self.params.values():
            values[columns] = 0.0
        for param in sorted(fit.params):
            self.params.setdefault(param, np.zeros(len(self.choice)))[columns] = fit.params[param]
        self.growth[columns] = fit.growth
        rows = min(self.residuals.shape[0], fit.residuals.shape[0])
        self.residuals[:, columns] = np.nan
        self.residuals[self.residuals.shape[0] - rows :, columns] = fit.residuals[-rows:]


def _check(request: FitRequest) -> None:
    if request.sold.ndim != 2 or request.sold.shape != request.mask.shape:
        raise ValueError(
            f"fit request: sold has shape {request.sold.shape}, mask {request.mask.shape}; "
            "both must be (T, N)"
        )
    if request.young.shape != request.sold.shape[1:]:
        raise ValueError(
            f"fit request: young has shape {request.young.shape}, must be {request.sold.shape[1:]}"
        )
    if request.sold.shape[0] == 0:
        raise ValueError("fit request: history has 0 days, must have at least 1")


def _columns_of(fit: LiveFit, rows: IntArray) -> LiveFit:
    return LiveFit(
        state=fit.state[:, rows],
        params={name: values[rows] for name, values in fit.params.items()},
        growth=fit.growth[rows],
        residuals=fit.residuals[:, rows],
    )


def _some(columns: Sequence[int]) -> str:
    """The first few column numbers; a note must stay readable."""
    shown = ", ".join(str(c) for c in columns[:5])
    return shown if len(columns) <= 5 else f"{shown} and {len(columns) - 5} more"
