"""What stands on the queue? Rows with their filters, cases of one cause together, and which of them
may be approved at once, by the office's rule.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from replan.currencies import money_text
from replan.infra.planners.answerable import Answerable
from replan.infra.planners.first_estimate import is_asked_first
from replan.infra.review.words import left_words, share_or_dash, time_words
from replan.plain_words import cause_text, state_text
from replan.wording import WHY_WORDS, actions_text, money_range

PAGE_ROWS = 50
"""How many causes a page of the queue shows."""
MOST_CHILDREN = 20
"""How many cases of one cause are listed under it; the filter by cause shows all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a reader wants to see; an empty text is everything."""

    mine: bool = False
    above: bool = False
    region: str = ""
    cause: str = ""
    owner: str = ""
    item: str = ""

    def shows(self, row: Mapping[str, Any]) -> bool:
        """Whether a row is among it."""
        return (
            (not self.mine or row["mine"])
            and (not self.above or row["above"])
            and self.region in ("", row["region"])
            and self.cause in ("", row["cause"])
            and self.owner in ("", row["owner"])
            and self.item.lower() in row["item"].lower()
        )

    def query(self) -> dict[str, str]:
        """As parameters of an address, only what is asked."""
        said = {name: getattr(self, name) for name in ("region", "cause", "owner", "item")}
        flags = {"mine": "1" if self.mine else "", "above": "1" if self.above else ""}
        return {name: value for name, value in (flags | said).items() if value}


def queue_rows(
    bodies: Sequence[Mapping[str, Any]],
    standings: Mapping[str, Answerable],
    clock: str | None,
    timezone: str,
) -> list[dict[str, Any]]:
    """Rows of the queue, the most urgent first; time left is counted from the engine's clock."""
    ranked = sorted(
        bodies,
        key=lambda b: (-(b.get("urgency") or 0.0), b.get("deadline") or "9", b["decision_id"]),
    )
    return [_row(b, standings.get(b["decision_id"]), clock, timezone) for b in ranked]


def by_incident(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same rows with those of one cause and owner under the most urgent of them, as
    `children`.
    """
    leads: dict[tuple[str, str], dict[str, Any]] = {}
    for row in rows:
        lead = leads.setdefault((row["incident"], row["owner"]), {**row, "children": []})
        if lead["id"] != row["id"]:
            lead["children"].append(row)
    return list(leads.values())


def listed(rows: Sequence[dict[str, Any]], asked: Asked) -> list[dict[str, Any]]:
    """What the queue lists: cases of one cause under the first of them, or each by itself where a
    reader asked for one cause.
    """
    return [{**row, "children": []} for row in rows] if asked.cause else by_incident(rows)


def choices(rows: Sequence[Mapping[str, Any]], name: str) -> list[tuple[str, str]]:
    """What a filter may be set to, each with its words."""
    found = sorted({row[name] for row in rows} - {""})
    return [(value, cause_text(value) if name == "cause" else value) for value in found]


def alike(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Groups of two or more rows that the reader may approve at once: `key`, `rule`, `option` and
    `rows`, the most urgent group first.
    """
    groups: dict[str, dict[str, Any]] = {}
    for row in rows:
        if row["together"] is None:
            continue
        rule, option = row["together"]
        key = f"{rule} {option}"
        group = groups.setdefault(key, {"key": key, "rule": rule, "option": option, "rows": []})
        group["rows"].append(row)
    return [group for group in groups.values() if len(group["rows"]) > 1]


def _row(
    body: Mapping[str, Any], standing: Answerable | None, clock: str | None, timezone: str
) -> dict[str, Any]:
    brief = body.get("brief") or {}
    headline = brief.get("headline") or {}
    chosen = _chosen(body)
    risk = headline.get("value_minor")
    why = body.get("why_escalated") or {}
    currency = body["currency"]
    left, soon = left_words(body.get("deadline"), clock)
    hidden = is_asked_first(body)
    region = (standing.region if standing is not None else None) or body.get("region")
    return {
        "id": body["decision_id"],
        "version": body["version"],
        "incident": body.get("incident_id") or body["decision_id"],
        "left": left,
        "soon": soon,
        "deadline": time_words(body.get("deadline"), timezone),
        "headline": f"{body.get('site') or 'several sites'}, {body['item']}: your estimate first"
        if hidden
        else headline.get("text") or f"{body['site']}, {body['item']}",
        "site": body.get("site") or "several",
        "region": region or "",
        "item": body["item"],
        "cause": body.get("cause") or "",
        "cause_words": cause_text(body.get("cause") or ""),
        "risk": money_text(risk["p50"], currency) if risk else "",
        "risk_range": money_range(risk, currency) if risk else "",
        "action": "shown after it" if hidden else actions_text(chosen.get("actions") or [], most=2),
        "cost": money_text(sum(a["cost_minor"] for a in chosen.get("actions") or []), currency),
        "value": money_text(body["value_minor"], currency),
        "why": WHY_WORDS.get(why.get("code", ""), why.get("code", "")),
        "rule": why.get("rule_id") or body.get("rule_id") or "no rule",
        "confidence": share_or_dash(body.get("confidence")),
        "state": state_text(body["state"]),
        "owner": (body.get("recipient") or "").removeprefix("role:"),
        "mine": standing is not None and standing.mine,
        "above": standing is not None and standing.code == "over_limit",
        "together": None if standing is None else standing.together,
    }


def _chosen(body: Mapping[str, Any]) -> Mapping[str, Any]:
    return next((o for o in body["options"] if o["name"] == body["chosen"]), {})
