"""What is on its way? The supply ledger: one entry per order line and per transfer, never counted twice.

A purchase order, its shipping notice and its receipt are the same units: what is still open of a line is
its quantity less what was received. Our own actions move an entry (expedite) or make one (reallocate)
until the executor's side says how it really went.
"""

from dataclasses import dataclass, field, replace
from datetime import date, datetime

from replan.effects import Ordered
from replan.events import OrderLineStated, Received, TransferMoved
from replan.units import ActionId, ItemId, PoLineId, SiteId, TransferId, Units


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderLine:
    """The newest statement about an order line; `first_promised` tells a slip, `created_on` the review."""

    stated: OrderLineStated
    created_on: date
    first_promised: date
    slipped_at: datetime | None = None
    slipped_by: str | None = None

    @property
    def is_supply(self) -> bool:
        """Only approved and confirmed lines are supply."""
        return self.stated.status in ("approved", "confirmed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """A move between two of our sites; `ordered` for our own, with its expected days."""

    transfer: TransferId
    item: ItemId
    origin: SiteId
    destination: SiteId
    qty: Units
    ship_on: date | None
    arrive_p50: date | None
    arrive_p90: date | None
    shipped: bool = False
    received: Units = Units(0)


@dataclass(slots=True, kw_only=True)
class SupplyLedger:
    """Open lines and transfers of a partition, keyed by id."""

    lines: dict[PoLineId, OrderLine] = field(default_factory=dict)
    received: dict[PoLineId, int] = field(default_factory=dict)
    transfers: dict[TransferId, Transfer] = field(default_factory=dict)
    expedited: dict[PoLineId, tuple[datetime, Ordered]] = field(default_factory=dict)
    _of_item: dict[ItemId, set[PoLineId]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for po_line, line in self.lines.items():
            self._of_item.setdefault(line.stated.item, set()).add(po_line)

    def lines_of(self, item: ItemId) -> list[OrderLine]:
        """All remembered lines of an item, by id."""
        return [self.lines[po_line] for po_line in sorted(self._of_item.get(item, ()))]

    def state_line(self, fact: OrderLineStated, today: date) -> None:
        """Take the newest statement about a line (by its own time, then id)."""
        known = self.lines.get(fact.po_line)
        if known is None:
            self.lines[fact.po_line] = OrderLine(
                stated=fact, created_on=today, first_promised=fact.promised
            )
            self._of_item.setdefault(fact.item, set()).add(fact.po_line)
            return
        if (fact.occurred_at, fact.event_id) < (known.stated.occurred_at, known.stated.event_id):
            return
        line = replace(known, stated=fact)
        if fact.promised > known.stated.promised:
            line = replace(line, slipped_at=fact.occurred_at, slipped_by=fact.event_id)
        self.lines[fact.po_line] = line

    def receive(self, fact: Received) -> None:
        """Units of a line arrived (damaged ones too: they will not come again)."""
        self.received[fact.po_line] = self.received.get(fact.po_line, 0) + fact.qty_received

    def open_qty(self, line: OrderLine) -> Units:
        """What is still to come of a line."""
        if not line.is_supply:
            return Units(0)
        return Units(max(line.stated.qty - self.received.get(line.stated.po_line, 0), 0))

    def open_lines(self, item: ItemId) -> list[OrderLine]:
        """Lines of an item with something still to come, by id."""
        return [line for line in self.lines_of(item) if self.open_qty(line) > 0]

    def expedite_of(self, line: OrderLine) -> Ordered | None:
        """Our own expedite of a line, as long as no later statement says how it went."""
        entry = self.expedited.get(line.stated.po_line)
        if entry is None or line.stated.occurred_at > entry[0]:
            return None
        return entry[1]

    def move_transfer(self, fact: TransferMoved) -> int:
        """Take a step of a transfer. Returns the units it newly moves: shipped leave, received arrive."""
        known = self.transfers.get(fact.transfer) or Transfer(
            transfer=fact.transfer,
            item=fact.item,
            origin=fact.origin,
            destination=fact.destination,
            qty=fact.qty,
            ship_on=None,
            arrive_p50=None,
            arrive_p90=None,
        )
        if fact.step == "shipped" and not known.shipped:
            self.transfers[fact.transfer] = replace(known, shipped=True)
            return fact.qty
        if fact.step == "received":
            newly = max(fact.qty - known.received, 0)
            self.transfers[fact.transfer] = replace(known, received=Units(known.received + newly))
            return newly
        self.transfers.setdefault(fact.transfer, known)
        return 0

    def order(self, ordered: Ordered, at: datetime) -> None:
        """One of our own actions is under way."""
        if ordered.kind == "expedite":
            self.expedited[PoLineId(ordered.ref)] = (at, ordered)
            return
        transfer = TransferId(ordered.action_id)
        self.transfers[transfer] = Transfer(
            transfer=transfer,
            item=ordered.item,
            origin=SiteId(ordered.origin),
            destination=ordered.destination,
            qty=ordered.qty,
            ship_on=ordered.ship_on,
            arrive_p50=ordered.arrive_p50,
            arrive_p90=ordered.arrive_p90,
        )

    def end(self, action_id: ActionId) -> None:
        """An action of ours was refused or cancelled: nothing was done."""
        self.transfers.pop(TransferId(action_id), None)
        for po_line, (_, ordered) in list(self.expedited.items()):
            if ordered.action_id == action_id:
                del self.expedited[po_line]

    def open_transfers(self, item: ItemId) -> list[Transfer]:
        """Transfers of an item that are not wholly received, by id."""
        return [
            t for _, t in sorted(self.transfers.items()) if t.item == item and t.received < t.qty
        ]

    def forget_closed(self, before: date) -> None:
        """Drop lines and transfers that ended and were promised before a day."""
        for po_line, line in list(self.lines.items()):
            if line.stated.promised < before and self.open_qty(line) == 0:
                del self.lines[po_line]
                self._of_item[line.stated.item].discard(po_line)
                self.received.pop(po_line, None)
                self.expedited.pop(po_line, None)
        for key, transfer in list(self.transfers.items()):
            if transfer.arrive_p90 is not None and transfer.arrive_p90 < before:
                del self.transfers[key]
