"""Does a plan keep every hard limit of its problem? Checked in integers, whatever a solver says.

Used on every plan before it becomes an option, and again when a recorded option is approved later.
"""

from collections import defaultdict
from dataclasses import dataclass, replace

from replan.planning import Action, ExpediteOffer, LaneOffer, PlanningProblem
from replan.units import ItemId, SiteId, Units, priced, quantity_json


def expedite_limit(problem: PlanningProblem, offer: ExpediteOffer) -> Units:
    """The most of the line that can be brought forward: never more than is still on its way."""
    under_way = sum(
        int(row.qty)
        for site in problem.sites
        if site.site == offer.site
        for row in site.inbound
        if row.ref == offer.po_line
    )
    return Units(min(int(offer.qty), under_way))


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
    `lot_multiple`, `min_qty`, `lane_capacity`, `order_line`, `supplier_approved`,
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
    supplier is approved, whole lots, minimum, lane capacity, order line, and what a donor may give.
    """
    lanes = {(str(offer.lane), offer.ship_day): offer for offer in problem.lanes}
    lines = {str(offer.po_line): offer for offer in problem.expedites}
    found: list[Broken] = []
    seen: set[tuple[str, str, int]] = set()
    given: defaultdict[SiteId, int] = defaultdict(int)
    for action in actions:
        faults: list[Broken] = []
        key = (action.kind, action.ref, action.ship_day if action.kind == "reallocate" else 0)
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
            offer = lanes.get((action.ref, action.ship_day))
            if offer is None:
                text = f"no such lane leaves on day {action.ship_day}"
                faults.append(Broken(limit="offer", text=text))
            else:
                faults += _lane_faults(problem, offer, action)
        else:
            line = lines.get(action.ref)
            if line is None:
                faults.append(Broken(limit="offer", text="no such order line can be expedited"))
            else:
                faults += _line_faults(problem, line, action)
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
    lanes = {(str(offer.lane), offer.ship_day): offer for offer in problem.lanes}
    lines = {str(offer.po_line): offer for offer in problem.expedites}
    found: list[str] = []
    given: defaultdict[SiteId, int] = defaultdict(int)
    smallest_lot: dict[SiteId, int] = {}
    for action in actions:
        if action.kind == "reallocate":
            offer = lanes[(action.ref, action.ship_day)]
            given[offer.origin] += int(action.qty)
            lot = max(1, int(offer.lot_multiple))
            smallest_lot[offer.origin] = min(lot, smallest_lot.get(offer.origin, lot))
            if offer.capacity is not None and action.qty + lot > offer.capacity:
                found.append(f"lane {offer.lane} is full ({quantity_json(offer.capacity)})")
            elif action.qty == offer.min_qty:
                found.append(f"lane {offer.lane} takes {quantity_json(offer.min_qty)} at least")
        else:
            limit = expedite_limit(problem, lines[action.ref])
            if action.qty == limit:
                found.append(f"order line {action.ref} has only {quantity_json(limit)}")
    for donor in sorted(given):
        donors = donor_limit(problem, donor)
        if given[donor] + smallest_lot[donor] > donors:
            found.append(f"donor {donor} may give {quantity_json(donors)} at most")
    return tuple(sorted(found))


def reallocation(item: ItemId, offer: LaneOffer, qty: Units) -> Action:
    """That much sent by that lane offer, at its exact price."""
    return Action(
        kind="reallocate",
        item=item,
        origin=offer.origin,
        destination=offer.destination,
        qty=qty,
        ship_day=offer.ship_day,
        arrive_p50=offer.arrive_p50,
        arrive_p90=offer.arrive_p90,
        cost_minor=offer.fixed_cost_minor + priced(qty, offer.unit_cost_minor),
        ref=offer.lane,
    )


def expedite(item: ItemId, offer: ExpediteOffer, qty: Units) -> Action:
    """That much of the order line brought forward, at its exact price."""
    return Action(
        kind="expedite",
        item=item,
        origin=offer.supplier,
        destination=offer.site,
        qty=qty,
        ship_day=0,
        arrive_p50=offer.new_day_p50,
        arrive_p90=offer.new_day_p90,
        cost_minor=offer.fixed_cost_minor + priced(qty, offer.unit_cost_minor),
        ref=offer.po_line,
    )


def _lane_faults(problem: PlanningProblem, offer: LaneOffer, action: Action) -> list[Broken]:
    faults = []
    if action != reallocation(problem.item, offer, action.qty):
        text = "sites, days or cost are not those of the lane"
        faults.append(Broken(limit="offer", text=text))
    if offer.latest_start < problem.asked_at:
        faults.append(Broken(limit="cut_off", text="the cut-off has passed"))
    if action.qty % max(1, offer.lot_multiple) != 0:
        text = f"must be a multiple of {quantity_json(offer.lot_multiple)}"
        faults.append(Broken(limit="lot_multiple", text=text))
    if action.qty < offer.min_qty:
        text = f"must be at least {quantity_json(offer.min_qty)}"
        faults.append(Broken(limit="min_qty", text=text))
    if offer.capacity is not None and action.qty > offer.capacity:
        text = f"the lane can carry {quantity_json(offer.capacity)} at most"
        faults.append(Broken(limit="lane_capacity", text=text, most=offer.capacity))
    return faults


def _line_faults(problem: PlanningProblem, offer: ExpediteOffer, action: Action) -> list[Broken]:
    faults = []
    limit = expedite_limit(problem, offer)
    if action != expedite(problem.item, offer, action.qty):
        text = "supplier, site, days or cost are not those of the offer"
        faults.append(Broken(limit="offer", text=text))
    if offer.latest_start < problem.asked_at:
        faults.append(Broken(limit="cut_off", text="the cut-off has passed"))
    if not offer.approved:
        text = f"supplier {offer.supplier} is not approved"
        faults.append(Broken(limit="supplier_approved", text=text))
    if action.qty > limit:
        text = f"the order line has only {quantity_json(limit)}"
        faults.append(Broken(limit="order_line", text=text, most=limit))
    # The last lot may be the rest of the line.
    if action.qty != limit and action.qty % max(1, offer.lot_multiple) != 0:
        text = f"must be the whole line or a multiple of {quantity_json(offer.lot_multiple)}"
        faults.append(Broken(limit="lot_multiple", text=text))
    return faults
