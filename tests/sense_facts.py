"""What may sense be told in tests? One maker per kind of fact, in days and base units."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from replan.canonical import sha256_hex
from replan.effects import Ordered
from replan.events import (
    AlertRaised,
    Certainty,
    DayClosed,
    DriverKind,
    DriverStated,
    EtaChanged,
    LeadTimeStated,
    MilestoneCode,
    MilestoneReached,
    OrderLineStated,
    PoStatus,
    Received,
    SaleRecorded,
    SenseFact,
    Severity,
    ShipmentNoticed,
    ShipmentTroubled,
    StockAdjusted,
    StockCounted,
    SupplyCommitted,
    TransferMoved,
    TransferStep,
    Urgency,
)
from replan.units import (
    ActionId,
    EventId,
    ItemId,
    PoLineId,
    ShipmentId,
    SiteId,
    SupplierId,
    TransferId,
    Units,
)

OATS, RICE = ItemId("OATS"), ItemId("RICE")
S1, S2, SUP = SiteId("S1"), SiteId("S2"), SupplierId("SUP")
MONDAY = date(2026, 6, 1)
"""Day 0 of the worlds here; summer time in Berlin and New York."""


Moment = float | datetime


def when(at: Moment) -> datetime:
    """A moment: so many days after 00:00 UTC of MONDAY."""
    if isinstance(at, datetime):
        return at.astimezone(UTC)
    start = datetime(MONDAY.year, MONDAY.month, MONDAY.day, tzinfo=UTC)
    return start + timedelta(minutes=round(at * 1_440))


def on(day: int) -> date:
    """So many days after MONDAY."""
    return MONDAY + timedelta(days=day)


def _base(kind: str, at: Moment, arrived: Moment | None, name: str, *content: object) -> Any:
    """The members that every fact has; the id follows from the content unless one is given."""
    occurred = when(at)
    sha = sha256_hex(repr((kind, occurred, content)).encode())
    return {
        "event_id": EventId(name or f"{kind}-{sha[:12]}"),
        "source": "/till",
        "occurred_at": occurred,
        "arrived_at": occurred if arrived is None else when(arrived),
        "payload_sha": sha,
    }


def sale(
    at: Moment,
    qty: float = 1,
    *,
    site: SiteId = S1,
    item: ItemId = OATS,
    arrived: Moment | None = None,
    promo: str | None = None,
    suspect: bool = False,
    name: str = "",
) -> SaleRecorded:
    return SaleRecorded(
        **_base("sale", at, arrived, name, item, site, qty),
        item=item,
        site=site,
        sold=Units(round(qty * 1_000)),
        promo=promo,
        suspect=suspect,
    )


def counted(
    at: Moment,
    on_hand: float,
    *,
    site: SiteId = S1,
    item: ItemId = OATS,
    as_of: Moment | None = None,
    arrived: Moment | None = None,
) -> StockCounted:
    return StockCounted(
        **_base("count", at, arrived, "", item, site, on_hand, as_of),
        item=item,
        site=site,
        on_hand=Units(round(on_hand * 1_000)),
        as_of=when(at if as_of is None else as_of),
    )


def stated(
    at: Moment,
    first: int,
    last: int,
    *,
    prior: float = 2.0,
    kind: DriverKind = "promo",
    sort: str = "display",
    promo: str = "P7",
    site: SiteId = S1,
    item: ItemId = OATS,
    arrived: Moment | None = None,
    name: str = "",
) -> DriverStated:
    """A promotion, or another driver, from day `first` to day `last`."""
    return DriverStated(
        **_base("driver", at, arrived, name, item, site, kind, promo, first, last, prior),
        item=item,
        site=site,
        kind=kind,
        name=promo,
        sort=sort,
        first=on(first),
        last=on(last),
        uplift_prior=round(prior * 1_000),
    )


def adjusted(
    at: Moment,
    delta: float,
    *,
    site: SiteId = S1,
    item: ItemId = OATS,
    arrived: Moment | None = None,
) -> StockAdjusted:
    return StockAdjusted(
        **_base("adjust", at, arrived, "", item, site, delta),
        item=item,
        site=site,
        delta=Units(round(delta * 1_000)),
        reason="shrink",
    )


def closed(
    day: int, *, site: SiteId = S1, at: Moment | None = None, arrived: Moment | None = None
) -> DayClosed:
    """The till closes at 20:00 UTC of the day."""
    return DayClosed(
        **_base("close", day + 20 / 24 if at is None else at, arrived, "", site, day),
        site=site,
        business_date=on(day),
    )


def line(
    at: Moment,
    promised: int,
    *,
    qty: float = 100,
    po_line: str = "PO1@1",
    site: SiteId = S1,
    item: ItemId = OATS,
    status: PoStatus = "approved",
    arrived: Moment | None = None,
    name: str = "",
) -> OrderLineStated:
    return OrderLineStated(
        **_base("line", at, arrived, name, po_line, item, qty, promised, status),
        po_line=PoLineId(po_line),
        item=item,
        supplier=SUP,
        ship_to=site,
        qty=Units(round(qty * 1_000)),
        price_minor=100,
        need_by=on(promised),
        promised=on(promised),
        status=status,
    )


def receipt(
    at: Moment,
    qty: float,
    *,
    damaged: float = 0,
    po_line: str = "PO1@1",
    site: SiteId = S1,
    item: ItemId = OATS,
    arrived: Moment | None = None,
) -> Received:
    return Received(
        **_base("receipt", at, arrived, "", po_line, qty, damaged),
        po_line=PoLineId(po_line),
        item=item,
        site=site,
        qty_received=Units(round(qty * 1_000)),
        qty_damaged=Units(round(damaged * 1_000)),
        at=when(at),
    )


def moved(
    at: Moment,
    step_: TransferStep,
    qty: float,
    *,
    transfer: str = "T1",
    origin: SiteId = S2,
    destination: SiteId = S1,
    item: ItemId = OATS,
    arrived: Moment | None = None,
) -> TransferMoved:
    return TransferMoved(
        **_base("move", at, arrived, "", transfer, step_, qty),
        transfer=TransferId(transfer),
        step=step_,
        item=item,
        origin=origin,
        destination=destination,
        qty=Units(round(qty * 1_000)),
        at=when(at),
    )


def committed(
    at: Moment,
    day: int,
    *,
    qty: float = 100,
    po_line: str = "PO1@1",
    site: SiteId = S1,
    item: ItemId = OATS,
    arrived: Moment | None = None,
) -> SupplyCommitted:
    return SupplyCommitted(
        **_base("commit", at, arrived, "", po_line, qty, day),
        po_line=PoLineId(po_line),
        item=item,
        site=site,
        qty=Units(round(qty * 1_000)),
        day=on(day),
    )


def shipped(
    at: Moment,
    eta: Moment,
    *,
    qty: float = 100,
    shipment: str = "SHIP1",
    po_line: str = "PO1@1",
    site: SiteId = S1,
    item: ItemId = OATS,
    left: Moment | None = None,
    arrived: Moment | None = None,
) -> ShipmentNoticed:
    """An ASN, told when the goods left unless `left` says otherwise."""
    return ShipmentNoticed(
        **_base("asn", at, arrived, "", shipment, po_line, qty, eta),
        shipment=ShipmentId(shipment),
        po_line=PoLineId(po_line),
        item=item,
        site=site,
        qty=Units(round(qty * 1_000)),
        ship_at=when(at if left is None else left),
        eta=when(eta),
    )


def milestone(
    at: Moment,
    code: MilestoneCode,
    *,
    of: Moment | None = None,
    shipment: str = "SHIP1",
    reason: str | None = None,
    arrived: Moment | None = None,
) -> MilestoneReached:
    return MilestoneReached(
        **_base("milestone", at, arrived, "", shipment, code, of),
        shipment=ShipmentId(shipment),
        code=code,
        at=when(at if of is None else of),
        place="Brenner",
        reason=reason,
    )


def eta(
    at: Moment,
    new: Moment,
    *,
    late: Moment | None = None,
    shipment: str = "SHIP1",
    arrived: Moment | None = None,
) -> EtaChanged:
    return EtaChanged(
        **_base("eta", at, arrived, "", shipment, new, late),
        shipment=ShipmentId(shipment),
        eta=when(new),
        p90=None if late is None else when(late),
    )


def troubled(
    at: Moment,
    hours: float | None = None,
    *,
    shipment: str = "SHIP1",
    arrived: Moment | None = None,
) -> ShipmentTroubled:
    return ShipmentTroubled(
        **_base("exception", at, arrived, "", shipment, hours),
        shipment=ShipmentId(shipment),
        code="border_closed",
        severity="major",
        impact_s=None if hours is None else round(hours * 3_600),
    )


def lead_word(
    at: Moment,
    days: float,
    *,
    late: float | None = None,
    valid: Moment | None = None,
    lane: str = "S1",
    item: ItemId = OATS,
    arrived: Moment | None = None,
) -> LeadTimeStated:
    return LeadTimeStated(
        **_base("lead", at, arrived, "", item, lane, days, late, valid),
        supplier=SUP,
        item=item,
        lane=lane,
        p50_s=round(days * 86_400),
        p90_s=None if late is None else round(late * 86_400),
        valid_from=when(at if valid is None else valid),
        reason="mill at its limit",
    )


def alert(
    at: Moment,
    first: Moment,
    last: Moment,
    *,
    places: tuple[str, ...] = ("SUP",),
    polygon: tuple[tuple[float, float], ...] = (),
    severity: Severity = "Extreme",
    urgency: Urgency = "Immediate",
    certainty: Certainty = "Observed",
    name: str = "STORM",
    arrived: Moment | None = None,
) -> AlertRaised:
    return AlertRaised(
        **_base("alert", at, arrived, "", name, places, severity, urgency, certainty, first, last),
        alert=name,
        kind="weather",
        locations=places,
        polygon=polygon,
        onset=when(first),
        expires=when(last),
        urgency=urgency,
        severity=severity,
        certainty=certainty,
        words="snow storm",
    )


def ordered(**changes: Any) -> Ordered:
    """Forty units of ours from S2 to S1: they leave on day 30 and arrive on day 31 or 32."""
    given: dict[str, Any] = {
        "action_id": ActionId("act-1"),
        "kind": "reallocate",
        "item": OATS,
        "origin": "S2",
        "destination": S1,
        "qty": Units(40_000),
        "ref": "S2-S1",
        "ship_on": on(30),
        "arrive_p50": on(31),
        "arrive_p90": on(32),
    }
    return Ordered(**{**given, **changes})


def expedite(qty: float, day: int, *, late: int | None = None, po_line: str = "PO1@1") -> Ordered:
    """Part of an order line that we asked for earlier."""
    return ordered(
        action_id=ActionId("act-2"),
        kind="expedite",
        origin="SUP",
        qty=Units(round(qty * 1_000)),
        ref=po_line,
        ship_on=on(day),
        arrive_p50=on(day),
        arrive_p90=on(day if late is None else late),
    )


def later(fact: SenseFact, days: float) -> SenseFact:
    """The same fact, arriving so much later."""
    return replace(fact, arrived_at=fact.arrived_at + timedelta(days=days))
