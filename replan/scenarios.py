"""What might happen? Draws of demand and arrivals, and the exact judgement of a plan on them.

Demand paths come from the forecast quantiles through a Gaussian copula with a shock of the day
shared by all sites of the item, one per site that lasts, and one per site and day; arrivals move
between their p50 and p90. Draws are seeded by the problem, and become integers at once: everything
after the draw is integer arithmetic.
"""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from replan.canonical import seed_from
from replan.forecasting import LEVELS
from replan.offering import expense_minor
from replan.planning import Action, ActionKind, Option, PlanningProblem, SiteOutlook, Spread
from replan.units import ONE_UNIT, SiteId

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

HELD_OUT_STREAM = 2
"""The stream of draws that judge plans; the planner optimises on stream 1."""

Z90 = 1.2815515655446004
ADDING: frozenset[ActionKind] = frozenset({"reallocate", "buffer_call"})
"""Kinds that bring a site goods that were not on their way to it."""
_GRID = np.linspace(-6.0, 6.0, 4801)
_STEPS = 400.0
"""Grid points per unit of z."""
_PHI = np.array([round(0.5 * (1.0 + math.erf(z / math.sqrt(2.0))), 12) for z in _GRID])
_PHI_RISE = np.diff(_PHI)


@dataclass(frozen=True, slots=True, kw_only=True)
class Draws:
    """W draws: demand (W, J, D) in thousandths on the horizon and as far beyond it as costs count;
    standard normal delay of each delivery and lane.
    """

    demand: Ints
    delay: dict[str, Floats]


def draws(problem: PlanningProblem, count: int, stream: int) -> Draws:
    """`count` seeded draws; different `stream` numbers give independent ones.

    What is drawn for a site or an arrival hangs on its own name and the problem's seed, not on what
    else is in the problem: a part of a problem sees the very draws that the whole sees.
    """
    seed, days = problem.seed, _days_drawn(problem)
    # Day by day, so that the first days are the same however many are drawn.
    (shared,) = _normals(seed, stream, "", (days, count))
    common = math.sqrt(problem.shared) * shared.T
    z = np.empty((count, len(problem.sites), days))
    for j, site in enumerate(problem.sites):
        lasting, own = _normals(seed, stream, f"site:{site.site}", (count, 1), (days, count))
        each_day = 1.0 - problem.shared - site.persistent
        z[:, j, :] = common + math.sqrt(site.persistent) * lasting
        z[:, j, :] += math.sqrt(each_day) * own.T
    names = {f"in:{i.ref}" for s in problem.sites for i in s.inbound}
    names |= {f"lane:{offer.lane}" for offer in problem.lanes}
    names |= {f"buffer:{offer.supplier}@{offer.site}" for offer in problem.buffers}
    return Draws(
        demand=_demand(_phi(z), problem),
        delay={n: _normals(seed, stream, n, (count,))[0] for n in sorted(names)},
    )


def _days_drawn(problem: PlanningProblem) -> int:
    return max(problem.horizon, *(site.counted_days for site in problem.sites))


def arrival_days(draw: Draws, name: str, day_p50: int, day_p90: int) -> Ints:
    """Arrival day per draw: never before p50, at or before p90 in nine draws of ten."""
    if day_p90 <= day_p50:
        return np.full(draw.demand.shape[0], day_p50, dtype=np.int64)
    late = np.maximum(np.round(draw.delay[name], 9), 0.0) * ((day_p90 - day_p50) / Z90)
    return day_p50 + np.ceil(late - 1e-9).astype(np.int64)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """What a plan leads to, in thousandths of a unit.

    `short` (W, J): units short over the window. `lost` (W, J, D): units short by day, 0 outside the
    window. `later` (W, J): units short after it, until the next order is used up. `stock` (W, J,
    D): stock at the end of each day.
    `cost_micros` (W,): lost margin + holding + waste + direct cost, in millionths of a minor unit.
    """

    short: Ints
    lost: Ints
    later: Ints
    stock: Ints
    cost_micros: Ints


