"""What is the verdict on each event, and which facts may the engine apply?

The intake judges what needs memory: the log clock, lateness, ids seen before, and events that wait
for another (an order line, transfer or shipment not heard of yet, an item or site that the master
data do not know). It depends on nothing but the decoded events and their order, and its state is
plain JSON, so a run can be resumed at any event.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from typing import Any

from replan.delegation import Grant, grants_of
from replan.events import (
    ESTIMATES,
    ActionAnswered,
    AlertRaised,
    DayClosed,
    EtaChanged,
    HumanActed,
    InboundFact,
    MasterStated,
    MilestoneReached,
    OrderLineStated,
    QuestionAnswered,
    Retracted,
    SaleRecorded,
    ShipmentTroubled,
    StockCounted,
    TroubleFound,
)
from replan.masters import with_master
from replan.network import Network
from replan.streams.base_units import in_base_units
from replan.streams.codec import Decoder, against, parked_text
from replan.streams.corrections import Corrections
from replan.streams.id_window import IdWindows, origin_digest
from replan.streams.messages import (
    PARKED_CODES,
    STATUSES,
    Code,
    CommitHeard,
    Decoded,
    NoticeHeard,
    Outcome,
    Place,
    ReceiptHeard,
    Refused,
    Reply,
    Status,
    TransferHeard,
    Unresolved,
    refusal_of,
)
from replan.streams.order_index import KnownTransfer, OrderIndex, Waiting
from replan.streams.supply_heard import SupplyHeard
from replan.streams.troubles import Shown, Troubles
from replan.units import ONE_UNIT, ItemId, SiteId, TransferId, Units, instant_text

CLOCK_SKEW = timedelta(minutes=5)
"""How far a producer's clock may run ahead of the arrival."""

SUSPECT_UNITS = 50
SUSPECT_FACTOR = 100
"""A sale above both 50 units and 100 times the usual day is taken for a slip of the unit."""

MAX_PARKED = 100_000
"""Events that wait for master data; beyond it they are REJECTED with the same code."""

TypicalDaily = Callable[[ItemId, SiteId], float | None]
"""Mean daily sale of a series in base units, from a recorded fit; None where there is none yet."""


