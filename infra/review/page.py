"""What stands on a case page? A decision as words, ready for the template."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from replan.currencies import money_text
from replan.desk_state import PENDING
from replan.explain import explain
from replan.infra.planners.what_if import Tried
from replan.infra.review.charts import band_chart, cost_chart, stock_chart
from replan.infra.review.outcome import outcome, precedent_text
from replan.infra.review.words import ago_words, left_words, share_or_dash, time_words
from replan.plain_words import (
    ACTION_WORDS,
    CHIP_WORDS,
    DQ_WORDS,
    VERDICT_WORDS,
    cause_text,
    option_text,
    state_text,
)
from replan.wording import (
    CATEGORY_WORDS,
    WHY_WORDS,
    action_text,
    actions_text,
    day_text,
    estimate_text,
    money_range,
    quantity_range,
    quantity_text,
    sentence,
    share_text,
)

REFUSALS = {
    "not_allowed": "Your login may not answer this case.",
    "over_limit": "The value is above your limit.",
    "own_proposal": "You cannot approve your own proposal.",
    "same_approver": "You have approved already; a second person must.",
    "stale": "The case has changed since. Nothing was recorded as decided; look at what changed.",
    "superseded": "A newer plan has replaced this one.",
    "withdrawn": "The case has cleared by itself.",
    "expired": "The deadline has passed.",
    "already_decided": "This case has been decided already.",
    "infeasible": "This plan cannot be carried out; the limit in its way stands below.",
    "stopped": "The engine is stopped for this scope; nothing can be approved until it is resumed.",
}


def case_page(
    body: Mapping[str, Any], chips: Sequence[str], clock: str | None, timezone: str
) -> dict[str, Any]:
    """Everything the case template shows; `timezone` is the reader's."""
    brief = body.get("brief") or {}
    currency = body["currency"]
    chart = body.get("chart") or {}
    recommended = brief.get("recommendation") or {}
    drivers = recommended.get("drivers") or []
    options = brief.get("options") or body["options"]
    deadline = body.get("deadline") if brief else None
    pending = body["state"] in PENDING
    left, soon = left_words(deadline, clock) if pending else ("", False)
    risk = (brief.get("headline") or {}).get("value_minor")
    return {
        "id": body["decision_id"],
        "version": body["version"],
        "state": body["state"],
        "state_words": state_text(body["state"]),
        "cause": cause_text(body.get("cause") or ""),
        "pending": pending,
        "opened": _opened(body.get("opened"), timezone),
        "category": CATEGORY_WORDS.get(body["category"], body["category"]),
        "headline": (brief.get("headline") or {}).get("text")
        or f"{body.get('site') or 'several sites'}, {body['item']}",
        "where": f"{body.get('site') or 'several sites'}, {body['item']}",
        "short": _spread((brief.get("headline") or {}).get("units_short")),
        "risk": money_range(risk, currency) if risk else None,
        "risk_middle": money_text(risk["p50"], currency) if risk else None,
        "words": None if brief else explain(body, {}),
        "question": brief.get("question"),
        "deadline": time_words(deadline, timezone),
        "left": left,
        "soon": soon,
        "timezone": timezone,
        "on_timeout": brief.get("on_timeout"),
        "order_by": [
            (_name(o), time_words(o["order_by"], timezone)) for o in options if o.get("order_by")
        ],
        "recipient": (body.get("recipient") or "").removeprefix("role:"),
        "why": _why(body, currency),
        "dq": body.get("dq"),
        "dq_words": DQ_WORDS.get(body.get("dq") or "", ""),
        "evidence": [
            {
                **row,
                "time": time_words(row["time"], timezone),
                "ago": ago_words(row["time"], clock),
            }
            for row in brief.get("evidence") or []
        ],
        "evidence_ids": body.get("evidence") or [],
        "options": [
            _option(n, o, body["chosen"], currency, timezone)
            for n, o in enumerate(options, start=1)
        ],
        "band_chart": band_chart(chart.get("band") or {}),
        "stock_chart": stock_chart(chart.get("stock") or {}),
        "cost_chart": cost_chart(options, body["chosen"], currency),
        "recommended": {
            "name": option_text(body["chosen"]),
            "what": actions_text(_chosen(body).get("actions") or []),
            "confidence": share_or_dash(recommended.get("confidence", body.get("confidence"))),
            "drivers": [(_signed(d["units"]), d["text"]) for d in drivers],
            "sum": _signed(sum(d["units"] for d in drivers)),
            "would_change": recommended.get("would_change"),
        },
        "plans": [o["name"] for o in options if o["actions"]],
        "plan_words": {o["name"]: actions_text(o["actions"]) for o in options},
        "carries": quantity_text(sum(a["qty"] for a in _chosen(body).get("actions") or [])),
        "sources": sorted(_offered(body, options, "source")),
        "modes": sorted(_offered(body, options, "mode")),
        "asks": ", ".join(sorted({a["from"] for a in _chosen(body).get("actions") or []})),
        "clarification": _clarification(body, timezone),
        "look": body["state"] in ("executed", "failed", "cancelled")
        and (body.get("spot_check") or {"found": True})["found"] is None,
        "already_done": brief.get("already_done") or [],
        "held": _held(brief.get("held") or [], options),
        "precedents": [
            {
                "id": row["decision_id"],
                "at": time_words(row["decided_at"], timezone),
                "text": precedent_text(row, currency),
            }
            for row in brief.get("precedents") or []
        ],
        "outcome": outcome(body.get("result"), currency),
        "unknowns": brief.get("unknowns") or [],
        "ids": _ids(body, brief),
        "chips": [(chip, CHIP_WORDS.get(chip, chip)) for chip in chips],
        "actions": _actions(body),
        "verdicts": [_verdict(row, timezone) for row in body.get("verdicts") or []],
    }


