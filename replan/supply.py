"""What is on its way? The supply ledger: one entry per order line and per transfer, never counted
twice.

A purchase order, its shipping notice and its receipt are the same units: what is still open of a
line is its quantity less what was received. Our own actions move an entry (expedite) or make one
(reallocate) until the executor's side says how it really went. What suppliers and carriers say
beside is kept here too; when what is open should arrive is worked out in `arrivals`.
"""

from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import assert_never

from replan.effects import Ordered
from replan.events import (
    OrderLineStated,
    Received,
    ShipmentNoticed,
    SupplyCommitted,
    TransferMoved,
)
from replan.lead_times import LeadTimes
from replan.lead_times import Received as ReceivedLine
from replan.sayings import said_at, with_saying, without_saying
from replan.shipments import Shipments
from replan.units import (
    ActionId,
    ItemId,
    PoLineId,
    SiteId,
    TransferId,
    Units,
    day_number,
)

EARLIER_KEPT = 8
"""Earlier statements of an order line that are kept whole, should the newest be taken back."""

STEPS_KEPT = 32
"""Steps of a transfer that are remembered."""

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
    earlier: tuple[OrderLineStated, ...] = field(default=(), repr=False, compare=False)
    """The statements before the newest one, oldest first; only for when it is taken back."""

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
class TransferStepTaken:
    """A step of a transfer that was heard of: the units it stated, p50 and p90 of the arrival as of
    then, what was expected before it, and the units it moved.
    """

    source: str
    event_id: str
    step: str
    qty: Units
    at: datetime
    arrive_p50: date
    arrive_p90: date
    qty_before: Units
    moved: int = 0


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
    steps: tuple[TransferStepTaken, ...] = field(default=(), repr=False, compare=False)
    """As heard of; only for when one is taken back."""

    def stepped(self, step: TransferStepTaken) -> "Transfer":
        """After one more step; our own transfers keep the days they were ordered with."""
        after = self
        if self.ship_on is None and step.step != "received" and not self.shipped:
            after = replace(self, arrive_p50=step.arrive_p50, arrive_p90=step.arrive_p90)
        moved = 0
        if step.step == "shipped" and not self.shipped:
            # What did not leave will not arrive.
            moved = step.qty
            after = replace(after, shipped=True, qty=step.qty)
        elif step.step == "received":
            moved = max(step.qty - self.received, 0)
            after = replace(after, received=self.received + moved)
        taken = replace(step, qty_before=self.qty, moved=moved)
        return replace(after, steps=(*self.steps, taken)[-STEPS_KEPT:])


