"""What do people call what programs know by a code? States, options, causes, scopes and windows."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from replan.wording import WHY_WORDS, day_text

STATE_WORDS: Mapping[str, str] = {
    "recommended": "waits for release",
    "escalated": "waits for a person",
    "clarifying": "waits for an answer from outside",
    "deferred": "put off",
    "taken_over": "taken over",
    "approved": "approved",
    "modified": "changed and approved",
    "rejected": "rejected",
    "executing": "being carried out",
    "executed": "carried out",
    "failed": "failed",
    "unknown": "outcome not known",
    "cancelled": "called off",
    "expired": "nobody answered in time",
    "superseded": "replaced by a newer plan",
    "withdrawn": "cleared by itself",
    "shadowed": "only recorded",
    "no_action": "left alone on purpose",
}
"""By the state of a decision, the same in a few words."""

ACTION_WORDS: Mapping[str, str] = {
    "pending": "waits to be sent",
    "claimed": "about to be sent",
    "attempted": "sent, not answered yet",
    "sent": "sent, not answered yet",
    "acked": "done",
    "rejected": "refused by who should do it",
    "cancelled": "called off",
    "expired": "not sent in time",
    "failed": "failed",
    "unknown": "outcome not known",
}
"""By the state of an action, what became of it."""

VERDICT_WORDS: Mapping[str, str] = {
    "approve": "approve",
    "modify": "modify",
    "reject": "reject",
    "ask": "ask",
    "defer": "defer",
    "takeover": "take over",
}

CHIP_WORDS: Mapping[str, str] = {
    "data_wrong": "Data wrong",
    "known_event": "Known event, not in the model",
    "supplier_info": "Supplier information",
    "capacity_cutoff": "Capacity or cut-off",
    "customer_priority": "Customer priority",
    "cost_not_justified": "Cost not justified",
    "better_alternative": "Better alternative",
    "policy": "Policy",
    "other": "Other (say what below)",
}
"""By the code of a reason, what a person ticks."""

DQ_WORDS: Mapping[str, str] = {
    "green": "good",
    "amber": "doubtful",
    "red": "not to be relied on",
}
"""By the quality of the data that a case rests on."""

_KINDS: Mapping[str, str] = {"promo": "promotion", "alert": "alert", "competitor": "competitor"}
_DAY = 86_400
_HOUR = 3_600


def state_text(state: str) -> str:
    """`waits for a person` for `escalated`."""
    return STATE_WORDS.get(state, state.replace("_", " "))


def option_text(name: str) -> str:
    """`reallocate half` for `reallocate_half`, `do nothing` for `none`."""
    return "do nothing" if name == "none" else name.replace("_", " ")


def why_text(why: Mapping[str, Any] | None) -> str:
    """`above the limit` for a decision's `why_escalated`; nothing where it ran by itself."""
    return "" if why is None else WHY_WORDS.get(why["code"], why["code"])


def cause_text(cause: str) -> str:
    """`supplier SUP1` for `supplier:SUP1`."""
    kind, colon, name = cause.partition(":")
    return f"{_KINDS.get(kind, kind.replace('_', ' '))} {name}" if colon else cause


def scope_text(scope: str) -> str:
    """`action expedite in region EAST` for `action=expedite,region=EAST`; `everything` for
    `global`.
    """
    if scope == "global":
        return "everything"
    parts = [part.partition("=") for part in scope.split(",")]
    said = [f"{key} {value}" if sign else key for key, sign, value in parts]
    return " in ".join(said)


def window_text(window: str) -> str:
    """`on Sun 3 May (Europe/Berlin)` for `2026-05-03@Europe/Berlin`, `within 7 days` for
    `rolling_604800s`.
    """
    if window.startswith("rolling_"):
        seconds = int(window.removeprefix("rolling_").removesuffix("s"))
        for size, one in ((_DAY, "day"), (_HOUR, "hour")):
            if seconds % size == 0:
                count = seconds // size
                return f"within {count} {one}{'' if count == 1 else 's'}"
        return f"within {seconds // 60} minutes"
    day, _, zone = window.partition("@")
    return f"on {day_text(date.fromisoformat(day))} ({zone})"