class Intake:
    """Judges events in their merged order; see `state_json` for what it remembers."""

    def __init__(
        self,
        *,
        lateness: timedelta,
        max_jump: timedelta,
        typical_daily: TypicalDaily | None = None,
        network: Network | None = None,
        state: Mapping[str, Any] | None = None,
    ) -> None:
        self._network = network
        self._masters: list[MasterStated] = []
        self._known_by = "" if network is None else network.version
        self._lateness = lateness
        self._max_jump = max_jump
        self._typical_daily = typical_daily
        self._clock: datetime | None = None
        self._counts: dict[Status, int] = dict.fromkeys(STATUSES, 0)
        self._windows = IdWindows()
        self._orders = OrderIndex()
        self._corrections = Corrections(self._windows, self._orders, self._base_units)
        self._supply = SupplyHeard(self._orders, self._windows, self._corrections)
        self._troubles = Troubles()
        self._parked: dict[str, Refused] = {}
        if state is not None:
            self._restore(state)

    @property
    def clock(self) -> datetime | None:
        """The log clock: the newest arrival applied, None before the first."""
        return self._clock

    @property
    def counts(self) -> Mapping[Status, int]:
        """Events by status; each counts once, under the status of its first reply."""
        return dict(self._counts)

    def moves_clock_to(self, result: Decoded | Refused) -> datetime | None:
        """The arrival to which taking this event would move the log clock; None if it would not."""
        result = self._checked(result)
        if isinstance(result, Refused) or self._in_future(result) is not None:
            return None
        fact = result.fact
        if self._clock is not None and fact.arrived_at <= self._clock:
            return None
        if (
            isinstance(fact, TransferHeard)
            and self._supply.transfer_refusal(result, fact) is not None
        ):
            return None
        if result.corrects is not None:
            key = self._window_key(result)
            if self._corrections.refusal(result, key) is not None:
                return None
        return None if self._seen(result) is not None else fact.arrived_at

    def take(self, result: Decoded | Refused) -> Outcome:
        """The verdict on the next event."""
        result = self._checked(result)
        outcome = self._refuse(result) if isinstance(result, Refused) else self._judge(result)
        self._counts[outcome.reply.status] += 1
        while self._network is not None and self._known_by != self._network.version:
            # What waited for master data follows the event after which they are known.
            self._known_by = self._network.version
            released = tuple(self.release(self._network))
            outcome = replace(outcome, released=(*outcome.released, *released))
        return self._watched(outcome)

    def take_all(self, results: Iterable[Decoded | Refused]) -> list[Outcome]:
        """The verdicts on several, in their order."""
        return [self.take(result) for result in results]

    @property
    def network(self) -> Network | None:
        """The master data as known by now; None where names are not looked up here."""
        return self._network

    @property
    def grants(self) -> tuple[Grant, ...]:
        """What was stated of logins so far."""
        return grants_of(self._masters)

    def _checked(self, result: Decoded | Refused) -> Decoded | Refused:
        """The event held against the master data as known by now."""
        network = self._network
        if network is None:
            return result
        if isinstance(result, Refused):
            return result
        fact = result.fact
        if isinstance(fact, SaleRecorded) and result.uom is None and result.currency is None:
            if fact.item in network.items and fact.site in network.sites:
                return result
        elif isinstance(fact, MasterStated):
            return self._checked_master(result, fact, network)
        return against(network, result)

    def _checked_master(
        self, decoded: Decoded, fact: MasterStated, network: Network
    ) -> Decoded | Refused:
        changed = with_master(network, fact)
        if isinstance(changed, Network):
            return decoded
        text = parked_text(decoded) if changed.code in PARKED_CODES else None
        return refusal_of(decoded, changed.code, changed.pointer, changed.reason, parked=text)

    def _base_units(self, fact: InboundFact, uom: str | None) -> InboundFact:
        """A fact that is taken back, in base units as they were on its own day."""
        return fact if self._network is None else in_base_units(self._network, fact, uom)

    def _learn(self, fact: MasterStated) -> None:
        """Master data change from here on; one that is older than the newest about the same thing
        comes too late to.
        """
        same = [m for m in self._masters if (m.table, m.name) == (fact.table, fact.name)]
        if any(m.occurred_at > fact.occurred_at for m in same):
            return
        self._masters.append(fact)
        if self._network is not None:
            changed = with_master(self._network, fact)
            # What files say may have changed since: a record that no longer fits changes nothing.
            if isinstance(changed, Network):
                self._network = changed

    def know_transfer(
        self,
        transfer: TransferId,
        *,
        item: ItemId,
        origin: SiteId,
        destination: SiteId,
        qty: Units,
        at: datetime,
    ) -> tuple[InboundFact, ...]:
        """Learn of a transfer that we ordered at `at`; steps that waited for it are released."""
        known = KnownTransfer(item=item, origin=origin, destination=destination, qty=qty)
        return self._supply.know_transfer(transfer, known, at)

    def release(self, network: Network, at: datetime | None = None) -> list[Outcome]:
        """Judge again what waited for master data, with the later of its arrival and `at` (clock).

        What is still unknown stays. The new replies do not change the counts.
        """
        decoder = Decoder(network)
        now = at or self._clock
        outcomes: list[Outcome] = []
        for key, parked in sorted(self._parked.items(), key=_arrival_order):
            assert parked.parked is not None
            (result,) = decoder.record(parked.parked.encode(), parked.place)
            if isinstance(result, Decoded) and isinstance(result.fact, MasterStated):
                result = self._checked(result)
            if isinstance(result, Refused) and result.parked is not None:
                continue
            del self._parked[key]
            if isinstance(result, Decoded) and now is not None and result.fact.arrived_at < now:
                result = replace(result, fact=replace(result.fact, arrived_at=now))
            outcomes.append(
                self._refuse(result) if isinstance(result, Refused) else self._judge(result)
            )
        return outcomes

    def state_json(self) -> dict[str, Any]:
        """Plain JSON from which an equal intake can be made."""
        return {
            "clock": None if self._clock is None else instant_text(self._clock),
            "counts": dict(self._counts),
            "windows": self._windows.to_json(),
            "orders": self._orders.to_json(),
            "corrections": self._corrections.to_json(),
            "troubles": self._troubles.to_json(),
            "masters": [_master_json(fact) for fact in self._masters],
            "known_by": self._known_by,
            "parked": [
                {
                    "key": key,
                    "place": list(parked.place),
                    "text": parked.parked,
                    "code": parked.code,
                }
                for key, parked in sorted(self._parked.items())
            ],
        }

    def _restore(self, state: Mapping[str, Any]) -> None:
        clock = state["clock"]
        self._clock = None if clock is None else datetime.fromisoformat(clock)
        self._counts = {status: state["counts"][status] for status in STATUSES}
        self._windows = IdWindows.from_json(state["windows"])
        self._orders = OrderIndex.from_json(state["orders"])
        awaited = state["corrections"]
        self._corrections = Corrections(
            self._windows, self._orders, self._base_units, state=awaited
        )
        self._supply = SupplyHeard(self._orders, self._windows, self._corrections)
        self._troubles = Troubles.from_json(state["troubles"])
        for row in state["masters"]:
            self._learn(_master_from(row))
        self._known_by = state["known_by"]
        nothing = Decoder(None)
        for row in state["parked"]:
            place = Place(*row["place"])
            (decoded,) = nothing.record(row["text"].encode(), place)
            assert isinstance(decoded, Decoded)
            self._parked[row["key"]] = refusal_of(
                decoded, row["code"], "/subject", "waits for master data", parked=row["text"]
            )

    def _refuse(self, refused: Refused) -> Outcome:
        if refused.parked is not None and refused.arrived_at is not None:
            # The same event may come again while it waits; it waits once.
            key = f"{instant_text(refused.arrived_at)} {refused.parked}"
            if key not in self._parked and len(self._parked) >= MAX_PARKED:
                refused = replace(
                    refused, status="REJECTED", reason=refused.reason + "; too many wait already"
                )
            else:
                self._parked.setdefault(key, refused)
        reply = Reply(
            place=refused.place,
            event_id=refused.event_id,
            source=refused.source,
            type=refused.type,
            status=refused.status,
            code=refused.code,
            pointer=refused.pointer,
            sha256=refused.sha256,
        )
        return Outcome(reply=reply, refused=refused)

    def _judge(self, decoded: Decoded) -> Outcome:
        if (future := self._in_future(decoded)) is not None:
            return self._refuse(refusal_of(decoded, "future", *future))
        fact = decoded.fact
        key = self._window_key(decoded)
        origin = origin_digest(fact.source, fact.event_id)
        content = decoded.content
        seen = self._seen(decoded)
        if seen == content:
            return Outcome(reply=_reply(decoded, "DUPLICATE", "duplicate", "/id"))
        if seen is not None:
            reason = f"id {fact.event_id} of {fact.source} was applied with other content"
            return self._refuse(refusal_of(decoded, "id_conflict", "/id", reason))
        if decoded.corrects is not None:
            return self._correct(decoded, key, origin)
        facts = self._facts(decoded, content)
        if isinstance(facts, Refused):
            return self._refuse(facts)
        troubles: tuple[TroubleFound, ...] = ()
        if key is not None:
            troubles = self._add_id(key, origin, content, fact)
        self._clock = fact.arrived_at if self._clock is None else max(self._clock, fact.arrived_at)
        status: Status = "ACCEPTED"
        code: Code | None = None
        pointer: str | None = None
        if fact.occurred_at < fact.arrived_at - self._lateness:
            status, code, pointer = "LATE", "late", "/time"
        elif decoded.is_free:
            code, pointer = "suspect", "/data/price"
        elif facts and isinstance(facts[0], SaleRecorded) and facts[0].suspect:
            code, pointer = "suspect", "/data/qty"
        return Outcome(
            reply=_reply(decoded, status, code, pointer),
            facts=self._corrections.with_facts(facts, content),
            troubles=troubles,
        )

    def _correct(self, decoded: Decoded, key: str | None, origin: bytes) -> Outcome:
        """Take an applied event back, or wait for it and meanwhile doubt its item."""
        refusal = self._corrections.refusal(decoded, key)
        if isinstance(refusal, Refused):
            return self._refuse(refusal)
        if refusal == "spent":
            return Outcome(reply=_reply(decoded, "DUPLICATE", "duplicate", "/corrects"))
        fact = decoded.fact
        self._clock = fact.arrived_at if self._clock is None else max(self._clock, fact.arrived_at)
        taken = self._corrections.take(decoded, key)
        troubles = taken.troubles
        if key is not None:
            troubles += self._add_id(key, origin, decoded.content, fact)
        status: Status = "ACCEPTED"
        code: Code | None = None
        pointer: str | None = None
        if taken.is_doubted:
            code, pointer = "suspect", "/corrects"
        elif fact.occurred_at < fact.arrived_at - self._lateness:
            status, code, pointer = "LATE", "late", "/time"
        reply = _reply(decoded, status, code, pointer)
        return Outcome(reply=reply, facts=taken.facts, troubles=troubles)

    def _add_id(
        self, key: str, origin: bytes, content: bytes, fact: InboundFact | Unresolved
    ) -> tuple[TroubleFound, ...]:
        """Remember an id; the oldest may have to leave its window too early."""
        left = self._windows.add(key, origin, content, fact.occurred_at)
        if left is None or left < fact.arrived_at - self._lateness:
            return ()
        shown = Shown(event_id=fact.event_id, source=fact.source, at=fact.arrived_at)
        return self._troubles.of_window(key, shown)

    def _watched(self, outcome: Outcome) -> Outcome:
        """With what the answer says about the event's source."""
        if self._clock is None:
            return outcome
        found = self._troubles.of_reply(outcome.reply, outcome.refused, self._clock)
        return replace(outcome, troubles=(*outcome.troubles, *found)) if found else outcome

    def _seen(self, decoded: Decoded) -> bytes | None:
        """The content under which this id was taken before, inside its window; else None."""
        fact = decoded.fact
        waiting = self._orders.content_waiting(fact.source, fact.event_id)
        key = self._window_key(decoded)
        if waiting is not None or key is None:
            return waiting
        return self._windows.content_of(key, origin_digest(fact.source, fact.event_id))

    def _in_future(self, decoded: Decoded) -> tuple[str, str] | None:
        """Pointer and reason if a time is beyond the arrival, or that far beyond the clock."""
        fact = decoded.fact
        limit = fact.arrived_at + CLOCK_SKEW
        if fact.occurred_at > limit:
            return "/time", "time is more than 5 minutes after the arrival"
        if isinstance(fact, StockCounted) and fact.as_of > limit:
            return "/data/as_of", "as_of is more than 5 minutes after the arrival"
        if isinstance(fact, ReceiptHeard | TransferHeard) and fact.at > limit:
            return "/data/at", "at is more than 5 minutes after the arrival"
        if (
            isinstance(fact, MilestoneReached) and fact.code not in ESTIMATES and fact.at > limit
        ):  # An estimate of the arrival may lie ahead, what has happened cannot.
            return "/data/at", f"at of milestone {fact.code} is more than 5 minutes ahead"
        if self._clock is not None and fact.arrived_at - self._clock > self._max_jump:
            pointer = "/recordedtime" if decoded.is_recorded else "/time"
            days = self._max_jump / timedelta(days=1)
            return pointer, f"arrival is more than {days:g} days after the newest before it"
        return None

    def _window_key(self, decoded: Decoded) -> str | None:
        """The window in which the id is looked up; None while the item is not known."""
        fact = decoded.fact
        if isinstance(fact, SaleRecorded):
            return f"item:{fact.item}"
        if isinstance(fact, MasterStated):
            return f"master:{fact.table}:{fact.name}"
        if isinstance(fact, DayClosed):
            return f"site:{fact.site}"
        if isinstance(fact, ActionAnswered | QuestionAnswered | HumanActed):
            return "answers"
        if isinstance(fact, AlertRaised):
            return "alerts"
        if isinstance(fact, ReceiptHeard | CommitHeard | NoticeHeard):
            line = self._orders.line(fact.po_line)
            return None if line is None else f"item:{line.item}"
        if isinstance(fact, MilestoneReached | EtaChanged | ShipmentTroubled):
            item = self._orders.item_of_shipment(fact.shipment)
            return None if item is None else f"item:{item}"
        if isinstance(fact, TransferHeard):
            known = self._orders.transfer(fact.transfer)
            moving = fact.item if known is None else known.item
            return None if moving is None else f"item:{moving}"
        assert not isinstance(fact, Retracted | TroubleFound), "these come from here"
        return f"item:{fact.item}"

    def _facts(self, decoded: Decoded, content: bytes) -> tuple[InboundFact, ...] | Refused:
        fact = decoded.fact
        match fact:
            case MasterStated():
                self._learn(fact)
                return (fact,)
            case SaleRecorded():
                is_suspect = decoded.is_free or self._is_suspect(fact)
                return (replace(fact, suspect=True) if is_suspect else fact,)
            case OrderLineStated():
                return self._supply.order_line(decoded, fact)
            case ReceiptHeard() | CommitHeard() | NoticeHeard():
                return self._supply.about_line(decoded, fact, content)
            case MilestoneReached() | EtaChanged() | ShipmentTroubled():
                if self._orders.item_of_shipment(fact.shipment) is None:
                    return self._supply.wait(decoded, Waiting(message=fact, content=content))
                return (fact,)
            case TransferHeard():
                return self._supply.transfer_step(decoded, fact, content)
            case _:
                return (fact,)

    def _is_suspect(self, fact: SaleRecorded) -> bool:
        if self._typical_daily is None or abs(fact.sold) <= SUSPECT_UNITS * ONE_UNIT:
            return False
        usual = self._typical_daily(fact.item, fact.site)
        return usual is not None and abs(fact.sold) > SUSPECT_FACTOR * usual * ONE_UNIT


def _master_json(fact: MasterStated) -> dict[str, Any]:
    times = {n: instant_text(getattr(fact, n)) for n in ("occurred_at", "arrived_at")}
    return asdict(fact) | times


def _master_from(plain: Mapping[str, Any]) -> MasterStated:
    times = {n: datetime.fromisoformat(plain[n]) for n in ("occurred_at", "arrived_at")}
    return MasterStated(**{**plain, **times})


def _arrival_order(entry: tuple[str, Refused]) -> tuple[datetime, str, str, str]:
    key, parked = entry
    assert parked.arrived_at is not None
    return (parked.arrived_at, parked.source or "", parked.event_id or "", key)


def _reply(decoded: Decoded, status: Status, code: Code | None, pointer: str | None) -> Reply:
    fact = decoded.fact
    return Reply(
        place=decoded.place,
        event_id=fact.event_id,
        source=fact.source,
        type=decoded.type,
        status=status,
        code=code,
        pointer=pointer,
        sha256=fact.payload_sha,
    )
