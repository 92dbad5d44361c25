"""What does the codec hand on, and what does the intake answer? Values only."""

import hashlib
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal, NamedTuple

from replan.events import (
    CorrectionReason,
    Fact,
    InboundFact,
    ShipmentReport,
    TransferStep,
    TroubleFound,
)
from replan.units import EventId, ItemId, PoLineId, ShipmentId, SiteId, TransferId, Units

Status = Literal["ACCEPTED", "REJECTED", "DUPLICATE", "LATE", "QUARANTINED"]
STATUSES: tuple[Status, ...] = ("ACCEPTED", "REJECTED", "DUPLICATE", "LATE", "QUARANTINED")

Code = Literal[
    "non_finite",
    "sign",
    "range",
    "type",
    "unit",
    "suspect",
    "unknown_item",
    "unknown_site",
    "future",
    "time",
    "late",
    "duplicate",
    "id_conflict",
    "size",
    "malformed",
    "encoding",
    "charset",
    "schema_version",
    "missing",
    "extra",
    "dup_key",
    "scope",
    "currency",
    "pii_field",
]

PARKED_CODES: frozenset[Code] = frozenset({"schema_version", "unknown_item", "unknown_site"})
"""Refusals whose reason may go away: the event is QUARANTINED, not REJECTED."""

MAX_RAW_BYTES = 64 * 1024
"""What a dead letter keeps of a record; its size and SHA-256 cover the rest."""


class Place(NamedTuple):
    """Where an event stood: file (or topic partition), line, and member of an array (from 1)."""

    file: str
    line: int
    member: int | None = None

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}"
        return place if self.member is None else f"{place}:{self.member}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiptHeard(Fact):
    """A receipt as sent: it names the order line only; item and site come from the order."""

    po_line: PoLineId
    qty_received: Units
    qty_damaged: Units
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferHeard(Fact):
    """A transfer step as sent; for a transfer that we ordered only its id is needed."""

    transfer: TransferId
    step: TransferStep
    item: ItemId | None
    origin: SiteId | None
    destination: SiteId | None
    qty: Units | None
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitHeard(Fact):
    """A supplier's commit as sent: item and site come from the order line."""

    po_line: PoLineId
    qty: Units
    day: date


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeHeard(Fact):
    """A shipping notice as sent: item and site come from the order line."""

    shipment: ShipmentId
    po_line: PoLineId
    qty: Units
    ship_at: datetime
    eta: datetime


OfLine = ReceiptHeard | CommitHeard | NoticeHeard
"""Messages that name an order line only."""

Unresolved = OfLine | TransferHeard
Waits = Unresolved | ShipmentReport
"""What may have to wait: for an order line, a transfer, or the shipping notice of a shipment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoded:
    """A well-formed event; lateness, duplicates and waiting are not judged yet.

    `raw` is its own text. `ignored` counts unknown attributes and fields of a newer minor version.
    `has_status`: whether an order line said its status itself. `is_free`: its price is zero or
    less.
    """

    fact: InboundFact | Unresolved
    place: Place
    type: str
    subject: str
    raw: bytes
    ignored: int = 0
    has_status: bool = True
    is_free: bool = False
    is_recorded: bool = False
    """Whether the arrival is a `recordedtime` of its own, not the `time`."""
    uom: str | None = None
    """The unit in which its quantity is written; None for the base unit."""
    currency: str | None = None
    has_at: bool = True
    """Whether a transfer step said itself when it was taken."""
    corrects: EventId | None = None
    """The event of the same source that this one takes back; `fact` repeats what that one said."""
    corrects_reason: CorrectionReason = "did_not_occur"

    @property
    def content(self) -> bytes:
        """Eight bytes that tell two events of one id apart: type, subject, payload, what it
        corrects.
        """
        return _content(self, "" if self.corrects is None else f"\n{self.corrects}")

    @property
    def original_content(self) -> bytes:
        """The content of the event that this one repeats to take it back."""
        return _content(self, "")


def _content(decoded: Decoded, corrects: str) -> bytes:
    text = f"{decoded.type}\n{decoded.subject}\n{decoded.fact.payload_sha}{corrects}"
    return hashlib.sha256(text.encode()).digest()[:8]


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """An event that is not applied, as the dead letter keeps it.

    `raw` holds at most 64 KiB (nothing of an oversized record or of one with personal data);
    `raw_sha256` and `raw_bytes` are of the whole text. Ids that cannot be printed safely are None.
    `parked` is the canonical text from which an event of an unknown item or site is decoded again.
    """

    code: Code
    pointer: str | None
    reason: str
    status: Status
    place: Place
    raw: bytes
    raw_bytes: int
    raw_sha256: str
    sha256: str
    event_id: str | None = None
    source: str | None = None
    type: str | None = None
    arrived_at: datetime | None = None
    parked: str | None = None


def refusal_of(
    decoded: Decoded, code: Code, pointer: str, reason: str, *, parked: str | None = None
) -> Refused:
    """The refusal of a well-formed event."""
    fact = decoded.fact
    return Refused(
        code=code,
        pointer=pointer,
        reason=reason,
        status="QUARANTINED" if code in PARKED_CODES else "REJECTED",
        place=decoded.place,
        raw=decoded.raw[:MAX_RAW_BYTES],
        raw_bytes=len(decoded.raw),
        raw_sha256=hashlib.sha256(decoded.raw).hexdigest(),
        sha256=fact.payload_sha,
        event_id=fact.event_id,
        source=fact.source,
        type=decoded.type,
        arrived_at=fact.arrived_at,
        parked=parked,
    )


class Arrived(NamedTuple):
    """One event of a segment: its rank in the merge, and the arrival that gave it its place.

    `arrival` is None only where no line before it had a readable one.
    """

    rank: int
    arrival: datetime | None
    result: Decoded | Refused

    @property
    def place(self) -> Place:
        """Where it stood."""
        return self.result.place


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """The answer to one event; `code` is None for an event accepted without remark."""

    place: Place
    event_id: str | None
    source: str | None
    type: str | None
    status: Status
    code: Code | None
    pointer: str | None
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of one event: its reply, the facts to apply in order, the dead letter if refused.

    An accepted event may bring no fact (it waits) or several (others waited for it). `troubles`:
    what this event shows to be wrong with its source, applied or not.
    """

    reply: Reply
    facts: tuple[InboundFact, ...] = ()
    refused: Refused | None = None
    troubles: tuple[TroubleFound, ...] = ()
    released: "tuple[Outcome, ...]" = ()
    """What waited for master data and is judged now that they are known, after this event."""


class Refusal(Exception):
    """Ends the decoding of one event; the codec turns it into a `Refused`."""

    def __init__(self, code: Code, pointer: str, reason: str) -> None:
        super().__init__(reason)
        self.code: Code = code
        self.pointer = pointer
        self.reason = reason
