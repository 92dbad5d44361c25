"""Why was this decided? Plain words: seen, at stake, weighed, chosen, allowed, since."""

from collections.abc import Mapping
from typing import Any

from replan.cause_words import likely_cause
from replan.currencies import money_text
from replan.plain_words import DQ_WORDS, cause_text, option_text, state_text, why_text
from replan.wording import (
    CATEGORY_WORDS,
    actions_text,
    estimate_text,
    listed,
    money_range,
    quantity_range,
    sentence,
    share_text,
)

SINCE: Mapping[str, str] = {
    "executing": "It has been ordered, and not every action is acknowledged yet",
    "executed": "Every action has been acknowledged as done",
    "failed": "At least one action was refused or ran out of time, so the plan failed",
    "unknown": "What became of at least one action is not known",
    "cancelled": "It was cancelled before it took effect",
    "shadowed": "In shadow mode it was only recorded, and nothing was sent",
    "recommended": "It waits for a person to release it, and nothing has been sent",
    "clarifying": "A question is out, and nothing is sent before its answer",
    "escalated": "It waits for a person, and nothing has been sent",
    "approved": "A person approved it, and it goes out with the next run",
    "modified": "A person changed it, and the changed plan goes out with the next run",
    "rejected": "A person rejected it, and nothing was sent",
    "deferred": "A person put the answer off, and nothing has been sent",
    "taken_over": "A person took it over and acts outside",
    "expired": "Nobody answered in time, so it expired, and nothing was sent",
    "superseded": "A newer plan replaced it, and nothing of this one was sent",
    "withdrawn": "The trouble passed by itself, so it was withdrawn, and nothing was sent",
    "no_action": "Nothing was done, on purpose",
}


def explain(body: Mapping[str, Any], inputs: Mapping[str, Any]) -> str:
    """Three to twelve sentences about a decision.

    `body`: a decision as published. `inputs`: what it was decided from, `{"proposal": …}`; without
    it, or with gaps in either, less is said and nothing is made up.
    """
    proposal = inputs.get("proposal") or {}
    options = {o["name"]: o for o in body.get("options") or []}
    chosen = options.get(body.get("chosen"))
    said = [
        _seen(body, proposal),
        _otherwise(body, options.get("none"), proposal),
        _why_it_differs(proposal),
        _without(proposal),
        _weighed(options, body),
        _choice(body, chosen, options),
        _authority(body),
        _would_change(body, chosen, options),
        _doubts(proposal),
        _since(body),
    ]
    return " ".join(sentence(s) for s in said if s)


def _seen(body: Mapping[str, Any], proposal: Mapping[str, Any]) -> str:
    what = CATEGORY_WORDS.get(str(body.get("category")), "trouble")
    at, item = _at(body.get("decided_at")), body.get("item") or "an item"
    text = f"{at}: {item} at {body.get('site') or 'several sites'} showed {what}"
    if body.get("cause"):
        text += f" ({cause_text(body['cause'])})"
    if body.get("cause") and body.get("tags"):
        why = likely_cause(
            str(body.get("category")),
            str(body["cause"]),
            body["tags"],
            float(body.get("cause_confidence") or 0.0),
            str(item),
            body.get("site"),
        )
        text += f"; {why}"
    facts = proposal.get("evidence") or (body.get("brief") or {}).get("evidence") or []
    if facts:
        newest = sorted(facts, key=lambda row: row["time"])[-2:]
        text += f"; the newest facts were: {'; '.join(row['fact'] for row in newest)}"
    elif body.get("evidence"):
        text += f"; it rests on {len(body['evidence'])} events"
    return text


def _otherwise(
    body: Mapping[str, Any], nothing: Mapping[str, Any] | None, proposal: Mapping[str, Any]
) -> str:
    short = (nothing or {}).get("units_short")
    loss = proposal.get("loss_mean_minor")
    if short is None and loss is None:
        return ""
    parts = []
    if body.get("category") == "demand_drop" and loss is not None:
        cost = money_text(loss, _currency(body))
        return f"If nothing were done, goods that nobody needs would cost {cost} on average"
    if short is not None:
        parts.append(
            f"{quantity_range(short)} units would have run short "
            f"(the middle case {estimate_text(short['p50'])})"
        )
    if loss is not None:
        parts.append(f"{money_text(loss, _currency(body))} of margin would be lost on average")
    return f"If nothing were done, {listed(parts)}"


def _why_it_differs(proposal: Mapping[str, Any]) -> str:
    drivers = [d for d in proposal.get("drivers") or [] if d["units"]]
    if not drivers:
        return ""
    whole = sum(d["units"] for d in drivers) / 1_000
    ranked = sorted(drivers, key=lambda d: (-abs(d["units"]), d["name"]))
    parts = [f"{d['units'] / 1_000:+,.0f} because {d['text']}" for d in ranked]
    return f"Demand ahead differs by {whole:+,.0f} units from what was expected: {listed(parts)}"


