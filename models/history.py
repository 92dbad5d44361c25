"""Can a model be fitted on this history? Checks that all forecasters share."""

from importlib.metadata import PackageNotFoundError, version

import numpy as np

from replan.errors import UsageError
from replan.forecasting import BoolArray, FloatArray

WEEK = 7
RESIDUAL_DAYS = 182
"""One-step errors that a fit hands over: half a year, enough for a 5 % quantile of one series."""

STATSFORECAST_FROM, STATSFORECAST_BELOW = (2, 1, 1), (2, 2)
"""The versions whose private fitted state we can read; the parity self-tests ran on these."""


class SeriesNotFitted(ValueError):
    """The batch library found no parameters for a series."""


def checked_history(
    y: FloatArray, mask: BoolArray, *, min_days: int
) -> tuple[FloatArray, BoolArray]:
    """(T, N) history as float64 and its mask, or ValueError naming the rule that it breaks."""
    y = np.ascontiguousarray(y, dtype=np.float64)
    mask = np.ascontiguousarray(mask, dtype=np.bool_)
    if y.ndim != 2 or y.shape != mask.shape:
        raise ValueError(f"history has shape {y.shape} and mask {mask.shape}; both must be (T, N)")
    if y.shape[0] < min_days:
        raise ValueError(f"history has {y.shape[0]} days, must have at least {min_days}")
    if not np.isfinite(y).all():
        raise ValueError("history holds NaN or infinity; every day needs a number")
    if (y < 0).any():
        raise ValueError(f"history holds {y.min()}; demand must be 0 or more")
    return y, mask


def first_day(mask: BoolArray) -> int:
    """Index of the first day with data in one column (T,); T where there is none."""
    return int(np.argmax(mask)) if mask.any() else int(mask.shape[0])


def imputed(y: FloatArray, mask: BoolArray) -> FloatArray:
    """One series (T,) whose masked days hold the mean of the same weekday's other days.

    Where a weekday has no other day, the mean of all unmasked days stands in. Imputation happens
    only inside a fit: live, a masked day advances the model without data.
    """
    if mask.all():
        return y
    filled = y.copy()
    overall = float(y[mask].mean())
    for weekday in range(WEEK):
        day, seen = y[weekday::WEEK], mask[weekday::WEEK]
        value = float(day[seen].mean()) if seen.any() else overall
        filled[weekday::WEEK] = np.where(seen, day, value)
    return filled


def required_statsforecast() -> str:
    """The installed statsforecast version, if we can read its fitted state; else UsageError."""
    try:
        found = version("statsforecast")
    except PackageNotFoundError as error:
        raise UsageError(
            "statsforecast is not installed; fits need statsforecast>=2.1.1,<2.2"
        ) from error
    numbers = tuple(int(part) for part in found.split(".")[:3] if part.isdigit())
    if not STATSFORECAST_FROM <= numbers < STATSFORECAST_BELOW:
        raise UsageError(
            f"statsforecast is {found}, must be >=2.1.1,<2.2: its fitted state is private"
        )
    return found
