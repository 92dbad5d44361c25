"""Which fact of the field does a valid payload state?

Rules that join several members are here: the sign of a sale, the subject against the payload.
"""

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import lru_cache
from typing import TypedDict, cast

from replan.events import (
    ActionAnswered,
    AlertRaised,
    DayClosed,
    DriverKind,
    DriverStated,
    EtaChanged,
    HumanActed,
    HumanLineDone,
    LeadTimeStated,
    MasterStated,
    MasterTable,
    MilestoneReached,
    OrderLineStated,
    QuestionAnswered,
    SaleRecorded,
    ShipmentTroubled,
    StockAdjusted,
    StockCounted,
)
from replan.streams.messages import (
    CommitHeard,
    Decoded,
    NoticeHeard,
    ReceiptHeard,
    Refusal,
    TransferHeard,
)
from replan.streams.schemas import (
    HUMAN_ACTION,
    MASTER_AUTHZ,
    NARROWER,
    SUBJECT_PARTS,
    ActionAnswer,
    ClarificationAnswer,
    Data,
    Driver,
    DriverCompetitor,
    DriverPrice,
    DriverPromo,
    Envelope,
    InvAdjust,
    InvSnapshot,
    PoLine,
    PosDayClose,
    PosSale,
    Receipt,
    TransferStatus,
)
from replan.streams.schemas_human import HumanAction
from replan.streams.schemas_masters import (
    LOGIN_PATTERN,
    MasterAuthz,
    MasterCost,
    MasterItem,
    MasterLane,
    MasterLocation,
    MasterSupplier,
)
from replan.streams.schemas_signals import Alert
from replan.streams.schemas_supply import (
    LeadTimeUpdate,
    ShipmentEta,
    ShipmentException,
    ShipmentMilestone,
    ShippingNotice,
    SupplyCommit,
)
from replan.streams.translate_masters import master_row
from replan.streams.wire_values import ID_PATTERN
from replan.units import (
    ActionId,
    DecisionId,
    EventId,
    ItemId,
    PoLineId,
    ShipmentId,
    SiteId,
    SupplierId,
    TransferId,
)

_ID = re.compile(ID_PATTERN)
_LOGIN = re.compile(LOGIN_PATTERN)


class FactBase(TypedDict):
    event_id: EventId
    source: str
    occurred_at: datetime
    arrived_at: datetime
    payload_sha: str


