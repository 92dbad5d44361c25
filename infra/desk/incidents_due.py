"""How does an incident open by itself? What was noticed is opened, its scope stopped, and told."""

from typing import Any, Final

from replan.errors import LedgerMoved
from replan.infra.desk.incident_record import (
    UNAUTHORISED,
    incidents,
    instant_or_first,
    opened,
    put,
)
from replan.infra.desk.incident_watch import DUE
from replan.infra.desk.room import ATTEMPTS
from replan.infra.desk.stop_switch import MOST_REASON, StopSwitch
from replan.infra.ledger.store import Ledger
from replan.infra.ledger.writer import LedgerWriter
from replan.ladder import ENGINE

NOT_STOPPED: Final = frozenset({UNAUTHORISED})
"""Kinds of which nothing is stopped, or any stranger could stop the engine."""


def open_due(ledger: Ledger, switch: StopSwitch) -> None:
    """Open what was noticed, each with a stop of its scope; what is open already is not opened
    again.
    """
    for _ in range(ATTEMPTS):
        if not ledger.control(DUE):
            return
        try:
            with ledger.transaction() as write:
                for one in write.control(DUE) or ():
                    _open(write, switch, one)
                write.set_control(DUE, [])
            return
        except LedgerMoved:
            continue


def _open(write: LedgerWriter, switch: StopSwitch, one: dict[str, Any]) -> None:
    kind, scope, said = one["kind"], one["scope"], one["said"]
    if any((i.kind, i.scope, i.closed_by) == (kind, scope, None) for i in incidents(write)):
        return
    at = write.clock()
    suspended = "nothing is stopped: the door stays shut to whoever tried"
    if kind not in NOT_STOPPED:
        moved = switch.stop_within(write, scope, by=ENGINE, reason=f"{kind}: {said}"[:MOST_REASON])
        suspended = f"stopped: {len(moved.held)} held, {len(moved.in_flight)} in flight"
    made = opened(
        kind=kind,
        scope=scope,
        said=said,
        by=ENGINE,
        at=instant_or_first(at),
        suspended=suspended,
        caused_by=one["caused_by"],
    )
    put(write, made, "opened", at)
