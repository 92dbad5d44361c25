"""What may a series expect that has hardly sold yet? Its item's other sites, else its category.

Level of a site for an item not yet known there = mean level of its like × the site's share:

    prior = mean over the old series j of the item of (level_j / share_site(j)) × share_site

With no old series of the item, those of its category stand in, else all. A site's share is what its
old series sell over what their categories sell on average, drawn towards 1 by one series' worth
(partial pooling; Gelman and Hill 2007, "Data Analysis Using Regression and Multilevel/Hierarchical
Models", section 12). The prior fills the 28-day mean, so that each own day replaces one day of the
prior, and the band starts as wide as such priors miss the levels of the old series.
"""

from dataclasses import dataclass

import numpy as np

from replan.bands import spread
from replan.forecasting import BoolArray, FitRequest, FloatArray, IntArray, LiveFit
from replan.models.history import RESIDUAL_DAYS, WEEK
from replan.models.rolling import WINDOW, RollingMean

RECENT_DAYS = 56
"""Days on which the level of an old series is measured."""

FEWEST_DAYS = 2 * WEEK
"""With fewer days of its own a series borrows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Borrowed:
    """Fit of the series (columns `rows`) that borrow; `scale` (n,) of their bands, as
    `replan.bands` counts it.
    """

    rows: IntArray
    fit: LiveFit
    scale: FloatArray


def borrowed(y: FloatArray, request: FitRequest) -> Borrowed | None:
    """The fit of series heard of on fewer days than `FEWEST_DAYS`, or too young to take part; None
    where there is none, or nothing to borrow from. `y` (T, N) without drivers.
    """
    seen = request.mask.sum(axis=0)
    needs = (seen > 0) & ((seen < FEWEST_DAYS) | request.young)
    old = ~request.young & (seen >= FEWEST_DAYS)
    if not needs.any() or not old.any():
        return None
    level = _levels(y, request.mask)
    prior = priors(level, old, request.item_of, request.category_of, request.site_of)
    rows = np.flatnonzero(needs)
    # How far the prior of an old series, told without itself, is from what it sells.
    miss = float(np.abs(level[old] - prior[old]).sum() / max(float(prior[old].sum()), 1e-9))
    fit, own = _filled(y[:, rows], request.mask[:, rows], prior[rows])
    left = np.maximum(WINDOW - own, 0) / WINDOW
    mean = np.maximum(RollingMean().mean(fit.state, {}, 1)[0], 0.0)
    # √(2/π) turns a standard deviation into a mean absolute error; counts vary by their root.
    poisson = np.sqrt(2.0 / np.pi)
    return Borrowed(rows=rows, fit=fit, scale=poisson + left * miss * mean / spread(mean))


def priors(
    level: FloatArray, old: BoolArray, item_of: IntArray, category_of: IntArray, site_of: IntArray
) -> FloatArray:
    """Daily level (N,) that each series may expect by its like, itself left out; `old` (N,) are
    those whose own `level` (N,) counts.
    """
    average = np.array([_mean(level, old & (category_of == c)) for c in category_of])
    everything = _mean(level, old)
    average = np.where(np.isnan(average), everything, average)
    share = np.ones(len(level))
    for site in np.unique(site_of).tolist():
        here = old & (site_of == site)
        share[site_of == site] = (float(level[here].sum()) + everything) / (
            float(average[here].sum()) + everything + 1e-12
        )
    share = np.maximum(share, 0.05)
    plain = level / share
    result = np.empty(len(level))
    for i in range(len(level)):
        other = old.copy()
        other[i] = False
        for like in (item_of == item_of[i], category_of == category_of[i], np.ones_like(old)):
            if (other & like).any():
                result[i] = _mean(plain, other & like) * share[i]
                break
        else:
            result[i] = level[i]
    return np.round(result, 9)


def _mean(values: FloatArray, which: BoolArray) -> float:
    return float(values[which].mean()) if which.any() else float("nan")


def _levels(y: FloatArray, mask: BoolArray) -> FloatArray:
    recent, seen = y[-RECENT_DAYS:], mask[-RECENT_DAYS:]
    total = np.where(seen, recent, 0.0).sum(axis=0)
    result: FloatArray = total / np.maximum(seen.sum(axis=0), 1)
    return result


def _filled(y: FloatArray, mask: BoolArray, prior: FloatArray) -> tuple[LiveFit, IntArray]:
    """The 28-day mean that starts full of the prior; and how many own days each has."""
    model = RollingMean()
    days, n = y.shape
    state = np.zeros((model.state_size, n))
    state[:WINDOW] = prior
    state[WINDOW + 1] = WINDOW
    errors = np.full((days, n), np.nan)
    for day in range(days):
        errors[day] = np.where(mask[day], y[day] - model.mean(state, {}, 1)[0], np.nan)
        state = model.step(state, {}, y[day], mask[day])
    fit = LiveFit(
        state=state,
        params={},
        growth=np.full(n, 1.0 / WINDOW),
        residuals=errors[-RESIDUAL_DAYS:],
    )
    return fit, mask.sum(axis=0).astype(np.int64)
