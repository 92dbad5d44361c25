"""What may a wire message look like? Strict pydantic models of the envelope and of each payload.

One CloudEvents 1.0 envelope for all; one model of `data` for each handled type, here or in the
`schemas_*` modules. `json_schema` gives the same rules to producers.
"""

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from replan.events import PoStatus, PromoSort, TransferStep
from replan.streams.schemas_human import HumanAction
from replan.streams.schemas_masters import (
    LOGIN_PATTERN,
    Master,
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
from replan.streams.wire_values import (
    ID_PATTERN,
    Amount,
    Count,
    Currency,
    Day,
    Factor,
    Id,
    Instant,
    Key,
    LineNumber,
    Quantity,
    SourceName,
    Unit,
    Wire,
    Words,
)


class Envelope(Wire):
    """The CloudEvents attributes that we read; others are ignored and counted."""

    model_config = ConfigDict(extra="ignore")

    specversion: Literal["1.0"]
    type: Words
    id: Id
    source: SourceName
    time: Instant
    recordedtime: Instant | None = None
    subject: Words | None = None
    datacontenttype: Words | None = None
    dataschema: Words | None = None
    correlationid: Id | None = None
    causationid: Id | None = None
    corrects: Id | None = None
    correctsreason: Literal["did_not_occur", "incorrect_data"] | None = None
    provenance: Literal["EDI", "API", "TELEMATICS", "MANUAL", "SIM"] | None = None
    data: dict[str, Any]


class PosSale(Wire):
    """`pos.sale.v1`; price: minor units per base unit."""

    qty: Quantity
    is_return: bool = False
    uom: Unit | None = None
    price: int | None = None
    currency: Currency | None = None
    promo_id: Id | None = None
    channel: Words | None = None
    lost_sale_flag: bool | None = None


class PosDayClose(Wire):
    """`pos.day_close.v1`; gross: minor units."""

    business_date: Day
    tx_count: Count | None = None
    gross: int | None = None


class InvSnapshot(Wire):
    """`inv.snapshot.v1`: the shelf as counted at `as_of`."""

    on_hand: Amount
    as_of: Instant
    reserved: Amount | None = None
    on_hold: Amount | None = None
    in_transit: Amount | None = None
    min: Amount | None = None
    max: Amount | None = None
    uom: Unit | None = None


class InvAdjust(Wire):
    """`inv.adjust.v1`: a movement with its sign."""

    delta: Quantity
    reason: Literal["shrink", "count", "damage", "recall"] | None = None
    uom: Unit | None = None


class PoLine(Wire):
    """`po.created.v1`, `po.changed.v1`, `po.ack.v1`: the order line as it stands now."""

    po: Id
    line: LineNumber
    item: Id
    supplier: Id
    ship_to: Id
    qty: Amount
    price: int
    need_by: Day
    promised: Day
    uom: Unit | None = None
    currency: Currency | None = None
    status: PoStatus | None = None


class Receipt(Wire):
    """`receipt.v1`: goods of an order line arrived."""

    qty_received: Amount
    qty_damaged: Amount
    at: Instant


class TransferStatus(Wire):
    """`transfer.status.v1`; item, from, to and qty are needed where we did not order it."""

    status: TransferStep
    qty: Amount | None = None
    at: Instant | None = None
    item: Id | None = None
    origin: Annotated[Id | None, Field(alias="from")] = None
    to: Id | None = None


class _Driver(Wire):
    first: Annotated[Day, Field(alias="from")]
    to: Day
    uplift_prior: Factor


class DriverPromo(_Driver):
    """`driver.promo.v1`: a promotion from its first to its last day; `uplift_prior` is a factor."""

    type: PromoSort
    promo_id: Id | None = None


class DriverPrice(_Driver):
    """`driver.price.v1`: another price from its first to its last day; minor units a base unit."""

    type: Words
    price: Annotated[int | None, Field(gt=0)] = None
    currency: Currency | None = None


class DriverCompetitor(_Driver):
    """`driver.competitor.v1`: what somebody else does, such as run out, from `from` to `to`."""

    type: Words
    competitor: Words | None = None


class ActionAnswer(Wire):
    """`action.ack.v1` (done) and `action.fail.v1` (refused, nothing done)."""

    idem: Key
    at: Instant
    reason: Words | None = None


class ClarificationAnswer(Wire):
    """`clarification.answered.v1`: yes or no to a question, and on which terms.

    qty: what can be done of it, date: the receiving site's day on which it can be there; left out,
    as asked. action_id: the one action that the terms are about, where the plan has several.
    """

    answer: Literal["accepted", "declined"]
    qty: Amount | None = None
    date: Day | None = None
    action_id: Id | None = None
    note: Words | None = None


Driver = DriverPromo | DriverPrice | DriverCompetitor
Data = (
    (PosSale | PosDayClose | InvSnapshot | InvAdjust | PoLine | Receipt | TransferStatus)
    | Driver
    | (SupplyCommit | ShippingNotice | ShipmentMilestone | ShipmentEta | ShipmentException)
    | (LeadTimeUpdate | Alert | ActionAnswer | ClarificationAnswer | HumanAction)
    | Master
)

MASTER_AUTHZ = "master.authz.v1"
HUMAN_ACTION = "human.action.v1"

DATA_MODELS: dict[str, type[Data]] = {
    "pos.sale.v1": PosSale,
    "pos.day_close.v1": PosDayClose,
    "inv.snapshot.v1": InvSnapshot,
    "inv.adjust.v1": InvAdjust,
    "po.created.v1": PoLine,
    "po.changed.v1": PoLine,
    "po.ack.v1": PoLine,
    "receipt.v1": Receipt,
    "transfer.status.v1": TransferStatus,
    "driver.promo.v1": DriverPromo,
    "driver.price.v1": DriverPrice,
    "driver.competitor.v1": DriverCompetitor,
    "supply.commit.v1": SupplyCommit,
    "leadtime.update.v1": LeadTimeUpdate,
    "asn.v1": ShippingNotice,
    "shipment.milestone.v1": ShipmentMilestone,
    "shipment.eta.v1": ShipmentEta,
    "shipment.exception.v1": ShipmentException,
    "signal.weather.v1": Alert,
    "signal.disruption.v1": Alert,
    "action.ack.v1": ActionAnswer,
    "action.fail.v1": ActionAnswer,
    "clarification.answered.v1": ClarificationAnswer,
    HUMAN_ACTION: HumanAction,
    "master.item.v1": MasterItem,
    "master.location.v1": MasterLocation,
    "master.lane.v1": MasterLane,
    "master.supplier.v1": MasterSupplier,
    "master.cost.v1": MasterCost,
    MASTER_AUTHZ: MasterAuthz,
}
"""The types handled now."""

SUBJECT_PARTS: dict[str, tuple[str, ...]] = {
    "pos.sale.v1": ("item", "site"),
    "pos.day_close.v1": ("site",),
    "inv.snapshot.v1": ("item", "site"),
    "inv.adjust.v1": ("item", "site"),
    "po.created.v1": ("po", "line"),
    "po.changed.v1": ("po", "line"),
    "po.ack.v1": ("po", "line"),
    "receipt.v1": ("po", "line"),
    "transfer.status.v1": ("transfer",),
    "driver.promo.v1": ("item", "site"),
    "driver.price.v1": ("item", "site"),
    "driver.competitor.v1": ("item", "site"),
    "supply.commit.v1": ("po", "line"),
    "leadtime.update.v1": ("supplier", "item", "lane"),
    "asn.v1": ("shipment",),
    "shipment.milestone.v1": ("shipment",),
    "shipment.eta.v1": ("shipment",),
    "shipment.exception.v1": ("shipment",),
    "signal.weather.v1": ("alert",),
    "signal.disruption.v1": ("alert",),
    "action.ack.v1": ("action",),
    "action.fail.v1": ("action",),
    "clarification.answered.v1": ("decision",),
    HUMAN_ACTION: ("decision",),
    "master.item.v1": ("item",),
    "master.location.v1": ("site",),
    "master.lane.v1": ("lane",),
    "master.supplier.v1": ("supplier",),
    "master.cost.v1": ("scope",),
    MASTER_AUTHZ: ("login",),
}
"""The ids that the subject joins by `@`; a human action may also be about `<item>@<site>`."""

NARROWER: dict[str, tuple[int, ...]] = {"master.cost.v1": (2,), "master.supplier.v1": (2, 3)}
"""Of how many ids a subject may be that is about less: a cost of an item at a site, what a supplier
owes for an item, or for an item at a site."""

MINOR_VERSION = 0
"""Of every schema here; a `dataschema` that names a newer minor may carry fields we do not know."""


def member_names(model: type[Data]) -> frozenset[str]:
    """The names of a payload's fields on the wire."""
    return frozenset(field.alias or name for name, field in model.model_fields.items())


ENVELOPE_NAMES = frozenset(Envelope.model_fields)
DATA_NAMES = {kind: member_names(model) for kind, model in DATA_MODELS.items()}


def schema_id(kind: str) -> str:
    """The id that `dataschema` may carry: `urn:replan:schema:pos.sale:1.0`."""
    name, _, major = kind.rpartition(".v")
    return f"urn:replan:schema:{name}:{major}.{MINOR_VERSION}"


def json_schema(kind: str) -> dict[str, Any]:
    """JSON Schema 2020-12 of one whole event; raises KeyError for a type that is not handled."""
    data = DATA_MODELS[kind].model_json_schema()
    event = Envelope.model_json_schema()
    properties = event["properties"]
    parts = "@".join(f"<{part}>" for part in SUBJECT_PARTS[kind])
    pattern = "@".join([ID_PATTERN[1:-1]] * len(SUBJECT_PARTS[kind]))
    if kind == HUMAN_ACTION:
        pattern = f"{pattern}(@{pattern})?"
    if kind in NARROWER:
        pattern = f"{pattern}(@{pattern}){{0,{max(NARROWER[kind]) - 1}}}"
    if kind == MASTER_AUTHZ:
        pattern = LOGIN_PATTERN[1:-1]
    properties["type"] = {"const": kind}
    properties["subject"] = {"type": "string", "pattern": f"^{pattern}$", "description": parts}
    properties["data"] = data
    required = [*event["required"], "subject"]
    if DATA_MODELS[kind] is ActionAnswer:
        required.append("correlationid")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": schema_id(kind),
        "title": kind,
        "description": (DATA_MODELS[kind].__doc__ or "").strip(),
        "type": "object",
        "properties": properties,
        "required": required,
    }
