"""What is undone when a fact is taken back? Totals, stock and supply become as if it had never been
said.

Everything is undone from what is believed: a sale leaves its day, and the model steps again through
the days that still can be; a movement leaves the shelf; a count, an order statement or a step of a
transfer gives way to what was known before it. Facts of a tick are taken back after all others of
it have been applied, so their order cannot show.
"""

from collections.abc import Sequence
from datetime import date, datetime
from typing import assert_never

import numpy as np

from replan.effects import Corrected
from replan.events import (
    AlertRaised,
    DayClosed,
    DriverStated,
    EtaChanged,
    HumanActed,
    LeadTimeStated,
    MilestoneReached,
    OrderLineStated,
    Received,
    Retracted,
    SaleRecorded,
    ShipmentNoticed,
    ShipmentReport,
    ShipmentTroubled,
    StockAdjusted,
    StockCounted,
    SupplyCommitted,
    TransferMoved,
)
from replan.holds import cause_of
from replan.network import Network, close_instant
from replan.outside_moves import take_back_report
from replan.panel import (
    NEVER,
    add_driver,
    local_day_number,
    local_hour,
    micros,
    take_back_hour,
    take_back_sale,
)
from replan.signals import take_back_signal
from replan.state import SenseRules, SenseState, Sighting
from replan.stock_book import add_stock_moves, book_at, take_back_count, take_back_move
from replan.supply import OrderLine, TransferStepTaken
from replan.units import ItemId, SiteId, day_from_number, day_number


def take_back(
    state: SenseState, facts: Sequence[Retracted], rules: SenseRules, network: Network
) -> list[Corrected]:
    """Undo these facts, in their order; what was corrected, for whoever decided on it."""
    corrected = []
    for fact in facts:
        of = fact.of
        _forget_sightings(state, fact)
        state.holds.lift(cause_of(fact.source, fact.event_id))
        state.holds.lift(cause_of(of.source, of.event_id))
        item = None if isinstance(of, DayClosed | AlertRaised | ShipmentReport) else of.item
        match of:
            case SaleRecorded():
                _take_back_sale(state, of, rules)
            case StockCounted():
                row = state.panel.row_of.get((of.item, of.site))
                if row is not None:
                    take_back_count(state.panel, row, micros(of.as_of))
                    _shelf_again(state, row, of.site, of.as_of, rules)
            case StockAdjusted():
                _unmove(state, of.item, of.site, of.occurred_at, of.delta, rules)
            case OrderLineStated():
                _unstate(state, of)
            case Received():
                state.supply.take_back_receipt(of, _local_date(state, of.site, of.at))
                usable = of.qty_received - of.qty_damaged
                _unmove(state, of.item, of.site, of.at, usable, rules)
            case TransferMoved():
                _unstep(state, of, rules)
            case DriverStated():
                row = state.panel.row_of.get((of.item, of.site))
                if row is not None:
                    for driver in state.panel.drivers.take_back(row, of.source, of.event_id):
                        add_driver(state.panel, row, driver)
            case DayClosed():
                # A day that has closed stays so: what still comes in reopens it.
                if state.told_closed.get(of.site) == day_number(of.business_date):
                    state.told_closed[of.site] -= 1
            case (
                SupplyCommitted()
                | LeadTimeStated()
                | ShipmentNoticed()
                | MilestoneReached()
                | EtaChanged()
                | ShipmentTroubled()
                | AlertRaised()
            ):
                take_back_signal(state, of, network)
            case HumanActed():
                take_back_report(state, of)
            case _:
                assert_never(of)
        if item is not None:
            state.case(item).stirred = True
        corrected.append(
            Corrected(
                event_id=of.event_id,
                source=of.source,
                item=item,
                by=fact.event_id,
                at=fact.arrived_at,
                reason=fact.reason,
            )
        )
    return corrected


def _forget_sightings(state: SenseState, fact: Retracted) -> None:
    """What was seen by a fact that is taken back is no evidence; that it was taken back is seen."""
    of = fact.of
    for key, seen in list(state.sightings.items()):
        if (seen.source, seen.event_id) == (of.source, of.event_id):
            del state.sightings[key]
            words = f"event {of.event_id} was taken back ({fact.reason.replace('_', ' ')})"
            newer = state.sightings.get((key[0], "corrected"))
            if newer is None or newer.time <= fact.occurred_at:
                state.sightings[(key[0], "corrected")] = Sighting(
                    event_id=fact.event_id,
                    source=fact.source,
                    time=fact.occurred_at,
                    text=words,
                )


