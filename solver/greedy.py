"""What would a careful hand do without a solver? The best step at a time, on the same draws.

The fallback when no solver answers, and the source of small variants. Each step takes up one offer,
or changes how much of one is taken up, whichever lowers the mean cost most; it stops where no step
helps.
"""

import numpy as np

from replan.offering import expense_minor, key_of_action
from replan.planning import Action, NextOrder, PlanningProblem
from replan.scenarios import ADDING, Draws, Ints, added_days, arrival_days, moved_parts, new_days
from replan.solver.offers import (
    Usable,
    exposure,
    exposure_to_all,
    sizes,
    still_left,
)
from replan.units import SiteId

STEPS = 24
"""At most so many steps; each lowers the cost, and few offers are ever taken up together."""


class Costing:
    """What plans cost on fixed draws: the integers of `scenarios.play`, much cheaper to ask again.

    A step touches two sites, so each site's cost is kept by what is done there. Valid for plans
    that keep every hard limit.
    """

    def __init__(self, problem: PlanningProblem, draw: Draws) -> None:
        self.problem = problem
        self.draw = draw
        self._exposure = exposure(problem, draw)
        self._unmet = exposure_to_all(problem, draw)
        self._days = np.arange(draw.demand.shape[2])
        self._known: dict[tuple[int, int, tuple[Action, ...]], int] = {}
        self._arrivals: dict[tuple[str, int, int], Ints] = {}

    def of(self, actions: tuple[Action, ...]) -> int:
        """Cost summed over the draws, in millionths of a minor unit; a sum rounds nothing."""
        given: dict[SiteId, int] = {}
        received: dict[SiteId, list[Action]] = {}
        for action in actions:
            received.setdefault(action.destination, []).append(action)
            if action.kind == "reallocate":
                origin = SiteId(action.origin)
                given[origin] = given.get(origin, 0) + int(action.qty)
        direct = sum(expense_minor(self.problem, action) for action in actions) * 1_000_000
        cost = direct * len(self.draw.demand)
        for j, site in enumerate(self.problem.sites):
            cost += self._at(j, given.get(site.site, 0), tuple(received.get(site.site, ())))
        return cost

    def _at(self, j: int, given: int, received: tuple[Action, ...]) -> int:
        key = (j, given, received)
        if key not in self._known:
            self._known[key] = self._cost_at(j, given, received)
        return self._known[key]

    def _cost_at(self, j: int, given: int, received: tuple[Action, ...]) -> int:
        site = self.problem.sites[j]
        days = self._days[None, : site.counted_days]
        exposed = self._exposure[:, j, : site.counted_days] + given
        for action in received:
            if action.kind in ADDING:
                when = self._added(action)
                exposed = exposed - int(action.qty) * (days >= when[:, None])
        for place, moved in moved_parts(site, received).items():
            row = site.inbound[place]
            old = self._when(f"in:{row.ref}", row.day_p50, row.day_p90)
            for action, qty in moved:
                new = new_days(self.draw, action, old)
                # There sooner by so many days, or later.
                exposed = exposed - qty * (days >= new[:, None]) + qty * (days >= old[:, None])
        if site.next_order is not None:
            brought = sum(int(a.qty) for a in received if a.kind in ADDING)
            self._reorder(exposed, j, site.next_order, brought - given)
        lost = np.maximum.accumulate(np.maximum(exposed, 0), axis=1)
        held = int((lost - exposed).sum())
        short = int(lost[:, -1].sum()) if site.counted_days else 0
        cost = short * site.shortage_minor * 1_000 + held * site.holding_millis
        if site.next_order is not None and site.next_order.keeps is not None:
            left = np.maximum(lost[:, -1] - exposed[:, -1] - site.next_order.keeps, 0)
            cost += int(left.sum()) * self.problem.unit_cost_minor * 1_000
        return cost

    def _reorder(self, exposed: Ints, j: int, order: NextOrder, brought: int) -> None:
        """Take off the exposure what the review orders, from the day that it is there."""
        until = order.review_day + 1
        lost = np.maximum(exposed[:, :until].max(axis=1), 0)
        position = lost + brought - self._unmet[:, j, order.review_day]
        ordered = np.maximum(int(order.up_to) - position, 0)
        exposed[:, self.problem.sites[j].window :] -= ordered[:, None]

    def _added(self, action: Action) -> Ints:
        key = (action.ref, action.arrive_p50, action.arrive_p90)
        if key not in self._arrivals:
            self._arrivals[key] = added_days(self.draw, action)
        return self._arrivals[key]

    def _when(self, name: str, day_p50: int, day_p90: int) -> Ints:
        key = (name, day_p50, day_p90)
        if key not in self._arrivals:
            self._arrivals[key] = arrival_days(self.draw, name, day_p50, day_p90)
        return self._arrivals[key]


def greedy(
    costing: Costing, usable: tuple[Usable, ...], start: tuple[Action, ...] = ()
) -> tuple[Action, ...]:
    """The plan of best single steps from a plan on (from nothing: empty where no step helps)."""
    places = {offer.name: place for place, offer in enumerate(usable)}
    taken = {places[key_of_action(action)]: int(action.qty) for action in start}
    cost = costing.of(_plan(costing, usable, taken))
    for _ in range(STEPS):
        step = _best_step(costing, usable, taken)
        if step is None or step[0] >= cost:
            break
        cost, place, qty = step
        taken[place] = qty
    return _plan(costing, usable, taken)


def best_single(costing: Costing, usable: tuple[Usable, ...]) -> tuple[Action, ...]:
    """The one action that costs least, even if more than doing nothing; empty without offers."""
    step = _best_step(costing, usable, {})
    return () if step is None else _plan(costing, usable, {step[1]: step[2]})


def _best_step(
    costing: Costing, usable: tuple[Usable, ...], taken: dict[int, int]
) -> tuple[int, int, int] | None:
    """(cost, place of the offer, quantity) of the cheapest plan one step away; ties by place."""
    best: tuple[int, int, int] | None = None
    for place in range(len(usable)):
        others = {at: qty for at, qty in taken.items() if at != place}
        left = still_left(costing.problem, [(usable[at], qty) for at, qty in others.items()])
        now = taken.get(place, 0)
        for qty in sorted({*sizes(usable[place]), *_next_to(usable[place], now)}):
            if qty == now or not left.allows(usable[place], qty):
                continue
            cost = costing.of(_plan(costing, usable, {**others, place: qty}))
            if best is None or (cost, place, qty) < best:
                best = (cost, place, qty)
    return best


def _next_to(usable: Usable, qty: int) -> set[int]:
    """One lot less and one lot more than a quantity that is taken up."""
    near = {usable.down_to_lots(qty - 1), usable.down_to_lots(qty + usable.lot)} if qty else set()
    return near - {0}


def _plan(
    costing: Costing, usable: tuple[Usable, ...], taken: dict[int, int]
) -> tuple[Action, ...]:
    return tuple(
        usable[place].action(costing.problem.item, taken[place]) for place in sorted(taken)
    )
