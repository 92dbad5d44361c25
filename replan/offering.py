"""What is on offer, and what is it to take an offer up? The one place that knows every kind.

A kind of action is a kind of offer, its name and its exact price. Whoever asks about an action
finds the offer behind it here, so a new kind is added here and the checker says what else to do.
"""

from typing import assert_never

from replan.planning import (
    Action,
    ActionKind,
    BufferOffer,
    ExpediteOffer,
    LaneOffer,
    Offer,
    PlanningProblem,
    PostponeOffer,
)
from replan.units import ItemId, SiteId, SupplierId, Units, priced

OfferKey = tuple[ActionKind, str, int]
"""Sorts and identifies an offer: kind; lane, order line or supplier and site; ship or new day."""


def offers_of(problem: PlanningProblem) -> dict[OfferKey, Offer]:
    """Every offer of a problem by its key, in order of kind and place."""
    offers: tuple[Offer, ...] = (
        *problem.lanes,
        *problem.expedites,
        *problem.buffers,
        *problem.postpones,
    )
    return {key_of(offer): offer for offer in offers}


def key_of(offer: Offer) -> OfferKey:
    """The key of an offer."""
    match offer:
        case LaneOffer():
            return ("reallocate", str(offer.lane), offer.ship_day)
        case ExpediteOffer():
            return ("expedite", str(offer.po_line), 0)
        case BufferOffer():
            return ("buffer_call", f"{offer.supplier}@{offer.site}", 0)
        case PostponeOffer():
            return ("postpone", str(offer.po_line), offer.new_day_p50)
        case _:
            assert_never(offer)


def key_of_action(action: Action) -> OfferKey:
    """The key of the offer that an action takes up."""
    match action.kind:
        case "reallocate":
            return (action.kind, action.ref, action.ship_day)
        case "expedite" | "buffer_call":
            return (action.kind, action.ref, 0)
        case "postpone":
            return (action.kind, action.ref, action.arrive_p50)
        case _:
            assert_never(action.kind)


def taken_up(item: ItemId, offer: Offer, qty: Units) -> Action:
    """That much of an offer, at its exact price."""
    match offer:
        case LaneOffer():
            return reallocation(item, offer, qty)
        case ExpediteOffer():
            return expedite(item, offer, qty)
        case BufferOffer():
            return buffer_call(item, offer, qty)
        case PostponeOffer():
            return postponement(item, offer, qty)
        case _:
            assert_never(offer)


def receiver_of(offer: Offer) -> SiteId:
    """Where the goods go."""
    return offer.destination if isinstance(offer, LaneOffer) else offer.site


def supplier_of(offer: Offer) -> SupplierId | None:
    """Whose terms it rests on; None for a move of our own."""
    return None if isinstance(offer, LaneOffer) else offer.supplier


def expense_of(offer: Offer) -> tuple[int, int]:
    """What taking it up costs beyond the goods: fixed, and per base unit, in minor units.

    The goods of a buffer call are paid for too, but they are sold, or the next order is smaller.
    """
    match offer:
        case LaneOffer() | ExpediteOffer():
            return offer.fixed_cost_minor, offer.unit_cost_minor
        case BufferOffer():
            return 0, offer.premium_minor
        case PostponeOffer():
            return 0, 0
        case _:
            assert_never(offer)


def expense_minor(problem: PlanningProblem, action: Action) -> int:
    """What an action costs beyond the goods themselves, in minor units."""
    if action.kind == "buffer_call":
        return action.cost_minor - priced(action.qty, problem.unit_cost_minor)
    return action.cost_minor


def most_of(problem: PlanningProblem, offer: Offer) -> Units | None:
    """The most that can be taken up of one offer by itself; None: without limit."""
    match offer:
        case LaneOffer():
            return offer.capacity
        case ExpediteOffer() | PostponeOffer():
            return line_limit(problem, offer)
        case BufferOffer():
            return offer.qty
        case _:
            assert_never(offer)


def line_limit(problem: PlanningProblem, offer: ExpediteOffer | PostponeOffer) -> Units:
    """The most of a line that can get another day: never more than is still on its way."""
    under_way = sum(
        int(row.qty)
        for site in problem.sites
        if site.site == offer.site
        for row in site.inbound
        if row.ref == offer.po_line
    )
    return Units(min(int(offer.qty), under_way))


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
    cost = offer.fixed_cost_minor + priced(qty, offer.unit_cost_minor)
    return _supplied("expedite", item, offer, qty, cost, offer.po_line)


def buffer_call(item: ItemId, offer: BufferOffer, qty: Units) -> Action:
    """That much called from the supplier's buffer: the goods and the premium on them."""
    cost = priced(qty, offer.unit_cost_minor + offer.premium_minor)
    return _supplied("buffer_call", item, offer, qty, cost, f"{offer.supplier}@{offer.site}")


def postponement(item: ItemId, offer: PostponeOffer, qty: Units) -> Action:
    """That much of the order line pushed out to a later day; it costs nothing by itself."""
    return _supplied("postpone", item, offer, qty, 0, offer.po_line)


def _supplied(
    kind: ActionKind,
    item: ItemId,
    offer: ExpediteOffer | BufferOffer | PostponeOffer,
    qty: Units,
    cost_minor: int,
    ref: str,
) -> Action:
    """What a supplier does for a site, begun today; on which days it arrives is the offer's."""
    if isinstance(offer, BufferOffer):
        p50, p90 = offer.arrive_p50, offer.arrive_p90
    else:
        p50, p90 = offer.new_day_p50, offer.new_day_p90
    return Action(
        kind=kind,
        item=item,
        origin=offer.supplier,
        destination=offer.site,
        qty=qty,
        ship_day=0,
        arrive_p50=p50,
        arrive_p90=p90,
        cost_minor=cost_minor,
        ref=ref,
    )
