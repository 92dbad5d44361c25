"""Which order line, transfer or shipment does an event mean, and what waited to be told which?

A receipt may come before its order line, a report before the notice of its shipment: it waits, and
follows the event that tells what it is about.
"""

from dataclasses import replace
from datetime import datetime

from replan.events import (
    EtaChanged,
    InboundFact,
    MilestoneReached,
    OrderLineStated,
    ShipmentNoticed,
    ShipmentTroubled,
)
from replan.streams.corrections import Corrections
from replan.streams.id_window import IdWindows, origin_digest
from replan.streams.messages import (
    CommitHeard,
    Decoded,
    NoticeHeard,
    OfLine,
    ReceiptHeard,
    Refused,
    TransferHeard,
    refusal_of,
)
from replan.streams.order_index import KnownTransfer, OrderIndex, Waiting, moved, of_line
from replan.units import ItemId, ShipmentId, TransferId


class SupplyHeard:
    """Events about supply, made facts with the help of those before them."""

    def __init__(self, orders: OrderIndex, windows: IdWindows, corrections: Corrections) -> None:
        self._orders = orders
        self._windows = windows
        self._corrections = corrections

    def know_transfer(
        self, transfer: TransferId, known: KnownTransfer, at: datetime
    ) -> tuple[InboundFact, ...]:
        """Learn of a transfer that we ordered at `at`; steps that waited for it are released."""
        self._orders.learn_transfer(transfer, known)
        return self._steps_released(transfer, known, at)

    def order_line(self, decoded: Decoded, fact: OrderLineStated) -> tuple[InboundFact, ...]:
        """The line as it stands now, and what waited for it."""
        known = self._orders.line(fact.po_line)
        if not decoded.has_status and known is not None and decoded.type != "po.ack.v1":
            # A change that is silent about the status must not open a closed line again.
            fact = replace(fact, status=known.status)
        self._orders.learn_line(fact)
        line = self._orders.line(fact.po_line)
        assert line is not None
        released: list[InboundFact] = []
        for waiting in self._orders.released_by_line(fact.po_line):
            message = waiting.message
            assert isinstance(message, ReceiptHeard | CommitHeard | NoticeHeard)
            said = of_line(message, line, max(message.arrived_at, fact.arrived_at))
            self._remember(line.item, waiting)
            released += self._corrections.with_facts(self._with_reports(said), waiting.content)
        return (fact, *released)

    def about_line(
        self, decoded: Decoded, fact: OfLine, content: bytes
    ) -> tuple[InboundFact, ...] | Refused:
        """What was said of an order line; nothing yet while it waits for the line."""
        line = self._orders.line(fact.po_line)
        if line is None:
            return self.wait(decoded, Waiting(message=fact, content=content))
        return self._with_reports(of_line(fact, line, fact.arrived_at))

    def _with_reports(self, said: InboundFact) -> tuple[InboundFact, ...]:
        """What was said of an order line; behind a shipping notice the reports that waited for
        it."""
        if not isinstance(said, ShipmentNoticed):
            return (said,)
        self._orders.learn_shipment(said.shipment, said.item)
        return (said, *self._reports_released(said.shipment, said.item, said.arrived_at))

    def _reports_released(
        self, shipment: ShipmentId, item: ItemId, at: datetime
    ) -> tuple[InboundFact, ...]:
        reports: list[InboundFact] = []
        for waiting in self._orders.released_by_shipment(shipment):
            message = waiting.message
            assert isinstance(message, MilestoneReached | EtaChanged | ShipmentTroubled)
            self._remember(item, waiting)
            report = replace(message, arrived_at=max(message.arrived_at, at))
            reports += self._corrections.with_facts((report,), waiting.content)
        return tuple(reports)

    def transfer_refusal(self, decoded: Decoded, fact: TransferHeard) -> Refused | None:
        """Why a step contradicts what is known of its transfer, or says too little; else None."""
        known = self._orders.transfer(fact.transfer)
        stated = {"item": fact.item, "from": fact.origin, "to": fact.destination}
        if known is not None:
            expected = {"item": known.item, "from": known.origin, "to": known.destination}
            for name, value in stated.items():
                if value is not None and value != expected[name]:
                    reason = f"transfer {fact.transfer} has {name} {expected[name]}, not {value}"
                    return refusal_of(decoded, "scope", f"/data/{name}", reason)
            return None
        if all(value is None for value in stated.values()):
            return None
        for name, needed in (stated | {"qty": fact.qty}).items():
            if needed is None:
                reason = f"transfer {fact.transfer} is not one that we ordered and has no {name}"
                return refusal_of(decoded, "missing", f"/data/{name}", reason)
        return None

    def transfer_step(
        self, decoded: Decoded, fact: TransferHeard, content: bytes
    ) -> tuple[InboundFact, ...] | Refused:
        """A step of a transfer, and the steps that waited for it; nothing yet while it waits."""
        if (refused := self.transfer_refusal(decoded, fact)) is not None:
            return refused
        known = self._orders.transfer(fact.transfer)
        if known is not None:
            return (moved(fact, known, fact.arrived_at),)
        if fact.item is None or fact.origin is None or fact.destination is None or fact.qty is None:
            return self.wait(decoded, Waiting(message=fact, content=content))
        known = KnownTransfer(
            item=fact.item, origin=fact.origin, destination=fact.destination, qty=fact.qty
        )
        self._orders.learn_transfer(fact.transfer, known)
        step = moved(fact, known, fact.arrived_at)
        return (step, *self._steps_released(fact.transfer, known, fact.arrived_at))

    def _steps_released(
        self, transfer: TransferId, known: KnownTransfer, at: datetime
    ) -> tuple[InboundFact, ...]:
        steps: list[InboundFact] = []
        for waiting in self._orders.released_by_transfer(transfer):
            message = waiting.message
            assert isinstance(message, TransferHeard)
            self._remember(known.item, waiting)
            step = moved(message, known, max(message.arrived_at, at))
            steps += self._corrections.with_facts((step,), waiting.content)
        return tuple(steps)

    def _remember(self, item: ItemId, waiting: Waiting) -> None:
        message = waiting.message
        origin = origin_digest(message.source, message.event_id)
        key = f"item:{item}"
        if self._windows.content_of(key, origin) is None:
            self._windows.add(key, origin, waiting.content, message.occurred_at)

    def wait(self, decoded: Decoded, waiting: Waiting) -> tuple[InboundFact, ...] | Refused:
        """No fact yet: it waits for another event; a refusal where too many wait already."""
        if not self._orders.has_room:
            return refusal_of(decoded, "scope", "/subject", "too many events wait already")
        self._orders.wait(waiting)
        return ()
