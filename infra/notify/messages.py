"""What is a person told? A few lines and a link; the decision itself is made where the brief is."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, tzinfo
from typing import Any

from replan.currencies import money_text
from replan.infra.ledger.notices import DIGEST
from replan.urgency import urgency

MOST_LISTED = 10
"""Cases that a digest names; the rest is counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What one recipient is told. `notice_id` is the same however often it is sent, so that a
    receiver can know it again; `decision_id` is None for a digest. `data` is the notification as it
    stands in the out file, or the digest's rows.
    """

    notice_id: str
    recipient: str
    decision_id: str | None
    subject: str
    text: str
    link: str | None
    data: Mapping[str, Any]

    def json(self) -> dict[str, Any]:
        """As plain JSON data."""
        return asdict(self) | {"data": dict(self.data)}


def message_from_json(plain: Mapping[str, Any]) -> Message:
    """The message that `Message.json` wrote."""
    return Message(**plain)


def announcement(notice_id: str, told: Mapping[str, Any], *, link: str, zone: tzinfo) -> Message:
    """The message about one incident; `told` as in the out file of notifications."""
    decision_id = told["decision_id"]
    headline = told["headline"] or f"{told['category']}: a decision waits"
    lines = [headline, ""]
    risk, currency = told["value_at_risk_minor"], told["currency"]
    if risk is not None:
        low, high = money_text(risk["p10"], currency), money_text(risk["p90"], currency)
        lines.append(f"At risk: {low} to {high}")
    if told.get("likely_cause"):
        lines.append(f"Likely cause: {told['likely_cause']}")
    if told["deadline"] is not None:
        lines.append(f"Answer by: {_local(told['deadline'], zone)}")
    lines += [f"Waits for: {told['recipient']}", f"Decision: {decision_id}"]
    address = _address(link, decision_id)
    if address is not None:
        lines += ["", address]
    return Message(
        notice_id=notice_id,
        recipient=told["recipient"],
        decision_id=decision_id,
        subject=one_line(headline),
        text="\n".join(lines) + "\n",
        link=address,
        data=dict(told),
    )


def digest_message(
    day: str,
    recipient: str,
    waiting: Sequence[Mapping[str, Any]],
    *,
    at: datetime,
    link: str,
    zone: tzinfo,
) -> Message:
    """What waits for a recipient on a morning, the most urgent first; `waiting`: decision
    bodies.
    """

    def urgent(body: Mapping[str, Any]) -> float:
        last = body["deadline"]
        return urgency(
            body["at_risk_minor"], None if last is None else datetime.fromisoformat(last), at
        )

    ranked = sorted(waiting, key=lambda b: (-urgent(b), b["decision_id"]))
    quiet = sum(1 for body in ranked if not body["notified"])
    count = "1 case waits" if len(ranked) == 1 else f"{len(ranked)} cases wait"
    lines = [f"{count} for {recipient}; {quiet} of them not announced before.", ""]
    for body in ranked[:MOST_LISTED]:
        headline = ((body["brief"] or {}).get("headline") or {}).get("text") or body["category"]
        by = "" if body["deadline"] is None else f", by {_local(body['deadline'], zone)}"
        address = _address(link, body["decision_id"])
        lines.append(f"- {headline}{by}" + ("" if address is None else f"\n  {address}"))
    if len(ranked) > MOST_LISTED:
        lines.append(f"- and {len(ranked) - MOST_LISTED} more in the queue")
    return Message(
        notice_id=f"{DIGEST}{day}:{recipient}",
        recipient=recipient,
        decision_id=None,
        subject=f"{count} for {recipient} on {day}",
        text="\n".join(lines) + "\n",
        link=None,
        data={"day": day, "waiting": [body["decision_id"] for body in ranked]},
    )


def _address(link: str, decision_id: str) -> str | None:
    return link.replace("{id}", decision_id) if link else None


def _local(instant: str, zone: tzinfo) -> str:
    return datetime.fromisoformat(instant).astimezone(zone).strftime("%a %d %b %H:%M %Z")


def one_line(text: str) -> str:
    """Text fit for a header: no line ends, no control characters."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:200]
