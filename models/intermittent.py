"""What does demand that comes now and then forecast? TSB, live in O(1).

Teunter, Syntetos and Babai (2011), "Intermittent demand: Linking forecasting to inventory
obsolescence", European Journal of Operational Research 214(3): the size z is smoothed on days with
demand, the probability p every day, so the forecast fades when demand stops.

    p' = α_p·d + (1 - α_p)·p        d = 1 on a day with demand, else 0
    z' = α_d·y + (1 - α_d)·z        only on a day with demand
    ŷ  = p·z on every future day

Both start at their first observation. statsforecast keeps no state for TSB, so a fit rebuilds it
from the history once and then compares its forecast with the library's own; they must be equal.
Masked days are left out, as if the calendar had no such day.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from replan.errors import BrokenPromise
from replan.forecasting import BoolArray, FloatArray, LiveFit
from replan.models.history import (
    RESIDUAL_DAYS,
    WEEK,
    checked_history,
    required_statsforecast,
)

ALPHA_SIZE, ALPHA_PROBABILITY = 0.1, 0.1
"""Fixed: sizes and gaps of one sparse series say too little to optimise two constants on."""

PARITY = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Tsb:
    """TSB with fixed smoothing.

    State (3, N): size z (0 before the first demand), probability p, 1 once a day was seen.
    """

    name: str = "tsb"
    version: str = "1"
    state_size: int = 3

    def fit(self, y: FloatArray, mask: BoolArray) -> LiveFit:
        """Run the recursion over the history.

        Raises ValueError on a bad shape, BrokenPromise where statsforecast forecasts otherwise.
        """
        y, mask = checked_history(y, mask, min_days=2 * WEEK)
        required_statsforecast()
        days, n = y.shape
        params = {
            "alpha_d": np.full(n, ALPHA_SIZE),
            "alpha_p": np.full(n, ALPHA_PROBABILITY),
        }
        state = np.zeros((self.state_size, n))
        errors = np.full((days, n), np.nan)
        for day in range(days):
            known = mask[day] & (state[2] > 0.0)
            errors[day] = np.where(known, y[day] - state[0] * state[1], np.nan)
            state = self.step(state, params, y[day], mask[day])
        self._compare(y, mask, state)
        # After a day the forecast moves by about α_p times the error, so α_p is the growth of the
        # spread.
        return LiveFit(
            state=state,
            params=params,
            growth=params["alpha_p"].copy(),
            residuals=errors[-RESIDUAL_DAYS:],
        )

    def step(
        self, state: FloatArray, params: Mapping[str, FloatArray], y: FloatArray, mask: BoolArray
    ) -> FloatArray:
        """One more day; a masked day changes nothing."""
        size, probability, started = state[0], state[1], state[2]
        sold = mask & (y > 0.0)
        seen = np.where(mask, y, 0.0)
        demand = np.where(sold, 1.0, 0.0)
        a_d, a_p = params["alpha_d"], params["alpha_p"]
        smoothed = np.where(size > 0.0, a_d * seen + (1.0 - a_d) * size, seen)
        moved = np.where(started > 0.0, a_p * demand + (1.0 - a_p) * probability, demand)
        after = state.copy()
        after[0] = np.where(sold, smoothed, size)
        after[1] = np.where(mask, moved, probability)
        after[2] = np.where(mask, 1.0, started)
        return after

    def mean(self, state: FloatArray, params: Mapping[str, FloatArray], h: int) -> FloatArray:
        """p·z on each of the next h days (h, N)."""
        return np.tile(state[1] * state[0], (h, 1))

    def scaled(self, state: FloatArray, ratio: FloatArray) -> FloatArray:
        """The size of a demand times `ratio` (N,); how often there is one stays."""
        result: FloatArray = state.copy()
        result[0] *= ratio
        return result

    def batch_mean(self, y: FloatArray, later: FloatArray, h: int) -> FloatArray:
        """statsforecast's own full forecast (h, N) on `y` followed by `later`."""
        whole = np.concatenate([y, later])
        return np.column_stack([_library_mean(whole[:, i], h) for i in range(whole.shape[1])])

    def _compare(self, y: FloatArray, mask: BoolArray, state: FloatArray) -> None:
        for i in range(y.shape[1]):
            seen = y[mask[:, i], i]
            expected = float(_library_mean(seen, 1)[0]) if seen.size else 0.0
            got = float(state[1, i] * state[0, i])
            if abs(got - expected) > PARITY * (1.0 + abs(expected)):
                raise BrokenPromise(
                    f"live TSB of series {i} is {got}, "
                    f"statsforecast {required_statsforecast()} says {expected}"
                )


def _library_mean(y: FloatArray, h: int) -> FloatArray:
    from statsforecast.models import TSB

    model = TSB(alpha_d=ALPHA_SIZE, alpha_p=ALPHA_PROBABILITY)
    return np.asarray(model.forecast(y=np.ascontiguousarray(y), h=h)["mean"], dtype=np.float64)
