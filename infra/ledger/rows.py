"""What goes into the ledger and comes out of it? Plain rows, and how values become bytes and back.

Values handed in and out are dataclasses of the core or of this page; nobody outside the ledger sees
a database row.
"""

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, Literal

from replan.canonical import canonical_bytes, sha256_hex
from replan.effects import Feedback
from replan.errors import LedgerBroken
from replan.ledger import BadRow
from replan.streams.log_slices import LogSlice
from replan.units import (
    ActionId,
    DecisionId,
    ItemId,
    SiteId,
    Units,
    units_from_decimal,
)

DeskKind = Literal["tick", "verdict", "answers", "stop", "claim", "opened", "timers"]

_LEVEL: Final = 3
"""Decision inputs shrink to about the same size at higher levels and take several times as long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentFile:
    """New lines of one event file: numbered from 1, both ends inclusive, with hex SHA-256 digests.

    `sha256` covers these lines, `prefix_sha256` everything up to `to_line`.
    """

    name: str
    from_line: int
    to_line: int
    sha256: str
    prefix_sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentRow:
    """What one run found new in the event files, or one `cut` of a log; `next_offset` is the first
    rank of its merge not applied yet.
    """

    id: int
    files: tuple[SegmentFile, ...] = ()
    cut: LogSlice | None = None
    state: Literal["open", "done"]
    next_offset: int

    @property
    def is_whole(self) -> bool:
        """Whether the log is over with it for now, so that its last tick is due."""
        return self.cut is None or self.cut.through is None


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseRow:
    """Who holds a role; `until`, by the database's time, others may not take it."""

    role: str
    epoch: int
    owner: str
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestRow:
    """One batch: ranks applied (`last_offset` = `first_offset` - 1: none) and the tick it closed.

    `statuses`: plain JSON of the replies that are not ACCEPTED, `counts`: replies by status.
    """

    batch_seq: int
    segment: int
    first_offset: int
    last_offset: int
    tick: datetime | None
    statuses: Any
    counts: Mapping[str, int]
    replied: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotRow:
    """The state as it stood after `tick`, when batch `batch_seq` was the newest."""

    tick: datetime
    batch_seq: int
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class FitRow:
    """A recorded fit: asked for at one tick, in force from another (None: not yet)."""

    asked_at: datetime
    effective: datetime | None
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerRow:
    """What an executor answered to what a tick released: raw events, an empty list for silence."""

    tick: datetime
    executor: str
    events: tuple[Mapping[str, Any], ...]
    acks_applied: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposalRow:
    """A proposal as sense handed it over, as plain JSON; the n-th of its item at its tick."""

    group: str
    item: str
    n: int
    body: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedbackRow:
    """What the desk told sense in its transaction `seq`, when its newest tick was `tick`."""

    group: str
    seq: int
    tick: datetime | None
    feedback: Feedback


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetterRow:
    """An event that was not applied: why, and its bytes. `sha256`: hex, of all it came with."""

    event_id: str | None
    place: str
    status: str
    code: str
    pointer: str | None
    reason: str
    raw: bytes
    sha256: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DeskRow:
    """The desk of a planning group after its transaction `seq`; 0 and None before the first."""

    group: str
    seq: int
    tick: datetime | None
    body: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class DeskLogRow:
    """What one desk transaction was given, as plain JSON; enough to take it again."""

    group: str
    seq: int
    kind: DeskKind
    tick: datetime | None
    at: datetime
    input: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxRow:
    """A command, and what became of it."""

    idem: str
    action_id: ActionId
    decision_id: DecisionId
    body: Mapping[str, Any]
    not_after: datetime
    state: str
    created_at: datetime
    sent_at: datetime | None
    compensates: bool = False
    claimed_at: datetime | None = None
    """When it was first claimed for sending, by the clock that decides."""
    attempts: int = 0
    note: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionRow:
    """An action that was released."""

    action_id: ActionId
    decision_id: DecisionId
    kind: str
    item: ItemId
    from_site: str
    to_site: SiteId
    qty: Units
    cost_minor: int
    state: str
    idem: str
    sent_at: datetime | None
    acked_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CapRow:
    """How much of a cap is used now; money in minor units, None where the cap does not limit it."""

    scope: str
    window: str
    used_minor: int
    limit_minor: int | None
    used_count: int
    limit_count: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionRow:
    """One version of a decision as it was made; its inputs are read apart, they are large."""

    decision_id: DecisionId
    version: int
    group: str
    seq: int
    body: Mapping[str, Any]
    sha: str
    inputs_sha: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRow:
    """One row of an audit chain."""

    writer: str
    seq: int
    prev: str
    hash: str
    body: Mapping[str, Any]
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionFile:
    """All that is kept about one decision: `body` as it stands, and how it came to be so."""

    body: Mapping[str, Any]
    versions: tuple[DecisionRow, ...]
    moves: tuple[Mapping[str, Any], ...]
    verdicts: tuple[Mapping[str, Any], ...]
    actions: tuple[ActionRow, ...]
    audit: tuple[AuditRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditReport:
    """What a verification found: how many rows were read, and the first that does not hold."""

    rows: int
    first_bad: BadRow | None

    @property
    def ok(self) -> bool:
        """Everything holds."""
        return self.first_bad is None


def now_columns(body: Mapping[str, Any]) -> dict[str, Any]:
    """The members of a decision body that dashboards filter and sort by."""
    why = body.get("why_escalated")
    names = ("item", "site", "category", "cause", "incident_id", "event_time", "mode", "chosen")
    more = ("rule_id", "value_minor", "currency", "confidence", "deadline", "recipient")
    return {
        "version": body["version"],
        "state": body["state"],
        "decided_at": datetime.fromisoformat(body["decided_at"]),
        "why_code": None if why is None else why["code"],
        "urgency": _scalar_text(body.get("at_risk_minor")),
        "episode": body.get("episode"),
        "asked": _asked(body.get("clarification")),
        "found": (body.get("spot_check") or {}).get("found"),
        **{name: body.get(name) for name in (*names, *more)},
    }


def action_columns(command: Mapping[str, Any]) -> dict[str, Any]:
    """The members of a command body by which its action is listed; quantity in thousandths."""
    return {
        "decision_id": command["decision_id"],
        "kind": command["kind"],
        "item": command["item"],
        "from_site": command["from"],
        "to_site": command["to"],
        "qty": units_from_decimal(Decimal(str(command["qty"]))),
        "cost_minor": command["cost_minor"],
        "idem": command["idem"],
    }


def text(value: Any) -> str:
    """Canonical JSON text of plain data."""
    return canonical_bytes(value).decode()


def packed(plain: bytes) -> bytes:
    """Bytes as they are stored."""
    return zlib.compress(plain, _LEVEL)


def unpacked(stored: bytes, sha: str, name: str) -> bytes:
    """Stored bytes as they were handed in; LedgerBroken where they no longer have their hash."""
    try:
        plain = zlib.decompress(stored)
    except zlib.error as error:
        raise LedgerBroken(f"{name}: stored bytes cannot be read: {error}") from error
    if sha256_hex(plain) != sha:
        raise LedgerBroken(f"{name}: stored bytes do not have the hash {sha}")
    return plain


def _asked(clarification: Mapping[str, Any] | None) -> str | None:
    if clarification is None:
        return None
    return "answered" if clarification.get("answers") else "asked"


def _scalar_text(value: Any) -> str | None:
    return None if value is None else str(value)
