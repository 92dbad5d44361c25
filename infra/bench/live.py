"""What does it cost to have tomorrow's forecast after one more day? Live, `forward`, and a refit.

All three end with the mean of the next 14 days of every series. Live and `forward` must be equal,
which is measured too; a refit estimates the parameters anew. The live form takes all series at
once. The library takes them one by one, so a sample of them is enough. What `forward` costs grows
with the history that it goes through again.
"""

from functools import partial

import numpy as np

from replan.forecasting import FloatArray, LiveFit
from replan.infra.bench.measure import Measure, typical
from replan.models.classical import PARITY, SeasonalEts, random_weekly
from replan.models.history import WEEK

HORIZON = 14
UPDATES = 20
"""Days after the fit; the measured one is the last of them."""

LOOPS = 10
"""The live form is over so soon that one timing holds several."""

MANY = 21
"""Timings of what takes milliseconds; there a neighbour on the machine shows most."""


def live(
    *, row: str = "live", series: int = 2_000, sample: int = 40, days: int = 200
) -> list[Measure]:
    """Processor time a series: step and forecast by the live form, by `forward`, by a refit."""
    from statsforecast.models import AutoETS

    y = random_weekly(np.random.default_rng(0), days, sample)
    past, ets = y[:-UPDATES], SeasonalEts()
    fitted = ets.fit(past, np.ones(past.shape, dtype=np.bool_))
    state, seen = fitted.state, np.ones(sample, dtype=np.bool_)
    for day in y[-UPDATES:-1]:
        state = ets.step(state, fitted.params, day, seen)
    ours = _refresh(ets, fitted, state, y[-1])

    columns = [np.ascontiguousarray(y[:, i]) for i in range(sample)]
    models = [AutoETS(season_length=WEEK, model="ANA").fit(column[:-UPDATES]) for column in columns]

    def forward() -> list[FloatArray]:
        return [m.forward(y=c, h=HORIZON)["mean"] for m, c in zip(models, columns, strict=True)]

    def refit() -> None:
        for column in columns:
            AutoETS(season_length=WEEK, model="ANA").forecast(y=column, h=HORIZON)

    theirs = np.maximum(np.column_stack(forward()), 0.0)
    gap = float((np.abs(ours - theirs) / (1.0 + np.abs(theirs))).max())

    take = np.arange(series) % sample
    wide = LiveFit(
        state=fitted.state[:, take],
        params={name: values[take] for name, values in fitted.params.items()},
        growth=fitted.growth[take],
        residuals=fitted.residuals[:, take],
    )
    work = partial(_many_times, ets, wide, state[:, take], y[-1][take])
    spent = typical(work, repeats=MANY) / LOOPS / series
    against = f"live, {series} series"
    micro = partial(Measure, row=row, unit="µs/series")
    by_forward = typical(forward, repeats=MANY) / sample
    by_refit = typical(refit) / sample
    return [
        micro(measure=against, value=spent * 1e6),
        micro(
            measure=f"forward over {days} days",
            value=by_forward * 1e6,
            against=against,
            ratio=by_forward / spent,
        ),
        micro(
            measure=f"refit on {days} days",
            value=by_refit * 1e6,
            against=against,
            ratio=by_refit / spent,
        ),
        Measure(
            row=row,
            measure="live differs from forward",
            value=gap,
            unit="relative",
            against="what counts as equal",
            ratio=gap / PARITY,
        ),
    ]


def live_100k() -> list[Measure]:
    """The same with a hundred thousand series."""
    return live(row="live-100k", series=100_000)


def _refresh(ets: SeasonalEts, fit: LiveFit, state: FloatArray, day: FloatArray) -> FloatArray:
    """One more day in, the forecast out."""
    after = ets.step(state, fit.params, day, np.ones(len(day), dtype=np.bool_))
    return ets.mean(after, fit.params, HORIZON)


def _many_times(ets: SeasonalEts, fit: LiveFit, state: FloatArray, day: FloatArray) -> None:
    for _ in range(LOOPS):
        _refresh(ets, fit, state, day)
