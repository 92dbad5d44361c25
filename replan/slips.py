"""Does supply that slipped endanger the stock, and who says so? Category, cause and evidence.

A slip is the trouble only where the stock would be short by less had nothing slipped lately and no
alert stood; what was slipping anyway, or cannot matter any more, explains nothing.
"""

from collections.abc import Iterator
from datetime import datetime

from replan.ahead import Ahead, shortfalls
from replan.alerts import Reach
from replan.arrivals import LineOutlook, Slip, slipped_at
from replan.effects import Category, Evidence
from replan.events import (
    EtaChanged,
    LeadTimeStated,
    MilestoneReached,
    ShipmentNoticed,
    ShipmentTroubled,
    SupplyCommitted,
)
from replan.lead_times import Bias
from replan.scenarios import Z90
from replan.supply import Promise, SupplyLedger
from replan.units import ONE_UNIT, SiteId, day_from_number, instant_text

LEAST_SHARE = 0.05
"""A slip explains a shortage where it stands for this share of it or more."""

LEAST_LINES, LEAST_DAYS_LATE = 3, 0.5
"""A supplier's bias is told from so many lines, and so many days on average, on."""

STATUS_WORDS = {
    "AF": "left the pick-up",
    "P1": "left a terminal",
    "X6": "on its way",
    "AG": "delivery estimated",
    "X2": "arrival estimated",
    "SD": "delayed",
    "X1": "arrived",
    "D1": "unloaded",
    "A7": "refused",
    "A9": "damaged",
    "CA": "cancelled",
    "PA": "delivered in part",
}
REASON_WORDS = {
    "AO": "weather",
    "AJ": "carrier",
    "AS": "customs",
    "CA": "customs",
    "BE": "road",
}


def endangered_by(ahead: Ahead, at: datetime) -> tuple[Category, str] | None:
    """Category and cause of a shortage that comes from supply: what a carrier reports before what a
    supplier says, an alert where nobody has said anything else. None where supply is not why.
    """
    if ahead.usual is None:
        return None
    (now,), (was,) = shortfalls([ahead], Z90), shortfalls([ahead.usual], Z90)
    if now - was < LEAST_SHARE * now or now <= was:
        return None
    alert = max(ahead.alerts, key=lambda r: (r.arrivals, r.alert.occurred_at), default=None)
    late = sorted(
        (
            (_is_shipped(slip), slipped_at(slip), line.line.stated.po_line, line)
            for line in ahead.lines
            for slip in line.recent_slips(at)
        ),
        key=lambda row: row[:3],
    )
    if late and late[-1][0]:
        line = late[-1][3]
        stands = [r for r in ahead.alerts if _concerns(r, line)]
        supplier = f"supplier:{line.line.stated.supplier}"
        return "shipment_delay", f"alert:{stands[-1].alert.event_id}" if stands else supplier
    behind = [line for line in ahead.lines if line.has_slipped(at)]
    if behind:
        return "lead_time_slip", f"supplier:{behind[-1].line.stated.supplier}"
    if ahead.words:
        return "lead_time_slip", f"supplier:{ahead.words[-1].supplier}"
    return None if alert is None else ("disruption", f"alert:{alert.alert.event_id}")


def line_evidence(supply: SupplyLedger, outlook: LineOutlook, short_from: int) -> Evidence:
    """An open order line: what is due when, by whose word, and how far that can be trusted. Speaks
    against a plan where its first units come by the day number on which stock runs short.
    """
    line = outlook.line
    stated = line.stated
    open_qty = supply.open_qty(line) / ONE_UNIT
    text = f"order line {stated.po_line}: {open_qty:g} due at {stated.ship_to} on {stated.promised}"
    if line.slip is not None and line.slip.event_id == stated.event_id:
        text += f", first promised for {line.first_promised}"
    first = min((arrival.p50 for arrival in outlook.arrivals), default=None)
    if first is None:
        text += ", not expected any more"
    elif day_from_number(first) != stated.promised:
        text += f", expected on {day_from_number(first)}"
    if outlook.lost:
        text += f", {outlook.lost / ONE_UNIT:g} lost on the way"
    bias = supply.lead_times.bias_of(stated.supplier, stated.item)
    if bias is not None and bias.lines >= LEAST_LINES and abs(bias.mean_days) >= LEAST_DAYS_LATE:
        text += f"; {bias_text(stated.supplier, bias)}"
    return Evidence(
        event_id=stated.event_id,
        time=stated.occurred_at,
        fact=text,
        speaks_against=first is not None and first <= short_from,
    )


def bias_text(supplier: str, bias: Bias) -> str:
    """How late a supplier is, as a planner would say it."""
    word = "late" if bias.mean_days >= 0 else "early"
    lines = f"{bias.lines} line" if bias.lines == 1 else f"{bias.lines} lines"
    return f"{supplier} is {abs(bias.mean_days):.1f} days {word} on average over {lines}"


def slip_evidence(ahead: Ahead, at: datetime) -> Iterator[tuple[str, Evidence]]:
    """What was said of late about supply that slipped, and the alerts that stand: each with its
    source.
    """
    for line in ahead.lines:
        for slip in line.recent_slips(at):
            if not isinstance(slip, Promise | LeadTimeStated):
                text = f"order line {line.line.stated.po_line}: {_words(slip)}"
                yield (
                    slip.source,
                    Evidence(event_id=slip.event_id, time=slip.occurred_at, fact=text),
                )
    for word in ahead.words:
        yield (
            word.source,
            Evidence(event_id=word.event_id, time=word.occurred_at, fact=_words(word)),
        )
    for reach in ahead.alerts:
        alert = reach.alert
        yield (
            alert.source,
            Evidence(
                event_id=alert.event_id,
                time=alert.occurred_at,
                fact=_alert_words(reach, ahead.site),
            ),
        )


def _is_shipped(slip: Slip) -> bool:
    return isinstance(slip, ShipmentNoticed | MilestoneReached | EtaChanged | ShipmentTroubled)


def _concerns(reach: Reach, line: LineOutlook) -> bool:
    return reach.touches((line.line.stated.supplier, line.line.stated.ship_to))


def _words(slip: Slip) -> str:
    match slip:
        case SupplyCommitted():
            return f"the supplier commits to {slip.qty / ONE_UNIT:g} on {slip.day}"
        case ShipmentNoticed():
            return f"shipment {slip.shipment} should arrive at {instant_text(slip.eta)}"
        case MilestoneReached():
            why = REASON_WORDS.get(slip.reason or "", slip.reason)
            because = f" ({why})" if why else ""
            return f"shipment {slip.shipment} {STATUS_WORDS[slip.code]} at {slip.place}{because}"
        case EtaChanged():
            return f"shipment {slip.shipment} is now expected at {instant_text(slip.eta)}"
        case ShipmentTroubled():
            return f"shipment {slip.shipment}: {slip.code} ({slip.severity})"
        case LeadTimeStated():
            days = slip.p50_s / 86_400
            because = f" ({slip.reason})" if slip.reason else ""
            since = slip.valid_from.date()
            return f"{slip.supplier} needs {days:.3g} days for {slip.item} from {since}{because}"
        case Promise():
            return f"promised for {slip.promised}"


def _alert_words(reach: Reach, site: SiteId) -> str:
    alert = reach.alert
    what = alert.words or alert.kind
    where = "there" if site in reach.sites else "on the way"
    until = instant_text(alert.expires)
    return f"{site}: alert {alert.alert} {where} until {until}: {what}, {alert.severity.lower()}"
