"""What did a decision come to, for a reader? Money by plan on the demand that came, best first."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from replan.currencies import money_text
from replan.plain_words import option_text, state_text
from replan.wording import day_text, estimate_text, share_text

PLANS = (
    ("none", "doing nothing"),
    ("recommended", "the recommendation"),
    ("verdict", "the verdict"),
    ("happened", "what was carried out"),
    ("best", "the best in hindsight"),
)


def outcome(result: Mapping[str, Any] | None, currency: str) -> dict[str, Any] | None:
    """The result of a decision whose horizon is over; None before."""
    if result is None:
        return None
    rows = [
        {
            "what": words,
            "cost": money_text(result["cost_minor"][name], currency),
            "short": estimate_text(result["units_short"][name]),
        }
        for name, words in PLANS
        if result["cost_minor"].get(name) is not None
    ]
    says = []
    if result.get("gained_minor") is not None:
        says.append(f"gained {money_text(result['gained_minor'], currency)} over doing nothing")
    if result.get("missed_minor") is not None:
        says.append(f"missed {money_text(result['missed_minor'], currency)} of the best")
    if result.get("override_minor") is not None:
        worth = money_text(result["override_minor"], currency)
        says.append(f"deciding otherwise than recommended was worth {worth}")
    if result.get("captured") is not None and result["captured"] >= 0:
        says.append(f"{share_text(result['captured'])} of what was to be had")
    estimated = result["days_estimated"]
    return {
        "days": f"{_day(result['from'])} to {_day(result['to'])}",
        "rows": rows,
        "says": ", ".join(says),
        "best": option_text(str(result["best"])),
        "estimated": f"demand of {estimated} of {result['days']} site days is estimated"
        if estimated
        else "",
    }


def precedent_text(row: Mapping[str, Any], currency: str) -> str:
    """An earlier case in words: what was chosen, what became of it, what it was worth."""
    value = money_text(row["value_minor"], currency)
    words = f"{option_text(row['chosen'])}, {state_text(row['state'])}, value {value}"
    if row["chosen"] == "none":
        words = "left alone on purpose"
    gained = (row.get("result") or {}).get("gained_minor")
    if gained is not None:
        words += f", gained {money_text(gained, currency)}"
    return words


def _day(day: str) -> str:
    return day_text(date.fromisoformat(day))
