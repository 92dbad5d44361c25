"""What is on its way? The supply ledger: one entry per order line and per transfer, never counted
twice.

A purchase order, its shipping notice and its receipt are the same units: what is still open of a
line is its quantity less what was received. Our own actions move an entry (expedite) or make one
(reallocate) until the executor's side says how it really went.
"""

from dataclasses import dataclass, field, replace
from datetime import date, datetime

from replan.effects import Ordered
from replan.events import OrderLineStated, Received, TransferMoved
from replan.units import ActionId, ItemId, PoLineId, SiteId, TransferId, Units

MAX_PROMISES = 64
"""Statements of one order line that are remembered: the first and the newest ones."""


@dataclass(frozen=True, slots=True, order=True)
class Promise:
    """What a statement about an order line promised; in order of its own time, source and id."""

    at: datetime
    source: str
    event_id: str
    promised: date


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderLine:
    """The newest statement about an order line, the day of the oldest, and what each promised.

    `promises` in the order of the statements' own time, so that it does not matter in which order
    they were heard.
    """

    stated: OrderLineStated
    created_on: date
    promises: tuple[Promise, ...]

    @property
    def is_supply(self) -> bool:
        """Only approved and confirmed lines are supply."""
        return self.stated.status in ("approved", "confirmed")

    @property
    def first_promised(self) -> date:
        """The day of receipt that was promised first."""
        return self.promises[0].promised

    @property
    def slip(self) -> Promise | None:
        """The newest statement that promised a later day than the one before it."""
        pairs = zip(self.promises, self.promises[1:], strict=False)
        return next((p for before, p in reversed([*pairs]) if p.promised > before.promised), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """A move between two of our sites, with its expected days; `ship_on` for our own."""

    transfer: TransferId
    item: ItemId
    origin: SiteId
    destination: SiteId
    qty: Units
    ship_on: date | None
    arrive_p50: date
    arrive_p90: date
    shipped: bool = False
    received: int = 0


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

    def state_line(self, fact: OrderLineStated, stated_on: date) -> None:
        """Take a statement about a line, made on a local day; the newest by its own time holds.

        One made since we expedited the line says how that went, so our own word ends with it.
        """
        known = self.lines.get(fact.po_line)
        promise = Promise(fact.occurred_at, fact.source, fact.event_id, fact.promised)
        if known is None:
            line = OrderLine(stated=fact, created_on=stated_on, promises=(promise,))
        else:
            is_newest = _stated_at(fact) >= _stated_at(known.stated)
            first, *later = sorted({*known.promises, promise})
            line = OrderLine(
                stated=fact if is_newest else known.stated,
                created_on=min(known.created_on, stated_on),
                promises=(first, *later[1 - MAX_PROMISES :]),
            )
            self._of_item[known.stated.item].discard(fact.po_line)
        self.lines[fact.po_line] = line
        self._of_item.setdefault(line.stated.item, set()).add(fact.po_line)
        ours = self.expedited.get(fact.po_line)
        if ours is not None and line.stated is fact and fact.occurred_at >= ours[0]:
            del self.expedited[fact.po_line]

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
        return None if entry is None else entry[1]

    def move_transfer(self, fact: TransferMoved, arrives: tuple[date, date]) -> int:
        """Take a step of a transfer. Returns the units it newly moves: shipped leave, received
        arrive.

        `arrives`: p50 and p90 of the arrival by the lane, as of this step; our own transfers keep
        the days they were ordered with.
        """
        known = self.transfers.get(fact.transfer) or Transfer(
            transfer=fact.transfer,
            item=fact.item,
            origin=fact.origin,
            destination=fact.destination,
            qty=fact.qty,
            ship_on=None,
            arrive_p50=arrives[0],
            arrive_p90=arrives[1],
        )
        if known.ship_on is None and fact.step != "received" and not known.shipped:
            known = replace(known, arrive_p50=arrives[0], arrive_p90=arrives[1])
        if fact.step == "shipped" and not known.shipped:
            # What did not leave will not arrive.
            self.transfers[fact.transfer] = replace(known, shipped=True, qty=fact.qty)
            return fact.qty
        if fact.step == "received":
            newly = max(fact.qty - known.received, 0)
            self.transfers[fact.transfer] = replace(known, received=known.received + newly)
            return newly
        self.transfers[fact.transfer] = known
        return 0

    def order(self, ordered: Ordered, at: datetime) -> None:
        """One of our own actions is under way."""
        if ordered.kind == "expedite":
            self.expedited[PoLineId(ordered.ref)] = (at, ordered)
            return
        transfer = TransferId(ordered.action_id)
        known = self.transfers.get(transfer)
        self.transfers[transfer] = Transfer(
            transfer=transfer,
            item=ordered.item,
            origin=SiteId(ordered.origin),
            destination=ordered.destination,
            qty=known.qty if known is not None and known.shipped else ordered.qty,
            ship_on=ordered.ship_on,
            arrive_p50=ordered.arrive_p50,
            arrive_p90=ordered.arrive_p90,
            shipped=known is not None and known.shipped,
            received=0 if known is None else known.received,
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
            if transfer.arrive_p90 < before:
                del self.transfers[key]


def _stated_at(fact: OrderLineStated) -> tuple[datetime, str, str]:
    return (fact.occurred_at, fact.source, fact.event_id)
