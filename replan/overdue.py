"""Which goods and which reports should have been there by now?

A transfer or a called buffer that is more than a day past its late arrival no longer counts as
supply (see `inbound`). That is an alarm of its item and receiving site, until it is received,
taken back, or forgotten. A case that a person took over and did not report on is one of its item.
"""

from datetime import date, datetime, timedelta

from replan.alarms import AlarmScope
from replan.events import HumanActed
from replan.inbound import is_long_overdue
from replan.state import SenseState
from replan.units import ONE_UNIT, DecisionId, ItemId, SiteId, day_number

REPORT_ALARM = timedelta(days=7)
"""How long a report that did not come is told."""


def watch_overdue(state: SenseState, at: datetime) -> None:
    """Open an alarm for each item and site that waits in vain at a tick, and close those that are
    over.
    """
    late: dict[tuple[ItemId, SiteId], str] = {}
    for name, move in sorted(state.supply.transfers.items()):
        if move.received < move.qty and _is_late(state, move.destination, move.arrive_p90, at):
            units = (int(move.qty) - move.received) / ONE_UNIT
            late.setdefault(
                (move.item, move.destination),
                f"transfer {name} of {units:g} from {move.origin} to {move.destination} was to "
                f"arrive by {move.arrive_p90}; it no longer counts as supply",
            )
    for item in sorted({call.item for _, call in state.supply.calls.values()}):
        for call in state.supply.open_calls(item):
            if _is_late(state, call.destination, call.arrive_p90, at):
                late.setdefault(
                    (item, call.destination),
                    f"no order was heard of for {call.qty / ONE_UNIT:g} called from {call.origin}, "
                    f"due by {call.arrive_p90}; they no longer count as supply",
                )
    for scope in state.alarms.scopes("ack_overdue"):
        if scope.site is not None and (scope.item, scope.site) not in late:
            state.alarms.close("ack_overdue", scope, at)
    for (item, site), text in sorted(late.items()):
        scope = AlarmScope(item=item, site=site)
        if not state.alarms.stands("ack_overdue", scope):
            state.case(item).stirred = True
        state.alarms.open("ack_overdue", scope, at, text)


def miss_report(state: SenseState, item: ItemId, decision_id: DecisionId, at: datetime) -> None:
    """Nobody said in time what was done about a decision taken over."""
    text = f"decision {decision_id} was taken over, and no report of what was done came in time"
    state.alarms.open("ack_overdue", AlarmScope(item=item), at, text, at + REPORT_ALARM)


def hear_report(state: SenseState, report: HumanActed, at: datetime) -> None:
    """A late report about an item ends the alarm that it was missed."""
    if report.item is not None:
        state.alarms.close("ack_overdue", AlarmScope(item=report.item), at)


def _is_late(state: SenseState, site: SiteId, arrive_p90: date, at: datetime) -> bool:
    zone = state.panel.zones.get(site)
    today = (at if zone is None else at.astimezone(zone)).date()
    return is_long_overdue(arrive_p90, day_number(today))