def _without(proposal: Mapping[str, Any]) -> str:
    found = proposal.get("counterfactuals") or []
    return listed([c["text"] for c in found[:3]]) if found else ""


def _weighed(options: Mapping[str, Mapping[str, Any]], body: Mapping[str, Any]) -> str:
    if not options:
        return ""
    said = [
        f"{option_text(name)} (costs of {money_range(o['cost_minor'], _currency(body))})"
        for name, o in options.items()
        if o["actions"]
    ]
    return f"Weighed were {listed([*said, 'doing nothing'])}"


def _choice(
    body: Mapping[str, Any],
    chosen: Mapping[str, Any] | None,
    options: Mapping[str, Mapping[str, Any]],
) -> str:
    if chosen is None:
        return ""
    if not chosen["actions"]:
        others = any(o["actions"] for o in options.values())
        return (
            "Doing nothing was chosen, because no plan was better on average"
            if others
            else "Doing nothing was chosen, because nothing else could still be done"
        )
    text = f"{option_text(chosen['name'])} was chosen: {actions_text(chosen['actions'])}"
    wins = body.get("confidence")
    if wins is not None:
        text += f"; it cost less than doing nothing in {share_text(wins)} of the scenarios"
    mean = (chosen.get("benefit_minor") or {}).get("mean")
    if mean is not None:
        text += f", by {money_text(mean, _currency(body))} on average"
    if chosen.get("binding"):
        text += f"; what held it back: {', '.join(chosen['binding'])}"
    return text


def _authority(body: Mapping[str, Any]) -> str:
    table = str(body.get("authority_hash") or "unknown")[:19]
    rule = body.get("rule_id")
    why = body.get("why_escalated")
    value = money_text(body.get("value_minor") or 0, _currency(body))
    if why is None:
        if body.get("chosen") == "none":
            return "Doing nothing needs no authority"
        if rule is None:
            return "No rule is on record for it"
        return f"Rule {rule} of the authority table {table} allows a value of {value}"
    text = f"A person had to decide ({why_text(why)}): {why['text'].rstrip('.')}"
    if why.get("limit_minor") is not None:
        limit = money_text(why["limit_minor"], _currency(body))
        actual = money_text(why["actual_minor"], _currency(body))
        text += f"; the limit is {limit}, the value {actual}"
    return f"{text}; rule {why.get('rule_id') or rule or 'none'}, authority table {table}"


def _would_change(
    body: Mapping[str, Any],
    chosen: Mapping[str, Any] | None,
    options: Mapping[str, Mapping[str, Any]],
) -> str:
    brief = body.get("brief")
    if brief:
        return f"What would change it: {brief['recommendation']['would_change']}"
    mean = _mean(chosen)
    if chosen is None or mean is None or not chosen["actions"] or mean < 0:
        return ""
    named = option_text(chosen["name"])
    dearer = money_text(mean, _currency(body))
    text = f"doing nothing would have won, had {named} cost {dearer} more"
    others = [
        (other, name)
        for name, option in options.items()
        if option["actions"] and name != chosen["name"] and (other := _mean(option)) is not None
    ]
    if others and max(others)[0] <= mean:
        lead, name = money_text(mean - max(others)[0], _currency(body)), max(others)[1]
        text = f"{option_text(name)} would have won, had {named} cost {lead} more; {text}"
    return text


def _doubts(proposal: Mapping[str, Any]) -> str:
    lacks = proposal.get("lacks") or []
    if not lacks:
        return ""
    return (
        f"The data are {DQ_WORDS.get(str(proposal.get('dq')), 'not good')}: {'; '.join(lacks[:3])}"
    )


def _since(body: Mapping[str, Any]) -> str:
    state = str(body.get("state"))
    text = SINCE.get(state, f"It stands so: {state_text(state)}")
    if state == "approved" and body.get("mode") == "shadow":
        text = "A person approved it; in shadow mode nothing is sent"
    if state in ("escalated", "recommended") and body.get("deadline"):
        text += f"; {body.get('recipient') or 'its recipient'} has until {_at(body['deadline'])}"
    if body.get("supersedes"):
        text += f"; it replaced {body['supersedes']}"
    return text


def _mean(option: Mapping[str, Any] | None) -> int | None:
    return None if option is None else (option.get("benefit_minor") or {}).get("mean")


def _currency(body: Mapping[str, Any]) -> str:
    return str(body.get("currency") or "?")


def _at(instant: Any) -> str:
    """`2026-05-04 06:00 UTC` from an RFC 3339 text in UTC."""
    return f"{instant[:16].replace('T', ' ')} UTC" if instant else "at a time not on record"
