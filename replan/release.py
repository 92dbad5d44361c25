"""On which days does a plan that waited take place? The same goods, on the next days that can be
met.

What a planner approves is a plan; its days are those of the first look. Time passes until the
answer, so the next departure may be a later one, and a day that has passed is none to ship on.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from replan.commitments import lane_use
from replan.departures import lane_offer
from replan.effects import Move
from replan.network import Network
from replan.units import LaneId, Units, day_from_number, day_number, quantity_json


def dated_anew(
    actions: Sequence[Mapping[str, Any]], network: Network, at: datetime
) -> list[dict[str, Any]] | None:
    """The published actions with the days that an order at `at` would meet, never earlier than
    they were; None where one of them can no longer be done.
    """
    dated = []
    for action in actions:
        find = _lane_days if action["kind"] == "reallocate" else _order_days
        days = find(action, network, at)
        if days is None:
            return None
        ship_on, p50, p90 = days
        if ship_on <= action["ship_on"] and p50 <= action["arrive_on"]["p50"]:
            dated.append(dict(action))
        else:
            dated.append({**action, "ship_on": ship_on, "arrive_on": {"p50": p50, "p90": p90}})
    return dated


def crowded_lane(
    actions: Sequence[Mapping[str, Any]],
    quantities: Sequence[int],
    network: Network,
    moves: Sequence[Move],
) -> dict[str, Any] | None:
    """The first lane and day that cannot carry these actions beside what is reserved; None: all
    fit. `quantities` of the actions in thousandths.
    """
    taken = dict(lane_use(moves))
    for action, qty in zip(actions, quantities, strict=True):
        if action["lane"] is None:
            continue
        key = (LaneId(action["lane"]), date.fromisoformat(action["ship_on"]))
        room = network.lanes[key[0]].capacity_units_per_day
        used = taken.get(key, 0)
        if room is not None and used + qty > room:
            return {
                "lane": action["lane"],
                "ship_on": action["ship_on"],
                "asked": action["qty"],
                "free": quantity_json(Units(max(room - used, 0))),
            }
        taken[key] = used + qty
    return None


def _lane_days(
    action: Mapping[str, Any], network: Network, at: datetime
) -> tuple[str, str, str] | None:
    lane, item = network.lanes.get(action["lane"]), network.items.get(action["item"])
    if lane is None or item is None:
        return None
    today = day_number(at.astimezone(network.sites[lane.origin].zone).date())
    offer = lane_offer(network, lane, item, at, today)
    if offer is None:
        return None
    # However long it was shown to take, it takes from its new departure on.
    shown = date.fromisoformat(action["ship_on"])
    ship = day_from_number(today + offer.ship_day)
    p50, p90 = (ship + (date.fromisoformat(action["arrive_on"][p]) - shown) for p in ("p50", "p90"))
    return ship.isoformat(), p50.isoformat(), p90.isoformat()


def _order_days(
    action: Mapping[str, Any], network: Network, at: datetime
) -> tuple[str, str, str] | None:
    """An order line that gets a new day arrives tomorrow at the earliest; a buffer takes as long
    as it did.
    """
    site = network.sites.get(action["to"])
    if site is None:
        return None
    today = at.astimezone(site.zone).date()
    old50, old90 = (date.fromisoformat(action["arrive_on"][p]) for p in ("p50", "p90"))
    if action["kind"] == "buffer_call":
        waited = max(today - date.fromisoformat(action["ship_on"]), timedelta(0))
        old50, old90 = old50 + waited, old90 + waited
    p50 = max(old50, today + timedelta(days=1))
    p90 = max(old90, p50)
    return today.isoformat(), p50.isoformat(), p90.isoformat()
