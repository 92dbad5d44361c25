"""How do forecast errors hang together? Over the days of one series, and over the sites of one
item.

A fortnight's demand is far more certain when each day errs on its own than when a wrong forecast
stays wrong. Both shares are measured on standardised one-step errors z and are part of a recorded
fit:

    persistent = (VR - 1) / (n - 1),   VR = Σ Var(z₁ + … + zₙ) / (n · Σ Var(z))
    shared     = mean over items of (Var(Σ z) - Σ Var(z)) / (m · (m - 1)),   m sites

VR is the variance ratio (Lo and MacKinlay 1988, "Stock market prices do not follow random walks");
the second is the mean pairwise correlation of an item's sites on the same day.
"""

import numpy as np

from replan.forecasting import FloatArray, IntArray

WEEK = 7
"""Days over which persistence is measured: about as long as stock must last until supply
arrives.
"""

MOST = 0.45
"""Neither share may be larger: together they stay below the whole variance."""


def persistent_share(residuals: FloatArray, sigma: FloatArray) -> float:
    """Share of the variance that the days of a week have in common, 0 to MOST, rounded to 1e-6.

    `residuals` (R, N) one-step errors, NaN where there is none; `sigma` (N,). Series with a gap are
    left out; 0 where fewer than four whole weeks remain.
    """
    weeks = residuals.shape[0] // WEEK
    z = residuals[residuals.shape[0] - weeks * WEEK :] / sigma
    z = z[:, np.isfinite(z).all(axis=0)]
    if weeks < 4 or z.shape[1] == 0:
        return 0.0
    z = z - z.mean(axis=0)
    daily = float((z * z).mean(axis=0).sum())
    sums = z.reshape(weeks, WEEK, -1).sum(axis=1)
    weekly = float((sums * sums).mean(axis=0).sum())
    if daily <= 0.0:
        return 0.0
    ratio = weekly / (WEEK * daily)
    return _share((ratio - 1.0) / (WEEK - 1))


def shared_share(residuals: FloatArray, sigma: FloatArray, item_of: IntArray) -> float:
    """Mean correlation of the sites of an item on the same day, 0 to MOST, rounded to 1e-6.

    `item_of` (N,) numbers the items. 0 where no item has two series without a gap.
    """
    z = residuals / sigma
    whole = np.isfinite(z).all(axis=0)
    found = []
    for item in np.unique(item_of[whole]).tolist():
        own = z[:, whole & (item_of == item)]
        own = own - own.mean(axis=0)
        scale = np.sqrt((own * own).mean(axis=0))
        own = own[:, scale > 0] / scale[scale > 0]
        sites = own.shape[1]
        if sites > 1 and own.shape[0] >= WEEK:
            total = float((own.sum(axis=1) ** 2).mean())
            found.append((total - sites) / (sites * (sites - 1)))
    return _share(sum(found) / len(found)) if found else 0.0


def _share(value: float) -> float:
    return round(min(max(value, 0.0), MOST), 6)
