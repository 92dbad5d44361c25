"""What does the reference order system do with a command?

An order line gets its new day at once, a buffer call makes an order of its own, a transfer leaves
at its cut-off. Refused, with nothing done, is what comes too late, what names an order line, lane
or series that is not there, and more than a buffer holds.
"""

import math
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from replan.effects import Command
from replan.infra.erp.calendar import SHIPS_AT
from replan.infra.erp.life import ErpLife
from replan.infra.erp.world import Move, OpenLine, fitted, late_days
from replan.network import Lane
from replan.units import (
    ItemId,
    SiteId,
    SupplierId,
    Units,
    day_from_number,
    day_number,
    instant_text,
    priced,
    quantity_json,
    units_from_decimal,
)


class _Refused(Exception):
    """Leaves the carrying out of one command; never leaves this module."""


def obey(life: ErpLife, command: Command, at: datetime) -> list[dict[str, Any]]:
    """Carry a command out at a clock; the events that answer it now, none of them spoken yet."""
    kind = command.body.get("kind")
    try:
        if at > command.not_after:
            raise _Refused(f"came after its last moment {instant_text(command.not_after)}")
        if command.compensates:
            return _call_off(life, command, at)
        match kind:
            case "expedite":
                return _expedite(life, command, at)
            case "postpone":
                return _postpone(life, command, at)
            case "buffer_call":
                return _call_buffer(life, command, at)
            case "reallocate":
                return _request(life, command, at)
            case _:
                raise _Refused(f"actions of kind {kind} are not carried out here")
    except _Refused as refusal:
        return [
            life.voice.answer(command.action_id, command.idem, at, done=False, reason=str(refusal))
        ]


def _expedite(life: ErpLife, command: Command, at: datetime) -> list[dict[str, Any]]:
    """Bring a line forward by what the contract saves; a part of it becomes a line of its own."""
    line = _open_line(life, command)
    name = line.po_line
    contract = life.network.supply.get((line.supplier, line.item, line.site))
    if (
        contract is None
        or contract.expedite_days_saved is None
        or contract.expedite_fixed_minor is None
        or contract.expedite_unit_minor is None
    ):
        raise _Refused(f"order line {name}: its contract has no terms to expedite")
    qty = min(_quantity(command.body), line.qty)
    today = life.calendar.day_of(at, line.site)
    saved = math.floor(contract.expedite_days_saved)
    promised = max(line.promised - saved, today + 1)
    if promised >= line.promised:
        raise _Refused(f"order line {name}: cannot come before {day_from_number(line.promised)}")
    arrives = max(line.arrives - saved, promised)
    events = _newly_dated(life, line, qty, promised, arrives, at)
    life.pay(contract.expedite_fixed_minor, contract.expedite_unit_minor, qty, today)
    events.append(life.voice.answer(command.action_id, command.idem, at, done=True))
    return events


def _postpone(life: ErpLife, command: Command, at: datetime) -> list[dict[str, Any]]:
    """Let a line, or a part of it, come on a later day; nobody is paid for it."""
    line = _open_line(life, command)
    qty = min(_quantity(command.body), line.qty)
    today = life.calendar.day_of(at, line.site)
    promised = day_number(_arrival_day(command.body))
    if promised <= line.promised:
        raise _Refused(
            f"order line {line.po_line}: {day_from_number(promised)} is not after "
            f"{day_from_number(line.promised)}"
        )
    if line.promised <= today or line.arrives <= today:
        raise _Refused(f"order line {line.po_line}: is on the road, and cannot come later")
    arrives = line.arrives + promised - line.promised
    events = _newly_dated(life, line, qty, promised, arrives, at)
    events.append(life.voice.answer(command.action_id, command.idem, at, done=True))
    return events


def _call_buffer(life: ErpLife, command: Command, at: datetime) -> list[dict[str, Any]]:
    """An order of its own from what the supplier holds for us; it bears the action's id."""
    body = command.body
    item, site = ItemId(str(body.get("item"))), SiteId(str(body.get("to")))
    supplier = SupplierId(str(body.get("from")))
    contract = life.network.supply.get((supplier, item, site))
    if (
        contract is None
        or contract.buffer_qty is None
        or contract.buffer_lead_time_days is None
        or contract.buffer_unit_premium_minor is None
    ):
        raise _Refused(f"supplier {supplier} holds no buffer of {item} for {site}")
    qty, today = _quantity(body), life.calendar.day_of(at, site)
    refilled = math.ceil(contract.lead_time_days_p90)
    left = contract.buffer_qty - life.real.called(f"{supplier}@{item}@{site}", today - refilled)
    if qty > left:
        raise _Refused(
            f"the buffer of {supplier} for {site} has {quantity_json(Units(left))} {item} left, "
            f"asked were {quantity_json(qty)}"
        )
    promised = today + max(math.ceil(round(contract.buffer_lead_time_days, 6)), 1)
    lead = contract.buffer_lead_time_days
    spread = min(contract.lead_time_days_p90 - contract.lead_time_days_p50, lead)
    line = OpenLine(
        po=command.action_id,
        line="1",
        item=item,
        site=site,
        supplier=supplier,
        qty=qty,
        price_minor=life.network.items[item].unit_cost_minor + contract.buffer_unit_premium_minor,
        need_by=promised,
        promised=promised,
        arrives=promised + late_days(command.action_id, lead, lead + spread),
    )
    life.real.order(line)
    life.real.calls.append([f"{supplier}@{item}@{site}", today, qty])
    life.expect(line, at)
    # The goods are paid for like any others; only the premium is what acting costs.
    life.pay(0, contract.buffer_unit_premium_minor, qty, today)
    return [
        life.voice.line("po.created.v1", line, at),
        life.voice.answer(command.action_id, command.idem, at, done=True),
    ]


