"""Which alerts are worth a person's attention now? One word for one common cause, and not too many
a day, over all planning groups.

All decisions of one cause are one *incident*. The first of them that waits for a recipient is the
incident's *parent* and is announced; what follows while it waits are its children: in the queue
under it, listed, answered one by one, but announced to nobody. Within a tick plans are judged by
expected benefit, the largest first, so the parent is the one that matters most, and the day's
budget of a recipient goes to what matters most. What is not announced waits in the queue like
everything else: attention is limited, nothing is dropped.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from replan.cause_words import likely_cause
from replan.units import DecisionId, instant_text
from replan.urgency import urgency

ALERTS_PER_DAY = 20
"""Announcements that one recipient gets within 24 hours, unless set otherwise: about one in half an
hour of a working day, as many as reviews take."""

BUDGET_WINDOW = timedelta(hours=24)


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """An incident that was announced to a recipient."""

    incident: str
    recipient: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What another planning group's desk announced: its decision leads the incident for that
    recipient as long as it `waits`.
    """

    group: str
    incident: str
    recipient: str
    at: datetime
    decision_id: DecisionId
    waits: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Attention:
    """What an alert is among those that wait: `parent` leads its incident (None: it leads itself);
    `notified`: it is announced to its recipient.
    """

    parent: DecisionId | None
    notified: bool


def told_json(told: Told) -> dict[str, Any]:
    """An announcement of another group as plain JSON data."""
    return {**asdict(told), "at": instant_text(told.at)}


def told_from_json(plain: Mapping[str, Any]) -> Told:
    """The announcement that `told_json` wrote."""
    return Told(**{**plain, "at": datetime.fromisoformat(plain["at"])})


def recent(notices: Sequence[Notice], at: datetime) -> list[Notice]:
    """The notices that still count."""
    return [n for n in notices if at - n.at < BUDGET_WINDOW]


def attention(
    lead: DecisionId | None,
    notices: Sequence[Notice],
    *,
    incident: str,
    recipient: str,
    at: datetime,
    alerts_per_day: int,
) -> Attention:
    """What a decision is that begins to wait now; `lead` (None: none) waits for the same recipient
    with the same cause already.
    """
    if lead is not None:
        return Attention(parent=lead, notified=False)
    counted = [n for n in recent(notices, at) if n.recipient == recipient]
    told = any(n.incident == incident for n in counted)
    return Attention(parent=None, notified=not told and len(counted) < alerts_per_day)


def notification(body: Mapping[str, Any]) -> dict[str, Any]:
    """What is announced of a decision: enough to know whether to look now. `urgency` is that of the
    queue at the moment it was decided, minor units an hour.
    """
    brief = body.get("brief") or {}
    headline = brief.get("headline") or {}
    deadline, decided = body["deadline"], datetime.fromisoformat(body["decided_at"])
    return {
        "incident_id": body["incident_id"],
        "cause": body["cause"],
        "category": body["category"],
        "decision_id": body["decision_id"],
        "version": body["version"],
        "recipient": body["recipient"],
        "deadline": deadline,
        "urgency": urgency(
            body["at_risk_minor"],
            None if deadline is None else datetime.fromisoformat(deadline),
            decided,
        ),
        "likely_cause": likely_cause(
            body["category"],
            body["cause"],
            body.get("tags") or (),
            body.get("cause_confidence") or 0.0,
            body["item"],
            body["site"],
        ),
        "headline": headline.get("text"),
        "value_at_risk_minor": headline.get("value_minor"),
        "currency": body["currency"],
    }
