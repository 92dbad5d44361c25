"""What does a plan become when a person changes its quantity, source, day or means of transport?

The change is carried over to the offers of the newest problem: what is asked for is fixed, the rest
of the plan stays, and every action is priced anew at what its offer costs. A total over several
actions is raised where a unit costs least and lowered where it costs most. Nothing is judged here;
the result still has to keep every hard limit (`feasibility`) and is priced on held-out draws.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta

from replan.feasibility import Broken, donor_limit
from replan.network import Lane
from replan.offering import key_of_action, offers_of, reallocation, taken_up
from replan.offering import most_of as most_on_offer
from replan.planning import Action, LaneOffer, PlanningProblem
from replan.units import LaneId, SiteId, Units, quantity_json


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What a person asks for; None leaves it as it is.

    `qty`: of the whole plan, thousandths. `ship_on`: the day on which all of it leaves, or on which
    order lines that are pushed out come instead. `source`:
    the site that all of it comes from. `transport`: the `mode` of the lane, as in lanes.csv.
    """

    qty: Units | None = None
    ship_on: date | None = None
    source: str | None = None
    transport: str | None = None

    @property
    def is_empty(self) -> bool:
        """Whether nothing is asked for."""
        return self == Change()


def revised(
    problem: PlanningProblem,
    actions: tuple[Action, ...],
    change: Change,
    lanes: Mapping[LaneId, Lane],
) -> tuple[Action, ...] | Broken:
    """The plan as changed, on the offers of `problem`; `Broken` where no offer is like that."""
    if change.ship_on is None and change.source is None and change.transport is None:
        standing = on_offer(problem, actions)
    elif all(action.kind == "postpone" for action in actions):
        standing = _pushed_to(problem, actions, change)
    else:
        standing = _moved_over(problem, actions, change, lanes)
    if isinstance(standing, Broken) or change.qty is None:
        return standing
    return _totalling(problem, standing, change.qty)


def on_offer(problem: PlanningProblem, actions: tuple[Action, ...]) -> tuple[Action, ...] | Broken:
    """The same goods on the offers as they are now; `Broken` where one is gone."""
    found = []
    for action in actions:
        now = sized(problem, action, action.qty)
        if now is None:
            text = f"{action.kind} {action.ref}: there is no such offer any more"
            return Broken(limit="offer", text=text)
        found.append(now)
    return tuple(found)


def sized(problem: PlanningProblem, action: Action, qty: Units) -> Action | None:
    """The action with another quantity, as its offer dates and prices it now; None: no offer."""
    offers = {
        key: offer
        for key, offer in offers_of(problem).items()
        if key[:2] == (action.kind, action.ref)
    }
    now = offers.get(key_of_action(action)) or next(iter(offers.values()), None)
    return None if now is None else taken_up(problem.item, now, qty)


def most_of(problem: PlanningProblem, actions: tuple[Action, ...], index: int) -> Units | None:
    """The most that one action of a plan may carry beside the others; None: not limited."""
    action = actions[index]
    if action.kind == "reallocate":
        others = sum(
            int(a.qty)
            for n, a in enumerate(actions)
            if n != index and a.kind == "reallocate" and a.origin == action.origin
        )
        limits = [int(donor_limit(problem, SiteId(action.origin))) - others]
        limits += [
            int(o.capacity)
            for o in problem.lanes
            if o.lane == action.ref and o.ship_day == action.ship_day and o.capacity is not None
        ]
        return Units(max(min(limits), 0))
    offer = offers_of(problem).get(key_of_action(action))
    return None if offer is None else most_on_offer(problem, offer)


def _pushed_to(
    problem: PlanningProblem, actions: tuple[Action, ...], change: Change
) -> tuple[Action, ...] | Broken:
    """The same lines pushed out to another day; whose lines they are and how they travel cannot be
    changed.
    """
    for name, asked in (("source", change.source), ("transport", change.transport)):
        if asked is not None:
            return Broken(limit=name, text=f"{name} of an order line cannot be changed")
    found = []
    for action in actions:
        days = {
            problem.first_day + timedelta(days=offer.new_day_p50): offer
            for offer in problem.postpones
            if offer.po_line == action.ref
        }
        if change.ship_on not in days:
            rest = ", ".join(map(str, sorted(days))) or "nothing"
            text = f"order line {action.ref} cannot come on {change.ship_on}; on offer is {rest}"
            return Broken(limit="departure", text=text)
        found.append(taken_up(problem.item, days[change.ship_on], action.qty))
    return tuple(found)


