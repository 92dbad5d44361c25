"""Is more on order than a fallen demand needs? A case about goods that should come later.

A case exists where demand was found to have fallen, and holding or throwing away what open order
lines bring beyond it would cost what is worth a plan.
"""

from dataclasses import dataclass
from datetime import datetime

import numpy as np

from replan.ahead import Ahead
from replan.canonical import short_id
from replan.casework import Case
from replan.network import Network
from replan.outlook import planning_problem
from replan.planning import PlanningProblem, Spread
from replan.scenarios import HELD_OUT_STREAM, Ints, Outlook, draws, percentile, play
from replan.state import SenseRules, SenseState
from replan.units import ItemId, SiteId

FALLEN_DAYS = 14
"""So long a fall that was found explains what lies there too much."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Excess:
    """What comes and is not needed by the end of the counted days if nothing is done.

    Per draw and site (W, J): `units` in thousandths, `cost_micros` of holding them and of throwing
    away what perishes, in millionths of a minor unit.
    """

    units: Ints
    cost_micros: Ints

    def cost_spread(self) -> Spread:
        """Its cost over all sites, minor units."""
        return _spread(self.cost_micros.sum(axis=1) // 1_000_000)

    def unit_spread(self) -> Spread:
        """Its units over all sites, thousandths."""
        return _spread(self.units.sum(axis=1))


def excess(problem: PlanningProblem, nothing: Outlook) -> Excess:
    """What of the lines on offer to be pushed out is not touched by any demand drawn."""
    count, sites, _ = nothing.stock.shape
    units = np.zeros((count, sites), dtype=np.int64)
    cost = np.zeros((count, sites), dtype=np.int64)
    for j, site in enumerate(problem.sites):
        lines = {o.po_line: o for o in problem.postpones if o.site == site.site}
        if not lines:
            continue
        comes = min(o.day_p90 for o in lines.values())
        end = site.counted_days
        if comes >= end:
            continue
        open_qty = sum(int(o.qty) for o in lines.values())
        idle = np.minimum(nothing.stock[:, j, comes:end].min(axis=1), open_qty)
        units[:, j] = idle
        cost[:, j] = idle * site.holding_millis * (end - comes)
        if site.next_order is not None and site.next_order.keeps is not None:
            left = nothing.stock[:, j, end - 1] - int(site.next_order.keeps)
            cost[:, j] += np.clip(left, 0, idle) * (problem.unit_cost_minor * 1_000)
    return Excess(units=units, cost_micros=cost)


def too_much(problem: PlanningProblem) -> Excess:
    """The excess of a recorded problem, on the draws that judged its plans."""
    return excess(problem, play(problem, (), draws(problem, problem.held_out, HELD_OUT_STREAM)))


def find_overstock(
    state: SenseState,
    network: Network,
    rules: SenseRules,
    item: ItemId,
    aheads: list[Ahead],
    at: datetime,
    today: int,
) -> Case | None:
    """The case of an item of which too much comes; None where too little is at stake. Opens an
    episode for a new one.
    """
    fit = state.panel.fit
    fallen = frozenset(a.site for a in aheads if _has_fallen(state, a, today))
    coming = frozenset(line.stated.ship_to for line in state.supply.open_lines(item))
    if fit is None or not fallen & coming:
        return None
    problem = planning_problem(
        network,
        state.supply,
        item,
        [a for a in aheads if a.site in fallen & coming],
        frozenset(),
        at,
        today,
        rules,
        shared=fit.shared,
        glutted=fallen & coming,
    )
    if not problem.postpones:
        return None
    nothing = play(problem, (), draws(problem, problem.held_out, HELD_OUT_STREAM))
    by_site = excess(problem, nothing).cost_micros.sum(axis=0) // (problem.held_out * 1_000_000)
    if int(by_site.sum()) < max(rules.min_value_minor, 1):
        return None
    site = problem.sites[int(np.argmax(by_site))].site
    cause = (
        f"item:{item}" if len(fallen) >= 2 and 2 * len(fallen) >= len(aheads) else f"site:{site}"
    )
    file = state.case(item)
    if file.episode is None:
        file.episode = short_id("ep", [item, "demand_drop", cause, at.isoformat()])
        file.opened_at = at
        file.feedback = None
    return Case(
        item=item,
        episode=file.episode,
        site=site,
        category="demand_drop",
        cause=cause,
        needy=_sites(problem, by_site),
        problem=problem,
        loss_mean_minor=int(by_site.sum()),
        today=today,
        aheads=tuple(aheads),
    )


def _has_fallen(state: SenseState, ahead: Ahead, today: int) -> bool:
    """Whether a fall was found lately, and no rise since."""
    live = state.panel.live
    fell = int(live.alarm_down[ahead.row])
    return fell >= today - FALLEN_DAYS and fell > int(live.alarm_up[ahead.row])


def _sites(problem: PlanningProblem, by_site: Ints) -> tuple[SiteId, ...]:
    return tuple(
        site.site for site, minor in zip(problem.sites, by_site.tolist(), strict=True) if minor > 0
    )


def _spread(values: Ints) -> Spread:
    return Spread(
        p10=percentile(values, 10), p50=percentile(values, 50), p90=percentile(values, 90)
    )