def _take_back_sale(state: SenseState, sale: SaleRecorded, rules: SenseRules) -> None:
    panel = state.panel
    row = panel.row_of.get((sale.item, sale.site))
    if row is None:
        return
    day = local_day_number(panel, sale.site, sale.occurred_at)
    if len(panel.sold) and day >= panel.first_day:
        hour = local_hour(panel, sale.site, sale.occurred_at)
        take_back_hour(panel, row, day, hour, sale.sold)
        take_back_sale(panel, row, day, sale.sold)
    _unmove(state, sale.item, sale.site, sale.occurred_at, -sale.sold, rules)


def _unmove(
    state: SenseState, item: ItemId, site: SiteId, at: datetime, qty: int, rules: SenseRules
) -> None:
    row = state.panel.row_of.get((item, site))
    if row is not None:
        take_back_move(state.panel, row, micros(at), qty)
        _shelf_again(state, row, site, at, rules)


def _shelf_again(
    state: SenseState, row: int, site: SiteId, since: datetime, rules: SenseRules
) -> None:
    """Was the shelf empty at the end of the days since then? Asked again where the book still
    knows; a day that turns out otherwise is stepped again.
    """
    panel = state.panel
    first = max(local_day_number(panel, site, since), panel.first_day)
    for day in range(first, int(panel.closed[row]) + 1):
        end = close_instant(day_from_number(day), rules.day_closes_at, panel.zones[site])
        book = book_at(panel, row, micros(end))
        if book is None or panel.empty[day - panel.first_day, row] == (book <= 0):
            continue
        panel.empty[day - panel.first_day, row] = book <= 0
        if panel.reopened[row] == NEVER or day < panel.reopened[row]:
            panel.reopened[row] = day


def _unstate(state: SenseState, fact: OrderLineStated) -> None:
    """A statement about an order line gives way to the one before it; the only one takes the line
    with it.
    """
    supply = state.supply
    known = supply.lines.get(fact.po_line)
    if known is None:
        return
    name = (fact.source, fact.event_id)
    kept = [s for s in (*known.earlier, known.stated) if (s.source, s.event_id) != name]
    promises = tuple(p for p in known.promises if (p.source, p.event_id) != name)
    if not kept or not promises:
        supply.forget_line(fact.po_line)
        return
    *earlier, newest = kept
    supply.put_line(
        OrderLine(
            stated=newest,
            earlier=tuple(earlier),
            created_on=_local_date(state, newest.ship_to, promises[0].at),
            promises=promises,
        )
    )


def _local_date(state: SenseState, site: SiteId, at: datetime) -> date:
    zone = state.panel.zones.get(site)
    return (at.astimezone(zone) if zone is not None else at).date()


def _unstep(state: SenseState, fact: TransferMoved, rules: SenseRules) -> None:
    """A step of a transfer was not taken: what it moved goes back, and the steps left move what
    they do without it.
    """
    before, after = state.supply.unstep_transfer(fact)
    _move_steps(state, fact, before, sign=-1)
    _move_steps(state, fact, after, sign=1)
    for end in sorted({fact.origin, fact.destination}):
        row = state.panel.row_of.get((fact.item, end))
        if row is not None and before:
            _shelf_again(state, row, end, fact.at, rules)


def _move_steps(
    state: SenseState, fact: TransferMoved, steps: Sequence[TransferStepTaken], *, sign: int
) -> None:
    """Put the movements of steps on the shelves they touch (`sign` 1), or take them off (-1)."""
    for step in steps:
        end = fact.origin if step.step == "shipped" else fact.destination
        row = state.panel.row_of.get((fact.item, end))
        if row is None or not step.moved:
            continue
        qty = -step.moved if step.step == "shipped" else step.moved
        if sign < 0:
            take_back_move(state.panel, row, micros(step.at), qty)
        else:
            add_stock_moves(
                state.panel, np.array([row]), np.array([micros(step.at)]), np.array([qty])
            )