def fact_of(
    about: Callable[..., Decoded],
    base: FactBase,
    ids: tuple[str, ...],
    data: Data,
    envelope: Envelope,
) -> Decoded:
    match data:
        case PosSale():
            if (data.qty < 0) != data.is_return and data.qty != 0:
                raise Refusal("sign", "/data/qty", "a negative sale is a return and says is_return")
            sale = SaleRecorded(
                **base,
                item=ItemId(ids[0]),
                site=SiteId(ids[1]),
                sold=data.qty,
                price_minor=data.price,
                promo=data.promo_id,
            )
            return about(fact=sale, is_free=data.price is not None and data.price <= 0)
        case PosDayClose():
            return about(
                fact=DayClosed(**base, site=SiteId(ids[0]), business_date=data.business_date)
            )
        case InvSnapshot():
            counted = StockCounted(
                **base,
                item=ItemId(ids[0]),
                site=SiteId(ids[1]),
                on_hand=data.on_hand,
                as_of=data.as_of,
            )
            return about(fact=counted)
        case InvAdjust():
            adjusted = StockAdjusted(
                **base,
                item=ItemId(ids[0]),
                site=SiteId(ids[1]),
                delta=data.delta,
                reason=data.reason,
            )
            return about(fact=adjusted)
        case PoLine():
            if ids != (data.po, data.line):
                raise Refusal("scope", "/subject", "the subject is <po>@<line> of the data")
            stated = OrderLineStated(
                **base,
                po_line=PoLineId(f"{data.po}@{data.line}"),
                item=ItemId(data.item),
                supplier=SupplierId(data.supplier),
                ship_to=SiteId(data.ship_to),
                qty=data.qty,
                price_minor=data.price,
                need_by=data.need_by,
                promised=data.promised,
                status=data.status or ("confirmed" if envelope.type == "po.ack.v1" else "approved"),
            )
            return about(fact=stated, has_status=data.status is not None, is_free=data.price <= 0)
        case Receipt():
            received = ReceiptHeard(
                **base,
                po_line=PoLineId("@".join(ids)),
                qty_received=data.qty_received,
                qty_damaged=data.qty_damaged,
                at=data.at,
            )
            return about(fact=received)
        case TransferStatus():
            moved = TransferHeard(
                **base,
                transfer=TransferId(ids[0]),
                step=data.status,
                item=None if data.item is None else ItemId(data.item),
                origin=None if data.origin is None else SiteId(data.origin),
                destination=None if data.to is None else SiteId(data.to),
                qty=data.qty,
                at=data.at or envelope.time,
            )
            return about(fact=moved, has_at=data.at is not None)
        case DriverPromo() | DriverPrice() | DriverCompetitor():
            return about(fact=_driver_stated(base, ids, data))
        case SupplyCommit():
            commit = CommitHeard(
                **base, po_line=PoLineId("@".join(ids)), qty=data.commit_qty, day=data.commit_date
            )
            return about(fact=commit)
        case LeadTimeUpdate():
            return about(fact=_lead_time(base, ids, data))
        case ShippingNotice():
            if data.eta < data.ship_dt:
                raise Refusal("range", "/data/eta", "a shipment cannot arrive before it leaves")
            notice = NoticeHeard(
                **base,
                shipment=ShipmentId(ids[0]),
                po_line=PoLineId(data.po_line),
                qty=data.qty,
                ship_at=data.ship_dt,
                eta=data.eta,
            )
            return about(fact=notice)
        case ShipmentMilestone():
            reached = MilestoneReached(
                **base,
                shipment=ShipmentId(ids[0]),
                code=data.code,
                at=data.at,
                place=data.loc,
                reason=data.reason,
            )
            return about(fact=reached)
        case ShipmentEta():
            late = data.p90
            if isinstance(late, timedelta):
                late = data.new_eta + late
            if late is not None and late < data.new_eta:
                raise Refusal("range", "/data/p90", "p90 is not before the new ETA")
            changed = EtaChanged(**base, shipment=ShipmentId(ids[0]), eta=data.new_eta, p90=late)
            return about(fact=changed)
        case ShipmentException():
            troubled = ShipmentTroubled(
                **base,
                shipment=ShipmentId(ids[0]),
                code=data.code,
                severity=data.severity,
                impact_s=data.impact_s,
            )
            return about(fact=troubled)
        case Alert():
            return about(fact=_alert(base, ids, data, envelope))
        case HumanAction():
            about_item = len(ids) == 2
            acted = HumanActed(
                **base,
                decision_id=None if about_item else DecisionId(ids[0]),
                item=ItemId(ids[0]) if about_item else None,
                site=SiteId(ids[1]) if about_item else None,
                kind=data.kind,
                lines=tuple(
                    HumanLineDone(
                        item=ItemId(line.item),
                        qty=line.qty,
                        origin=line.origin,
                        to=line.to,
                        order_id=line.order_id,
                    )
                    for line in data.lines
                ),
                at=data.at,
                role=data.role or "",
            )
            return about(fact=acted)
        case ClarificationAnswer():
            if data.qty == 0 and data.answer == "accepted":
                raise Refusal("range", "/data/qty", "an accepted quantity is above 0")
            reply = QuestionAnswered(
                **base,
                decision_id=DecisionId(ids[0]),
                accepted=data.answer == "accepted",
                qty=data.qty,
                arrives_on=data.date,
                action_id=None if data.action_id is None else ActionId(data.action_id),
                note=data.note or "",
            )
            return about(fact=reply)
        case (
            MasterItem()
            | MasterLocation()
            | MasterLane()
            | MasterSupplier()
            | MasterCost()
            | MasterAuthz()
        ):
            if isinstance(data, MasterAuthz) and data.first and data.to and data.to < data.first:
                raise Refusal("range", "/data/to", f"it ends on {data.to}, before {data.first}")
            table, row = master_row(data)
            return about(
                fact=MasterStated(**base, table=cast(MasterTable, table), name=ids[0], row=row)
            )
        case ActionAnswer():
            if envelope.correlationid is None:
                raise Refusal("missing", "/correlationid", "an answer names its action")
            if envelope.correlationid != ids[0]:
                raise Refusal("scope", "/correlationid", "the subject is another action")
            answered = ActionAnswered(
                **base,
                action_id=ActionId(ids[0]),
                idem=data.idem,
                acked=envelope.type == "action.ack.v1",
                reason=data.reason,
            )
            return about(fact=answered)


