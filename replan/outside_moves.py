"""What did people move without us? Their report as stock and supply, never as demand.

A report says that goods left one site for another, that a supplier's buffer was called, or that an
order line was brought forward. Goods moved leave the giving shelf when the report says so, are on
their way as long as the quickest lane usually takes, and lie on the receiving shelf from then on:
nobody will report their arrival, and a count of either shelf outranks all of it. Where the systems
that carried it out tell of the same units too, theirs is the better word and the report's gives
way, whichever is heard first. A day that is new for an order is told by the order itself.
"""

import math
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta

import numpy as np

from replan.arrivals import contract_of, line_outlook
from replan.departures import transit_days
from replan.effects import Ordered
from replan.events import HumanActed, HumanLineDone, OrderLineStated, TransferMoved
from replan.network import Network
from replan.panel import micros
from replan.planning import ActionKind
from replan.state import SenseState
from replan.stock_book import add_stock_moves
from replan.supplier_terms import buffer_days
from replan.supply import Transfer, TransferStepTaken
from replan.units import (
    ActionId,
    ItemId,
    PoLineId,
    SiteId,
    SupplierId,
    TransferId,
    Units,
    day_from_number,
    day_number,
)

SAME_UNITS = timedelta(days=3)
"""A move of the same goods between the same places that was told this close to it is that move."""

SAME_QUANTITY = 0.1
"""Quantities that differ by no more than this share of the larger one are the same quantity."""


def take_report(state: SenseState, report: HumanActed, network: Network) -> None:
    """Fold what a report says was done. What another system told of already adds nothing."""
    for n, line in enumerate(report.lines):
        # An id of an event has no such sign in it, so no other system names one like this.
        name = f"{report.source}#{report.event_id}#{n}"
        order = state.supply.lines.get(PoLineId(line.order_id or ""))
        from_supplier = line.origin in network.sites and (
            network.sites[SiteId(line.origin or "")].kind == "supplier"
        )
        match report.kind:
            case "none" | "postpone":
                continue
            case "expedite" if order is not None:
                _bring_forward(state, report, line, name, network)
            case "expedite":
                continue
            case "buffer_call":
                _call(state, report, line, name, network)
            case _ if order is not None:
                _bring_forward(state, report, line, name, network)
            case _ if from_supplier:
                _call(state, report, line, name, network)
            case _:
                _move(state, report, line, name, network)
        state.case(line.item).stirred = True


def arrive(state: SenseState) -> None:
    """What people moved is there when its usual day in transit is over, and lies on the shelf."""
    assert state.clock is not None, "asked at a tick"
    for name, move in sorted(state.supply.transfers.items()):
        if not is_by_people(move) or move.received >= move.qty:
            continue
        there = _midnight_after(state, move.destination, move.arrive_p50)
        if there > state.clock:
            continue
        step = _step(move, "received", there)
        state.supply.transfers[name] = move.stepped(step)
        _shelve(state, move.item, move.destination, there, int(move.qty))


def give_way(state: SenseState, fact: TransferMoved) -> None:
    """A system tells of a transfer for the first time: a report of the same units is undone."""
    if fact.transfer in state.supply.transfers:
        return
    places = (fact.item, fact.origin, fact.destination)
    for name, move in sorted(state.supply.transfers.items()):
        if is_by_people(move) and _is_same(move, places, fact.qty, fact.at):
            _undo(state, move)
            del state.supply.transfers[name]
            return


def order_heard(state: SenseState, fact: OrderLineStated) -> None:
    """A new order line of a buffer that people called: from now on it tells of these units."""
    if fact.po_line in state.supply.lines:
        return
    places = (fact.supplier, fact.item, fact.ship_to)
    for name, (at, call) in sorted(state.supply.calls.items()):
        if call.ref != name:
            continue
        told = abs(fact.occurred_at - at) <= SAME_UNITS
        same = (call.origin, call.item, call.destination) == places
        if same and told and _same_quantity(fact.qty, call.qty):
            state.supply.calls[name] = (at, replace(call, ref=fact.po_line))
            return


def take_back_report(state: SenseState, report: HumanActed) -> None:
    """A report was wrong: what it was believed to have moved goes back."""
    for n, line in enumerate(report.lines):
        name = f"{report.source}#{report.event_id}#{n}"
        move = state.supply.transfers.get(TransferId(name))
        if move is not None:
            _undo(state, move)
        state.supply.end(ActionId(name))
        state.case(line.item).stirred = True


def is_by_people(move: Transfer) -> bool:
    """Whether a transfer is known by a report of people alone."""
    return "#" in move.transfer


