"""What does the live model say of the days ahead, and what is the fitter asked?"""

from collections.abc import Mapping

import numpy as np

from replan import bands, uplift
from replan.forecasting import (
    LEVELS,
    DriverDays,
    FitRequest,
    FloatArray,
    Forecaster,
    IntArray,
    WatchHistory,
    checked_mean,
)
from replan.panel import NEVER, Panel
from replan.units import ONE_UNIT


def fit_request(
    panel: Panel, *, asked_at: str, min_days: int, false_alarms_per_1000: float, seed: int
) -> FitRequest | None:
    """The question to the fitter at this moment; None while no day has closed for every site."""
    heard = panel.began != NEVER
    if not heard.any() or (panel.closed[heard] == NEVER).any():
        return None
    through = int(panel.closed[heard].min())
    last = through - panel.first_day + 1
    if last <= 0:
        return None
    days = np.arange(panel.first_day, through + 1)[:, None]
    sold = np.maximum(panel.sold[:last], 0)
    mask = (days >= np.where(heard, panel.began, through + 1)[None, :]) & ~(
        (panel.empty[:last] & (sold <= 0)) | panel.blind[:last]
    )
    young = ~heard | (through - panel.began + 1 < min_days)
    return FitRequest(
        asked_at=asked_at,
        through=through,
        sold=panel.tickets.take_off(sold / ONE_UNIT, panel.first_day),
        mask=mask,
        young=young,
        item_of=np.unique([item for item, _ in panel.series], return_inverse=True)[1],
        category_of=panel.category_of,
        site_of=np.unique([site for _, site in panel.series], return_inverse=True)[1],
        drivers=panel.drivers.days(
            np.arange(panel.size), np.full(panel.size, panel.first_day), last
        ),
        false_alarms_per_1000=false_alarms_per_1000,
        seed=seed,
        watch=WatchHistory(
            by_hour=panel.by_hour / ONE_UNIT,
            squares=panel.squares / ONE_UNIT,
            class_of=panel.category_of,
            site_of=np.unique([site for _, site in panel.series], return_inverse=True)[1],
            pools=tuple(pool.rows for pool in panel.pools),
        ),
    )


def forecast(
    panel: Panel, rows: IntArray, days: int, forecasters: Mapping[str, Forecaster]
) -> FloatArray:
    """Quantiles (K, days, n) from the first open day of each row on; rows without a model get
    zeros.
    """
    return _quantiles(panel, panel.live.state, rows, days, forecasters)


def live_mean(
    panel: Panel, rows: IntArray, days: int, forecasters: Mapping[str, Forecaster]
) -> FloatArray:
    """Mean (days, n) of the live model, drivers included, from the first open day of each row
    on.
    """
    mean = base_mean(panel, rows, days, forecasters)
    lift = lift_ahead(panel, rows, days)
    return mean if lift is None else mean * lift.factor


def base_mean(
    panel: Panel, rows: IntArray, days: int, forecasters: Mapping[str, Forecaster]
) -> FloatArray:
    """Mean (days, n) of the live model as if no driver were at work."""
    return model_mean(panel, panel.live.state, rows, days, forecasters)


def lift_ahead(panel: Panel, rows: IntArray, days: int) -> uplift.Lift | None:
    """What drivers do (days, n) from the first open day of each row on; None where there is
    nothing.
    """
    if panel.fit is None:
        return None
    at_work = panel.drivers.days(rows, panel.closed[rows] + 1, days)
    if at_work is None:
        return None
    live = panel.live
    return uplift.lift_of(
        at_work, live.lift_seen[:, rows], live.lift_due[:, rows], panel.fit.lift_mean[:, rows]
    )


def reference_mean(
    panel: Panel, rows: IntArray, days: int, forecasters: Mapping[str, Forecaster]
) -> FloatArray:
    """Mean (days, n) of the frozen reference, which detects while the live model plans; without
    drivers.
    """
    return model_mean(panel, panel.live.reference, rows, days, forecasters)


def lifted(panel: Panel, rows: IntArray, mean: FloatArray, at_work: DriverDays) -> FloatArray:
    """Quantiles (K, days, n) of base `mean` (days, n) with what is at work on top."""
    fit, live = panel.fit, panel.live
    assert fit is not None, "what drivers do is learned beside a model"
    lift = uplift.lift_of(
        at_work, live.lift_seen[:, rows], live.lift_due[:, rows], fit.lift_mean[:, rows]
    )
    mean = mean * lift.factor
    plain = bands.quantiles(live.offsets[:, rows], live.scale[rows], mean, fit.growth[rows])
    return uplift.widened(plain, mean, lift)


def model_mean(
    panel: Panel,
    state: FloatArray,
    rows: IntArray,
    days: int,
    forecasters: Mapping[str, Forecaster],
) -> FloatArray:
    out = np.zeros((days, len(rows)))
    fit = panel.fit
    if fit is None:
        return out
    for m, name in enumerate(fit.models):
        where = np.flatnonzero(fit.choice[rows] == m)
        if len(where):
            mine = rows[where]
            params = {key: value[mine] for key, value in fit.params.items()}
            mean = forecasters[name].mean(state[:, mine], params, days)
            out[:, where] = checked_mean(mean, days, len(where))
    return out


def _quantiles(
    panel: Panel,
    state: FloatArray,
    rows: IntArray,
    days: int,
    forecasters: Mapping[str, Forecaster],
) -> FloatArray:
    if panel.fit is None:
        return np.zeros((len(LEVELS), days, len(rows)))
    mean = model_mean(panel, state, rows, days, forecasters)
    at_work = panel.drivers.days(rows, panel.closed[rows] + 1, days)
    if at_work is not None:
        return lifted(panel, rows, mean, at_work)
    live = panel.live
    return bands.quantiles(live.offsets[:, rows], live.scale[rows], mean, panel.fit.growth[rows])
