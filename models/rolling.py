"""What was usual lately? The mean of the last 28 days with data: fallback and challenger.

At the grain of one item in one store it is as good as anything fitted, so every other model is
measured against it.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from replan.forecasting import BoolArray, FloatArray, LiveFit
from replan.models.history import RESIDUAL_DAYS, checked_history

WINDOW = 28


@dataclass(frozen=True, slots=True, kw_only=True)
class RollingMean:
    """Mean of the last `WINDOW` days with data; 0 before the first. Masked days are left out.

    State (30, N): rows 0…27 a ring of days, row 28 the place of the next one, row 29 how many are
    filled.
    """

    name: str = "mean28"
    version: str = "1"
    state_size: int = 30

    def fit(self, y: FloatArray, mask: BoolArray) -> LiveFit:
        """Fill the ring from the history; works from one day on. ValueError on a bad shape."""
        y, mask = checked_history(y, mask, min_days=1)
        days, n = y.shape
        state = np.zeros((self.state_size, n))
        errors = np.full((days, n), np.nan)
        for day in range(days):
            known = mask[day] & (state[WINDOW + 1] > 0.0)
            errors[day] = np.where(known, y[day] - self.mean(state, {}, 1)[0], np.nan)
            state = self.step(state, {}, y[day], mask[day])
        # A new day moves the mean by 1/28 of its error.
        growth = np.full(n, 1.0 / WINDOW)
        return LiveFit(state=state, params={}, growth=growth, residuals=errors[-RESIDUAL_DAYS:])

    def step(
        self, state: FloatArray, params: Mapping[str, FloatArray], y: FloatArray, mask: BoolArray
    ) -> FloatArray:
        """Write the day over the oldest one; a masked day changes nothing."""
        after = state.copy()
        rows = np.flatnonzero(mask)
        place = state[WINDOW, rows].astype(np.int64)
        after[place, rows] = y[rows]
        after[WINDOW, rows] = (place + 1) % WINDOW
        after[WINDOW + 1, rows] = np.minimum(state[WINDOW + 1, rows] + 1.0, WINDOW)
        return after

    def mean(self, state: FloatArray, params: Mapping[str, FloatArray], h: int) -> FloatArray:
        """The same mean for each of the next h days (h, N)."""
        # Row by row: numpy's own sum changes its order with the number of columns, and so the last
        # bit.
        total = np.zeros(state.shape[1])
        for row in range(WINDOW):
            total = total + state[row]
        return np.tile(total / np.maximum(state[WINDOW + 1], 1.0), (h, 1))

    def scaled(self, state: FloatArray, ratio: FloatArray) -> FloatArray:
        """The days of the ring times `ratio` (N,)."""
        result: FloatArray = state.copy()
        result[:WINDOW] *= ratio
        return result

    def batch_mean(self, y: FloatArray, later: FloatArray, h: int) -> FloatArray:
        """The mean of the last 28 days of `y` followed by `later`."""
        whole = np.concatenate([y, later])
        return np.tile(whole[-WINDOW:].mean(axis=0), (h, 1))
