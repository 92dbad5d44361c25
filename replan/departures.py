"""When does a lane leave next, what can it take, and when is it there?"""

import math
from datetime import datetime

from replan.alerts import Reach, widened_arrival
from replan.network import Item, Lane, Network, cut_off
from replan.planning import LaneOffer
from replan.units import Units, day_from_number, day_number


def lane_offer(
    network: Network,
    lane: Lane,
    item: Item,
    at: datetime,
    today: int,
    reaches: tuple[Reach, ...] = (),
    transit: tuple[float, float] | None = None,
) -> LaneOffer | None:
    """The next departure that can still be made, or None where the lane cannot carry the item.
    `transit`: days p50 and p90 where something else was stated than the network says.
    """
    usual, late = transit or (lane.lead_time_days_p50, lane.lead_time_days_p90)
    if lane.capacity_units_per_day == 0:
        return None
    if item.shelf_life_days is not None and usual >= item.shelf_life_days:
        return None
    zone = network.sites[lane.origin].zone
    local_today = day_number(at.astimezone(zone).date())
    for ahead in range(8):
        day = day_from_number(local_today + ahead)
        leaves = cut_off(day, lane.cutoff_local, zone)
        if at <= leaves and lane.runs_on(day):
            ship = max(local_today + ahead - today, 0)
            p50 = today + ship + transit_days(usual)
            p90 = today + ship + transit_days(late)
            p90 = widened_arrival(
                reaches, (lane.lane, lane.origin, lane.destination), zone, today + ship, p50, p90
            )
            return LaneOffer(
                lane=lane.lane,
                origin=lane.origin,
                destination=lane.destination,
                ship_day=ship,
                arrive_p50=p50 - today,
                arrive_p90=p90 - today,
                fixed_cost_minor=lane.fixed_cost_minor,
                unit_cost_minor=lane.unit_cost_minor,
                min_qty=lane.min_qty,
                lot_multiple=lane.lot_multiple,
                capacity=least_of(lane.capacity_units_per_day, lane.max_qty),
                latest_start=leaves,
                zone=zone.key,
            )
    return None


def least_of(*limits: Units | None) -> Units | None:
    """The strictest of some limits; None where none is set."""
    return min((limit for limit in limits if limit is not None), default=None)


def transit_days(lead_time_days: float) -> int:
    """Whole days in transit: less than a day arrives the same day, else rounded up."""
    return 0 if lead_time_days < 1 else math.ceil(round(lead_time_days, 6))
