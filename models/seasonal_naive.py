"""What was sold on the same weekday last week? The last resort: it works from one day on."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from replan.forecasting import BoolArray, FloatArray, LiveFit
from replan.models.history import RESIDUAL_DAYS, WEEK, checked_history


@dataclass(frozen=True, slots=True, kw_only=True)
class SeasonalNaive:
    """ŷ_t+h = the last seen day of the same weekday (Hyndman and Athanasopoulos 2021, section 5.2).

    State (7, N): row 0 the last day, …, row 6 the next weekday's. Rows rotate by one a day. A
    masked day keeps last week's value. Weekdays never seen hold the mean of the seen ones, 0 where
    nothing was seen.
    """

    name: str = "seasonal_naive"
    version: str = "1"
    state_size: int = WEEK

    def fit(self, y: FloatArray, mask: BoolArray) -> LiveFit:
        """Take the last seen day of each weekday. ValueError on a bad shape."""
        y, mask = checked_history(y, mask, min_days=1)
        days, n = y.shape
        state = np.zeros((WEEK, n))
        seen = np.zeros((WEEK, n), dtype=np.bool_)
        errors = np.full((days, n), np.nan)
        for day in range(days):
            known = mask[day] & seen[WEEK - 1]
            errors[day] = np.where(known, y[day] - state[WEEK - 1], np.nan)
            seen = np.concatenate([(mask[day] | seen[WEEK - 1])[None, :], seen[:-1]])
            state = self.step(state, {}, y[day], mask[day])
        total, count = np.zeros(n), np.zeros(n)
        for row in range(WEEK):
            total = total + np.where(seen[row], state[row], 0.0)
            count = count + np.where(seen[row], 1.0, 0.0)
        state = np.where(seen, state, total / np.maximum(count, 1.0))
        # One more error enters each week: variance σ²·(1 + (h-1)/7).
        growth = np.full(n, 1.0 / np.sqrt(float(WEEK)))
        return LiveFit(state=state, params={}, growth=growth, residuals=errors[-RESIDUAL_DAYS:])

    def step(
        self, state: FloatArray, params: Mapping[str, FloatArray], y: FloatArray, mask: BoolArray
    ) -> FloatArray:
        """The day becomes its weekday's value; a masked day keeps last week's."""
        after = state.copy()
        after[0] = np.where(mask, y, state[WEEK - 1])
        after[1:WEEK] = state[: WEEK - 1]
        return after

    def mean(self, state: FloatArray, params: Mapping[str, FloatArray], h: int) -> FloatArray:
        """The value of each day's weekday (h, N)."""
        out = np.empty((h, state.shape[1]))
        for day in range(h):
            out[day] = state[WEEK - 1 - day % WEEK]
        return out

    def scaled(self, state: FloatArray, ratio: FloatArray) -> FloatArray:
        """Each weekday times `ratio` (N,)."""
        result: FloatArray = state.copy()
        result[:WEEK] *= ratio
        return result

    def batch_mean(self, y: FloatArray, later: FloatArray, h: int) -> FloatArray:
        """The last week of `y` followed by `later`, repeated."""
        week = np.concatenate([y, later])[-WEEK:]
        return week[np.arange(h) % WEEK]
