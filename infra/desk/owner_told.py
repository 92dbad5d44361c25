"""How does a process owner hear of what moved the boundary or went wrong? As an event, and as a
message by every way that tells the role.

The event stands among the notifications whatever the mode; the message waits for its way like that
of a case, and in shadow, where nothing leaves, there is none.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from replan.infra.ledger.rows import text
from replan.infra.ledger.standing import MODE
from replan.infra.ledger.writer import LedgerWriter
from replan.infra.notify.messages import Message, one_line
from replan.infra.out_names import NOTIFICATIONS
from replan.people import DEFAULT_RECIPIENT


def tell_owner(write: LedgerWriter, event: Mapping[str, Any], at: datetime) -> None:
    """Publish a CloudEvent about the boundary, an incident or a review, and let it be told."""
    write.publish(NOTIFICATIONS, [text(event)])
    if write.control(MODE) != "shadow":
        message = owner_message(event)
        write.add_notice(message.notice_id, message.recipient, None, at, message.json())


def owner_message(event: Mapping[str, Any]) -> Message:
    """What a process owner reads of such an event."""
    data = event["data"]
    subject, lines = _WORDS[str(event["type"])](data)
    return Message(
        notice_id=str(event["id"]),
        recipient=DEFAULT_RECIPIENT,
        decision_id=None,
        subject=one_line(subject),
        text="\n".join((subject, "", *lines)) + "\n",
        link=None,
        data=dict(event),
    )


def _moved(data: Mapping[str, Any]) -> tuple[str, list[str]]:
    scope = f"{data['key']}={data['value']}"
    who = data["by"] if data["second"] is None else f"{data['by']} and {data['second']}"
    return (
        f"{scope} was {data['verb']} to {data['stage']}",
        [str(data["reason"]), f"By {who} at {data['at']}. Where all stand: authority stages"],
    )


def _opened(data: Mapping[str, Any]) -> tuple[str, list[str]]:
    scope = data["scope"] or "everything"
    return (
        f"Incident {data['kind']}: {scope}",
        [
            str(data["text"]),
            f"Meanwhile: {data['suspended']}",
            f"Opened by {data['opened_by']} at {data['opened_at']}.",
            f"Its timeline: incident show {data['incident_id']}",
        ],
    )


def _closed(data: Mapping[str, Any]) -> tuple[str, list[str]]:
    scope = data["scope"] or "everything"
    found = f"{data['closed_by']} found at {data['closed_at']}: {data['finding']}"
    return f"Incident {data['kind']} closed: {scope}", [found, str(data["text"])]


def _review(data: Mapping[str, Any]) -> tuple[str, list[str]]:
    return (
        "The quarterly review of the boundary is due",
        [str(data["text"]), f"Overdue at {data['overdue_at']}. To say it: authority review"],
    )


_WORDS = {
    "mode.changed.v1": _moved,
    "incident.opened.v1": _opened,
    "incident.closed.v1": _closed,
    "review.due.v1": _review,
}
