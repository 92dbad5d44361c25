"""What lies ahead of a case, with its plan and without? Money at risk and stock by day, as ranges.

Both are played on the draws that judged the plan, so they agree with its figures.
"""

from datetime import timedelta
from typing import Any

import numpy as np

from replan.planning import Action, PlanningProblem, Spread
from replan.scenarios import HELD_OUT_STREAM, Draws, Ints, draws, percentile, play
from replan.units import ONE_UNIT, SiteId, Units, quantity_json


def margin_at_risk(problem: PlanningProblem) -> Spread:
    """Margin lost over all sites, minor units, if nothing is done until normal supply arrives."""
    short = play(problem, (), _held_out(problem)).short
    margin = np.array([s.shortage_minor for s in problem.sites], dtype=np.int64)
    lost = (short * margin).sum(axis=1) // ONE_UNIT
    return Spread(p10=percentile(lost, 10), p50=percentile(lost, 50), p90=percentile(lost, 90))


def stock_chart(
    problem: PlanningProblem, actions: tuple[Action, ...], site: SiteId
) -> dict[str, Any]:
    """Stock of a site at the end of each day in base units, as plain JSON data.

    `{site, days: [date], without: [{p10, p50, p90}], with: [{p10, p50, p90}]}`, a day each.
    """
    held_out = _held_out(problem)
    j = [s.site for s in problem.sites].index(site)
    first = problem.first_day
    return {
        "site": site,
        "days": [(first + timedelta(days=t)).isoformat() for t in range(problem.horizon)],
        "without": _by_day(play(problem, (), held_out).stock[:, j, : problem.horizon]),
        "with": _by_day(play(problem, actions, held_out).stock[:, j, : problem.horizon]),
    }


def _held_out(problem: PlanningProblem) -> Draws:
    return draws(problem, problem.held_out, HELD_OUT_STREAM)


def _by_day(stock: Ints) -> list[dict[str, int | float]]:
    return [
        {f"p{q}": quantity_json(Units(percentile(day, q))) for q in (10, 50, 90)} for day in stock.T
    ]
