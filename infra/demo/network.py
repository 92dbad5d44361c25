"""What is assumed around the demo's sales? Regions, suppliers, lanes and stocking, as table rows.

Every number here is an assumption, written down to be read and changed; a row names its assumed
columns in its column `assumed`. Order-up-to levels follow from the learning months' demand.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist

ZONE = "America/New_York"
CURRENCY = "USD"
REGIONS = ("east", "central", "west")
MARGIN_SHARE = 0.30
SERVICE_LEVEL = 0.95
REVIEW_PERIOD_DAYS = 7
SHELF_LIFE_DAYS: Mapping[str, int] = {
    "baked-bread-buns-rolls": 14,
    "beef": 16,
    "berries": 14,
    "grapes": 18,
    "hot-dogs": 42,
    "refrgratd-juices-drnks": 35,
    "yogurt": 28,
}
"""Days on the shelf of what perishes; long enough for weekly orders, as the goods are sold so."""
BUFFER_LEAD_DAYS = 2
BUFFER_PREMIUM_SHARE = 0.12
"""Of the goods' cost, for what a supplier sends at once from what it holds for a site."""
# A quarter of the goods' cost a year, for money, room and waste.
HOLDING_SHARE_PER_DAY = 0.25 / 365

Row = Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoSupplier:
    """An assumed supplier; days from order to receipt, expedite cost in minor units."""

    supplier: str
    lead_time_days_p50: int
    lead_time_days_p90: int
    expedite_days_saved: int
    expedite_fixed_minor: int
    expedite_unit_minor: int
    moq: int
    lot_multiple: int
    holds_buffer: bool
    """Whether it keeps some goods on call for each site."""


