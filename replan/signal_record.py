"""How are the signals about supply and the alerts kept, so that a restart knows all of them?"""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import date, datetime
from typing import Any

from replan.alerts import AlertBook, take
from replan.events import (
    AlertRaised,
    EtaChanged,
    LeadTimeStated,
    MilestoneReached,
    ShipmentNoticed,
    ShipmentReport,
    ShipmentTroubled,
    SupplyCommitted,
    SupplySignal,
)
from replan.lead_times import LeadTimes, Received
from replan.shipments import Shipments
from replan.supply import SupplyLedger
from replan.units import PoLineId, instant_text

_INSTANTS = frozenset(
    {
        *("occurred_at", "arrived_at", "at", "eta", "p90", "ship_at"),
        *("valid_from", "onset", "expires"),
    }
)
_REPORTS: Mapping[str, type[ShipmentReport]] = {
    "eta": EtaChanged,
    "exception": ShipmentTroubled,
    "milestone": MilestoneReached,
}
_REPORT_NAMES = {kind: name for name, kind in _REPORTS.items()}


def signals_json(supply: SupplyLedger) -> dict[str, Any]:
    """What suppliers and carriers said, and what was learned of lead times, as plain JSON."""
    lead_times = supply.lead_times
    return {
        "received_on": {line: list(days) for line, days in supply.received_on.items()},
        "commits": [_json(fact) for _, said in sorted(supply.commits.items()) for fact in said],
        "notices": [
            _json(fact) for _, said in sorted(supply.shipments.notices.items()) for fact in said
        ],
        "reports": [
            [_REPORT_NAMES[type(fact)], _json(fact)]
            for _, facts in sorted(supply.shipments.reports.items())
            for fact in facts
        ],
        "lead_times": [
            [*source, [[row.on, row.po_line, row.site, row.lead, row.late] for row in rows]]
            for source, rows in sorted(lead_times.samples.items())
        ],
        "stated": [
            _json(fact) for _, facts in sorted(lead_times.updates.items()) for fact in facts
        ],
    }


def signals_from_json(plain: Mapping[str, Any]) -> dict[str, Any]:
    """The members of the supply ledger that `signals_json` wrote."""
    commits: dict[PoLineId, tuple[SupplyCommitted, ...]] = {}
    for row in plain["commits"]:
        commit = SupplyCommitted(**_values(row))
        commits[commit.po_line] = (*commits.get(commit.po_line, ()), commit)
    shipments = Shipments()
    for row in plain["notices"]:
        shipments.notice(ShipmentNoticed(**_values(row)))
    for kind, row in plain["reports"]:
        shipments.report(_REPORTS[kind](**_values(row)))
    lead_times = LeadTimes(
        samples={
            (supplier, item): tuple(Received(*row) for row in rows)
            for supplier, item, rows in plain["lead_times"]
        }
    )
    for row in plain["stated"]:
        lead_times.state(LeadTimeStated(**_values(row)))
    return {
        "received_on": {line: tuple(days) for line, days in plain["received_on"].items()},
        "commits": commits,
        "shipments": shipments,
        "lead_times": lead_times,
    }


def alerts_json(alerts: AlertBook) -> list[dict[str, Any]]:
    """Everything said of the alerts, as plain JSON."""
    return [_json(alert) for _, said in sorted(alerts.items()) for alert in said]


def alerts_from_json(plain: Sequence[Mapping[str, Any]]) -> AlertBook:
    """The alerts that `alerts_json` wrote."""
    alerts: AlertBook = {}
    for one in plain:
        row = _values(one)
        row["locations"] = tuple(row["locations"])
        row["polygon"] = tuple((north, east) for north, east in row["polygon"])
        take(alerts, AlertRaised(**row))
    return alerts


def _json(fact: SupplySignal) -> dict[str, Any]:
    return {field.name: _plain(getattr(fact, field.name)) for field in fields(fact)}


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return instant_text(value)
    return value.isoformat() if isinstance(value, date) else value


def _values(plain: Mapping[str, Any]) -> dict[str, Any]:
    row = dict(plain)
    for name, value in row.items():
        if name in _INSTANTS and value is not None:
            row[name] = datetime.fromisoformat(value)
        elif name == "day":
            row[name] = date.fromisoformat(value)
    return row
