"""Which item and sites does an order line, a transfer or a shipment mean? And who waits for one?

Receipts, commits and shipping notices name only the order line, transfer steps the transfer,
carriers' reports the shipment. What we know of them comes from purchase order events, from
transfers that we ordered or that say it themselves, and from shipping notices.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import date, datetime
from typing import Any, assert_never

from replan.events import (
    EtaChanged,
    MilestoneReached,
    OrderLineStated,
    PoStatus,
    Received,
    ShipmentNoticed,
    ShipmentTroubled,
    SupplyCommitted,
    TransferMoved,
)
from replan.streams.messages import (
    CommitHeard,
    NoticeHeard,
    OfLine,
    ReceiptHeard,
    TransferHeard,
    Waits,
)
from replan.units import ItemId, PoLineId, ShipmentId, SiteId, TransferId, Units, instant_text

MAX_KNOWN = 200_000
"""Order lines, transfers and shipments, each, that are remembered; the one heard of first is
forgotten first."""

EARLIER_KEPT = 8
"""Earlier statements of an order line that are remembered, should the newest be taken back."""

MAX_WAITING = 100_000
"""Events that wait for an order line, a transfer or a shipment."""

_INSTANTS = frozenset({"occurred_at", "arrived_at", "at", "ship_at", "eta", "p90"})
_DAYS = frozenset({"day"})
_KINDS: Mapping[str, type[Waits]] = {
    "receipt": ReceiptHeard,
    "commit": CommitHeard,
    "notice": NoticeHeard,
    "transfer": TransferHeard,
    "milestone": MilestoneReached,
    "eta": EtaChanged,
    "exception": ShipmentTroubled,
}
_KIND_OF = {kind: name for name, kind in _KINDS.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownLine:
    """The newest statement about an order line."""

    item: ItemId
    ship_to: SiteId
    status: PoStatus
    stated_at: datetime
    stated_by: str
    """Source and id of the statement, to settle equal times."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownTransfer:
    """What a transfer moves, and between which sites."""

    item: ItemId
    origin: SiteId
    destination: SiteId
    qty: Units


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """An accepted event whose order line, transfer or shipment is not heard of yet."""

    message: Waits
    content: bytes


class OrderIndex:
    """Order lines, transfers and shipments by id, and the events that wait for one."""

    def __init__(self) -> None:
        self._lines: dict[PoLineId, KnownLine] = {}
        self._earlier: dict[PoLineId, list[KnownLine]] = {}
        self._transfers: dict[TransferId, KnownTransfer] = {}
        self._shipments: dict[ShipmentId, ItemId] = {}
        self._waiting: dict[str, list[Waiting]] = {}
        self._contents: dict[tuple[str, str], bytes] = {}

    def line(self, po_line: PoLineId) -> KnownLine | None:
        """The order line, if heard of."""
        return self._lines.get(po_line)

    def transfer(self, transfer: TransferId) -> KnownTransfer | None:
        """The transfer, if heard of."""
        return self._transfers.get(transfer)

    def item_of_shipment(self, shipment: ShipmentId) -> ItemId | None:
        """The item of the first order line that a shipping notice named; None if none has come."""
        return self._shipments.get(shipment)

    def learn_shipment(self, shipment: ShipmentId, item: ItemId) -> None:
        """A shipping notice has come."""
        if shipment not in self._shipments and len(self._shipments) >= MAX_KNOWN:
            del self._shipments[next(iter(self._shipments))]
        self._shipments.setdefault(shipment, item)

    def learn_line(self, fact: OrderLineStated) -> None:
        """Keep a statement unless a newer one is known."""
        known = self._lines.get(fact.po_line)
        if known is None and len(self._lines) >= MAX_KNOWN:
            oldest = next(iter(self._lines))
            del self._lines[oldest]
            self._earlier.pop(oldest, None)
        said = KnownLine(
            item=fact.item,
            ship_to=fact.ship_to,
            status=fact.status,
            stated_at=fact.occurred_at,
            stated_by=_stated_by(fact.source, fact.event_id),
        )
        if known is None:
            self._lines[fact.po_line] = said
            return
        rows = sorted((*self._earlier.get(fact.po_line, ()), known, said), key=_said_at)
        self._lines[fact.po_line] = rows.pop()
        self._earlier[fact.po_line] = rows[-EARLIER_KEPT:]

    def unlearn_line(self, fact: OrderLineStated) -> None:
        """A statement was taken back: what was said before it holds again."""
        name = _stated_by(fact.source, fact.event_id)
        known = self._lines.get(fact.po_line)
        earlier = [row for row in self._earlier.get(fact.po_line, ()) if row.stated_by != name]
        if known is not None and known.stated_by == name:
            if earlier:
                self._lines[fact.po_line] = earlier.pop()
            else:
                del self._lines[fact.po_line]
        if earlier:
            self._earlier[fact.po_line] = earlier
        else:
            self._earlier.pop(fact.po_line, None)

    def learn_transfer(self, transfer: TransferId, known: KnownTransfer) -> None:
        """Keep what a transfer moves."""
        if transfer not in self._transfers and len(self._transfers) >= MAX_KNOWN:
            del self._transfers[next(iter(self._transfers))]
        self._transfers[transfer] = known

    def wait(self, waiting: Waiting) -> None:
        """Let an event wait; the caller has asked `has_room`."""
        message = waiting.message
        self._waiting.setdefault(_reference(message), []).append(waiting)
        self._contents[message.source, message.event_id] = waiting.content

    @property
    def has_room(self) -> bool:
        """Whether one more may wait."""
        return len(self._contents) < MAX_WAITING

    def content_waiting(self, source: str, event_id: str) -> bytes | None:
        """The content of a waiting event of that id."""
        return self._contents.get((source, event_id))

    def released_by_line(self, po_line: PoLineId) -> list[Waiting]:
        """Those that waited for the line, in the order of facts; they wait no more."""
        return self._release(f"po:{po_line}")

    def released_by_transfer(self, transfer: TransferId) -> list[Waiting]:
        """Those that waited for the transfer, in the order of facts; they wait no more."""
        return self._release(f"transfer:{transfer}")

    def released_by_shipment(self, shipment: ShipmentId) -> list[Waiting]:
        """Those that waited for the shipment, in the order of facts; they wait no more."""
        return self._release(f"shipment:{shipment}")

    def _release(self, reference: str) -> list[Waiting]:
        released = sorted(
            self._waiting.pop(reference, ()), key=lambda waiting: waiting.message.order
        )
        for waiting in released:
            del self._contents[waiting.message.source, waiting.message.event_id]
        return released

    def to_json(self) -> dict[str, Any]:
        """Plain JSON; lines, transfers and shipments keep the order in which they were heard of."""
        return {
            "lines": [
                [po_line, *map(_line_json, (row, *reversed(self._earlier.get(po_line, ()))))]
                for po_line, row in self._lines.items()
            ],
            "transfers": [
                [transfer, row.item, row.origin, row.destination, row.qty]
                for transfer, row in self._transfers.items()
            ],
            "shipments": [[shipment, item] for shipment, item in self._shipments.items()],
            "waiting": [
                {"content": waiting.content.hex(), **_message_json(waiting.message)}
                for _, group in sorted(self._waiting.items())
                for waiting in group
            ],
        }

    @classmethod
    def from_json(cls, state: Mapping[str, Any]) -> "OrderIndex":
        """The index as `to_json` wrote it."""
        index = cls()
        for po_line, newest, *earlier in state["lines"]:
            index._lines[po_line] = _line_from(newest)
            if earlier:
                index._earlier[po_line] = [_line_from(row) for row in reversed(earlier)]
        for transfer, item, origin, destination, qty in state["transfers"]:
            index._transfers[transfer] = KnownTransfer(
                item=item, origin=origin, destination=destination, qty=qty
            )
        index._shipments = {ShipmentId(shipment): item for shipment, item in state["shipments"]}
        for row in state["waiting"]:
            index.wait(Waiting(message=_message_from(row), content=bytes.fromhex(row["content"])))
        return index


