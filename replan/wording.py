"""How are times, amounts and actions said to people? The same words wherever a person reads."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from replan.currencies import money_text

_WEEK = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_YEAR = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

CATEGORY_WORDS: Mapping[str, str] = {
    "demand_surge": "more demand than foreseen",
    "demand_drop": "less demand than foreseen",
    "lead_time_slip": "a late supplier",
    "shipment_delay": "a late shipment",
    "disruption": "a disruption",
    "data_quality": "doubtful data",
    "stock_discrepancy": "less stock than on record",
}

WHY_WORDS: Mapping[str, str] = {
    "limit": "above the limit",
    "aggregate": "above the limit in sum",
    "cap": "a cap would be exceeded",
    "rule": "the rule asks for a person",
    "no_rule": "no rule covers it",
    "no_table": "no authority table",
    "table_expired": "the authority table has ended",
    "confidence": "not sure enough",
    "data_quality": "doubtful data",
    "novelty": "a new series",
    "supplier_not_approved": "supplier not approved",
    "master_data": "master data in quarantine",
    "stopped": "stopped",
    "revoked_by_limit": "a limit was lowered",
    "freeze": "cut-off too near",
    "cooldown": "moved just before",
    "solver_gap": "plan not proven",
    "mode": "people release everything",
    "four_eyes": "a second person must approve",
    "clarification_timeout": "a question was not answered",
    "infeasible": "cannot be carried out any more",
}
"""By the code of why a case came to a person, the same in a few words."""


def day_text(day: date) -> str:
    """`Mon 4 May`; the same in every locale."""
    return f"{_WEEK[day.weekday()]} {day.day} {_YEAR[day.month - 1]}"


def time_text(at: datetime, timezone: str) -> str:
    """`Mon 4 May 14:00` on the clocks of an IANA time zone."""
    local = at.astimezone(ZoneInfo(timezone))
    return f"{day_text(local)} {local:%H:%M}"


def quantity_text(qty: float) -> str:
    """A quantity in base units: `1,900`, `0.5`; at most three decimals."""
    return f"{round(qty, 3):,.3f}".rstrip("0").rstrip(".")


def estimate_text(qty: float) -> str:
    """A quantity nobody knows exactly: whole units from ten on, one decimal below."""
    return quantity_text(round(qty) if abs(qty) >= 10 else round(qty, 1))


def quantity_range(spread: Mapping[str, float]) -> str:
    """`19–34` for estimates p10 and p90 in base units; one number where they are equal."""
    low, high = estimate_text(spread["p10"]), estimate_text(spread["p90"])
    return low if low == high else f"{low}–{high}"


def money_range(spread: Mapping[str, int], currency: str) -> str:
    """`52.00–91.00 EUR` for p10 and p90 in minor units; `-4.00 to 3.00 EUR` below zero."""
    low, high = money_text(spread["p10"], currency), money_text(spread["p90"], currency)
    if low == high:
        return low
    between = " to " if spread["p10"] < 0 else "–"
    return f"{low.removesuffix(f' {currency}')}{between}{high}"


def share_text(share: float) -> str:
    """`93 %` for 0.93; never 100 or 0 where it is not quite."""
    shown = round(share * 100)
    if shown == 100 and share < 1:
        return "over 99 %"
    return "under 1 %" if shown == 0 and share > 0 else f"{shown} %"


def action_text(action: Mapping[str, Any]) -> str:
    """A published action in words: `move 24 from S05 to S03`."""
    qty = quantity_text(action["qty"])
    if action["kind"] == "reallocate":
        return f"move {qty} from {action['from']} to {action['to']}"
    day = day_text(date.fromisoformat(action["arrive_on"]["p50"]))
    if action["kind"] == "expedite":
        return f"bring forward {qty} of order line {action['order_id']} for {action['to']} to {day}"
    if action["kind"] == "buffer_call":
        return f"call {qty} from the buffer of {action['from']} for {action['to']}, there {day}"
    if action["kind"] == "postpone":
        return f"push out {qty} of order line {action['order_id']} for {action['to']} to {day}"
    return f"{action['kind']} {qty} from {action['from']} to {action['to']}"


def actions_text(actions: list[Mapping[str, Any]], most: int = 3) -> str:
    """Some actions in one phrase; what is beyond `most` is counted."""
    if not actions:
        return "do nothing"
    words = [action_text(action) for action in actions[:most]]
    left = len(actions) - len(words)
    return listed([*words, f"{left} more"] if left else words)


def listed(words: list[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def sentence(text: str) -> str:
    """A phrase with a capital and a full stop."""
    text = text.strip()
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "?", "!")) else ".")
