"""What follows when suppliers, carriers or alerts speak? The signal is kept, and an item whose
supply it moves is looked at again.
"""

from typing import assert_never

from replan import alerts
from replan.arrivals import line_outlook
from replan.events import (
    AlertRaised,
    EtaChanged,
    LeadTimeStated,
    MilestoneReached,
    ShipmentNoticed,
    ShipmentTroubled,
    SupplyCommitted,
    SupplySignal,
)
from replan.network import Network
from replan.state import SenseState
from replan.units import ItemId, PoLineId


def take_signal(state: SenseState, fact: SupplySignal, network: Network, today: int) -> None:
    """Fold one signal. `today`: the day number from which what is to come is seen."""
    supply = state.supply
    match fact:
        case AlertRaised():
            concerned = _concerned(state, network, fact)
            alerts.take(state.alerts, fact)
            for item in concerned:
                state.case(item).stirred = True
            return
        case LeadTimeStated():
            supply.lead_times.state(fact)
            state.case(fact.item).stirred = True
            return
        case SupplyCommitted() | ShipmentNoticed():
            touched = [fact.po_line]
        case MilestoneReached() | EtaChanged() | ShipmentTroubled():
            touched = supply.shipments.lines_of(fact.shipment)
        case _:
            assert_never(fact)
    # An item that is looked at again anyway needs no second reason.
    touched = [po_line for po_line in touched if not _is_stirred(state, po_line)]
    before = [_expected(state, network, po_line, today) for po_line in touched]
    match fact:
        case SupplyCommitted():
            supply.commit(fact)
        case ShipmentNoticed():
            supply.notice(fact)
        case MilestoneReached() | EtaChanged() | ShipmentTroubled():
            supply.shipments.report(fact)
    for po_line, was in zip(touched, before, strict=True):
        # A restated ETA that moves no day is no news.
        if _expected(state, network, po_line, today) != was:
            state.case(supply.lines[po_line].stated.item).stirred = True


def take_back_signal(state: SenseState, fact: SupplySignal, network: Network) -> None:
    """Undo one signal: what was said before it holds again."""
    supply = state.supply
    match fact:
        case AlertRaised():
            items = _concerned(state, network, fact)
            alerts.take_back(state.alerts, fact)
        case LeadTimeStated():
            items = [fact.item]
            supply.lead_times.take_back(fact)
        case SupplyCommitted():
            items = [fact.item]
            supply.take_back_commit(fact)
        case ShipmentNoticed():
            items = [fact.item]
            supply.shipments.take_back_notice(fact)
        case MilestoneReached() | EtaChanged() | ShipmentTroubled():
            lines = [supply.lines.get(line) for line in supply.shipments.lines_of(fact.shipment)]
            items = [line.stated.item for line in lines if line is not None]
            supply.shipments.take_back_report(fact)
        case _:
            assert_never(fact)
    for item in items:
        state.case(item).stirred = True


def _expected(
    state: SenseState, network: Network, po_line: PoLineId, today: int
) -> tuple[tuple[int, int, int], ...]:
    line = state.supply.lines.get(po_line)
    if line is None or line.stated.ship_to not in network.sites:
        return ()
    arrivals = line_outlook(network, state.supply, line, today).arrivals
    return tuple(sorted((row.p50, row.p90, row.qty) for row in arrivals))


def _is_stirred(state: SenseState, po_line: PoLineId) -> bool:
    line = state.supply.lines.get(po_line)
    file = None if line is None else state.cases.get(line.stated.item)
    return file is not None and file.stirred


def _concerned(state: SenseState, network: Network, alert: AlertRaised) -> list[ItemId]:
    """Items stocked at a site that an alert concerns, or with something on its way from there."""
    reach = alerts.reach(network, alert)
    stocked = {item for item, site in network.series if site in reach.sites}
    coming = {
        line.stated.item
        for line in state.supply.lines.values()
        if state.supply.open_qty(line) > 0
        and reach.touches((line.stated.supplier, line.stated.ship_to))
    }
    moving = {
        transfer.item
        for transfer in state.supply.transfers.values()
        if reach.touches((transfer.origin, transfer.destination))
    }
    return sorted(stocked | coming | moving)