def _move(
    state: SenseState, report: HumanActed, line: HumanLineDone, name: str, network: Network
) -> None:
    if line.to is None or line.origin is None or line.to == line.origin or line.qty <= 0:
        return
    origin, site = SiteId(line.origin), SiteId(line.to)
    for known in state.supply.transfers.values():
        if not is_by_people(known) and _is_same(
            known, (line.item, origin, site), line.qty, report.at
        ):
            return
    today = day_number(_local_date(state, site, report.at))
    lanes = network.lanes_between.get((origin, site), ())
    days = [state.supply.lead_times.transit(network, lane, line.item, today) for lane in lanes]
    usual = min((transit_days(p50) for p50, _ in days), default=1)
    late = max(min((transit_days(p90) for _, p90 in days), default=2), usual)
    move = Transfer(
        transfer=TransferId(name),
        item=line.item,
        origin=origin,
        destination=site,
        qty=line.qty,
        ship_on=None,
        arrive_p50=day_from_number(today + usual),
        arrive_p90=day_from_number(today + late),
    )
    state.supply.transfers[move.transfer] = move.stepped(_step(move, "shipped", report.at))
    _shelve(state, line.item, origin, report.at, -int(line.qty))


def _call(
    state: SenseState, report: HumanActed, line: HumanLineDone, name: str, network: Network
) -> None:
    """A buffer called: on its way until the order line of the call says how it goes."""
    if line.to is None or line.origin is None or line.qty <= 0:
        return
    contract = network.supply.get((SupplierId(line.origin), line.item, SiteId(line.to)))
    if contract is None or contract.buffer_lead_time_days is None:
        return
    quick, late = buffer_days(contract, contract.buffer_lead_time_days)
    ref = line.order_id or name
    _order(state, report, line, "buffer_call", name, ref, SiteId(line.to), (quick, late))


def _bring_forward(
    state: SenseState, report: HumanActed, line: HumanLineDone, name: str, network: Network
) -> None:
    """An order line brought forward: by as many days as its contract says that can be."""
    known = state.supply.lines[PoLineId(line.order_id or "")]
    contract = contract_of(network, known)
    if (
        contract is None
        or contract.expedite_days_saved is None
        or known.stated.occurred_at > report.at
        or line.qty <= 0
    ):
        # A line stated since says itself when it comes.
        return
    site = known.stated.ship_to
    today = day_number(_local_date(state, site, report.at))
    outlook = line_outlook(network, state.supply, known, today)
    waiting = next((a for a in outlook.arrivals if a.shipment is None), None)
    if waiting is None:
        return
    saved = math.floor(contract.expedite_days_saved)
    quick = max(waiting.p50 - today - saved, 1)
    late = max(waiting.p90 - today - saved, quick)
    _order(state, report, line, "expedite", name, known.stated.po_line, site, (quick, late))


def _order(
    state: SenseState,
    report: HumanActed,
    line: HumanLineDone,
    kind: ActionKind,
    name: str,
    ref: str,
    site: SiteId,
    days: tuple[int, int],
) -> None:
    began = _local_date(state, site, report.at)
    ordered = Ordered(
        action_id=ActionId(name),
        kind=kind,
        item=line.item,
        origin=line.origin or "",
        destination=site,
        qty=line.qty,
        ref=ref,
        ship_on=began,
        arrive_p50=began + timedelta(days=days[0]),
        arrive_p90=began + timedelta(days=days[1]),
    )
    state.supply.order(ordered, report.at)


def _is_same(
    known: Transfer, places: tuple[ItemId, SiteId, SiteId], qty: Units, at: datetime
) -> bool:
    if (known.item, known.origin, known.destination) != places:
        return False
    if not _same_quantity(known.qty, qty):
        return False
    if known.steps:
        return abs(known.steps[0].at - at) <= SAME_UNITS
    return known.ship_on is not None and abs(known.ship_on - at.date()) <= SAME_UNITS


def _same_quantity(one: Units, other: Units) -> bool:
    return abs(one - other) <= SAME_QUANTITY * max(one, other)


def _step(move: Transfer, step: str, at: datetime) -> TransferStepTaken:
    return TransferStepTaken(
        source="",
        event_id=move.transfer,
        step=step,
        qty=move.qty,
        at=at,
        arrive_p50=move.arrive_p50,
        arrive_p90=move.arrive_p90,
        qty_before=move.qty,
    )


def _undo(state: SenseState, move: Transfer) -> None:
    """What it moved on the shelves goes back, as movements of the same moments."""
    for step in move.steps:
        site, sign = (move.origin, 1) if step.step == "shipped" else (move.destination, -1)
        _shelve(state, move.item, site, step.at, sign * step.moved)


def _shelve(state: SenseState, item: ItemId, site: SiteId, at: datetime, qty: int) -> None:
    row = state.panel.row_of.get((item, site))
    if row is not None:
        add_stock_moves(state.panel, np.array([row]), np.array([micros(at)]), np.array([qty]))
        state.case(item).stirred = True


def _local_date(state: SenseState, site: SiteId, at: datetime) -> date:
    zone = state.panel.zones.get(site)
    return (at if zone is None else at.astimezone(zone)).date()


def _midnight_after(state: SenseState, site: SiteId, day: date) -> datetime:
    zone = state.panel.zones.get(site)
    return datetime.combine(day + timedelta(days=1), time(), zone or UTC).astimezone(UTC)
