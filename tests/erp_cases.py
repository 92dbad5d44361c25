"""A small network, sales and commands for the tests of the order system; in base units."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from replan.effects import Command
from replan.events import SaleRecorded
from replan.network import Item, Lane, Network, Site, SiteKind, StockingRule, SupplyContract
from replan.units import (
    ONE_UNIT,
    ActionId,
    DecisionId,
    EventId,
    ItemId,
    LaneId,
    SiteId,
    SupplierId,
    Units,
)

ZONE = ZoneInfo("Europe/Berlin")
MILK = ItemId("MILK")
SUPPLIER = SupplierId("SUP1")


def local(day: str, clock: str = "00:00") -> datetime:
    """A Berlin time of a day of May 2026, `local("04", "20:00")`, in UTC."""
    at = datetime.combine(date(2026, 5, int(day)), time.fromisoformat(clock), tzinfo=ZONE)
    return at.astimezone(UTC)


def rule(
    item: str = MILK, site: str = "S1", order_up_to: int = 100, period: float = 7
) -> StockingRule:
    return StockingRule(
        item=ItemId(item),
        site=SiteId(site),
        service_level=0.95,
        review_period_days=period,
        order_up_to=Units(order_up_to * ONE_UNIT),
        holding_minor_per_unit_day=0.5,
        shortage_minor_per_unit=40,
    )


def contract(
    item: str = MILK,
    site: str = "S1",
    p50: float = 3,
    p90: float | None = None,
    moq: int = 1,
    lot: int = 1,
    saved: float | None = 2,
) -> SupplyContract:
    return SupplyContract(
        supplier=SUPPLIER,
        item=ItemId(item),
        site=SiteId(site),
        approved=True,
        lead_time_days_p50=p50,
        lead_time_days_p90=p50 if p90 is None else p90,
        moq=Units(moq * ONE_UNIT),
        lot_multiple=Units(lot * ONE_UNIT),
        expedite_days_saved=saved,
        expedite_fixed_minor=250,
        expedite_unit_minor=6,
        buffer_qty=None,
        buffer_lead_time_days=None,
        buffer_unit_premium_minor=None,
        contract_clause="",
    )


def lane(
    name: str,
    origin: str,
    destination: str,
    *,
    p50: float = 1,
    p90: float | None = None,
    min_qty: int = 1,
    lot: int = 1,
    capacity: int | None = None,
    cutoff: time | None = time(14),
) -> Lane:
    return Lane(
        lane=LaneId(name),
        origin=SiteId(origin),
        destination=SiteId(destination),
        mode="road",
        lead_time_days_p50=p50,
        lead_time_days_p90=p50 if p90 is None else p90,
        fixed_cost_minor=150,
        unit_cost_minor=4,
        min_qty=Units(min_qty * ONE_UNIT),
        lot_multiple=Units(lot * ONE_UNIT),
        capacity_units_per_day=None if capacity is None else Units(capacity * ONE_UNIT),
        cutoff_local=cutoff,
    )


def network(
    *,
    rules: Sequence[StockingRule] = (rule(), rule(site="S2")),
    contracts: Sequence[SupplyContract] = (contract(), contract(site="S2")),
    lanes: Sequence[Lane] = (lane("S1-S2", "S1", "S2"), lane("S2-S1", "S2", "S1")),
) -> Network:
    """Two stores and a supplier, by default; items and sites are those of the rules."""
    kinds: dict[str, SiteKind] = {row.site: "store" for row in rules}
    kinds[SUPPLIER] = "supplier"
    return Network(
        items={
            row.item: Item(
                item=row.item,
                description="",
                category="dairy",
                abc="A",
                uom="EA",
                unit_cost_minor=60,
                unit_price_minor=100,
                currency="EUR",
                shelf_life_days=None,
            )
            for row in rules
        },
        sites={
            SiteId(name): Site(
                site=SiteId(name), kind=kind, region="north", timezone=ZONE.key, priority=1
            )
            for name, kind in kinds.items()
        },
        lanes={row.lane: row for row in lanes},
        supply={(row.supplier, row.item, row.site): row for row in contracts},
        stocking={(row.item, row.site): row for row in rules},
    )


def stock(**units: int) -> dict[tuple[ItemId, SiteId], Units]:
    """Opening stock of milk by site."""
    return {(MILK, SiteId(site)): Units(qty * ONE_UNIT) for site, qty in units.items()}


def sale(at: datetime, units: int, site: str = "S1", item: str = MILK, n: int = 0) -> SaleRecorded:
    return SaleRecorded(
        event_id=EventId(f"{site}:{item}:{at:%Y%m%dT%H%M}:{n}"),
        source=f"/till/{site}",
        occurred_at=at,
        arrived_at=at,
        payload_sha="",
        item=ItemId(item),
        site=SiteId(site),
        sold=Units(units * ONE_UNIT),
    )


def command(name: str, not_after: datetime | None = None, **body: Any) -> Command:
    return Command(
        idem=f"idem-{name}",
        action_id=ActionId(f"act-{name}"),
        decision_id=DecisionId("dec-1"),
        not_after=not_after or local("31"),
        body={"idem": f"idem-{name}", "item": MILK, **body},
    )


def move(name: str, units: float, ship_on: str, **body: Any) -> Command:
    """Milk from S1 to S2 on a day of May 2026."""
    day = f"2026-05-{ship_on}"
    wanted: dict[str, Any] = {
        "kind": "reallocate",
        "from": "S1",
        "to": "S2",
        "qty": units,
        "ship_on": day,
    }
    return command(name, **wanted | body)


def expedite(name: str, units: float, po_line: str) -> Command:
    return command(name, kind="expedite", qty=units, order_id=po_line)


def with_legs(
    folder: Path, tells: str, *delays: tuple[int | None, int | None], transit_days: int = 2
) -> None:
    """Tables of legs in a folder: from 5 May 2026 on a departure at 16:30 a day, with its delays in
    minutes at departure and arrival; 60 days, the last ones on time.
    """
    tables = folder / "erp"
    tables.mkdir()
    (tables / "suppliers.csv").write_text(
        f"supplier,tells,transit_days,place\n{SUPPLIER},{tells},{transit_days},LGA\n"
    )
    rows = ["supplier,region,day,leaves_local,left_late_minutes,late_minutes,reason\n"]
    for n in range(60):
        left, late = delays[n] if n < len(delays) else (0, 0)
        day = date(2026, 5, 5) + timedelta(days=n)
        texts = ["" if value is None else str(value) for value in (left, late)]
        rows.append(f"{SUPPLIER},north,{day},16:30,{','.join(texts)},AJ\n")
    (tables / "legs.csv").write_text("".join(rows))