SUPPLIERS = tuple(
    DemoSupplier(
        supplier=name,
        lead_time_days_p50=p50,
        lead_time_days_p90=p90,
        expedite_days_saved=saved,
        expedite_fixed_minor=fixed,
        expedite_unit_minor=6,
        moq=6,
        lot_multiple=lot,
        holds_buffer=holds,
    )
    for name, p50, p90, saved, fixed, lot, holds in (
        ("SUP1", 3, 5, 2, 250, 6, False),
        ("SUP2", 4, 6, 2, 250, 6, True),
        ("SUP3", 5, 8, 3, 350, 12, True),
        ("SUP4", 6, 9, 3, 350, 12, False),
    )
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LearntDemand:
    """Daily demand of one item at one site in the learning months, in base units."""

    mean: float
    variance: float


def order_up_to(demand: LearntDemand, supplier: DemoSupplier) -> int:
    """Whole units that cover lead time and review at the service level.

    The textbook periodic base stock: mean over L + R plus z times the deviation over L + R, demand
    and lead time varying; the lead time's deviation is read off its p50 and p90 as if normal.
    """
    cover_days = supplier.lead_time_days_p50 + REVIEW_PERIOD_DAYS
    spread = supplier.lead_time_days_p90 - supplier.lead_time_days_p50
    lead_time_deviation = spread / NormalDist().inv_cdf(0.90)
    deviation = math.sqrt(cover_days * demand.variance + (demand.mean * lead_time_deviation) ** 2)
    level = demand.mean * cover_days + NormalDist().inv_cdf(SERVICE_LEVEL) * deviation
    # Rounded first, so that the last bit of a logarithm on another machine cannot add a unit.
    return max(1, math.ceil(round(level, 6)))


def supplier_of(items: Sequence[str]) -> dict[str, DemoSupplier]:
    """Each item's one supplier: items in order of id, dealt to the suppliers in turn."""
    return {item: SUPPLIERS[rank % len(SUPPLIERS)] for rank, item in enumerate(sorted(items))}


def region_of(sites: Sequence[str]) -> dict[str, str]:
    """Each site's region: sites in order of id, dealt to the regions in turn."""
    return {site: REGIONS[rank % len(REGIONS)] for rank, site in enumerate(sorted(sites))}


def item_rows(
    items: Sequence[str],
    prices: Mapping[str, int],
    abc: Mapping[str, str],
    described: Mapping[str, tuple[str, str]],
) -> Iterable[Row]:
    for item in items:
        description, department = described.get(item, (item, "unknown"))
        yield {
            "item": item,
            "description": description,
            "category": department,
            "abc": abc[item],
            "uom": "EA",
            "unit_cost_minor": round(prices[item] * (1 - MARGIN_SHARE)),
            "unit_price_minor": prices[item],
            "currency": CURRENCY,
            "shelf_life_days": SHELF_LIFE_DAYS.get(item, ""),
            "assumed": "unit_cost_minor;shelf_life_days",
        }


def site_rows(sites: Sequence[str]) -> Iterable[Row]:
    regions = region_of(sites)
    stores = [(site, "store", regions[site]) for site in sites]
    suppliers = [(row.supplier, "supplier", "supply") for row in SUPPLIERS]
    for site, kind, region in stores + suppliers:
        yield {
            "site": site,
            "kind": kind,
            "region": region,
            "timezone": ZONE,
            "priority": 1,
            "assumed": "all",
        }


def lane_rows(sites: Sequence[str]) -> Iterable[Row]:
    """All pairs inside a region; between regions one site of each is linked, in larger lots."""
    regions = region_of(sites)
    gates = {regions[site]: site for site in reversed(sites)}
    for origin in sites:
        for destination in sites:
            if origin == destination:
                continue
            within = regions[origin] == regions[destination]
            gated = gates[regions[origin]] == origin and gates[regions[destination]] == destination
            if not within and not gated:
                continue
            yield {
                "lane": f"{origin}-{destination}",
                "origin": origin,
                "destination": destination,
                "mode": "road",
                "lead_time_days_p50": 1 if within else 2,
                "lead_time_days_p90": 2 if within else 3,
                "fixed_cost_minor": 150 if within else 300,
                "unit_cost_minor": 4 if within else 6,
                "min_qty": 1 if within else 6,
                "lot_multiple": 1 if within else 6,
                "capacity_units_per_day": 60,
                "cutoff_local": "14:00",
                "assumed": "all",
            }


def buffer_of(demand: LearntDemand, supplier: DemoSupplier) -> int:
    """What a supplier holds for a site: three days of demand, in whole lots, at least one."""
    lots = math.ceil(round(3 * demand.mean / supplier.lot_multiple, 6))
    return max(lots, 1) * supplier.lot_multiple


def supply_rows(
    items: Sequence[str],
    sites: Sequence[str],
    demand: Mapping[tuple[str, str], LearntDemand],
    prices: Mapping[str, int],
) -> Iterable[Row]:
    suppliers = supplier_of(items)
    for item in items:
        row = suppliers[item]
        premium = max(1, round(prices[item] * (1 - MARGIN_SHARE) * BUFFER_PREMIUM_SHARE))
        for site in sites:
            held = row.holds_buffer and (item, site) in demand
            yield {
                "supplier": row.supplier,
                "item": item,
                "site": site,
                "approved": "true",
                "lead_time_days_p50": row.lead_time_days_p50,
                "lead_time_days_p90": row.lead_time_days_p90,
                "moq": row.moq,
                "lot_multiple": row.lot_multiple,
                "expedite_days_saved": row.expedite_days_saved,
                "expedite_fixed_minor": row.expedite_fixed_minor,
                "expedite_unit_minor": row.expedite_unit_minor,
                "buffer_qty": buffer_of(demand[item, site], row) if held else "",
                "buffer_lead_time_days": BUFFER_LEAD_DAYS if held else "",
                "buffer_unit_premium_minor": premium if held else "",
                "contract_clause": "assumed: earlier delivery on request"
                + ("; three days of demand on call" if held else ""),
                "assumed": "all",
            }


def stocking_rows(
    items: Sequence[str],
    sites: Sequence[str],
    demand: Mapping[tuple[str, str], LearntDemand],
    prices: Mapping[str, int],
) -> Iterable[Row]:
    suppliers = supplier_of(items)
    never_sold = LearntDemand(mean=0.0, variance=0.0)
    for item in items:
        cost_minor = round(prices[item] * (1 - MARGIN_SHARE))
        for site in sites:
            yield {
                "item": item,
                "site": site,
                "service_level": SERVICE_LEVEL,
                "review_period_days": REVIEW_PERIOD_DAYS,
                "order_up_to": order_up_to(demand.get((item, site), never_sold), suppliers[item]),
                "holding_minor_per_unit_day": f"{cost_minor * HOLDING_SHARE_PER_DAY:.3f}",
                "shortage_minor_per_unit": prices[item] - cost_minor,
                "assumed": "service_level;review_period_days;holding_minor_per_unit_day;"
                "shortage_minor_per_unit",
            }