def play(problem: PlanningProblem, actions: tuple[Action, ...], draw: Draws) -> Outlook:
    """Play a plan through the draws: arrivals in the morning, demand in the day, lost sales.

    Where a site names its next order, the review is played as well, and the days that the order
    has to last. What was sold meanwhile is ordered anew, so a move costs its donor little; a sale
    saved after the review is a unit that the next order lacks, and what is left at the end costs
    what it costs to hold. So stock at the end of the window has the worth that the base stock
    policy gives it, and no number has to be made up for it (the recursion of the inventory
    position: Zipkin 2000, Foundations of Inventory Management, section 9.4; cut after one cycle).
    """
    count, sites, days = draw.demand.shape
    index = {site.site: j for j, site in enumerate(problem.sites)}
    # Day by day in memory, as it is played: (D, W, J).
    arrivals = np.zeros((days, count, sites), dtype=np.int64)
    start = np.array([site.on_hand for site in problem.sites], dtype=np.int64)
    in_all = start + [sum(int(row.qty) for row in site.inbound) for site in problem.sites]
    for j, site in enumerate(problem.sites):
        moved = moved_parts(site, actions)
        for place, row in enumerate(site.inbound):
            when = arrival_days(draw, f"in:{row.ref}", row.day_p50, row.day_p90)
            left = int(row.qty)
            for action, qty in moved.get(place, ()):
                left -= qty
                _land(arrivals, j, new_days(draw, action, when), qty)
            _land(arrivals, j, when, left)
    taken = np.zeros(sites, dtype=np.int64)
    for action in actions:
        if action.kind in ADDING:
            when = added_days(draw, action)
            _land(arrivals, index[action.destination], when, action.qty)
            in_all[index[action.destination]] += action.qty
        if action.kind == "reallocate":
            taken[index[SiteId(action.origin)]] += action.qty
    in_all -= np.minimum(taken, start)
    reviews = _reviews(problem)
    demand = np.ascontiguousarray(draw.demand.transpose(2, 0, 1))
    stocks, losses = np.empty_like(demand), np.empty_like(demand)
    sold = np.zeros((count, sites), dtype=np.int64)
    level = np.broadcast_to(np.maximum(start - taken, 0), (count, sites))
    for t in range(days):
        left = level + arrivals[t] - demand[t]
        level = np.maximum(left, 0, out=stocks[t])
        np.subtract(level, left, out=losses[t])
        sold += demand[t] - losses[t]
        for j, arrives, up_to in reviews.get(t, ()):
            arrivals[arrives, :, j] += np.maximum(up_to - (in_all[j] - sold[:, j]), 0)
    stock = np.ascontiguousarray(stocks.transpose(1, 2, 0))
    lost = np.ascontiguousarray(losses.transpose(1, 2, 0))
    day = np.arange(days)[None, None, :]
    window = np.array([s.window for s in problem.sites])[None, :, None]
    counted = np.array([s.counted_days for s in problem.sites])[None, :, None]
    lost *= day < counted
    held = (stock * (day < counted)).sum(axis=2)
    later = (lost * (day >= window)).sum(axis=2)
    lost *= day < window
    short = lost.sum(axis=2)
    margin = np.array([s.shortage_minor * 1_000 for s in problem.sites], dtype=np.int64)
    holding = np.array([s.holding_millis for s in problem.sites], dtype=np.int64)
    direct = sum(expense_minor(problem, a) for a in actions) * 1_000_000
    cost = ((short + later) * margin + held * holding).sum(axis=1) + direct
    for j, site in enumerate(problem.sites):
        if site.next_order is not None and site.next_order.keeps is not None:
            spoilt = np.maximum(stock[:, j, site.counted_days - 1] - site.next_order.keeps, 0)
            cost += spoilt * (problem.unit_cost_minor * 1_000)
    return Outlook(short=short, lost=lost, later=later, stock=stock, cost_micros=cost)


def moved_parts(
    site: SiteOutlook, actions: tuple[Action, ...]
) -> dict[int, list[tuple[Action, int]]]:
    """What actions move of a site's deliveries: by place in its inbound, (action, thousandths).

    A line may come in several deliveries; never more moves than was on its way.
    """
    found: dict[int, list[tuple[Action, int]]] = {}
    left = [int(row.qty) for row in site.inbound]
    for action in actions:
        if action.kind in ADDING or action.destination != site.site:
            continue
        still_to_move = int(action.qty)
        for place, row in enumerate(site.inbound):
            qty = min(still_to_move, left[place])
            if row.ref == action.ref and qty > 0:
                still_to_move -= qty
                left[place] -= qty
                found.setdefault(place, []).append((action, qty))
    return found


def new_days(draw: Draws, action: Action, when: Ints) -> Ints:
    """On which day per draw a moved part of a delivery comes that would have come on `when`."""
    days = arrival_days(draw, f"in:{action.ref}", action.arrive_p50, action.arrive_p90)
    return np.maximum(days, when) if action.kind == "postpone" else np.minimum(days, when)


def added_days(draw: Draws, action: Action) -> Ints:
    """On which day per draw the goods of a move or a buffer call arrive."""
    source = "lane" if action.kind == "reallocate" else "buffer"
    return arrival_days(draw, f"{source}:{action.ref}", action.arrive_p50, action.arrive_p90)


def _reviews(problem: PlanningProblem) -> dict[int, list[tuple[int, int, int]]]:
    """By review day: site index, day on which what is ordered then arrives, level ordered up to."""
    found: dict[int, list[tuple[int, int, int]]] = {}
    for j, site in enumerate(problem.sites):
        if site.next_order is not None:
            review = (j, site.window, int(site.next_order.up_to))
            found.setdefault(site.next_order.review_day, []).append(review)
    return found


