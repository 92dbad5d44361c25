"""What does the supply network look like? Items, sites, lanes, supply contracts, stocking rules,
calendars.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from typing import Any, Literal
from zoneinfo import ZoneInfo

from replan.canonical import canonical_bytes, sha256_hex
from replan.units import ItemId, LaneId, SiteId, SupplierId, Units

SiteKind = Literal["store", "dc", "supplier"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pack:
    """A unit in which an item may be written: it holds `factor` thousandths of the base unit, from
    a local day on.
    """

    uom: str
    factor: Units
    since: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A stock-keeping item; money in minor units per base unit, shelf life in days (None:
    keeps).
    """

    item: ItemId
    description: str
    category: str
    abc: str
    uom: str
    unit_cost_minor: int
    unit_price_minor: int
    currency: str
    shelf_life_days: float | None
    group: str = "all"
    packs: tuple[Pack, ...] = ()
    substitutes: tuple[ItemId, ...] = ()
    """What people buy in its place when it is not there."""

    @property
    def margin_minor(self) -> int:
        """Price less cost, per base unit."""
        return self.unit_price_minor - self.unit_cost_minor


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A store, distribution centre or supplier; degrees north and east, None where not given."""

    site: SiteId
    kind: SiteKind
    region: str
    timezone: str
    priority: int
    lat: float | None = None
    lon: float | None = None

    @property
    def zone(self) -> ZoneInfo:
        """The site's calendar zone."""
        return ZoneInfo(self.timezone)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """A way goods can move between two sites; transit in days, capacity per shipping day."""

    lane: LaneId
    origin: SiteId
    destination: SiteId
    mode: str
    lead_time_days_p50: float
    lead_time_days_p90: float
    fixed_cost_minor: int
    unit_cost_minor: int
    min_qty: Units
    lot_multiple: Units
    capacity_units_per_day: Units | None
    cutoff_local: time | None
    departures: tuple[int, ...] = ()
    """Weekdays of departure, Monday 0; empty means daily."""
    max_qty: Units | None = None
    """The most of one item in one move."""
    effective_from: date | None = None
    effective_to: date | None = None
    """First and last day on which it can be used, the origin's; None: open."""

    def runs_on(self, day: date) -> bool:
        """Whether something leaves on a day of the origin's calendar."""
        return (
            (not self.departures or day.weekday() in self.departures)
            and (self.effective_from is None or day >= self.effective_from)
            and (self.effective_to is None or day <= self.effective_to)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SupplyContract:
    """What one supplier owes one site for one item (a row of supply.csv)."""

    supplier: SupplierId
    item: ItemId
    site: SiteId
    approved: bool
    lead_time_days_p50: float
    lead_time_days_p90: float
    moq: Units
    lot_multiple: Units
    expedite_days_saved: float | None
    expedite_fixed_minor: int | None
    expedite_unit_minor: int | None
    buffer_qty: Units | None
    buffer_lead_time_days: float | None
    buffer_unit_premium_minor: int | None
    contract_clause: str
    price_minor: int | None = None
    """What a base unit costs by this contract; None: the item's unit cost."""
    buffer_until: date | None = None
    """The last day on which the buffer can be called, the site's; None: open."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StockingRule:
    """How an item is stocked at a site (a row of stocking.csv); holding and shortage per base
    unit.
    """

    item: ItemId
    site: SiteId
    service_level: float
    review_period_days: float
    order_up_to: Units
    holding_minor_per_unit_day: float
    shortage_minor_per_unit: int | None


_LATER = frozenset({"max_qty", "effective_from", "effective_to", "price_minor", "buffer_until"})
_DATES = ("effective_from", "effective_to", "buffer_until")

_KEYS: Mapping[str, tuple[type[Any], tuple[str, ...]]] = {
    "items": (Item, ("item",)),
    "sites": (Site, ("site",)),
    "lanes": (Lane, ("lane",)),
    "supply": (SupplyContract, ("supplier", "item", "site")),
    "stocking": (StockingRule, ("item", "site")),
}


@dataclass(frozen=True, kw_only=True)
class Network:
    """The valid part of the network, keyed by id; `quarantined` names what a bad row made
    unusable.
    """

    items: Mapping[ItemId, Item]
    sites: Mapping[SiteId, Site]
    lanes: Mapping[LaneId, Lane]
    supply: Mapping[tuple[SupplierId, ItemId, SiteId], SupplyContract]
    stocking: Mapping[tuple[ItemId, SiteId], StockingRule]
    quarantined: frozenset[tuple[str, str]] = field(default_factory=frozenset)
    """Pairs (kind, id) such as ("item", "MILK"), ("lane", "L7"), ("stocking", "MILK@S1")."""

    @cached_property
    def record(self) -> bytes:
        """Everything here as canonical JSON, from which `network_of` makes an equal network."""
        plain: dict[str, Any] = {
            name: [_plain(row) for _, row in sorted(getattr(self, name).items())] for name in _KEYS
        }
        return canonical_bytes(plain | {"quarantined": sorted(map(list, self.quarantined))})

    @cached_property
    def version(self) -> str:
        """`sha256:` of the record."""
        return "sha256:" + sha256_hex(self.record)

    @cached_property
    def series(self) -> tuple[tuple[ItemId, SiteId], ...]:
        """Every stocked (item, store or DC) pair, sorted: the rows of the panel."""
        return tuple(sorted(self.stocking))

    @cached_property
    def sites_of(self) -> Mapping[ItemId, tuple[SiteId, ...]]:
        """The stocked sites of each item, sorted."""
        found: dict[ItemId, list[SiteId]] = {}
        for item, site in self.series:
            found.setdefault(item, []).append(site)
        return {item: tuple(sites) for item, sites in found.items()}

    @cached_property
    def lanes_between(self) -> Mapping[tuple[SiteId, SiteId], tuple[Lane, ...]]:
        """Lanes by (origin, destination), sorted by id."""
        found: dict[tuple[SiteId, SiteId], list[Lane]] = {}
        for _, lane in sorted(self.lanes.items()):
            found.setdefault((lane.origin, lane.destination), []).append(lane)
        return {ends: tuple(lanes) for ends, lanes in found.items()}

    @cached_property
    def contracts_of(self) -> Mapping[tuple[ItemId, SiteId], tuple[SupplyContract, ...]]:
        """Supply contracts that feed an (item, site), sorted by supplier."""
        found: dict[tuple[ItemId, SiteId], list[SupplyContract]] = {}
        for _, row in sorted(self.supply.items()):
            found.setdefault((row.item, row.site), []).append(row)
        return {key: tuple(rows) for key, rows in found.items()}

    @cached_property
    def replaced_by(self) -> Mapping[ItemId, tuple[ItemId, ...]]:
        """Items by what people buy in their place, sorted."""
        found: dict[ItemId, list[ItemId]] = {}
        for name, row in sorted(self.items.items()):
            for instead in row.substitutes:
                found.setdefault(instead, []).append(name)
        return {item: tuple(names) for item, names in found.items()}

    def shortage_minor(self, item: ItemId, site: SiteId) -> int:
        """Cost of one base unit not sold: the stocking rule's, else the margin."""
        rule = self.stocking.get((item, site))
        if rule is not None and rule.shortage_minor_per_unit is not None:
            return rule.shortage_minor_per_unit
        return self.items[item].margin_minor

    def is_quarantined(self, kind: str, name: str) -> bool:
        """Whether a bad row took this thing out of use."""
        return (kind, name) in self.quarantined


def network_of(record: bytes) -> Network:
    """The network whose record this is."""
    plain = json.loads(record)
    tables: dict[str, Any] = {}
    for name, (kind, key) in _KEYS.items():
        rows = [kind(**_typed(row)) for row in plain[name]]
        tables[name] = {
            getattr(row, key[0]) if len(key) == 1 else tuple(getattr(row, k) for k in key): row
            for row in rows
        }
    return Network(
        **tables, quarantined=frozenset((kind, name) for kind, name in plain["quarantined"])
    )


def local_day(at: datetime, zone: ZoneInfo) -> date:
    """The site's calendar day of an instant."""
    return at.astimezone(zone).date()


def close_instant(day: date, closes_at: time, zone: ZoneInfo) -> datetime:
    """When a store day closes by itself: `closes_at` local on the next calendar day."""
    return datetime.combine(day + timedelta(days=1), closes_at, tzinfo=zone)


def cut_off(day: date, at_local: time | None, zone: ZoneInfo) -> datetime:
    """The last moment to ship on a day: the lane's cut-off at its origin, else the end of that
    day. In UTC, as it is read back from the record.
    """
    if at_local is None:
        return datetime.combine(day + timedelta(days=1), time(0), tzinfo=zone).astimezone(UTC)
    return datetime.combine(day, at_local, tzinfo=zone).astimezone(UTC)


def _plain(row: Any) -> dict[str, Any]:
    values = {name: getattr(row, name) for name in row.__dataclass_fields__}
    if "packs" in values:
        values["packs"] = [[p.uom, p.factor, p.since.isoformat()] for p in values["packs"]]
    return {
        name: v.isoformat() if isinstance(v, time | date) else v
        for name, v in values.items()
        # Members that came later stand in the record where they say something.
        if (v is not None or name not in _LATER) and (name != "substitutes" or v)
    }


def _typed(plain: Mapping[str, Any]) -> dict[str, Any]:
    row = dict(plain)
    if "packs" in row:
        row["packs"] = tuple(
            Pack(uom=uom, factor=Units(factor), since=date.fromisoformat(since))
            for uom, factor, since in row["packs"]
        )
    if "substitutes" in row:
        row["substitutes"] = tuple(row["substitutes"])
    for name in _DATES:
        if row.get(name) is not None:
            row[name] = date.fromisoformat(row[name])
    if "cutoff_local" in row:
        cut_off = row["cutoff_local"]
        row["cutoff_local"] = None if cut_off is None else time.fromisoformat(cut_off)
        row["departures"] = tuple(row["departures"])
    return row
