"""How many base units does an event mean that is written in packs?

By the table of packs of the item on the event's own local day. What is not a whole thousandth of
the base unit is refused: nothing is rounded on its way in.
"""

from dataclasses import replace
from datetime import datetime
from typing import TypeVar

from replan.events import OrderLineStated, SaleRecorded, StockAdjusted, StockCounted
from replan.masters import base_factor
from replan.network import Network, local_day
from replan.streams.messages import Refusal
from replan.streams.wire_values import LARGEST_QUANTITY
from replan.units import ONE_UNIT, ItemId, SiteId, Units

Counted = TypeVar("Counted")


def in_base_units(network: Network, fact: Counted, uom: str | None) -> Counted:
    """The fact with its quantity in base units; Refusal `unit` where the unit is not known then."""
    if uom is None:
        return fact
    match fact:
        case SaleRecorded():
            qty = _base(network, fact.item, fact.site, fact.occurred_at, uom, fact.sold)
            return replace(fact, sold=qty)
        case StockCounted():
            qty = _base(network, fact.item, fact.site, fact.as_of, uom, fact.on_hand)
            return replace(fact, on_hand=qty)
        case StockAdjusted():
            qty = _base(network, fact.item, fact.site, fact.occurred_at, uom, fact.delta)
            return replace(fact, delta=qty)
        case OrderLineStated():
            qty = _base(network, fact.item, fact.ship_to, fact.occurred_at, uom, fact.qty)
            return replace(fact, qty=qty)
        case _:
            return fact


def _base(
    network: Network, item: ItemId, site: SiteId, at: datetime, uom: str, qty: Units
) -> Units:
    row = network.items[item]
    day = local_day(at, network.sites[site].zone)
    factor = base_factor(row, uom, day)
    if factor is None:
        reason = f"item {item} is counted in {row.uom}; nobody has said what a {uom} was on {day}"
        raise Refusal("unit", "/data/uom", reason)
    total, left = divmod(qty * factor, ONE_UNIT)
    if left:
        reason = f"{qty / ONE_UNIT:g} {uom} of {item} is no whole thousandth of a {row.uom}"
        raise Refusal("unit", "/data/uom", reason)
    if abs(total) > LARGEST_QUANTITY * ONE_UNIT:
        raise Refusal("range", "/data/uom", "a quantity is at most 10^12 base units")
    return Units(total)