def of_line(
    message: OfLine, line: KnownLine, arrived_at: datetime
) -> Received | SupplyCommitted | ShipmentNoticed:
    """What was said of an order line, with its item and site."""
    known: dict[str, Any] = {name: getattr(message, name) for name in _names(type(message))}
    known |= {"arrived_at": arrived_at, "item": line.item, "site": line.ship_to}
    match message:
        case ReceiptHeard():
            return Received(**known)
        case CommitHeard():
            return SupplyCommitted(**known)
        case NoticeHeard():
            return ShipmentNoticed(**known)
        case _:
            assert_never(message)


def moved(message: TransferHeard, known: KnownTransfer, arrived_at: datetime) -> TransferMoved:
    """The transfer step with its item, sites and quantity."""
    return TransferMoved(
        event_id=message.event_id,
        source=message.source,
        occurred_at=message.occurred_at,
        arrived_at=arrived_at,
        payload_sha=message.payload_sha,
        transfer=message.transfer,
        step=message.step,
        item=known.item,
        origin=known.origin,
        destination=known.destination,
        qty=known.qty if message.qty is None else message.qty,
        at=message.at,
    )


def _stated_by(source: str, event_id: str) -> str:
    return f"{source}\n{event_id}"


def _said_at(row: KnownLine) -> tuple[datetime, str]:
    return row.stated_at, row.stated_by


def _line_json(row: KnownLine) -> list[str]:
    return [row.item, row.ship_to, row.status, instant_text(row.stated_at), row.stated_by]


def _line_from(plain: list[Any]) -> KnownLine:
    item, ship_to, status, stated_at, stated_by = plain
    return KnownLine(
        item=item,
        ship_to=ship_to,
        status=status,
        stated_at=datetime.fromisoformat(stated_at),
        stated_by=stated_by,
    )


def _reference(message: Waits) -> str:
    match message:
        case TransferHeard():
            return f"transfer:{message.transfer}"
        case ReceiptHeard() | CommitHeard() | NoticeHeard():
            return f"po:{message.po_line}"
        case _:
            return f"shipment:{message.shipment}"


def _names(kind: type[Waits]) -> tuple[str, ...]:
    return tuple(field.name for field in fields(kind))


def _message_json(message: Waits) -> dict[str, Any]:
    values = {name: _plain(getattr(message, name)) for name in _names(type(message))}
    return {"kind": _KIND_OF[type(message)], **values}


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return instant_text(value)
    return value.isoformat() if isinstance(value, date) else value


def _message_from(row: Mapping[str, Any]) -> Waits:
    kind = _KINDS[row["kind"]]
    values: dict[str, Any] = {name: row[name] for name in _names(kind)}
    for name, value in values.items():
        if name in _INSTANTS and value is not None:
            values[name] = datetime.fromisoformat(value)
        elif name in _DAYS:
            values[name] = date.fromisoformat(value)
    return kind(**values)
