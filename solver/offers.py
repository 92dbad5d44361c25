"""Which offers are worth a variable? What can still be used, in what sizes, and who needs it when.

The most important cut of the model is here: an offer that cannot save a sale in any draw is left
out, and of many lanes into one receiver only those that save most by themselves are kept.
"""

from dataclasses import dataclass, replace
from typing import assert_never

import numpy as np

from replan.feasibility import donor_limit
from replan.offering import OfferKey, key_of, line_limit, receiver_of, taken_up
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
from replan.scenarios import Draws, Ints, arrival_days
from replan.units import ItemId, SiteId, Units

LANES_PER_RECEIVER = 6
"""Lanes kept per receiver. A few donors hold nearly all that can be saved: over 40 problems of 12
sites the benefit was that of all lanes with 6 a receiver, 0.03 % less with 4, 0.7 % less with 3."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Usable:
    """An offer that can still be taken up, in thousandths: from `least` to `most`, whole lots.

    `most` itself is always allowed: for a lane it is a whole number of lots, for an order line the
    last lot may be the rest of the line.
    """

    offer: Offer
    lot: int
    least: int
    most: int

    @property
    def name(self) -> OfferKey:
        """Sorts and identifies."""
        return key_of(self.offer)

    @property
    def kind(self) -> ActionKind:
        """What taking it up is."""
        return self.name[0]

    @property
    def receiver(self) -> SiteId:
        """Where the goods go."""
        return receiver_of(self.offer)

    @property
    def donor(self) -> SiteId | None:
        """Which of our sites gives; None where a supplier does."""
        return self.offer.origin if isinstance(self.offer, LaneOffer) else None

    @property
    def adds(self) -> bool:
        """Whether the receiver gets units that were not on their way to it."""
        return isinstance(self.offer, LaneOffer | BufferOffer)

    def down_to_lots(self, qty: int) -> int:
        """The largest quantity allowed that is not above `qty`; 0 if there is none."""
        if qty >= self.most:
            return self.most
        lots = qty // self.lot * self.lot
        return lots if lots >= self.least else 0

    def action(self, item: ItemId, qty: int) -> Action:
        """The action of taking up that much, at its exact price."""
        return taken_up(item, self.offer, Units(qty))


@dataclass(frozen=True, slots=True, kw_only=True)
class Offers:
    """The offers kept for the model, sorted, and words for what was left out."""

    usable: tuple[Usable, ...]
    notes: tuple[str, ...]


def exposure(problem: PlanningProblem, draw: Draws) -> Ints:
    """Cumulative demand less everything that comes anyway, (W, J, H) in thousandths.

    Its running maximum, cut at zero, is what the site loses up to that day if nothing is done
    (Lindley 1952: with lost sales, stock is a walk reflected at zero).
    """
    need = np.cumsum(draw.demand, axis=2)
    days = np.arange(draw.demand.shape[2])
    for j, site in enumerate(problem.sites):
        need[:, j, :] -= int(site.on_hand)
        for row in site.inbound:
            when = arrival_days(draw, f"in:{row.ref}", row.day_p50, row.day_p90)
            need[:, j, :] -= int(row.qty) * (days[None, :] >= when[:, None])
    return need


def exposure_to_all(problem: PlanningProblem, draw: Draws) -> Ints:
    """Cumulative demand less stock and all that is on its way, whenever it comes, (W, J, D) in
    thousandths: what is left of it, and what was lost, is the inventory position.
    """
    there = [int(s.on_hand) + sum(int(row.qty) for row in s.inbound) for s in problem.sites]
    need: Ints = np.cumsum(draw.demand, axis=2) - np.array(there, dtype=np.int64)[None, :, None]
    return need


def usable_offers(
    problem: PlanningProblem, draw: Draws, *, lanes_per_receiver: int = LANES_PER_RECEIVER
) -> Offers:
    """What can still be used and can save a sale in some draw; at most so many lanes a receiver."""
    lost = np.maximum(np.maximum.accumulate(exposure(problem, draw), axis=2), 0)
    index = {site.site: j for j, site in enumerate(problem.sites)}
    kept: list[Usable] = []
    into: dict[SiteId, list[tuple[int, Usable]]] = {}
    for offer in problem.lanes:
        lane = _lane(problem, offer)
        if lane is None:
            continue
        when = arrival_days(draw, f"lane:{offer.lane}", offer.arrive_p50, offer.arrive_p90)
        site = problem.sites[index[offer.destination]]
        after = _lost_from(lost[:, index[site.site], :], when, site.window)
        if after.any():
            lane = _useful(lane, after)
            qty = max(lane.least, lane.down_to_lots(int(after.mean())))
            saved = int(np.minimum(after, qty).mean()) * site.shortage_minor // 1_000
            worth = saved - lane.action(problem.item, qty).cost_minor
            into.setdefault(site.site, []).append((worth, lane))
    left_out = 0
    for receiver in sorted(into):
        ranked = sorted(into[receiver], key=lambda pair: (-pair[0], pair[1].name))
        kept.extend(lane for _, lane in ranked[:lanes_per_receiver])
        left_out += len(ranked[lanes_per_receiver:])
    from_supplier: tuple[ExpediteOffer | BufferOffer, ...] = (*problem.expedites, *problem.buffers)
    for line in from_supplier:
        usable = _of_supplier(problem, line)
        if usable is None:
            continue
        if isinstance(line, ExpediteOffer):
            name, first, last = f"in:{line.po_line}", line.new_day_p50, line.new_day_p90
        else:
            name = f"buffer:{line.supplier}@{line.site}"
            first, last = line.arrive_p50, line.arrive_p90
        when = arrival_days(draw, name, first, last)
        site = problem.sites[index[line.site]]
        after = _lost_from(lost[:, index[line.site], :], when, site.window)
        if after.any():
            kept.append(_useful(usable, after))
    for later in problem.postpones:
        usable = _of_supplier(problem, later)
        if usable is not None:
            kept.append(usable)
    notes = []
    unapproved = sorted({offer.supplier for offer in from_supplier if not offer.approved})
    if unapproved:
        notes.append(f"not approved, so not on offer: supplier {', '.join(unapproved)}")
    if left_out:
        notes.append(
            f"{left_out} lanes left out: at most {lanes_per_receiver} a receiver, "
            "those that save most by themselves"
        )
    return Offers(usable=tuple(sorted(kept, key=lambda u: u.name)), notes=tuple(notes))


def reduced(
    problem: PlanningProblem, draw: Draws, usable: tuple[Usable, ...]
) -> tuple[PlanningProblem, Draws]:
    """Problem and draws with only the sites that these offers touch; nothing changes elsewhere."""
    touched = {u.receiver for u in usable} | {u.donor for u in usable}
    rows = [j for j, site in enumerate(problem.sites) if site.site in touched]
    offers = [u.offer for u in usable]
    smaller = replace(
        problem,
        sites=tuple(problem.sites[j] for j in rows),
        lanes=tuple(o for o in offers if isinstance(o, LaneOffer)),
        expedites=tuple(o for o in offers if isinstance(o, ExpediteOffer)),
        buffers=tuple(o for o in offers if isinstance(o, BufferOffer)),
        postpones=tuple(o for o in offers if isinstance(o, PostponeOffer)),
    )
    return smaller, Draws(demand=draw.demand[:, rows, :], delay=draw.delay)


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """What donors may still give, and what of each line already gets another day, thousandths."""

    donors: dict[SiteId, int]
    lines: dict[str, int]

    def allows(self, usable: Usable, qty: int) -> bool:
        """Whether that much of an offer is still there to take up."""
        match usable.offer:
            case LaneOffer():
                return qty <= self.donors[usable.offer.origin]
            case ExpediteOffer() | PostponeOffer():
                taken = self.lines.get(str(usable.offer.po_line), 0)
                return taken == 0 or qty + taken <= usable.most
            case BufferOffer():
                return True
            case _:
                assert_never(usable.offer)


def still_left(problem: PlanningProblem, taken: list[tuple[Usable, int]]) -> Left:
    """What is left once these offers are taken up by that much."""
    donors = {site.site: int(donor_limit(problem, site.site)) for site in problem.sites}
    lines: dict[str, int] = {}
    for usable, qty in taken:
        if isinstance(usable.offer, LaneOffer):
            donors[usable.offer.origin] -= qty
        elif isinstance(usable.offer, ExpediteOffer | PostponeOffer):
            name = str(usable.offer.po_line)
            lines[name] = lines.get(name, 0) + qty
    return Left(donors=donors, lines=lines)


def of_kinds(usable: tuple[Usable, ...], kinds: frozenset[ActionKind]) -> tuple[Usable, ...]:
    """Only the offers of these kinds, in the same order."""
    return tuple(u for u in usable if u.kind in kinds)


def sizes(usable: Usable) -> tuple[int, ...]:
    """A few quantities from `least` to `most`, each about twice the one before."""
    found: list[int] = []
    qty = usable.least
    while qty < usable.most:
        found.append(qty)
        qty = max(qty + usable.lot, usable.down_to_lots(2 * qty))
    return (*found, usable.most)


def _lane(problem: PlanningProblem, offer: LaneOffer) -> Usable | None:
    if offer.latest_start < problem.asked_at:
        return None
    lot = max(1, int(offer.lot_multiple))
    most = int(donor_limit(problem, offer.origin))
    if offer.capacity is not None:
        most = min(most, int(offer.capacity))
    least = max(1, -(-int(offer.min_qty) // lot)) * lot
    most = most // lot * lot
    return _between(offer, lot, least, most)


def _of_supplier(
    problem: PlanningProblem, offer: ExpediteOffer | BufferOffer | PostponeOffer
) -> Usable | None:
    if offer.latest_start < problem.asked_at:
        return None
    lot = max(1, int(offer.lot_multiple))
    if isinstance(offer, BufferOffer):
        least = max(1, -(-int(offer.min_qty) // lot)) * lot
        return _between(offer, lot, least, int(offer.qty) // lot * lot) if offer.approved else None
    if isinstance(offer, ExpediteOffer) and not offer.approved:
        return None
    most = int(line_limit(problem, offer))
    return _between(offer, lot, min(lot, most), most)


def _between(offer: Offer, lot: int, least: int, most: int) -> Usable | None:
    if most < least or most <= 0:
        return None
    return Usable(offer=offer, lot=lot, least=least, most=most)


def _useful(usable: Usable, after: Ints) -> Usable:
    """Never more than the largest loss it could avoid in any draw, up to a whole lot."""
    useful = -(-int(after.max()) // usable.lot) * usable.lot
    return replace(usable, most=min(usable.most, max(usable.least, useful)))


def _lost_from(lost: Ints, when: Ints, window: int) -> Ints:
    """Units lost from day `when` to the window's end, per draw; `lost` (W, H) is cumulative."""
    draws = np.arange(lost.shape[0])
    before = np.where(when > 0, lost[draws, np.clip(when - 1, 0, lost.shape[1] - 1)], 0)
    late = when >= window
    return np.where(late, 0, lost[:, window - 1] - before)
