"""Which applied event does a correction take back?

A correction repeats all that its original said but the time, which the window of ids remembers. It
may be heard of before its original (their order is that of arrival), or while the original waits
for an order line: then it waits, and takes effect as soon as the original does.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any, Literal

from replan.events import (
    AlertRaised,
    CorrectionReason,
    DayClosed,
    EtaChanged,
    HumanActed,
    InboundFact,
    ItemFact,
    MilestoneReached,
    OrderLineStated,
    Retracted,
    ShipmentTroubled,
    SupplySignal,
    TroubleFound,
)
from replan.streams.id_window import IdWindows, origin_digest
from replan.streams.messages import (
    CommitHeard,
    Decoded,
    NoticeHeard,
    ReceiptHeard,
    Refused,
    TransferHeard,
    Unresolved,
    refusal_of,
)
from replan.streams.order_index import OrderIndex, moved, of_line
from replan.streams.troubles import Shown, named, trouble
from replan.units import EventId, instant_text

Correctable = ItemFact | DayClosed | SupplySignal | HumanActed
"""What a correction can take back."""

MAX_AWAITED = 10_000
"""Corrections that wait; the one heard of first is forgotten first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """What a correction says of itself; `content` is that of the event which it takes back."""

    event_id: EventId
    source: str
    occurred_at: datetime
    arrived_at: datetime
    payload_sha: str
    reason: CorrectionReason
    content: bytes

    def of(self, fact: Correctable) -> Retracted:
        """The fact taken back; not before either has arrived."""
        return Retracted(
            event_id=self.event_id,
            source=self.source,
            occurred_at=self.occurred_at,
            arrived_at=max(self.arrived_at, fact.arrived_at),
            payload_sha=self.payload_sha,
            of=fact,
            reason=self.reason,
        )


