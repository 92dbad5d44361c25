"""What do we count in? Ids, quantities in thousandths of a base unit, money in minor units.

A quantity is an integer of thousandths of the item's base unit (the wire allows three decimals),
money an integer of minor units (cents) of a currency. Floats live only inside forecasting and
solving; `units_floor` and `units_nearest` are the places where they become integers again.
"""

import math
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import NewType

ItemId = NewType("ItemId", str)
SiteId = NewType("SiteId", str)
LaneId = NewType("LaneId", str)
SupplierId = NewType("SupplierId", str)
PoLineId = NewType("PoLineId", str)
TransferId = NewType("TransferId", str)
ShipmentId = NewType("ShipmentId", str)
EventId = NewType("EventId", str)
DecisionId = NewType("DecisionId", str)
ActionId = NewType("ActionId", str)

Units = NewType("Units", int)
"""Thousandths of the item's base unit."""

Minor = NewType("Minor", int)
"""Money in minor units (cents) of a stated currency."""

ONE_UNIT = 1_000


def units_from_decimal(qty: Decimal) -> Units:
    """Thousandths of a decimal quantity; raises ValueError beyond three decimals."""
    scaled = qty.scaleb(3)
    if scaled != scaled.to_integral_value():
        raise ValueError(f"quantity {qty} has more than 3 decimals")
    return Units(int(scaled))


def units_floor(qty: float) -> Units:
    """Whole thousandths at or below a float quantity in base units (never promises more than there
    is).
    """
    return Units(math.floor(round(qty * ONE_UNIT, 6)))


def units_nearest(qty: float) -> Units:
    """Nearest thousandth of a float quantity in base units; halves go up."""
    return Units(math.floor(qty * ONE_UNIT + 0.5))


def priced(qty: Units, unit_price_minor: int) -> Minor:
    """Exact price of a quantity: thousandths × minor units per base unit, halves go up."""
    return Minor((int(qty) * unit_price_minor + ONE_UNIT // 2) // ONE_UNIT)


def quantity_json(qty: Units) -> int | float:
    """A quantity as a JSON number in base units: an integer where it is whole, else ≤ 3
    decimals.
    """
    return qty // ONE_UNIT if qty % ONE_UNIT == 0 else qty / ONE_UNIT


def instant_text(at: datetime) -> str:
    """RFC 3339 in UTC with a Z, microseconds only where there are some."""
    utc = at if at.tzinfo is UTC else at.astimezone(UTC)
    return utc.isoformat().removesuffix("+00:00") + "Z"


EPOCH_DAY = date(1970, 1, 1)


def day_number(day: date) -> int:
    """Days since 1970-01-01."""
    return (day - EPOCH_DAY).days


def day_from_number(number: int) -> date:
    """The date that many days after 1970-01-01."""
    return EPOCH_DAY + timedelta(days=number)
