"""Does each model still keep what it promises?

Over the newest closed days, all series of a model together: the share of days inside their 90 %
band, and by how much forecasts were above or below what was sold. A model that a fit had to put in
another's place, and a plan made without a solver, are told too. Nothing here changes a decision.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Literal

import numpy as np

from replan.alarms import AlarmScope
from replan.closing import censored
from replan.forecasting import FloatArray, IntArray, mean_of
from replan.panel import NEVER
from replan.planning import Answer
from replan.state import DayScore, SenseState
from replan.units import ONE_UNIT, ItemId

DAYS = 28
"""Closed days that count."""
LEAST_STEPS = 200
"""Fewer days of series than this say nothing."""
LEAST_COVERAGE = 0.85
"""A 90 % band that holds less often than this no longer is one."""
MOST_BIAS = 0.2
"""Forecasts further than this share from what was sold are biased, if not by chance."""
SURE = 3.0
"""Standard errors beyond which it is no chance: of the mean of daily sums (Student 1908), since the
series of a day err together."""
SOLVER_ALARM = timedelta(days=1)
"""How long a plan without a solver is told."""

ModelAlarm = Literal["coverage", "bias", "model"]

Closing = tuple[int, IntArray, FloatArray | None]
"""Day, rows (n,), quantiles (K, n) forecast before the day, or None."""


def score(state: SenseState, closings: Sequence[Closing], closed_before: IntArray) -> None:
    """Hold days that closed for the first time against what was forecast for them.
    `closed_before` (N,): the newest closed day of each series until now.
    """
    panel, fit = state.panel, state.panel.fit
    if fit is None:
        return
    for day, rows, quantiles in closings:
        if quantiles is None:
            continue
        counts = (
            (day > closed_before[rows])
            & (panel.began[rows] != NEVER)
            & (panel.began[rows] <= day)
            & (fit.choice[rows] >= 0)
            & ~censored(panel, day, rows)
        )
        actual = panel.sold[day - panel.first_day, rows] / ONE_UNIT
        # The published band is rounded to thousandths.
        shown = np.round(quantiles, 3)
        inside = (actual >= shown[0]) & (actual <= shown[-1])
        mean = mean_of(quantiles)
        for choice in sorted(set(fit.choice[rows[counts]].tolist())):
            mine = counts & (fit.choice[rows] == choice)
            days = state.scores.setdefault(fit.models[choice], {})
            days[day] = days.get(day, DayScore()).plus(
                steps=int(mine.sum()),
                inside=int((inside & mine).sum()),
                forecast=round(float(mean[mine].sum()), 3),
                sold=round(float(actual[mine].sum()), 3),
            )
            for old in sorted(days)[:-DAYS]:
                del days[old]


def watch_models(state: SenseState, at: datetime) -> None:
    """Open and close the alarms of models at a tick."""
    fit = state.panel.fit
    if fit is None:
        return
    serving = {fit.models[c]: c for c in sorted(set(fit.choice[fit.choice >= 0].tolist()))}
    for name in sorted({*state.scores, *serving}):
        scope = AlarmScope(model=name)
        if name not in serving:
            state.scores.pop(name, None)
        days = list(state.scores.get(name, {}).values())
        steps = sum(day.steps for day in days)
        _tell(state, "coverage", scope, at, _coverage_text(name, days, steps))
        _tell(state, "bias", scope, at, _bias_text(name, days, steps))
        instead = int(((fit.choice == serving.get(name, -1)) & (fit.degraded > 0)).sum())
        text = f"{name} serves {instead} series whose own model could not be fitted"
        _tell(state, "model", scope, at, text if instead else None)


def watch_answers(
    state: SenseState, answers: Iterable[tuple[ItemId, Answer]], at: datetime
) -> None:
    """A plan by the greedy rule alone is told: the solver had no answer, or none to believe."""
    for item, answer in answers:
        if answer.outcome == "fallback":
            scope = AlarmScope(item=item)
            text = next((note for note in answer.notes if "fallback" in note), "no solver answered")
            state.alarms.open("solver", scope, at, text, at + SOLVER_ALARM)


def _tell(
    state: SenseState, kind: ModelAlarm, scope: AlarmScope, at: datetime, text: str | None
) -> None:
    if text is None:
        state.alarms.close(kind, scope, at)
    else:
        state.alarms.open(kind, scope, at, text)


def _coverage_text(name: str, days: list[DayScore], steps: int) -> str | None:
    inside = sum(day.inside for day in days)
    if steps < LEAST_STEPS or inside >= LEAST_COVERAGE * steps:
        return None
    return (
        f"{name}: {100 * inside / steps:.0f} % of {steps} days of its series in the last "
        f"{len(days)} days were inside their 90 % band, {100 * LEAST_COVERAGE:.0f} % is the least"
    )


def _bias_text(name: str, days: list[DayScore], steps: int) -> str | None:
    if steps < LEAST_STEPS or len(days) < 2:
        return None
    sold = sum(day.sold for day in days)
    errors = [day.forecast - day.sold for day in days]
    off = sum(errors)
    spread = sum((error - off / len(days)) ** 2 for error in errors) / (len(days) - 1)
    if abs(off) <= max(MOST_BIAS * sold, SURE * (spread * len(days)) ** 0.5):
        return None
    side = "above" if off > 0 else "below"
    share = f"{100 * abs(off) / sold:.0f} % " if sold > 0 else ""
    return (
        f"{name}: forecasts of the last {len(days)} days were {share}{side} what was sold, "
        f"{100 * MOST_BIAS:.0f} % is the most"
    )