def _opened(held: Mapping[str, Any] | None, timezone: str) -> dict[str, str] | None:
    """Who has the case before them, and since when."""
    return None if held is None else {"by": held["by"], "at": time_words(held["at"], timezone)}


def _offered(
    body: Mapping[str, Any], options: Sequence[Mapping[str, Any]], what: str
) -> frozenset[str]:
    """What a change may name: what is on offer now, else what some plan uses."""
    offers = body.get("offers")
    if offers is not None:
        return frozenset(offer[what] for offer in offers)
    moved = [a for o in options for a in o["actions"] if a["kind"] == "reallocate"]
    return frozenset(a["from"] for a in moved) if what == "source" else frozenset()


def _clarification(body: Mapping[str, Any], timezone: str) -> dict[str, Any] | None:
    asked = body.get("clarification")
    if asked is None:
        return None
    return {
        "to": ", ".join(asked["to"]),
        "by": asked["asked_by"],
        "at": time_words(asked["asked_at"], timezone),
        "until": time_words(asked["until"], timezone),
        "text": asked["text"],
        "answers": [_reply_words(row, timezone) for row in asked["answers"]],
    }


def _reply_words(row: Mapping[str, Any], timezone: str) -> str:
    parts = ["yes" if row["accepted"] else "no"]
    if row["qty"] is not None:
        parts.append(f"{row['qty']:g} can be done")
    if row["arrives_on"] is not None:
        parts.append(f"there on {day_text(date.fromisoformat(row['arrives_on']))}")
    note = f" ({row['note']})" if row["note"] else ""
    return f"{time_words(row['time'], timezone)}: {', '.join(parts)}{note}"


def refusal_text(code: str | None) -> str:
    """Why a verdict was refused, for a person."""
    return REFUSALS.get(code or "", "The verdict was refused.")


def changes(diff: Mapping[str, Any] | None, currency: str) -> list[tuple[str, str, str]]:
    """What changed since, as rows of name, then and now."""
    rows = []
    for name, pair in sorted((diff or {}).items()):
        words = name.removesuffix("_minor").replace("_", " ")
        if isinstance(pair, Mapping) and "now" in pair:
            before = next((value for key, value in pair.items() if key != "now"), None)
            rows.append(
                (words, _amount(name, before, currency), _amount(name, pair["now"], currency))
            )
        elif isinstance(pair, Mapping) and "text" in pair:
            rows.append((words, "", str(pair["text"])))
        else:
            rows.append((words, "", str(pair)))
    return rows


