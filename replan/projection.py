"""What lies ahead of a case, with its plan and without? Money at risk and stock by day, as ranges.

Both are played on the draws that judged the plan, so they agree with its figures.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Projected:
    """Stock of a site at the end of each day of the horizon, base units.

    `days`: p10, p50, p90 without the plan, then with it. `safety_stock`: see `safety_stock`; None
    where no service level is known.
    """

    site: SiteId
    first_day: date
    days: tuple[tuple[int | float, ...], ...]
    safety_stock: int | float | None


def projected(
    problem: PlanningProblem,
    actions: tuple[Action, ...],
    service_level: Mapping[SiteId, float],
) -> tuple[Projected, ...]:
    """What lies ahead of every site that a plan touches, in order of site."""
    held_out = _held_out(problem)
    touched = {action.destination for action in actions}
    touched |= {SiteId(a.origin) for a in actions if a.kind == "reallocate"}
    without, planned = play(problem, (), held_out).stock, play(problem, actions, held_out).stock
    found = []
    for j, site in enumerate(problem.sites):
        if site.site not in touched:
            continue
        ranges = [
            [
                tuple(row[f"p{q}"] for q in (10, 50, 90))
                for row in _by_day(s[:, j, : problem.horizon])
            ]
            for s in (without, planned)
        ]
        level = service_level.get(site.site)
        found.append(
            Projected(
                site=site.site,
                first_day=problem.first_day,
                days=tuple((*a, *b) for a, b in zip(*ranges, strict=True)),
                safety_stock=None
                if level is None
                else safety_stock(held_out.demand[:, j, : site.window], level),
            )
        )
    return tuple(found)


def safety_stock(demand: Ints, service_level: float) -> int | float:
    """What is kept beside the median demand of a lead time so that it suffices with the probability
    of the service level, base units: the quantile less the median (Silver, Pyke and Thomas 2017,
    Inventory and Production Management in Supply Chains, chapter 6, without their normal shape).

    `demand` (W, D): thousandths by draw and day of the lead time.
    """
    total = np.sort(demand.sum(axis=1))
    rank = max(1, math.ceil(service_level * len(total)))
    return quantity_json(Units(int(total[rank - 1]) - percentile(total, 50)))


def _held_out(problem: PlanningProblem) -> Draws:
    return draws(problem, problem.held_out, HELD_OUT_STREAM)


def _by_day(stock: Ints) -> list[dict[str, int | float]]:
    # Nearest ranks as in `percentile`, with one sort for all days.
    ordered = np.sort(stock, axis=0)
    ranks = {q: max(1, -(-q * len(ordered) // 100)) - 1 for q in (10, 50, 90)}
    return [
        {f"p{q}": quantity_json(Units(int(day[rank]))) for q, rank in ranks.items()}
        for day in ordered.T
    ]
