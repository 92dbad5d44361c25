"""Has demand moved to another level for good? After an alarm, the forecast follows within days.

A smoothed model with a small constant needs weeks to follow a doubled level, and a band that opens
hides it. An alarm alone may be one odd day, so it is confirmed first: the last five days with data,
the oddest left out, must all lie on the side of the alarm of what the reference expects of the same
weekdays, and together be off by a quarter up or a fifth down:

    ratio = (a + Σ y/φ) / (a + Σ μ/φ)       a = 4, φ = 1 + μ̄/r with the negative-binomial size r

(the posterior of a Gamma–Poisson ratio, as in `replan.uplift`). The model's state is then put on
the new level at once, and the reference with it: an intervention, as in Box and Tiao (1975),
"Intervention analysis with applications to economic and environmental problems". What passes again
rings the other way and is put back alike.
"""

from typing import Protocol, runtime_checkable

import numpy as np

from replan.forecasting import FloatArray

LOOK_BACK = 5
"""Days that are looked at: with the alarm's own, fewer than the ring of closed days holds."""

REST_DAYS = 7
"""A series that was put on a new level is left alone for so long."""

TRUST = 4.0
LEAST_UP, LEAST_DOWN = 1.25, 0.8


@runtime_checkable
class Rescales(Protocol):
    """A forecaster whose state can be put on another level."""

    def scaled(self, state: FloatArray, ratio: FloatArray) -> FloatArray:
        """State (S, N) that forecasts `ratio` (N,) times as much."""
        ...


def shift_of(y: FloatArray, expected: FloatArray, size: float) -> float:
    """The confirmed ratio of one series to 1e-6; 1 where nothing is confirmed.

    `y`, `expected` (D,): sold and expected on the days looked at.
    """
    upward = float(y.sum()) >= float(expected.sum())
    odd = y - expected if upward else expected - y
    keep = np.arange(len(y)) != int(np.argmax(odd))
    if not (odd[keep] > 0.0).all():
        return 1.0
    phi = 1.0 + float(expected.mean()) / size
    ratio = (TRUST + float(y[keep].sum()) / phi) / (TRUST + float(expected[keep].sum()) / phi)
    return round(ratio, 6) if ratio >= LEAST_UP or ratio <= LEAST_DOWN else 1.0