@dataclass(slots=True, kw_only=True)
class SupplyLedger:
    """Open lines and transfers of a partition, keyed by id."""

    lines: dict[PoLineId, OrderLine] = field(default_factory=dict)
    received: dict[PoLineId, int] = field(default_factory=dict)
    received_on: dict[PoLineId, tuple[int, ...]] = field(default_factory=dict)
    """The local days, as numbers, of the receipts of a line."""
    commits: dict[PoLineId, tuple[SupplyCommitted, ...]] = field(default_factory=dict)
    """The supplier's undertakings about a line, the newest last and valid."""
    shipments: Shipments = field(default_factory=Shipments)
    lead_times: LeadTimes = field(default_factory=LeadTimes)
    transfers: dict[TransferId, Transfer] = field(default_factory=dict)
    expedited: dict[PoLineId, tuple[datetime, Ordered]] = field(default_factory=dict)
    """Our own new days for lines, brought forward or pushed out."""
    calls: dict[ActionId, tuple[datetime, Ordered]] = field(default_factory=dict)
    """Our own calls of suppliers' buffers, kept until the buffer is full again."""
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
            *earlier, newest = sorted((*known.earlier, known.stated, fact), key=said_at)
            first, *later = sorted({*known.promises, promise})
            line = OrderLine(
                stated=newest,
                earlier=tuple(earlier[-EARLIER_KEPT:]),
                created_on=min(known.created_on, stated_on),
                promises=(first, *later[1 - MAX_PROMISES :]),
            )
            self._of_item[known.stated.item].discard(fact.po_line)
            source = (known.stated.supplier, known.stated.item)
            if source != (line.stated.supplier, line.stated.item):
                self.lead_times.learn(source, fact.po_line, None)
        self.lines[fact.po_line] = line
        self._of_item.setdefault(line.stated.item, set()).add(fact.po_line)
        ours = self.expedited.get(fact.po_line)
        if ours is not None and ours[1].kind == "postpone" and fact.promised > line.first_promised:
            # Later because we asked for it: that is no slip, and counts from here.
            line = replace(line, promises=(promise,))
            self.lines[fact.po_line] = line
        if ours is not None and line.stated is fact and fact.occurred_at >= ours[0]:
            del self.expedited[fact.po_line]
        for other in self._of_one_order(line):
            self._learn(other.stated.po_line)

    def put_line(self, line: OrderLine) -> None:
        """Put a line in place of what was known of it."""
        self.forget_line(line.stated.po_line)
        self.lines[line.stated.po_line] = line
        self._of_item.setdefault(line.stated.item, set()).add(line.stated.po_line)
        self._learn(line.stated.po_line)

    def forget_line(self, po_line: PoLineId) -> None:
        """The line is not known any more; what was received of it stays on record."""
        known = self.lines.pop(po_line, None)
        if known is not None:
            self._of_item[known.stated.item].discard(po_line)
            source = (known.stated.supplier, known.stated.item)
            self.lead_times.learn(source, po_line, None)

    def receive(self, fact: Received, received_on: date) -> None:
        """Units of a line arrived on a local day (damaged ones too: they will not come again)."""
        self.received[fact.po_line] = self.received.get(fact.po_line, 0) + fact.qty_received
        days = self.received_on.get(fact.po_line, ())
        self.received_on[fact.po_line] = tuple(sorted((*days, day_number(received_on))))
        self._learn(fact.po_line)

    def take_back_receipt(self, fact: Received, received_on: date) -> None:
        """A receipt was not so: its units are open again."""
        left = self.received.get(fact.po_line, 0) - fact.qty_received
        days = list(self.received_on.get(fact.po_line, ()))
        if day_number(received_on) in days:
            days.remove(day_number(received_on))
        self.received[fact.po_line] = left
        self.received_on[fact.po_line] = tuple(days)
        if left <= 0:
            del self.received[fact.po_line]
        if not days:
            del self.received_on[fact.po_line]
        self._learn(fact.po_line)

    def commit(self, fact: SupplyCommitted) -> None:
        """Take a supplier's undertaking about a line; the newest by its own time holds."""
        fact = replace(fact, arrived_at=fact.occurred_at)
        self.commits[fact.po_line] = with_saying(self.commits.get(fact.po_line, ()), fact)

    def take_back_commit(self, fact: SupplyCommitted) -> None:
        """An undertaking was wrong: the one before it holds."""
        self.commits[fact.po_line] = without_saying(self.commits.get(fact.po_line, ()), fact)
        if not self.commits[fact.po_line]:
            del self.commits[fact.po_line]

    def commit_of(self, line: OrderLine) -> SupplyCommitted | None:
        """The newest undertaking about a line, if the line was not stated anew since."""
        said = self.commits.get(line.stated.po_line, ())
        return said[-1] if said and said[-1].occurred_at >= line.stated.occurred_at else None

    def notice(self, fact: ShipmentNoticed) -> None:
        """Goods of a line were shipped: that says how an expedite asked for before went."""
        self.shipments.notice(fact)
        ours = self.expedited.get(fact.po_line)
        if ours is not None and fact.occurred_at >= ours[0]:
            del self.expedited[fact.po_line]

    def _learn(self, po_line: PoLineId) -> None:
        """What a line that came in says about its supplier: from its order, and its first promise,
        to its last receipt. One brought forward, or split off an older line for that, says nothing.
        """
        line = self.lines.get(po_line)
        days = self.received_on.get(po_line)
        if line is None:
            return
        sample = None
        if days and self._is_usual(line) and self._is_complete(line):
            on = days[-1]
            sample = ReceivedLine(
                on=on,
                po_line=po_line,
                site=line.stated.ship_to,
                lead=max(on - day_number(line.created_on), 0),
                late=on - day_number(line.first_promised),
            )
        self.lead_times.learn((line.stated.supplier, line.stated.item), po_line, sample)

    def _is_complete(self, line: OrderLine) -> bool:
        got = self.received.get(line.stated.po_line, 0)
        return 0 < line.stated.qty <= got or (line.stated.status == "closed" and got > 0)

    def _is_usual(self, line: OrderLine) -> bool:
        stated = line.stated
        if stated.promised < line.first_promised:
            return False
        return all(other.created_on >= line.created_on for other in self._of_one_order(line))

    def _of_one_order(self, line: OrderLine) -> list[OrderLine]:
        """The lines of one order for the same item and site, this one among them."""
        order = line.stated.po_line.partition("@")[0] + "@"
        return [
            other
            for other in self.lines_of(line.stated.item)
            if other.stated.po_line.startswith(order)
            and other.stated.ship_to == line.stated.ship_to
        ]

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
        step = TransferStepTaken(
            source=fact.source,
            event_id=fact.event_id,
            step=fact.step,
            qty=fact.qty,
            at=fact.at,
            arrive_p50=arrives[0],
            arrive_p90=arrives[1],
            qty_before=fact.qty,
        )
        known = self.transfers.get(fact.transfer) or _begun(fact, step)
        after = self.transfers[fact.transfer] = known.stepped(step)
        return after.steps[-1].moved

    def unstep_transfer(
        self, fact: TransferMoved
    ) -> tuple[tuple[TransferStepTaken, ...], tuple[TransferStepTaken, ...]]:
        """A step was not taken: the others are told again. Returns the steps before and after, with
        what each moved; a transfer of others without any step is not known any more.
        """
        known = self.transfers.get(fact.transfer)
        name = (fact.source, fact.event_id)
        if known is None or all((s.source, s.event_id) != name for s in known.steps):
            return (), ()
        left = [s for s in known.steps if (s.source, s.event_id) != name]
        if known.ship_on is None and not left:
            del self.transfers[fact.transfer]
            return known.steps, ()
        if known.ship_on is None:
            again = _begun(fact, left[0])
        else:
            asked = known.steps[0].qty_before
            again = replace(known, qty=asked, shipped=False, received=0, steps=())
        for step in left:
            again = again.stepped(step)
        self.transfers[fact.transfer] = again
        return known.steps, again.steps

    def order(self, ordered: Ordered, at: datetime) -> None:
        """One of our own actions is under way."""
        match ordered.kind:
            case "expedite" | "postpone":
                self.expedited[PoLineId(ordered.ref)] = (at, ordered)
            case "buffer_call":
                self.calls[ordered.action_id] = (at, ordered)
            case "reallocate":
                self._order_transfer(ordered)
            case _:
                assert_never(ordered.kind)

    def _order_transfer(self, ordered: Ordered) -> None:
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
            steps=() if known is None else known.steps,
        )

    def end(self, action_id: ActionId) -> None:
        """An action of ours was refused or cancelled: nothing was done."""
        self.transfers.pop(TransferId(action_id), None)
        self.calls.pop(action_id, None)
        for po_line, (_, ordered) in list(self.expedited.items()):
            if ordered.action_id == action_id:
                del self.expedited[po_line]

    def is_call(self, line: OrderLine) -> bool:
        """Whether a line was made by a buffer call of ours: its order bears the action's id."""
        return line.stated.po_line.partition("@")[0] in self.calls

    def open_calls(self, item: ItemId) -> list[Ordered]:
        """Calls of buffers of an item whose order line was not heard of yet, by action."""
        return [
            call
            for _, (_, call) in sorted(self.calls.items())
            if call.item == item and PoLineId(call.ref) not in self.lines
        ]

    def called(self, supplier: str, item: ItemId, site: SiteId, since: datetime) -> int:
        """How much of a supplier's buffer was called after an instant, thousandths."""
        return sum(
            int(call.qty)
            for at, call in self.calls.values()
            if (call.origin, call.item, call.destination) == (supplier, item, site) and at > since
        )

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
                self.received_on.pop(po_line, None)
                self.commits.pop(po_line, None)
                self.shipments.forget_line(po_line)
                self.expedited.pop(po_line, None)
        for key, transfer in list(self.transfers.items()):
            if transfer.arrive_p90 < before:
                del self.transfers[key]
        for action_id, (at, call) in list(self.calls.items()):
            if max(at.date(), call.arrive_p90) < before:
                del self.calls[action_id]


def _begun(fact: TransferMoved, first: TransferStepTaken) -> Transfer:
    """A transfer of others before its first step that is heard of."""
    return Transfer(
        transfer=fact.transfer,
        item=fact.item,
        origin=fact.origin,
        destination=fact.destination,
        qty=first.qty,
        ship_on=None,
        arrive_p50=first.arrive_p50,
        arrive_p90=first.arrive_p90,
    )