def priced(found: Tried, body: Mapping[str, Any]) -> dict[str, Any]:
    """What a changed plan would come to, for a reader; `body`: the decision as it stands."""
    result, currency = found.result, body["currency"]
    option, would = found.option, found.body
    if option is None or would is None:
        rows = [now for _, _, now in changes(result.diff, currency)]
        limit = next(iter(result.diff or {}), "") if result.code == "infeasible" else ""
        text = refusal_text(result.code) if result.code != "infeasible" else "; ".join(rows)
        if result.code == "stale":
            text = f"{text} {_pairs(changes(result.diff, currency))}"
        return not_priced("bad", "Not possible.", text, limit)
    why = would["why_escalated"] or {}
    waits = would["state"] == "escalated"
    role = (would["recipient"] or "").removeprefix("role:")
    follows = (
        f"Another person must approve it: {role}, rule {would['rule_id']}"
        if waits
        else "You may release it"
    )
    return {
        **not_priced("good", f"Possible: {actions_text(option['actions'])}.", sentence(follows)),
        "option": _option(0, option, option["name"], currency),
        "value": money_text(would["value_minor"], currency),
        "was": money_text(body["value_minor"], currency),
        "spend": money_text(sum(a["cost_minor"] for a in option["actions"]), currency),
        "limit": WHY_WORDS.get(why.get("code", ""), "") if waits else "",
    }


def estimate_notice(units: float, body: Mapping[str, Any]) -> dict[str, Any]:
    """What the reader thought beside what the engine expects."""
    short = body["brief"]["headline"]["units_short"]
    text = (
        f"You said {quantity_text(units)} units short; the engine expects "
        f"{quantity_range(short)}, in the middle {estimate_text(short['p50'])}."
    )
    return {"kind": "good", "title": "Your estimate.", "text": text, "changes": []}


def not_priced(kind: str, title: str, text: str, limit: str = "") -> dict[str, Any]:
    """What stands where a price would; `limit`: the name of what is in the way."""
    return {"kind": kind, "title": title, "text": text, "limit": limit, "option": None}


def _pairs(rows: Sequence[tuple[str, str, str]]) -> str:
    return "; ".join(f"{name}: {then} then, {now} now" for name, then, now in rows)


def _amount(name: str, value: Any, currency: str) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if name.endswith("_minor") and isinstance(value, int):
        return money_text(value, currency)
    return str(value)


def _option(
    n: int, option: Mapping[str, Any], chosen: str, currency: str, timezone: str = "UTC"
) -> dict[str, Any]:
    actions = option["actions"]
    benefit = option.get("benefit_minor") or {}
    return {
        "number": n,
        "name": _name(option),
        "chosen": option["name"] == chosen,
        "lines": [
            {
                "what": action_text(a),
                "ship": day_text(date.fromisoformat(a["ship_on"])),
                "arrive": _days(a["arrive_on"]),
                "cost": money_text(a["cost_minor"], currency),
            }
            for a in actions
        ],
        "cost": money_range(option["cost_minor"], currency),
        "cost_middle": money_text(option["cost_minor"]["p50"], currency),
        "saves": quantity_range(option["units_short_avoided"]) if actions else "0",
        "fill": _fill_text(option.get("fill_rate")),
        "terms": _terms(option, timezone),
        "benefit": money_text(benefit["mean"], currency) if "mean" in benefit else "",
        "receiver": share_or_dash(option["p_stockout_receiver"]),
        "donor": share_or_dash(option["p_stockout_donor"])
        if any(a["kind"] == "reallocate" for a in actions)
        else "–",
        "binding": option.get("binding") or [],
        "gap": share_text(option["gap"]) if option.get("gap") else None,
    }