def _newly_dated(
    life: ErpLife, line: OpenLine, qty: int, promised: int, arrives: int, at: datetime
) -> list[dict[str, Any]]:
    """Give a line its new days; a part of it becomes a line of its own."""
    events = []
    moved = line
    if qty < line.qty:
        moved = _split_off(life, line, qty)
        events.append(life.voice.line("po.changed.v1", line, at))
    moved.promised, moved.arrives = promised, arrives
    if moved is not line:
        life.real.order(moved)
    events.append(life.voice.line("po.changed.v1" if moved is line else "po.created.v1", moved, at))
    events += life.carriers.part_with(moved, life.voice, life.calendar, at)
    life.expect(moved, at)
    return events


def _open_line(life: ErpLife, command: Command) -> OpenLine:
    name = str(command.body.get("order_id"))
    line = life.real.lines.get(name)
    if line is None:
        raise _Refused(f"order line {name} is not open: never placed here, or received")
    return line


def _split_off(life: ErpLife, line: OpenLine, qty: int) -> OpenLine:
    line.splits += 1
    line.qty -= qty
    life.real.inbound[line.key] -= qty
    return OpenLine(
        po=line.po,
        line=fitted(f"{line.line}.{line.splits}"),
        item=line.item,
        site=line.site,
        supplier=line.supplier,
        qty=qty,
        price_minor=line.price_minor,
        need_by=line.need_by,
        promised=line.promised,
        arrives=line.arrives,
        shipment=line.shipment,
    )


def _request(life: ErpLife, command: Command, at: datetime) -> list[dict[str, Any]]:
    """Take a transfer in; it leaves, and is answered for, at the cut-off of its day."""
    body = command.body
    item, qty = ItemId(str(body.get("item"))), _quantity(body)
    origin, destination = SiteId(str(body.get("from"))), SiteId(str(body.get("to")))
    lane = _lane(life, body, origin, destination, qty)
    for site in (origin, destination):
        if (item, site) not in life.network.stocking:
            raise _Refused(f"item {item} is not stocked at {site}")
    if command.action_id in life.real.moves:
        raise _Refused(f"transfer {command.action_id} is under way already")
    day = _ship_day(body)
    if lane.departures and day.weekday() not in lane.departures:
        raise _Refused(f"lane {lane.lane}: nothing leaves on {day}")
    leaves = life.calendar.instant(origin, day_number(day), lane.cutoff_local or SHIPS_AT)
    if lane.cutoff_local is None and life.calendar.day_of(at, origin) == day_number(day):
        leaves = max(leaves, at)
    if at > leaves:
        raise _Refused(f"lane {lane.lane}: the last departure of {day} has left")
    move = Move(
        action_id=command.action_id,
        idem=command.idem,
        item=item,
        origin=origin,
        destination=destination,
        lane=lane.lane,
        qty=qty,
        ship_on=day_number(day),
        ship_at=leaves,
    )
    life.request(move)
    return [life.voice.move(move, "requested", at)]


def _call_off(life: ErpLife, command: Command, at: datetime) -> list[dict[str, Any]]:
    """A transfer that has not left stays; anything else is done and stands."""
    move = life.real.moves.get(command.action_id)
    if move is None or at >= move.ship_at:
        raise _Refused(f"action {command.action_id} is done and cannot be called off here")
    del life.real.moves[command.action_id]
    return [life.voice.answer(command.action_id, command.idem, at, done=True)]


def _lane(
    life: ErpLife, body: Mapping[str, Any], origin: SiteId, destination: SiteId, qty: Units
) -> Lane:
    """The lane that the command names, else the one whose price it states, else the first."""
    named, stated = body.get("lane"), body.get("cost_minor")
    lanes = [
        lane
        for lane in life.network.lanes_between.get((origin, destination), ())
        if named in (None, lane.lane)
    ]
    if not lanes:
        raise _Refused(f"no lane{f' {named}' if named else ''} from {origin} to {destination}")
    for lane in lanes:
        if lane.fixed_cost_minor + priced(qty, lane.unit_cost_minor) == stated:
            return lane
    return lanes[0]


def _quantity(body: Mapping[str, Any]) -> Units:
    try:
        qty = units_from_decimal(Decimal(str(body.get("qty"))))
    except (ArithmeticError, ValueError):
        qty = Units(0)
    if qty <= 0:
        raise _Refused(f"qty is {body.get('qty')}, must be a quantity above 0")
    return qty


def _ship_day(body: Mapping[str, Any]) -> date:
    return _day(body.get("ship_on"), "ship_on")


def _arrival_day(body: Mapping[str, Any]) -> date:
    arrives = body.get("arrive_on")
    return _day(arrives.get("p50") if isinstance(arrives, Mapping) else None, "arrive_on.p50")


def _day(value: object, name: str) -> date:
    try:
        return date.fromisoformat(str(value))
    except ValueError:
        raise _Refused(f"{name} is {value}, must be a date") from None