def _moved_over(
    problem: PlanningProblem,
    actions: tuple[Action, ...],
    change: Change,
    lanes: Mapping[LaneId, Lane],
) -> tuple[Action, ...] | Broken:
    """Each receiver's goods by one offer that is as asked: the cheapest, then the soonest."""
    wanted: dict[SiteId, int] = {}
    for action in actions:
        wanted[action.destination] = wanted.get(action.destination, 0) + int(action.qty)
    found = []
    for site, qty in sorted(wanted.items()):
        fitting = _fitting(problem, site, change, lanes)
        if isinstance(fitting, Broken):
            return fitting
        plans = [reallocation(problem.item, offer, Units(qty)) for offer in fitting]
        found.append(min(plans, key=lambda a: (a.cost_minor, a.arrive_p50, a.ref, a.ship_day)))
    return tuple(found)


def _fitting(
    problem: PlanningProblem, site: SiteId, change: Change, lanes: Mapping[LaneId, Lane]
) -> list[LaneOffer] | Broken:
    offers = [offer for offer in problem.lanes if offer.destination == site]
    steps = (
        ("source", change.source, lambda o: str(o.origin)),
        ("transport", change.transport, lambda o: lanes[o.lane].mode if o.lane in lanes else ""),
        ("departure", change.ship_on, lambda o: problem.first_day + timedelta(days=o.ship_day)),
    )
    for name, asked, of in steps:
        if asked is None:
            continue
        on_offer_now = sorted({str(of(offer)) for offer in offers})
        offers = [offer for offer in offers if of(offer) == asked]
        if not offers:
            rest = f"on offer is {', '.join(on_offer_now)}" if on_offer_now else "nothing is"
            return Broken(limit=name, text=f"{name} {asked} to {site} is not on offer; {rest}")
    return offers


def _totalling(
    problem: PlanningProblem, actions: tuple[Action, ...], total: Units
) -> tuple[Action, ...] | Broken:
    """The plan carrying exactly that much in all; beyond every limit the cheapest action carries
    the rest, so that the check names the limit.
    """
    if total <= 0:
        return Broken(limit="quantity", text="the quantity must be above 0")
    by_price = sorted(range(len(actions)), key=lambda n: (_unit_price(problem, actions[n]), n))
    plan = list(actions)
    left = int(total) - sum(int(a.qty) for a in plan)
    for n in by_price if left > 0 else reversed(by_price):
        qty = int(plan[n].qty)
        if left < 0:
            change = max(left, -qty)
        else:
            most = most_of(problem, tuple(plan), n)
            change = left if most is None else max(min(left, int(most) - qty), 0)
        plan[n] = replace(plan[n], qty=Units(qty + change))
        left -= change
    if left > 0:
        first = by_price[0]
        plan[first] = replace(plan[first], qty=Units(int(plan[first].qty) + left))
    priced_anew = [sized(problem, a, a.qty) for a in plan if a.qty > 0]
    return tuple(a for a in priced_anew if a is not None)


def _unit_price(problem: PlanningProblem, action: Action) -> int:
    """What a thousand base units more would cost, minor units."""
    more = sized(problem, action, Units(int(action.qty) + 1_000_000))
    return 0 if more is None else more.cost_minor - action.cost_minor


def change_json(change: Change) -> dict[str, object]:
    """A change as plain JSON data, quantity in base units; what is left as it is stays out."""
    plain: dict[str, object] = {}
    if change.qty is not None:
        plain["qty"] = quantity_json(change.qty)
    if change.ship_on is not None:
        plain["date"] = change.ship_on.isoformat()
    if change.source is not None:
        plain["source"] = change.source
    if change.transport is not None:
        plain["mode"] = change.transport
    return plain
