"""Does a plan keep every hard limit of its problem? Checked in integers, whatever a solver says.

Used on every plan before it becomes an option, and again when a recorded option is approved later.
"""

from collections import defaultdict
from dataclasses import dataclass, replace
from typing import assert_never

from replan.offering import OfferKey, key_of_action, line_limit, offers_of, taken_up
from replan.planning import (
    Action,
    BufferOffer,
    ExpediteOffer,
    LaneOffer,
    Offer,
    PlanningProblem,
    PostponeOffer,
)
from replan.units import SiteId, Units, quantity_json


def donor_limit(problem: PlanningProblem, donor: SiteId) -> Units:
    """The most a site may give away in all: its spare, and no more than lies there."""
    for site in problem.sites:
        if site.site == donor:
            return Units(max(0, min(int(site.spare), int(site.on_hand))))
    return Units(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """A hard limit that a plan breaks: the limit's name, for programs, and the rule in words.

    Names: `offer` (there is none such, or it says otherwise), `quantity`, `item`, `cut_off`,
    `lot_multiple`, `min_qty`, `lane_capacity`, `order_line`, `buffer_qty`, `supplier_approved`,
    `donor_p_stockout` (what a donor may give away and stay protected). `most` in thousandths, where
    the limit is an upper one.
    """

    limit: str
    text: str
    most: Units | None = None


def violations(problem: PlanningProblem, actions: tuple[Action, ...]) -> tuple[str, ...]:
    """Every hard limit that the plan breaks, in words; empty if it can be carried out as it
    stands.
    """
    return tuple(broken.text for broken in broken_limits(problem, actions))


def broken_limits(problem: PlanningProblem, actions: tuple[Action, ...]) -> tuple[Broken, ...]:
    """Every hard limit that the plan breaks, by name; empty if it can be carried out as it stands.

    Hard are: the offer exists with these days and costs exactly this, its cut-off is not past, the
    supplier is approved, whole lots, minimum, lane capacity, order line, what is left of a buffer,
    and what a donor may give.
    """
    offers = offers_of(problem)
    found: list[Broken] = []
    seen: set[OfferKey] = set()
    given: defaultdict[SiteId, int] = defaultdict(int)
    moved: defaultdict[str, int] = defaultdict(int)
    for action in actions:
        faults: list[Broken] = []
        key = key_of_action(action)
        if key in seen:
            faults.append(Broken(limit="offer", text="the same offer is used twice"))
        seen.add(key)
        if action.qty <= 0:
            faults.append(Broken(limit="quantity", text="the quantity must be above 0"))
        if action.item != problem.item:
            faults.append(
                Broken(limit="item", text=f"item is {action.item}, must be {problem.item}")
            )
        if action.kind == "reallocate":
            given[SiteId(action.origin)] += int(action.qty)
        offer = offers.get(key)
        if offer is None:
            faults.append(Broken(limit="offer", text=_no_such(action)))
        else:
            faults += _faults(problem, offer, action)
            if isinstance(offer, ExpediteOffer | PostponeOffer):
                moved[offer.po_line] += int(action.qty)
                limit = line_limit(problem, offer)
                if action.qty <= limit < moved[offer.po_line]:
                    text = f"the order line has only {quantity_json(limit)} in all"
                    faults.append(Broken(limit="order_line", text=text, most=limit))
        name = f"{action.kind} {action.ref} ({quantity_json(action.qty)})"
        found += [replace(fault, text=f"{name}: {fault.text}") for fault in faults]
    for donor in sorted(given):
        limit = donor_limit(problem, donor)
        if given[donor] > limit:
            text = (
                f"donor {donor} gives {quantity_json(Units(given[donor]))}, "
                f"may give {quantity_json(limit)} at most"
            )
            found.append(Broken(limit="donor_p_stockout", text=text, most=limit))
    return tuple(found)


def binding_limits(problem: PlanningProblem, actions: tuple[Action, ...]) -> tuple[str, ...]:
    """The limits that leave no room for another lot of what the plan does, in words."""
    offers = offers_of(problem)
    found: list[str] = []
    given: defaultdict[SiteId, int] = defaultdict(int)
    smallest_lot: dict[SiteId, int] = {}
    for action in actions:
        offer = offers[key_of_action(action)]
        lot = max(1, int(offer.lot_multiple))
        match offer:
            case LaneOffer():
                given[offer.origin] += int(action.qty)
                smallest_lot[offer.origin] = min(lot, smallest_lot.get(offer.origin, lot))
                if offer.capacity is not None and action.qty + lot > offer.capacity:
                    found.append(f"lane {offer.lane} is full ({quantity_json(offer.capacity)})")
                elif action.qty == offer.min_qty:
                    found.append(f"lane {offer.lane} takes {quantity_json(offer.min_qty)} at least")
            case ExpediteOffer() | PostponeOffer():
                limit = line_limit(problem, offer)
                if action.qty == limit:
                    found.append(f"order line {action.ref} has only {quantity_json(limit)}")
            case BufferOffer():
                if action.qty + lot > offer.qty:
                    found.append(
                        f"buffer of {offer.supplier} for {offer.site} has only "
                        f"{quantity_json(offer.qty)} left"
                    )
                elif action.qty == offer.min_qty:
                    found.append(
                        f"{offer.supplier} takes orders of {quantity_json(offer.min_qty)} at least"
                    )
            case _:
                assert_never(offer)
    for donor in sorted(given):
        donors = donor_limit(problem, donor)
        if given[donor] + smallest_lot[donor] > donors:
            found.append(f"donor {donor} may give {quantity_json(donors)} at most")
    return tuple(sorted(found))


def _no_such(action: Action) -> str:
    match action.kind:
        case "reallocate":
            return f"no such lane leaves on day {action.ship_day}"
        case "expedite":
            return "no such order line can be expedited"
        case "buffer_call":
            return "no such buffer can be called"
        case "postpone":
            return f"no such order line can be postponed to day {action.arrive_p50}"
        case _:
            assert_never(action.kind)


def _faults(problem: PlanningProblem, offer: Offer, action: Action) -> list[Broken]:
    faults = []
    if action != taken_up(problem.item, offer, action.qty):
        text = (
            "sites, days or cost are not those of the lane"
            if isinstance(offer, LaneOffer)
            else "supplier, site, days or cost are not those of the offer"
        )
        faults.append(Broken(limit="offer", text=text))
    if offer.latest_start < problem.asked_at:
        faults.append(Broken(limit="cut_off", text="the cut-off has passed"))
    match offer:
        case LaneOffer():
            faults += _whole_lots(offer, action)
            if offer.capacity is not None and action.qty > offer.capacity:
                text = f"the lane can carry {quantity_json(offer.capacity)} at most"
                faults.append(Broken(limit="lane_capacity", text=text, most=offer.capacity))
        case ExpediteOffer() | PostponeOffer():
            faults += _approval(offer) + _line_faults(problem, offer, action)
        case BufferOffer():
            faults += _approval(offer) + _whole_lots(offer, action)
            if action.qty > offer.qty:
                text = f"the buffer has only {quantity_json(offer.qty)} left"
                faults.append(Broken(limit="buffer_qty", text=text, most=offer.qty))
        case _:
            assert_never(offer)
    return faults


def _approval(offer: ExpediteOffer | BufferOffer | PostponeOffer) -> list[Broken]:
    if offer.approved or isinstance(offer, PostponeOffer):
        return []
    text = f"supplier {offer.supplier} is not approved"
    return [Broken(limit="supplier_approved", text=text)]


def _whole_lots(offer: LaneOffer | BufferOffer, action: Action) -> list[Broken]:
    faults = []
    if action.qty % max(1, offer.lot_multiple) != 0:
        text = f"must be a multiple of {quantity_json(offer.lot_multiple)}"
        faults.append(Broken(limit="lot_multiple", text=text))
    if action.qty < offer.min_qty:
        text = f"must be at least {quantity_json(offer.min_qty)}"
        faults.append(Broken(limit="min_qty", text=text))
    return faults


def _line_faults(
    problem: PlanningProblem, offer: ExpediteOffer | PostponeOffer, action: Action
) -> list[Broken]:
    faults = []
    limit = line_limit(problem, offer)
    if action.qty > limit:
        text = f"the order line has only {quantity_json(limit)}"
        faults.append(Broken(limit="order_line", text=text, most=limit))
    # The last lot may be the rest of the line.
    if action.qty != limit and action.qty % max(1, offer.lot_multiple) != 0:
        text = f"must be the whole line or a multiple of {quantity_json(offer.lot_multiple)}"
        faults.append(Broken(limit="lot_multiple", text=text))
    return faults
