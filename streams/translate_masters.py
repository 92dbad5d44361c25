"""Which members of the network's own rows does a master message change?"""

from collections.abc import Callable, Mapping
from typing import Any

from replan.canonical import canonical_bytes
from replan.streams.schemas_masters import (
    Effective,
    Master,
    MasterAuthz,
    MasterCost,
    MasterItem,
    MasterLane,
    MasterLocation,
    MasterSupplier,
    Pack,
    SupplierBuffer,
    SupplierExpedite,
)
from replan.units import ONE_UNIT

_DAY_S = 86_400

Columns = Mapping[str, Any]


def master_row(data: Master) -> tuple[str, str]:
    """The table of the network, and canonical JSON of the members of its row that are stated."""
    table, members = _TABLES[type(data)]
    row: dict[str, Any] = {}
    for member, column in members.items():
        value = getattr(data, member)
        if value is not None:
            row |= {column: value} if isinstance(column, str) else column(value)
    return table, canonical_bytes(row).decode()


def _in_days(column: str) -> Callable[[int], Columns]:
    return lambda seconds: {column: seconds / _DAY_S}


def _packs(packs: list[Pack]) -> Columns:
    rows = [[pack.uom, pack.factor, pack.since.isoformat()] for pack in packs]
    return {"packs": rows} if rows else {}


def _effective(dates: Effective) -> Columns:
    """Both ends as stated: one that is left out is open."""
    return {
        "effective_from": None if dates.first is None else dates.first.isoformat(),
        "effective_to": None if dates.to is None else dates.to.isoformat(),
    }


def _buffer(buffer: SupplierBuffer) -> Columns:
    return {
        "buffer_qty": buffer.qty,
        "buffer_lead_time_days": buffer.notice / _DAY_S,
        "buffer_price_minor": buffer.price,
        "buffer_until": None if buffer.expires is None else buffer.expires.isoformat(),
    }


def _expedite(modes: list[SupplierExpedite]) -> Columns:
    """The quickest mode is on offer; without one a line cannot be brought forward."""
    quickest = min(modes, key=lambda m: (-m.days_saved, m.fixed, m.per_unit), default=None)
    return {
        "expedite_days_saved": None if quickest is None else quickest.days_saved,
        "expedite_fixed_minor": None if quickest is None else quickest.fixed,
        "expedite_unit_minor": None if quickest is None else quickest.per_unit,
    }


_TABLES: Mapping[type, tuple[str, Mapping[str, str | Callable[[Any], Columns]]]] = {
    MasterItem: (
        "item",
        {
            "packs": _packs,
            "shelf_life": _in_days("shelf_life_days"),
            "unit_cost": "unit_cost_minor",
            "margin": "margin_minor",
            "item_class": "abc",
            "uom": "uom",
            "category": "category",
            "description": "description",
            "currency": "currency",
            "substitutes": lambda items: {"substitutes": sorted(set(items))},
        },
    ),
    MasterLocation: (
        "location",
        {
            "kind": "kind",
            "region": "region",
            "tz": "timezone",
            "priority": "priority",
            "lat": "lat",
            "lon": "lon",
        },
    ),
    MasterLane: (
        "lane",
        {
            "origin": "origin",
            "dest": "destination",
            "mode": "mode",
            "lead_time_s": _in_days("lead_time_days_p50"),
            "lead_time_p90_s": _in_days("lead_time_days_p90"),
            "fixed": "fixed_cost_minor",
            "per_unit": "unit_cost_minor",
            "capacity": "capacity_units_per_day",
            # Several trucks a day: what counts is the last moment to ship.
            "cut_offs": lambda clocks: {"cutoff_local": max(clocks)},
            "min": "min_qty",
            "multiple": "lot_multiple",
            "max": "max_qty",
            "effective": _effective,
        },
    ),
    MasterSupplier: (
        "supplier",
        {
            "approved": "approved",
            "moq": "moq",
            "multiple": "lot_multiple",
            "price": "price_minor",
            "buffer": _buffer,
            "expedite": _expedite,
        },
    ),
    MasterCost: (
        "cost",
        {
            "holding": lambda amount: {"holding_minor_per_unit_day": amount / ONE_UNIT},
            "shortage": "shortage_minor_per_unit",
            "expedite_premium": "expedite_unit_minor",
        },
    ),
    MasterAuthz: (
        "authz",
        {
            "roles": "roles",
            "limits": "limit_minor",
            "delegate": "delegate_to",
            "first": lambda day: {"first": day.isoformat()},
            "to": lambda day: {"last": day.isoformat()},
            "approved_by": "approved_by",
        },
    ),
}
"""By message: the table of the network, and for each member its column, or what it says of
several."""
