"""What can happen? Every fact that reaches us, and `Tick`: time passing is a fact too.

Every fact carries its own time (`occurred_at`), its arrival (which decides the tick it belongs to)
and its identity (`source`, `event_id`). Facts of one tick count as applied by (arrival, source,
event_id).
"""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from replan.alarms import AlarmKind
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
    Units,
)

PoStatus = Literal["proposed", "approved", "confirmed", "closed"]
TransferStep = Literal["requested", "picked", "shipped", "received"]
PromoSort = Literal["promo", "price", "display", "feature"]
DriverKind = Literal["promo", "price", "competitor"]
MasterTable = Literal["item", "location", "lane", "supplier", "cost", "authz"]
CorrectionReason = Literal["did_not_occur", "incorrect_data"]
MilestoneCode = Literal["AF", "P1", "X6", "AG", "X2", "SD", "X1", "D1", "A7", "A9", "CA", "PA"]
"""Statuses of the X12 214 (element 1650): left the pick-up, left a terminal, on its way, estimated
delivery, estimated arrival, delayed, arrived, unloaded, refused, damaged, cancelled, in part."""

ESTIMATES: frozenset[str] = frozenset({"AG", "X2"})
"""Milestones whose moment is an estimate of the arrival and may lie ahead."""

AlertKind = Literal["weather", "disruption"]
Urgency = Literal["Immediate", "Expected", "Future", "Past", "Unknown"]
Severity = Literal["Extreme", "Severe", "Moderate", "Minor", "Unknown"]
Certainty = Literal["Observed", "Likely", "Possible", "Unlikely", "Unknown"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """What all facts share. `payload_sha` is the hex SHA-256 of the canonical payload."""

    event_id: EventId
    source: str
    occurred_at: datetime
    arrived_at: datetime
    payload_sha: str

    @property
    def order(self) -> tuple[datetime, str, str, str]:
        """The order in which facts of one tick count as applied."""
        return (self.arrived_at, self.source, self.event_id, self.payload_sha)


@dataclass(frozen=True, slots=True, kw_only=True)
class SaleRecorded(Fact):
    """Units that left the shelf; a return is a negative sale. Price: minor units per base unit."""

    item: ItemId
    site: SiteId
    sold: Units
    price_minor: int | None = None
    promo: str | None = None
    suspect: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DayClosed(Fact):
    """The store says that its business day is complete."""

    site: SiteId
    business_date: date


@dataclass(frozen=True, slots=True, kw_only=True)
class StockCounted(Fact):
    """A snapshot of the shelf: wins over all movements up to `as_of`."""

    item: ItemId
    site: SiteId
    on_hand: Units
    as_of: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class StockAdjusted(Fact):
    """A movement that is neither sale nor receipt: shrink, count, damage, recall."""

    item: ItemId
    site: SiteId
    delta: Units
    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderLineStated(Fact):
    """A purchase order line as the ERP or the supplier states it now; the newest statement wins.

    `promised` is the day of receipt at `ship_to`; price in minor units per base unit.
    """

    po_line: PoLineId
    item: ItemId
    supplier: SupplierId
    ship_to: SiteId
    qty: Units
    price_minor: int
    need_by: date
    promised: date
    status: PoStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Received(Fact):
    """Goods of an order line arrived; damaged units are not put on the shelf."""

    po_line: PoLineId
    item: ItemId
    site: SiteId
    qty_received: Units
    qty_damaged: Units
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferMoved(Fact):
    """A transfer between two of our sites took a step."""

    transfer: TransferId
    step: TransferStep
    item: ItemId
    origin: SiteId
    destination: SiteId
    qty: Units
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DriverStated(Fact):
    """Something is said to move demand from `first` to `last`, both included, days of the site.

    `name` tells one promotion from another: its own id where it has one, else the event's; the
    newest statement of a name wins. `sort` is the word of the producer (`display`, `feature`, …).
    `uplift_prior`: thousandths of the factor that it is expected to put on demand.
    """

    item: ItemId
    site: SiteId
    kind: DriverKind
    name: str
    sort: str
    first: date
    last: date
    uplift_prior: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SupplyCommitted(Fact):
    """The supplier undertakes to deliver so much of an order line on a day at its `ship_to`."""

    po_line: PoLineId
    item: ItemId
    site: SiteId
    qty: Units
    day: date


@dataclass(frozen=True, slots=True, kw_only=True)
class LeadTimeStated(Fact):
    """From `valid_from` on, an order takes so many seconds to its receipt.

    `lane`: the receiving site of a purchase, or a lane. `p90_s` is None where only one number was
    given.
    """

    supplier: SupplierId
    item: ItemId
    lane: str
    p50_s: int
    p90_s: int | None
    valid_from: datetime
    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ShipmentNoticed(Fact):
    """Goods of an order line were shipped (an ASN); a shipment may hold several lines."""

    shipment: ShipmentId
    po_line: PoLineId
    item: ItemId
    site: SiteId
    qty: Units
    ship_at: datetime
    eta: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class MilestoneReached(Fact):
    """A carrier's status of a shipment; `reason` is a code of the X12 element 1651."""

    shipment: ShipmentId
    code: MilestoneCode
    at: datetime
    place: str
    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EtaChanged(Fact):
    """A shipment is expected at another moment; `p90`: nine in ten arrive by then."""

    shipment: ShipmentId
    eta: datetime
    p90: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ShipmentTroubled(Fact):
    """Something went wrong on the way; `impact_s`: by how many seconds the arrival moves."""

    shipment: ShipmentId
    code: str
    severity: str
    impact_s: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertRaised(Fact):
    """Weather or a disruption in an area from `onset` to `expires`; the newest of an id holds.

    `locations`: sites, suppliers, lanes. `polygon`: corners as degrees (north, east).
    """

    alert: str
    kind: AlertKind
    locations: tuple[str, ...]
    polygon: tuple[tuple[float, float], ...]
    onset: datetime
    expires: datetime
    urgency: Urgency
    severity: Severity
    certainty: Certainty
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HumanLineDone:
    """One thing that people did; `qty` in thousandths, `order_id` the order line it is about."""

    item: ItemId
    qty: Units
    origin: str | None
    to: str | None
    order_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class HumanActed(Fact):
    """What people did outside the engine, about a decision or about an item at a site."""

    decision_id: DecisionId | None
    item: ItemId | None
    site: SiteId | None
    kind: str
    lines: tuple[HumanLineDone, ...]
    at: datetime
    role: str


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionAnswered(Fact):
    """An answer from outside to a question about a decision: yes or no, and on which terms.

    `qty`: what can be done of it, thousandths (None: as asked). `arrives_on`: the receiving site's
    day on which it can be there. `action_id`: the one action of several that the terms are about.
    """

    decision_id: DecisionId
    accepted: bool
    qty: Units | None
    arrives_on: date | None
    action_id: ActionId | None
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionAnswered(Fact):
    """An executor's answer to a command: done (`acked`) or refused with nothing done."""

    action_id: ActionId
    idem: str
    acked: bool
    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TroubleFound(Fact):
    """Whoever judges events found something that should keep machines from acting.

    `kind`: the alarm it opens, None for none; `item`, `site` and `feed` (a source) say what it is
    about. `until`: when it is over unless it is found again; `holds`: whether nothing may be done
    unattended until then. The event named is the one that showed it.
    """

    kind: AlarmKind | None
    item: ItemId | None
    site: SiteId | None
    feed: str | None
    until: datetime
    holds: bool
    text: str


ShipmentReport = MilestoneReached | EtaChanged | ShipmentTroubled
"""What is said of a shipment on its way; the shipping notices say which order lines it holds."""

SupplySignal = SupplyCommitted | LeadTimeStated | ShipmentNoticed | ShipmentReport | AlertRaised
"""What suppliers, carriers and alerts say beside orders and receipts."""

ItemFact = (
    SaleRecorded
    | StockCounted
    | StockAdjusted
    | OrderLineStated
    | Received
    | TransferMoved
    | DriverStated
)
"""Facts about one item, folded by sense."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retracted(Fact):
    """An earlier fact is taken back: `of`, with all that it said, counts no more. Whoever judges
    events has matched it to a fact that was applied, and does so once.
    """

    of: ItemFact | DayClosed | SupplySignal | HumanActed
    reason: CorrectionReason


SenseFact = (
    ItemFact | DayClosed | SupplySignal | Retracted | TroubleFound | QuestionAnswered | HumanActed
)


@dataclass(frozen=True, slots=True, kw_only=True)
class MasterStated(Fact):
    """Something about one item, site, lane, supplier or cost, from its arrival on. `row`: canonical
    JSON of the members of the network's own row that it changes.
    """

    table: MasterTable
    name: str
    row: str


Unsensed = ActionAnswered | MasterStated
"""What is not sense's to fold: answers are the desk's, master data the network's."""

InboundFact = SenseFact | Unsensed


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """Time has reached `at`: everything that arrived up to it is known, nothing later."""

    at: datetime