def correction_of(decoded: Decoded) -> Correction:
    """The correction that an event is."""
    fact = decoded.fact
    return Correction(
        event_id=fact.event_id,
        source=fact.source,
        occurred_at=fact.occurred_at,
        arrived_at=fact.arrived_at,
        payload_sha=fact.payload_sha,
        reason=decoded.corrects_reason,
        content=decoded.original_content,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What came of a correction: the fact taken back, if it is known; else whether that is in
    doubt.
    """

    facts: tuple[InboundFact, ...] = ()
    troubles: tuple[TroubleFound, ...] = ()
    is_doubted: bool = False


class Corrections:
    """Matches corrections to events by the windows of ids and the events that wait."""

    def __init__(
        self,
        windows: IdWindows,
        orders: OrderIndex,
        base_units: Callable[[InboundFact, str | None], InboundFact] = lambda fact, _: fact,
        *,
        state: list[Mapping[str, Any]] | None = None,
    ) -> None:
        self._windows = windows
        self._orders = orders
        self._base_units = base_units
        self._awaited = AwaitedCorrections.from_json(state or [])

    def refusal(self, decoded: Decoded, key: str | None) -> Refused | Literal["spent"] | None:
        """Why a correction takes nothing back: it repeats another content, or (spent) the event was
        taken back before. `key`: the window of its event, None while the item is not known.
        """
        fact, original = decoded.fact, _original(decoded)
        content = self._orders.content_waiting(fact.source, original)
        if content is None and key is not None:
            applied = self._windows.applied(key, origin_digest(fact.source, original))
            if applied is not None and applied.is_corrected:
                return "spent"
            content = None if applied is None else applied.content
        if content is None or content == decoded.original_content:
            return None
        reason = f"event {original} of {fact.source} had another type, subject or data"
        return refusal_of(decoded, "id_conflict", "/corrects", reason)

    def take(self, decoded: Decoded, key: str | None) -> Taken:
        """Take back the event that a correction names; `refusal` has been asked."""
        fact, original = decoded.fact, _original(decoded)
        of = origin_digest(fact.source, original)
        applied = None if key is None else self._windows.applied(key, of)
        if applied is not None and key is not None:
            self._windows.correct(key, of)
            return Taken(facts=(self._as_said(decoded, original, applied.occurred_at),))
        self._awaited.wait(original, correction_of(decoded))
        if self._orders.content_waiting(fact.source, original) is not None:
            return Taken()
        return Taken(troubles=self._unmatched(decoded, key), is_doubted=True)

    def with_facts(self, facts: tuple[InboundFact, ...], content: bytes) -> tuple[InboundFact, ...]:
        """The facts of an event of this content, the first of them followed by the correction that
        waited for it.
        """
        if not facts:
            return facts
        fact = facts[0]
        waited = self._awaited.take(fact.source, fact.event_id, content)
        if waited is None or not isinstance(fact, Correctable):
            return facts
        self._windows.correct(self._window_of(fact), origin_digest(fact.source, fact.event_id))
        if isinstance(fact, OrderLineStated):
            self._orders.unlearn_line(fact)
        return (fact, waited.of(fact), *facts[1:])

    def _window_of(self, fact: Correctable) -> str:
        match fact:
            case DayClosed():
                return f"site:{fact.site}"
            case AlertRaised():
                return "alerts"
            case HumanActed():
                return "answers"
            case MilestoneReached() | EtaChanged() | ShipmentTroubled():
                return f"item:{self._orders.item_of_shipment(fact.shipment)}"
            case _:
                return f"item:{fact.item}"

    def to_json(self) -> list[dict[str, Any]]:
        """Plain JSON of the corrections that wait."""
        return self._awaited.to_json()

    def _as_said(self, decoded: Decoded, original: EventId, occurred_at: datetime) -> Retracted:
        """The fact that a correction takes back, as it was said."""
        fact = replace(decoded.fact, event_id=original, occurred_at=occurred_at)
        correction = correction_of(decoded)
        if isinstance(fact, ReceiptHeard | CommitHeard | NoticeHeard):
            line = self._orders.line(fact.po_line)
            assert line is not None, "its window was found by the line"
            return correction.of(of_line(fact, line, fact.arrived_at))
        if isinstance(fact, TransferHeard):
            known = self._orders.transfer(fact.transfer)
            assert known is not None, "its window was found by the transfer"
            fact = fact if decoded.has_at else replace(fact, at=occurred_at)
            return correction.of(moved(fact, known, fact.arrived_at))
        assert not isinstance(fact, Unresolved), "those are resolved above"
        # The unit is that of the day on which the original was written.
        fact = self._base_units(fact, decoded.uom)
        assert isinstance(fact, Correctable), "the codec refuses to correct the rest"
        if isinstance(fact, OrderLineStated):
            self._orders.unlearn_line(fact)
        return correction.of(fact)

    def _unmatched(self, decoded: Decoded, key: str | None) -> tuple[TroubleFound, ...]:
        """The event may count although it did not happen, or is still to come: nothing is done
        unattended about its item for a day.
        """
        if key is None:
            return ()
        fact = decoded.fact
        item, site = named(key)
        if item is None and site is None:
            # An alert or a report may be about anything: there is nothing to hold.
            return ()
        kind: Literal["id_window"] | None = "id_window" if self._windows.is_full(key) else None
        words = f"event {decoded.corrects} is to be taken back and is not remembered"
        shown = Shown(event_id=fact.event_id, source=fact.source, at=fact.arrived_at)
        return (trouble(shown, kind, item=item, site=site, holds=True, text=words),)


class AwaitedCorrections:
    """Corrections by the source and id of the event that they take back."""

    def __init__(self) -> None:
        self._by_original: dict[tuple[str, str], Correction] = {}

    def wait(self, original: EventId, correction: Correction) -> None:
        """Let a correction wait; the first one of an event stays."""
        if len(self._by_original) >= MAX_AWAITED:
            del self._by_original[next(iter(self._by_original))]
        self._by_original.setdefault((correction.source, original), correction)

    def take(self, source: str, original: EventId, content: bytes) -> Correction | None:
        """The correction that waited for this event; None if none did, or it repeats another
        content.
        """
        if not self._by_original:
            return None
        found = self._by_original.get((source, original))
        if found is None or found.content != content:
            return None
        return self._by_original.pop((source, original))

    def to_json(self) -> list[dict[str, Any]]:
        """Plain JSON, in the order in which they were heard of."""
        return [
            {
                **asdict(row),
                "original": original,
                "content": row.content.hex(),
                "occurred_at": instant_text(row.occurred_at),
                "arrived_at": instant_text(row.arrived_at),
            }
            for (_, original), row in self._by_original.items()
        ]

    @classmethod
    def from_json(cls, state: list[Mapping[str, Any]]) -> "AwaitedCorrections":
        """The corrections as `to_json` wrote them."""
        awaited = cls()
        for row in state:
            plain = {name: value for name, value in row.items() if name != "original"}
            times = {n: datetime.fromisoformat(plain[n]) for n in ("occurred_at", "arrived_at")}
            correction = Correction(
                **{**plain, **times, "content": bytes.fromhex(plain["content"])}
            )
            awaited.wait(row["original"], correction)
        return awaited


def _original(decoded: Decoded) -> EventId:
    assert decoded.corrects is not None, "only a correction is asked about"
    return decoded.corrects