def judge(
    problem: PlanningProblem,
    name: str,
    actions: tuple[Action, ...],
    *,
    held_out: Draws,
    nothing: Outlook,
    binding: tuple[str, ...] = (),
    gap: float = 0.0,
) -> Option:
    """A plan as an option with honest ranges: played on held-out draws against doing nothing."""
    plan = play(problem, actions, held_out)
    benefit = nothing.cost_micros - plan.cost_micros
    donors = sorted({a.origin for a in actions if a.kind == "reallocate"})
    index = {site.site: j for j, site in enumerate(problem.sites)}
    donor_rows = [index[SiteId(d)] for d in donors]
    # Whoever receives something is a receiver; without actions, whoever may run short is.
    receiver_rows = sorted({index[a.destination] for a in actions}) or [
        j for j, s in enumerate(problem.sites) if s.spare == 0
    ]
    donor_loss = {
        problem.sites[j].site: percentile(
            (plan.short[:, j] - nothing.short[:, j]) * problem.sites[j].shortage_minor // ONE_UNIT,
            90,
        )
        for j in donor_rows
    }
    return Option(
        name=name,
        actions=actions,
        cost_minor=_spread(plan.cost_micros // 1_000_000),
        benefit_minor=_spread(benefit // 1_000_000),
        benefit_mean_minor=int(benefit.sum()) // (len(benefit) * 1_000_000),
        short_avoided=_spread(nothing.short.sum(axis=1) - plan.short.sum(axis=1)),
        units_short=_spread(plan.short.sum(axis=1)),
        p_stockout_receiver=_worst_share(plan.short, receiver_rows),
        p_stockout_donor=_worst_share(plan.short, donor_rows),
        p_wins=round(int((benefit > 0).sum()) / len(benefit), 6),
        donor_shortage_p90_minor=donor_loss,
        binding=binding,
        gap=round(gap, 6),
    )


def percentile(values: Ints, q: int) -> int:
    """The q-th percentile as an order statistic (nearest rank), so an integer stays an integer."""
    ordered = np.sort(values)
    rank = max(1, -(-q * len(ordered) // 100))
    return int(ordered[rank - 1])


def _spread(values: Ints) -> Spread:
    return Spread(
        p10=percentile(values, 10), p50=percentile(values, 50), p90=percentile(values, 90)
    )


def _worst_share(short: Ints, rows: list[int]) -> float:
    return max((round(int((short[:, j] > 0).sum()) / short.shape[0], 6) for j in rows), default=0.0)


def _land(arrivals: Ints, j: int, days: Ints, qty: int) -> None:
    if qty <= 0:
        return
    inside = np.flatnonzero(days < arrivals.shape[0])
    landed: Ints = np.maximum(days[inside], 0)
    arrivals[landed, inside, j] += qty


# The same item is looked at several times a day, in part and as a whole, with the same draws.
@lru_cache(maxsize=4096)
def _normals(seed: int, stream: int, name: str, *shapes: tuple[int, ...]) -> tuple[Floats, ...]:
    """Standard normal arrays, drawn one after the other from the generator of a name."""
    key = np.array([seed, stream + 256 * (seed_from(name) >> 8)], dtype=np.uint64)
    generator = np.random.Generator(np.random.Philox(key=key))
    drawn = tuple(generator.standard_normal(shape) for shape in shapes)
    for array in drawn:
        array.setflags(write=False)
    return drawn


def _phi(z: Floats) -> Floats:
    """The normal distribution function by its table: linear between grid points, the same bits
    everywhere."""
    place = np.clip((z - _GRID[0]) * _STEPS, 0.0, len(_GRID) - 1.000001)
    low = place.astype(np.int64)
    result: Floats = _PHI.take(low) + (place - low) * _PHI_RISE.take(low)
    return result


def _demand(u: Floats, problem: PlanningProblem) -> Ints:
    """Quantile function with linear tails: zero at u = 0, the last step doubled at u = 1.

    `u` and the result (W, J, D), the result in thousandths. Beyond the horizon the last week of the
    forecast goes on.
    """
    levels = np.array((0.0, *LEVELS, 1.0))
    q = np.asarray([site.quantiles for site in problem.sites]).transpose(1, 0, 2)
    known = q.shape[2]
    week = min(known, 7)
    q = q[:, :, [t if t < known else known - week + (t - known) % week for t in range(u.shape[2])]]
    knots = np.concatenate((np.zeros_like(q[:1]), q, q[-1:] + 2.0 * (q[-1:] - q[-2:-1])))
    # Between which two levels each u lies: levels are few, so counting them is quicker than a
    # search.
    below = np.zeros(u.shape, dtype=np.int64)
    for level in LEVELS:
        below += u >= level
    series = np.arange(u.shape[1] * u.shape[2]).reshape(u.shape[1:])
    place = below * series.size + series
    low, rise = knots.take(place), np.diff(knots, axis=0).take(place)
    share = (u - levels.take(below)) / np.diff(levels).take(below)
    units: Ints = np.floor(np.round((low + share * rise) * ONE_UNIT, 3) + 0.5).astype(np.int64)
    return units
