"""What network do the CSV files describe, and which parts of it must not be trusted?

A bad row is quarantined with everything that depends on it, and reported once; the rest lives.
Rows that rest on a quarantined id are quarantined in silence: mending the one row mends them
all. A supply contract that is out of use marks its item and site as well, since nobody knows any
more when normal supply arrives there.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

from replan.currencies import minor_digits
from replan.findings import Finding
from replan.infra.workspace.csv_rows import (
    CsvTable,
    Row,
    calendar_day,
    day_time,
    days,
    decimal,
    degrees,
    identifier,
    one_of,
    plain_name,
    quantity,
    read_csv,
    truth,
    weekdays,
    whole,
    words,
)
from replan.infra.workspace.text_values import NotAValue, is_zone
from replan.network import Item, Lane, Network, Site, SiteKind, StockingRule, SupplyContract
from replan.units import ItemId, LaneId, SiteId, SupplierId, Units

ITEMS = "network/items.csv"
SITES = "network/sites.csv"
LANES = "network/lanes.csv"
SUPPLY = "network/supply.csv"
STOCKING = "network/stocking.csv"

COLUMNS: Mapping[str, tuple[str, ...]] = {
    ITEMS: (
        "item",
        "description",
        "category",
        "abc",
        "uom",
        "unit_cost_minor",
        "unit_price_minor",
        "currency",
        "shelf_life_days",
    ),
    SITES: ("site", "kind", "region", "timezone", "priority"),
    LANES: (
        "lane",
        "origin",
        "destination",
        "mode",
        "lead_time_days_p50",
        "lead_time_days_p90",
        "fixed_cost_minor",
        "unit_cost_minor",
        "min_qty",
        "lot_multiple",
        "capacity_units_per_day",
        "cutoff_local",
    ),
    SUPPLY: (
        "supplier",
        "item",
        "site",
        "approved",
        "lead_time_days_p50",
        "lead_time_days_p90",
        "moq",
        "lot_multiple",
        "expedite_days_saved",
        "expedite_fixed_minor",
        "expedite_unit_minor",
        "buffer_qty",
        "buffer_lead_time_days",
        "buffer_unit_premium_minor",
        "contract_clause",
    ),
    STOCKING: (
        "item",
        "site",
        "service_level",
        "review_period_days",
        "order_up_to",
        "holding_minor_per_unit_day",
        "shortage_minor_per_unit",
    ),
}
"""Required columns by file. `group` (items), `lat` and `lon` (sites), `departures`, `max_qty`,
`effective_from` and `effective_to` (lanes), `price_minor` and `buffer_until` (supply) may be there,
others are left alone."""

Key = TypeVar("Key")
Thing = TypeVar("Thing")


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedNetwork:
    """The valid part and the findings. `regions` of stores and DCs and `classes` of items as
    written, in bad rows too (a bad row must not make the table that names its region invalid);
    None: the file cannot be read."""

    network: Network
    findings: tuple[Finding, ...]
    regions: tuple[str, ...] | None
    classes: tuple[str, ...] | None


@dataclass(kw_only=True)
class _Table(Generic[Key, Thing]):
    """What one file gave: things in use, keys out of use, and whether the file is out of use as
    a whole."""

    file: str
    csv: CsvTable
    good: dict[Key, Thing] = field(default_factory=dict)
    bad: set[Key] = field(default_factory=set)


def load_network(root: Path) -> LoadedNetwork:
    """The network of a workspace folder; never raises for what stands in the files."""
    items = _load(root, ITEMS, _item_key, _item)
    sites = _load(root, SITES, _site_key, _site)
    lanes = _load(root, LANES, _lane_key, lambda row: _lane(row, sites))
    supply = _load(root, SUPPLY, _supply_key, lambda row: _supply(row, items, sites))
    stocking = _load(root, STOCKING, _stocking_key, lambda row: _stocking(row, items, sites))
    quarantined = {
        *(("item", str(key)) for key in items.bad),
        *(("site", str(key)) for key in sites.bad),
        *(("lane", str(key)) for key in lanes.bad),
        *(("supply", "@".join(key)) for key in supply.bad),
        *(("stocking", "@".join(key)) for key in stocking.bad),
        *(("stocking", f"{item}@{site}") for _, item, site in supply.bad),
    }
    network = Network(
        items=dict(sorted(items.good.items())),
        sites=dict(sorted(sites.good.items())),
        lanes=dict(sorted(lanes.good.items())),
        supply=dict(sorted(supply.good.items())),
        stocking=dict(sorted(stocking.good.items())),
        quarantined=frozenset(quarantined),
    )
    tables: tuple[_Table[Any, Any], ...] = (items, sites, lanes, supply, stocking)
    return LoadedNetwork(
        network=network,
        findings=tuple(finding for table in tables for finding in _findings(table)),
        regions=_written(sites.csv, "region", lambda row: row.cells.get("kind") != "supplier"),
        classes=_written(items.csv, "abc", lambda row: True),
    )


def _load(
    root: Path,
    file: str,
    key_of: Callable[[Row], Key | None],
    build: Callable[[Row], Thing],
) -> _Table[Key, Thing]:
    table: _Table[Key, Thing] = _Table(file=file, csv=read_csv(root, file, COLUMNS[file]))
    first_at: dict[Key, int] = {}
    for row in table.csv.rows:
        if table.csv.is_broken:
            # One finding names the broken header; cell by cell there is nothing more to say.
            key = key_of(row)
            row.findings.clear()
            if key is not None:
                table.bad.add(key)
            continue
        key = key_of(row)
        thing = build(row)
        if key is None:
            continue
        if key in first_at:
            row.refuse("duplicate", COLUMNS[file][0], f"stands on line {first_at[key]} already")
            # Nobody knows which of the two is meant, so neither is used.
            table.bad.add(key)
            table.good.pop(key, None)
            continue
        first_at[key] = row.line
        if row.is_good and not row.rests_on_quarantined:
            table.good[key] = thing
        else:
            table.bad.add(key)
    return table


def _findings(table: _Table[Any, Any]) -> list[Finding]:
    return [*table.csv.findings, *(f for row in table.csv.rows for f in row.findings)]


def _written(table: CsvTable, column: str, counts: Callable[[Row], bool]) -> tuple[str, ...] | None:
    if table.is_broken:
        return None
    cells = {row.cells.get(column, "") for row in table.rows if counts(row)}
    return tuple(sorted(cells - {""}))


def _refer(row: Row, column: str, table: _Table[Any, Any], key: str) -> None:
    """Notes a reference to something unknown; one to something quarantined quarantines the row
    in silence."""
    if key in table.good:
        return
    if key in table.bad or table.csv.is_broken:
        row.rests_on_quarantined = True
    elif key:
        row.refuse("unknown_name", column, f"is not in {table.file}")


def _id(row: Row, column: str) -> str:
    return row.read(column, identifier, "")


def _item_key(row: Row) -> ItemId | None:
    return ItemId(_id(row, "item")) or None


def _item(row: Row) -> Item:
    cost = row.read("unit_cost_minor", whole(), 0)
    price = row.read("unit_price_minor", whole(), 1)
    if row.is_good and price == 0:
        row.refuse("range", "unit_price_minor", "must be more than 0")
    elif row.is_good and price <= cost:
        text = f"is not above unit_cost_minor {cost}: a unit not sold costs nothing"
        row.refuse("margin", "unit_price_minor", text, severity="warning")
    return Item(
        item=ItemId(row.cells.get("item", "")),
        description=row.read_or_none("description", words) or "",
        category=row.read("category", plain_name, ""),
        abc=row.read("abc", plain_name, ""),
        uom=row.read("uom", identifier, ""),
        unit_cost_minor=cost,
        unit_price_minor=price,
        currency=row.read("currency", _currency, ""),
        shelf_life_days=row.read_or_none("shelf_life_days", decimal(36_500, above_zero=True)),
        group=row.read_or_none("group", identifier) or "all",
    )


def _site_key(row: Row) -> SiteId | None:
    return SiteId(_id(row, "site")) or None


def _site(row: Row) -> Site:
    kind: SiteKind = row.read("kind", _site_kind, "store")
    _all_or_none(row, "lat", "lon")
    return Site(
        site=SiteId(row.cells.get("site", "")),
        kind=kind,
        region=row.read("region", plain_name, ""),
        timezone=row.read("timezone", _zone, "UTC"),
        priority=row.read("priority", whole(1_000_000), 0),
        lat=row.read_or_none("lat", degrees(90)),
        lon=row.read_or_none("lon", degrees(180)),
    )


def _lane_key(row: Row) -> LaneId | None:
    return LaneId(_id(row, "lane")) or None


def _lane(row: Row, sites: _Table[SiteId, Site]) -> Lane:
    origin, destination = _id(row, "origin"), _id(row, "destination")
    _refer(row, "origin", sites, origin)
    _refer(row, "destination", sites, destination)
    if origin and origin == destination:
        row.refuse("self_lane", "destination", "is the origin too")
    p50, p90 = _lead_times(row)
    fixed = row.read("fixed_cost_minor", whole(), 0)
    unit = row.read("unit_cost_minor", whole(), 0)
    if row.is_good and fixed == unit == 0:
        text = "and unit_cost_minor are both 0: nothing keeps goods from going round"
        row.refuse("free_lane", "fixed_cost_minor", text, severity="warning")
    smallest = row.read("min_qty", quantity(), Units(0))
    capacity = row.read_or_none("capacity_units_per_day", quantity())
    if row.is_good and capacity is not None and 0 < capacity < smallest:
        text = f"is above capacity_units_per_day {row.cells['capacity_units_per_day']}"
        row.refuse("min_over_capacity", "min_qty", text)
    return Lane(
        lane=LaneId(row.cells.get("lane", "")),
        origin=SiteId(origin),
        destination=SiteId(destination),
        mode=row.read("mode", plain_name, ""),
        lead_time_days_p50=p50,
        lead_time_days_p90=p90,
        fixed_cost_minor=fixed,
        unit_cost_minor=unit,
        min_qty=smallest,
        lot_multiple=row.read("lot_multiple", quantity(above_zero=True), Units(1)),
        capacity_units_per_day=capacity,
        cutoff_local=row.read_or_none("cutoff_local", day_time),
        departures=row.read_or_none("departures", weekdays) or (),
        max_qty=row.read_or_none("max_qty", quantity()),
        effective_from=row.read_or_none("effective_from", calendar_day),
        effective_to=row.read_or_none("effective_to", calendar_day),
    )


def _supply_key(row: Row) -> tuple[SupplierId, ItemId, SiteId] | None:
    supplier, item, site = _id(row, "supplier"), _id(row, "item"), _id(row, "site")
    if not (supplier and item and site):
        return None
    return SupplierId(supplier), ItemId(item), SiteId(site)


def _supply(row: Row, items: _Table[ItemId, Item], sites: _Table[SiteId, Site]) -> SupplyContract:
    _refer_kind(row, "supplier", sites, ("supplier",))
    _refer(row, "item", items, row.cells.get("item", ""))
    _refer_kind(row, "site", sites, ("store", "dc"))
    p50, p90 = _lead_times(row)
    _all_or_none(row, "expedite_days_saved", "expedite_fixed_minor", "expedite_unit_minor")
    _all_or_none(row, "buffer_qty", "buffer_lead_time_days", "buffer_unit_premium_minor")
    return SupplyContract(
        supplier=SupplierId(row.cells.get("supplier", "")),
        item=ItemId(row.cells.get("item", "")),
        site=SiteId(row.cells.get("site", "")),
        approved=row.read("approved", truth, False),
        lead_time_days_p50=p50,
        lead_time_days_p90=p90,
        moq=row.read("moq", quantity(), Units(0)),
        lot_multiple=row.read("lot_multiple", quantity(above_zero=True), Units(1)),
        expedite_days_saved=row.read_or_none("expedite_days_saved", days(above_zero=True)),
        expedite_fixed_minor=row.read_or_none("expedite_fixed_minor", whole()),
        expedite_unit_minor=row.read_or_none("expedite_unit_minor", whole()),
        buffer_qty=row.read_or_none("buffer_qty", quantity()),
        buffer_lead_time_days=row.read_or_none("buffer_lead_time_days", days()),
        buffer_unit_premium_minor=row.read_or_none("buffer_unit_premium_minor", whole()),
        contract_clause=row.read_or_none("contract_clause", words) or "",
        price_minor=row.read_or_none("price_minor", whole()),
        buffer_until=row.read_or_none("buffer_until", calendar_day),
    )


def _stocking_key(row: Row) -> tuple[ItemId, SiteId] | None:
    item, site = _id(row, "item"), _id(row, "site")
    return (ItemId(item), SiteId(site)) if item and site else None


def _stocking(row: Row, items: _Table[ItemId, Item], sites: _Table[SiteId, Site]) -> StockingRule:
    _refer(row, "item", items, row.cells.get("item", ""))
    _refer_kind(row, "site", sites, ("store", "dc"))
    level = row.read("service_level", decimal(1, above_zero=True), 0.5)
    if level == 1:
        row.refuse("range", "service_level", "must be less than 1")
    return StockingRule(
        item=ItemId(row.cells.get("item", "")),
        site=SiteId(row.cells.get("site", "")),
        service_level=level,
        review_period_days=row.read("review_period_days", days(above_zero=True), 1.0),
        order_up_to=row.read("order_up_to", quantity(), Units(0)),
        holding_minor_per_unit_day=row.read("holding_minor_per_unit_day", decimal(10**9), 0.0),
        shortage_minor_per_unit=row.read_or_none("shortage_minor_per_unit", whole()),
    )


def _refer_kind(
    row: Row, column: str, sites: _Table[SiteId, Site], kinds: tuple[SiteKind, ...]
) -> None:
    key = SiteId(row.cells.get(column, ""))
    _refer(row, column, sites, key)
    site = sites.good.get(key)
    if site is not None and site.kind not in kinds:
        row.refuse("unknown_name", column, f"is a {site.kind}, not a {' or '.join(kinds)}")


def _lead_times(row: Row) -> tuple[float, float]:
    p50 = row.read("lead_time_days_p50", days(), 0.0)
    p90 = row.read("lead_time_days_p90", days(), 0.0)
    if row.is_good and p90 < p50:
        row.refuse("range", "lead_time_days_p90", f"is below lead_time_days_p50 {p50:g}")
    return p50, p90


def _all_or_none(row: Row, *columns: str) -> None:
    empty = [column for column in columns if not row.cells.get(column, "")]
    if 0 < len(empty) < len(columns):
        there = next(column for column in columns if column not in empty)
        row.refuse("missing", empty[0], f"{there} is given, so it is needed too")


def _site_kind(text: str) -> SiteKind:
    match one_of("store", "dc", "supplier")(text):
        case "store":
            return "store"
        case "dc":
            return "dc"
        case _:
            return "supplier"


def _zone(text: str) -> str:
    if not is_zone(text):
        raise NotAValue("timezone", "is not a zone of the tz database")
    return text


def _currency(text: str) -> str:
    if minor_digits(text) is None:
        raise NotAValue("currency", "is not a currency code of ISO 4217")
    return text
