"""What would a simple rule have done on the same days? The nearest site with a surplus helps.

The second policy that acting is measured against, beside doing nothing. Every morning each site
looks at each of its items, once demand has been learned (see `erp_levels`):

- It is short by what its smoothed demand asks for until its next delivery, beyond what lies there
  and what the rule already has on its way to it.
- A site has a surplus of what lies there beyond its own smoothed demand until its own next
  delivery.
- The nearest site with a surplus sends (shortest transit, then cheapest, then by id), then the next
  nearest, in whole lots and within what the lane carries that day, if it arrives before the next
  delivery and the margin of the units moved is above the freight.

It sees one number for demand, no ranges, no orders that could be brought forward, and one item and
site at a time: what a careful planner could do with a spreadsheet.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from replan.departures import transit_days
from replan.infra.erp.levels import AskedFor
from replan.infra.erp.world import (
    Key,
    Move,
    World,
    lead_days,
    loadable,
    phase,
    review_days,
    supplier_contract,
)
from replan.network import Lane, Network
from replan.units import ItemId, SiteId, Units, priced


@dataclass(frozen=True, slots=True, kw_only=True)
class Help:
    """A load that the rule sends, thousandths."""

    item: ItemId
    lane: Lane
    qty: int

    @property
    def freight_minor(self) -> int:
        """What it costs to send it."""
        return self.lane.fixed_cost_minor + priced(Units(self.qty), self.lane.unit_cost_minor)

    def move(self, day: int, at: datetime) -> Move:
        """The load as a transfer that leaves at once."""
        return Move(
            action_id=f"rule:{self.item}:{self.lane.lane}:{day}",
            idem="",
            item=self.item,
            origin=self.lane.origin,
            destination=self.lane.destination,
            lane=self.lane.lane,
            qty=self.qty,
            ship_on=day,
            ship_at=at,
        )


def nearest_surplus(
    network: Network,
    world: World,
    asked: Mapping[Key, AskedFor],
    key: Key,
    today: int,
    promised: Mapping[Key, int],
) -> Iterator[Help]:
    """What the rule sends to one site of one item today; `world` must take each load at once.

    `promised`: `next_promises` of the world.
    """
    item, site = key
    if not asked[key].is_learned:
        return
    until = next_delivery(network, promised, key, today)
    under_way = sum(
        move.qty for move in world.moves.values() if (move.item, move.destination) == key
    )
    short = asked[key].expected(until - today) - world.on_hand[key] - under_way
    if short <= 0:
        return
    for lane in _nearest(network, item, site):
        days = max(transit_days(lane.lead_time_days_p50), 1)
        if today + days >= until:
            continue
        donor = (item, lane.origin)
        own = next_delivery(network, promised, donor, today) - today
        surplus = world.on_hand[donor] - asked[donor].expected(own)
        qty = loadable(lane, min(short, surplus, room(world, lane, today, short)))
        load = Help(item=item, lane=lane, qty=qty)
        if qty == 0 or priced(Units(qty), network.shortage_minor(item, site)) <= load.freight_minor:
            continue
        yield load
        short -= qty
        if short <= 0:
            return


def next_promises(world: World, today: int) -> dict[Key, int]:
    """The first day after today for which an open line is promised, where there is one."""
    found: dict[Key, int] = {}
    for line in world.lines.values():
        if line.promised > today:
            found[line.key] = min(line.promised, found.get(line.key, line.promised))
    return found


def next_delivery(network: Network, promised: Mapping[Key, int], key: Key, today: int) -> int:
    """The day on which the supplier brings more: the next open line's, else by the next review."""
    if key in promised:
        return promised[key]
    contract = supplier_contract(network, key)
    if contract is None:
        return today
    period = review_days(network.stocking[key])
    wait = (phase("review", key[1], period) - today) % period
    return today + wait + lead_days(contract)


def room(world: World, lane: Lane, today: int, wanted: int) -> int:
    """What a lane can still carry today, thousandths."""
    if lane.capacity_units_per_day is None:
        return wanted
    return lane.capacity_units_per_day - world.loads.get(f"{lane.lane}@{today}", 0)


def _nearest(network: Network, item: ItemId, site: SiteId) -> list[Lane]:
    lanes = [
        lane
        for origin in network.sites_of[item]
        for lane in network.lanes_between.get((origin, site), ())
    ]
    return sorted(
        lanes, key=lambda lane: (lane.lead_time_days_p50, lane.unit_cost_minor, lane.lane)
    )
