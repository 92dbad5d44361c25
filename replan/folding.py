"""What does a fact change in what is believed? Each kind, folded in the order of arrival."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import assert_never

import numpy as np

from replan import outside_moves
from replan.departures import transit_days
from replan.events import (
    AlertRaised,
    DayClosed,
    DriverStated,
    EtaChanged,
    HumanActed,
    LeadTimeStated,
    MilestoneReached,
    OrderLineStated,
    QuestionAnswered,
    Received,
    Retracted,
    SaleRecorded,
    SenseFact,
    ShipmentNoticed,
    ShipmentTroubled,
    StockAdjusted,
    StockCounted,
    SupplyCommitted,
    TransferMoved,
    TroubleFound,
)
from replan.hearing import REPLY, hear_reply
from replan.network import Network
from replan.overdue import hear_report
from replan.panel import (
    NEVER,
    add_driver,
    add_hours,
    add_sales,
    begin,
    local_day_number,
    local_hour,
    micros,
)
from replan.replies import reply_text
from replan.sensing import Sensing
from replan.signals import take_signal
from replan.state import SenseState, Sighting
from replan.stock_book import add_stock_moves, book_at, count_stock
from replan.units import ONE_UNIT, SiteId, day_from_number, day_number


def fold_facts(
    state: SenseState, facts: Sequence[SenseFact], at: datetime, sensing: Sensing
) -> None:
    """Fold facts that arrived up to a tick, in the order of their arrival; the state is changed in
    place.
    """
    panel = state.panel
    oldest = day_number(at.date()) - sensing.rules.history_days
    sales: list[tuple[int, int, int, int, int]] = []
    moves: list[tuple[int, int, int]] = []
    counts: list[StockCounted] = []
    sold: list[SaleRecorded] = []
    for fact in facts:
        match fact:
            case SaleRecorded():
                row = panel.row_of.get((fact.item, fact.site))
                if row is None:
                    continue
                day = local_day_number(panel, fact.site, fact.occurred_at)
                if day >= oldest:
                    hour = local_hour(panel, fact.site, fact.occurred_at)
                    sales.append((row, day, fact.sold, micros(fact.occurred_at), hour))
                    sold.append(fact)
                _see(
                    state,
                    row,
                    "suspect" if fact.suspect else "sale",
                    fact,
                    "the newest sale heard of",
                )
                if fact.promo is not None:
                    _see(
                        state,
                        row,
                        f"promo:{fact.promo}",
                        fact,
                        f"sold under promotion {fact.promo}",
                    )
                    panel.drivers.sold_under(row, fact.promo, day)
            case DriverStated():
                row = panel.row_of.get((fact.item, fact.site))
                if row is not None:
                    add_driver(panel, row, panel.drivers.state(row, fact))
                    state.case(fact.item).stirred = True
            case DayClosed():
                told = state.told_closed.get(fact.site, NEVER)
                state.told_closed[fact.site] = max(told, day_number(fact.business_date))
            case StockCounted():
                counts.append(fact)
            case StockAdjusted():
                row = panel.row_of.get((fact.item, fact.site))
                if row is not None:
                    moves.append((row, micros(fact.occurred_at), fact.delta))
                    words = (
                        f"stock adjusted by {fact.delta / 1000:g} ({fact.reason or 'no reason'})"
                    )
                    _see(state, row, "adjust", fact, words)
                    state.case(fact.item).stirred = True
            case OrderLineStated():
                outside_moves.order_heard(state, fact)
                stated_on = day_from_number(_today(state, fact.ship_to, fact.occurred_at))
                known = state.supply.lines.get(fact.po_line)
                state.supply.state_line(fact, stated_on)
                if known is not None:
                    state.case(fact.item).stirred = True
            case Received():
                state.supply.receive(fact, day_from_number(_today(state, fact.site, fact.at)))
                row = panel.row_of.get((fact.item, fact.site))
                if row is not None:
                    usable = fact.qty_received - fact.qty_damaged
                    moves.append((row, micros(fact.at), usable))
                    if fact.qty_damaged > 0:
                        state.case(fact.item).stirred = True
            case TransferMoved():
                outside_moves.give_way(state, fact)
                moved = state.supply.move_transfer(fact, _arrival(state, fact, sensing.network))
                end = fact.origin if fact.step == "shipped" else fact.destination
                row = panel.row_of.get((fact.item, end))
                if moved and row is not None:
                    sign = -1 if fact.step == "shipped" else 1
                    moves.append((row, micros(fact.at), sign * moved))
            case TroubleFound() | Retracted():
                # Doubts were taken before; what is taken back goes when all else is in.
                continue
            case (
                SupplyCommitted()
                | LeadTimeStated()
                | ShipmentNoticed()
                | MilestoneReached()
                | EtaChanged()
                | ShipmentTroubled()
                | AlertRaised()
            ):
                take_signal(state, fact, sensing.network, day_number(at.date()))
            case HumanActed():
                hear_report(state, fact, at)
                outside_moves.take_report(state, fact, sensing.network)
            case QuestionAnswered():
                for row in hear_reply(state, fact):
                    _see(state, row, REPLY, fact, reply_text(fact))
            case _:
                assert_never(fact)
    if sales:
        table = np.array(sales, dtype=np.int64)
        bulk = add_sales(panel, table[:, 0], table[:, 1], table[:, 2])
        for n in bulk.tolist():
            words = f"one ticket of {sold[n].sold / ONE_UNIT:g}, far above the usual ones: bulk"
            _see(state, int(table[n, 0]), "bulk", sold[n], words)
        usual = np.delete(table, bulk, axis=0)
        add_hours(panel, usual[:, 0], usual[:, 1], usual[:, 4], usual[:, 2])
        moves += [(row, when, -qty) for row, _, qty, when, _ in sales]
    if moves:
        table = np.array(moves, dtype=np.int64)
        add_stock_moves(panel, table[:, 0], table[:, 1], table[:, 2])
    for count in counts:
        _count(state, count, oldest, sensing)


def _count(state: SenseState, fact: StockCounted, oldest: int, sensing: Sensing) -> None:
    """A count of the shelf. One that the book did not expect, by more than a little, is worth
    saying.
    """
    panel = state.panel
    row = panel.row_of.get((fact.item, fact.site))
    if row is None:
        return
    as_of = micros(fact.as_of)
    book = book_at(panel, row, as_of)
    if not count_stock(panel, row, fact.on_hand, as_of):
        return
    day = max(local_day_number(panel, fact.site, fact.as_of), oldest)
    begin(panel, np.array([row]), np.array([day]))
    _see(state, row, "count", fact, f"{fact.on_hand / ONE_UNIT:g} on hand counted")
    if book is None:
        return
    off = abs(fact.on_hand - max(book, 0))
    least = max(abs(book) // 20, 3 * ONE_UNIT)
    minor = off * sensing.network.items[fact.item].unit_cost_minor // ONE_UNIT
    if off > least and minor >= sensing.rules.min_value_minor:
        words = f"{fact.on_hand / ONE_UNIT:g} counted where {book / ONE_UNIT:g} were on record"
        _see(state, row, "mismatch", fact, words)
        state.case(fact.item).stirred = True


def _see(state: SenseState, row: int, kind: str, fact: SenseFact, text: str) -> None:
    """Keep the newest fact of a kind as evidence; ties by source and id, so order cannot show."""
    known = state.sightings.get((row, kind))
    if known is None or (fact.occurred_at, fact.source, fact.event_id) > (
        known.time,
        known.source,
        known.event_id,
    ):
        state.sightings[(row, kind)] = Sighting(
            event_id=fact.event_id, source=fact.source, time=fact.occurred_at, text=text
        )


def _today(state: SenseState, site: SiteId, at: datetime) -> int:
    zone = state.panel.zones.get(site)
    return day_number((at.astimezone(zone) if zone is not None else at).date())


def _arrival(state: SenseState, fact: TransferMoved, network: Network) -> tuple[date, date]:
    """Days p50 and p90 on which a transfer that takes a step now arrives by the quickest lane; a
    day or two later where none is known.
    """
    today = _today(state, fact.destination, fact.at)
    lanes = network.lanes_between.get((fact.origin, fact.destination), ())
    p50 = min((transit_days(lane.lead_time_days_p50) for lane in lanes), default=1)
    p90 = min((transit_days(lane.lead_time_days_p90) for lane in lanes), default=2)
    return day_from_number(today + p50), day_from_number(today + max(p50, p90))
