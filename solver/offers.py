"""Which offers are worth a variable? What can still be used, in what sizes, and who needs it when.

The most important cut of the model is here: an offer that cannot save a sale in any draw is left
out, and of many lanes into one receiver only those that save most by themselves are kept.
"""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from replan.feasibility import donor_limit, expedite, expedite_limit, reallocation
from replan.planning import Action, ActionKind, ExpediteOffer, LaneOffer, PlanningProblem
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

    kind: ActionKind
    offer: LaneOffer | ExpediteOffer
    receiver: SiteId
    lot: int
    least: int
    most: int

    @property
    def adds(self) -> bool:
        """Whether the receiver gets units that were not on their way to it."""
        return self.kind != "expedite"

    @property
    def name(self) -> tuple[str, str, int]:
        """Sorts and identifies: kind, lane or order line, ship day."""
        if isinstance(self.offer, LaneOffer):
            return (self.kind, str(self.offer.lane), self.offer.ship_day)
        return (self.kind, str(self.offer.po_line), 0)

    def down_to_lots(self, qty: int) -> int:
        """The largest quantity allowed that is not above `qty`; 0 if there is none."""
        if qty >= self.most:
            return self.most
        lots = qty // self.lot * self.lot
        return lots if lots >= self.least else 0

    def action(self, item: ItemId, qty: int) -> Action:
        """The action of taking up that much, at its exact price."""
        if isinstance(self.offer, LaneOffer):
            return reallocation(item, self.offer, Units(qty))
        return expedite(item, self.offer, Units(qty))


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
    for line in problem.expedites:
        order = _order_line(problem, line)
        if order is None:
            continue
        when = arrival_days(draw, f"in:{line.po_line}", line.new_day_p50, line.new_day_p90)
        site = problem.sites[index[line.site]]
        after = _lost_from(lost[:, index[line.site], :], when, site.window)
        if after.any():
            kept.append(_useful(order, after))
    notes = []
    unapproved = sorted({offer.supplier for offer in problem.expedites if not offer.approved})
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
    touched = {u.receiver for u in usable} | {
        u.offer.origin for u in usable if isinstance(u.offer, LaneOffer)
    }
    rows = [j for j, site in enumerate(problem.sites) if site.site in touched]
    smaller = PlanningProblem(
        item=problem.item,
        asked_at=problem.asked_at,
        first_day=problem.first_day,
        horizon=problem.horizon,
        sites=tuple(problem.sites[j] for j in rows),
        lanes=tuple(u.offer for u in usable if isinstance(u.offer, LaneOffer)),
        expedites=tuple(u.offer for u in usable if isinstance(u.offer, ExpediteOffer)),
        scenarios=problem.scenarios,
        held_out=problem.held_out,
        unit_cost_minor=problem.unit_cost_minor,
        shared=problem.shared,
        seed=problem.seed,
    )
    return smaller, Draws(demand=draw.demand[:, rows, :], delay=draw.delay)


@dataclass(frozen=True, slots=True, kw_only=True)
class DonorsLeft:
    """What each donor may still give, thousandths."""

    left: dict[SiteId, int]

    def allows(self, usable: Usable, qty: int) -> bool:
        """Whether the donor of a move can spare that much (an order line has no donor)."""
        if not isinstance(usable.offer, LaneOffer):
            return True
        return qty <= self.left[usable.offer.origin]


def donors_left(problem: PlanningProblem, taken: list[tuple[Usable, int]]) -> DonorsLeft:
    """What donors may still give once these offers are taken up by that much."""
    left = {site.site: int(donor_limit(problem, site.site)) for site in problem.sites}
    for usable, qty in taken:
        if isinstance(usable.offer, LaneOffer):
            left[usable.offer.origin] -= qty
    return DonorsLeft(left=left)


def offer_of(action: Action) -> tuple[str, str, int]:
    """The name of the offer that an action takes up."""
    return (action.kind, action.ref, action.ship_day)


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
    return _between("reallocate", offer, offer.destination, lot, least, most)


def _order_line(problem: PlanningProblem, offer: ExpediteOffer) -> Usable | None:
    if offer.latest_start < problem.asked_at or not offer.approved:
        return None
    lot = max(1, int(offer.lot_multiple))
    most = int(expedite_limit(problem, offer))
    return _between("expedite", offer, offer.site, lot, min(lot, most), most)


def _between(
    kind: Literal["expedite", "reallocate"],
    offer: LaneOffer | ExpediteOffer,
    receiver: SiteId,
    lot: int,
    least: int,
    most: int,
) -> Usable | None:
    if most < least or most <= 0:
        return None
    return Usable(kind=kind, offer=offer, receiver=receiver, lot=lot, least=least, most=most)


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
