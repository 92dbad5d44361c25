"""How does a whole panel get its models? Classify, fit, fall back, calibrate.

Series are classified by their average demand interval (Syntetos and Boylan 2005, "On the
categorization of demand patterns"): at least 1.32 days between days with demand means intermittent.
What cannot be fitted gets the 28-day mean; what loses to it or to TSB on its own history changes
over, and so does what a plug-in named in the settings forecasts better on unseen days. Runs in
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
    Forecaster,
    IntArray,
    LiveFit,
    PanelFit,
    checked_mean,
)
from replan.models.cold_start import Borrowed, borrowed
from replan.models.history import RESIDUAL_DAYS, WEEK, required_statsforecast
from replan.models.registry import BUILT_IN, forecaster
from replan.models.uplift_history import Past, without_drivers
from replan.models.watching import FitErrors, watch_fit

INTERMITTENT_FROM = 1.32
COMPARED_DAYS = 56
"""Days on which a model must keep up with the 28-day mean and with TSB."""

HELD_OUT_DAYS = 28
"""Days that a plug-in must forecast unseen."""

CLEARLY_WORSE = 1.02
"""Ratio of squared errors from which another model takes over; less is noise."""

FROZEN_DAYS = 28
"""Longest time that a reference stays frozen when thresholds are calibrated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StatsforecastFitter:
    """Fits a panel with the built-in models; a seasonal fit uses the newest `ets_days` days."""

    ets_days: int = 28 * WEEK
    candidates: tuple[str, ...] = ()
    """Plug-in forecasters that may serve a series, by name; they must be installed."""

    def fit_panel(self, request: FitRequest) -> PanelFit:
        """Every series of the request that is not young gets a model, offsets and thresholds.

        Raises ValueError when the request's shapes do not fit together.
        """
        _check(request)
        sold = np.ascontiguousarray(request.sold, dtype=np.float64)
        past = without_drivers(sold, request.mask, request.drivers, request.category_of)
        sold = past.base_sold
        work = _Fitting(sold, request.mask, self.ets_days, self.candidates)
        work.fit_chosen(classes(sold, request.mask, request.young, days=self.ets_days))
        work.challenge()
        work.invite(self.candidates)
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

    def __init__(
        self, y: FloatArray, mask: BoolArray, ets_days: int, candidates: Sequence[str]
    ) -> None:
        self.y, self.mask, self.ets_days = y, mask, ets_days
        self.names = tuple(sorted({*BUILT_IN, *candidates}))
        self.models: dict[str, Forecaster] = {name: forecaster(name) for name in self.names}
        n = y.shape[1]
        self.choice: IntArray = np.full(n, -1, dtype=np.int64)
        largest = max(made().state_size for made in BUILT_IN.values())
        self.state: FloatArray = np.zeros((largest, n))
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
        """Give a series to the 28-day mean or to TSB where that was clearly better on its recent
        days. Neither has a parameter fitted to those days, so nothing was seen beforehand.
        """
        for name in ("mean28", "tsb"):
            rival = self.names.index(name)
            held = [i for i in range(len(self.choice)) if self.choice[i] not in (-1, rival)]
            if not held:
                continue
            try:
                fit = self.models[name].fit(self.y[:, held], self.mask[:, held])
            except ValueError:
                # Too short a history for it: then it is no rival either.
                continue
            better = self._beaten(held, fit.residuals[-COMPARED_DAYS:])
            if better.size:
                columns = [held[int(i)] for i in better]
                self._keep(name, columns, _columns_of(fit, better))
                self.notes.append(
                    f"{name} was better over {COMPARED_DAYS} days: series {_some(columns)}"
                )

    def invite(self, candidates: Sequence[str]) -> None:
        """Give a series to a plug-in that was clearly better on days that it had not seen: it is
        fitted without the newest `HELD_OUT_DAYS`, then steps through them.
        """
        for name in candidates:
            held = [i for i in range(len(self.choice)) if self.choice[i] >= 0]
            if not held or self.y.shape[0] <= HELD_OUT_DAYS + 2 * WEEK:
                continue
            y, mask = self.y[:, held], self.mask[:, held]
            try:
                better = self._beaten(held, _unseen_errors(self.models[name], y, mask))
                if not better.size:
                    continue
                columns = [held[int(i)] for i in better]
                self._keep(name, columns, self.models[name].fit(y[:, better], mask[:, better]))
            except ValueError as error:
                self.notes.append(f"{name} was left out: {error}")
                continue
            self.degraded[columns] = 0
            self.notes.append(
                f"{name} was better over {HELD_OUT_DAYS} unseen days: series {_some(columns)}"
            )

    def _beaten(self, held: list[int], theirs: FloatArray) -> IntArray:
        """Which of `held` their present model serves clearly worse than these errors (D, n)."""
        ours = self.residuals[-theirs.shape[0] :, held]
        theirs = theirs[-ours.shape[0] :]
        both = np.isfinite(ours) & np.isfinite(theirs)
        our_loss = np.where(both, ours * ours, 0.0).sum(axis=0)
        their_loss = np.where(both, theirs * theirs, 0.0).sum(axis=0)
        return np.flatnonzero(our_loss > CLEARLY_WORSE * their_loss)

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
        more = fit.state.shape[0] - self.state.shape[0]
        if more > 0:
            self.state = np.vstack((self.state, np.zeros((more, len(self.choice)))))
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


def _unseen_errors(model: Forecaster, y: FloatArray, mask: BoolArray) -> FloatArray:
    """One-step errors (HELD_OUT_DAYS, n) on the newest days, NaN where masked, of a model fitted
    before them; ValueError where an answer breaks the rules of the port.
    """
    fit = model.fit(y[:-HELD_OUT_DAYS], mask[:-HELD_OUT_DAYS])
    state, errors = fit.state, []
    for day in range(y.shape[0] - HELD_OUT_DAYS, y.shape[0]):
        mean = checked_mean(model.mean(state, fit.params, 1), 1, y.shape[1])[0]
        errors.append(np.where(mask[day], y[day] - mean, np.nan))
        state = model.step(state, fit.params, y[day], mask[day])
    return np.stack(errors)


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