def _fill_text(rate: Mapping[str, float] | None) -> str:
    if rate is None:
        return ""
    low, high = share_text(rate["p10"]), share_text(rate["p90"])
    return low if low == high else f"{low.removesuffix(' %')}–{high}"


def _terms(option: Mapping[str, Any], timezone: str) -> list[str]:
    """Whose authority an option needs, until when it can be called off, what contract it uses."""
    words, needed = [], option.get("authority")
    if needed is not None:
        value = needed["mode"]
        who = needed["recipient"].removeprefix("role:")
        rule = needed["rule_id"] or "no rule"
        words.append(
            {
                "AUTO": f"could run by itself by rule {rule}",
                "CLARIFY": f"is asked about first by rule {rule}",
            }.get(value, f"needs {who} by rule {rule}")
        )
        if needed["approvals"] > 1:
            words.append(f"{needed['approvals']} people approve")
    if option.get("cancel_by"):
        words.append(f"can be called off until {time_words(option['cancel_by'], timezone)}")
    words += [f"contract {clause}" for clause in option.get("terms") or ()]
    return words


def _signed(units: float) -> str:
    """`+18.5` for units by which something differs."""
    text = estimate_text(units)
    return text if text.startswith("-") or text == "0" else f"+{text}"


def _why(body: Mapping[str, Any], currency: str) -> dict[str, Any] | None:
    why = body.get("why_escalated")
    if why is None:
        return None
    limit = why.get("limit_minor")
    return {
        "reason": WHY_WORDS.get(why["code"], why["code"]),
        "text": why["text"],
        "rule": why.get("rule_id") or "none",
        "limit": None if limit is None else money_text(limit, currency),
        "actual": money_text(why.get("actual_minor") or 0, currency),
        "policy": body.get("authority_hash") or "none",
    }


def _ids(body: Mapping[str, Any], brief: Mapping[str, Any]) -> list[tuple[str, str]]:
    ids = dict(brief.get("ids") or {"decision": body["decision_id"]})
    ids["version"] = body["version"]
    if body.get("supersedes"):
        ids["supersedes"] = body["supersedes"]
    return [(name, str(value)) for name, value in ids.items()]


def _held(held: Sequence[str], options: Sequence[Mapping[str, Any]]) -> list[str]:
    known = {a.get("action_id"): action_text(a) for o in options for a in o["actions"]}
    return [known.get(action, action) for action in held]


def _actions(body: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What the engine asked for and how far each action is; nothing while nothing was asked."""
    known = {a.get("action_id"): action_text(a) for o in body["options"] for a in o["actions"]}
    return [
        (
            known.get(row["action_id"], row["action_id"]),
            ACTION_WORDS.get(row["state"], row["state"]),
        )
        for row in body.get("actions") or []
    ]


def _verdict(row: Mapping[str, Any], timezone: str) -> dict[str, Any]:
    """A verdict of the past: when, who, what, why, and what came of it."""
    code = row.get("code")
    return {
        **row,
        "at": time_words(row.get("at"), timezone),
        "verdict": VERDICT_WORDS.get(row["verdict"], row["verdict"]),
        "chip": CHIP_WORDS.get(row.get("chip") or "", "").partition(" (")[0],
        "code": code and code.replace("_", " "),
        "refusal": refusal_text(code) if row["result"] == "refused" else "",
    }


def _chosen(body: Mapping[str, Any]) -> Mapping[str, Any]:
    return next((o for o in body["options"] if o["name"] == body["chosen"]), {})


def _name(option: Mapping[str, Any]) -> str:
    return option_text(option["name"])


def _days(arrive: Mapping[str, str]) -> str:
    early, late = (day_text(date.fromisoformat(arrive[q])) for q in ("p50", "p90"))
    return early if early == late else f"{early}, late {late}"


def _spread(spread: Mapping[str, float] | None) -> dict[str, str] | None:
    if spread is None:
        return None
    return {"range": quantity_range(spread), "middle": estimate_text(spread["p50"])}
