"""Which members of the network's own rows does a master message change?"""

from typing import Any

from replan.canonical import canonical_bytes
from replan.streams.schemas_masters import (
    Master,
    MasterCost,
    MasterItem,
    MasterLane,
    MasterLocation,
    MasterSupplier,
)
from replan.units import ONE_UNIT

_DAY_S = 86_400


def master_row(data: Master) -> tuple[str, str]:
    """The table of the network, and canonical JSON of the members of its row that are stated."""
    match data:
        case MasterItem():
            packs = [[p.uom, p.factor, p.since.isoformat()] for p in data.packs or ()]
            return "item", _row(
                packs=packs or None,
                shelf_life_days=_days(data.shelf_life),
                unit_cost_minor=data.unit_cost,
                margin_minor=data.margin,
                abc=data.item_class,
                uom=data.uom,
                category=data.category,
                description=data.description,
                currency=data.currency,
            )
        case MasterLocation():
            return "location", _row(
                kind=data.kind,
                region=data.region,
                timezone=data.tz,
                priority=data.priority,
                lat=data.lat,
                lon=data.lon,
            )
        case MasterLane():
            return "lane", _row(
                origin=data.origin,
                destination=data.dest,
                mode=data.mode,
                lead_time_days_p50=_days(data.lead_time_s),
                lead_time_days_p90=_days(data.lead_time_p90_s),
                fixed_cost_minor=data.fixed,
                unit_cost_minor=data.per_unit,
                capacity_units_per_day=data.capacity,
                cutoff_local=data.cut_off,
                min_qty=data.min,
                lot_multiple=data.multiple,
            )
        case MasterSupplier():
            return "supplier", _row(
                approved=data.approved, moq=data.moq, lot_multiple=data.multiple
            )
        case MasterCost():
            holding = None if data.holding is None else data.holding / ONE_UNIT
            return "cost", _row(
                holding_minor_per_unit_day=holding, shortage_minor_per_unit=data.shortage
            )


def _row(**members: Any) -> str:
    stated = {name: value for name, value in members.items() if value is not None}
    return canonical_bytes(stated).decode()


def _days(seconds: int | None) -> float | None:
    return None if seconds is None else seconds / _DAY_S