def _driver_stated(base: FactBase, ids: tuple[str, ...], data: Driver) -> DriverStated:
    if data.to < data.first:
        raise Refusal("range", "/data/to", f"it ends on {data.to}, before it begins: {data.first}")
    kind: DriverKind
    name = str(base["event_id"])
    match data:
        case DriverPromo():
            kind, name = "promo", data.promo_id or name
        case DriverPrice():
            kind = "price"
        case DriverCompetitor():
            kind = "competitor"
    return DriverStated(
        **base,
        item=ItemId(ids[0]),
        site=SiteId(ids[1]),
        kind=kind,
        name=name,
        sort=data.type,
        first=data.first,
        last=data.to,
        uplift_prior=data.uplift_prior,
    )


def _lead_time(base: FactBase, ids: tuple[str, ...], data: LeadTimeUpdate) -> LeadTimeStated:
    given = data.quantiles
    p50 = data.lead_time_s if data.lead_time_s is not None or given is None else given.p50
    if p50 is None:
        raise Refusal("missing", "/data/lead_time_s", "a lead time is one number or quantiles")
    if given is not None and given.p90 < p50:
        raise Refusal("range", "/data/quantiles/p90", "p90 is not below the lead time itself")
    return LeadTimeStated(
        **base,
        supplier=SupplierId(ids[0]),
        item=ItemId(ids[1]),
        lane=ids[2],
        p50_s=p50,
        p90_s=None if given is None else given.p90,
        valid_from=data.valid_from,
        reason=data.reason,
    )


def _alert(base: FactBase, ids: tuple[str, ...], data: Alert, envelope: Envelope) -> AlertRaised:
    if data.area.locations is None and data.area.polygon is None:
        raise Refusal("missing", "/data/area/locations", "an area is locations or a polygon")
    if data.expires <= data.onset:
        raise Refusal("range", "/data/expires", "an alert expires after its onset")
    return AlertRaised(
        **base,
        alert=ids[0],
        kind="weather" if envelope.type == "signal.weather.v1" else "disruption",
        locations=tuple(sorted(set(data.area.locations or ()))),
        polygon=tuple(data.area.polygon or ()),
        onset=data.onset,
        expires=data.expires,
        urgency=data.urgency,
        severity=data.severity,
        certainty=data.certainty,
        words=data.event or "",
    )


@lru_cache(maxsize=8192)
def subject_ids(kind: str, subject: str | None) -> tuple[str, ...]:
    names = SUBJECT_PARTS[kind]
    if kind == MASTER_AUTHZ and subject is not None and _LOGIN.fullmatch(subject):
        # A login may be an address.
        return (subject,)
    wanted = "@".join(f"<{name}>" for name in names)
    if subject is None:
        raise Refusal("missing", "/subject", f"the subject of {kind} is {wanted}")
    ids = tuple(subject.split("@"))
    if kind == HUMAN_ACTION and len(ids) == 2:
        names = ("item", "site")
    if len(ids) in NARROWER.get(kind, ()) and all(map(_ID.fullmatch, ids)):
        return (subject,)
    if len(ids) != len(names):
        raise Refusal("scope", "/subject", f"the subject of {kind} is {wanted}")
    if not all(map(_ID.fullmatch, ids)):
        raise Refusal("charset", "/subject", "an id is 1 to 64 of A-Z a-z 0-9 . _ : / -")
    return ids
