"""What does a planner need on one page to decide? Eleven blocks, always all of them, in one order.

The blocks are data; `text` is the same page in at most 250 words. Everything uncertain is a range.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from replan.brief_text import MOST_WORDS, brief_text
from replan.cause_words import is_known
from replan.currencies import money_text
from replan.decision import on_offer, plan_sha
from replan.effects import Driver, Evidence, Proposal
from replan.overstock import too_much
from replan.plain_words import option_text
from replan.planning import Option
from replan.planning_record import units_spread
from replan.projection import margin_at_risk
from replan.units import Units, instant_text, quantity_json
from replan.wording import (
    CATEGORY_WORDS,
    actions_text,
    day_text,
    money_range,
    quantity_range,
    share_text,
)

BLOCKS = (
    "headline",
    "question",
    "deadline",
    "on_timeout",
    "why_escalated",
    "evidence",
    "options",
    "recommendation",
    "already_done",
    "held",
    "precedents",
    "unknowns",
    "ids",
)
"""Eleven blocks; the deadline and what happens at it are one, so are what ran and what waits."""

MOST_DRIVERS = 3
MOST_PRECEDENTS = 3
MOST_EVIDENCE = 12
"""Facts against the plan come first, then the newest; the decision itself names all."""


def write_brief(
    proposal: Proposal,
    chosen: Option,
    *,
    why: Mapping[str, Any],
    recipient: str,
    next_recipient: str,
    deadline: datetime,
    timezone: str,
    currency: str,
    decision_id: str,
    version: int,
    versions: Mapping[str, str],
    already_done: Sequence[str],
    held: Sequence[str],
    precedents: Sequence[Mapping[str, Any]],
    option_json: Callable[[Option], dict[str, Any]],
    page_members: Mapping[str, Mapping[str, Any]],
) -> dict[str, Any]:
    """The brief of an escalation as plain JSON data.

    `why`: code, rule_id, limit_minor, actual_minor, text. `timezone`: that of its reader's clock.
    `option_json`: an option as it is published; `page_members`: by name what its row on the page
    says beside that, as `brief_options` gives it. `held`: ids of the actions that wait for it.
    """
    nothing = proposal.answer.option("none")
    options = on_offer(proposal, chosen)
    published = {o.name: {**option_json(o), **page_members[o.name]} for o in options}
    short = units_spread(nothing.units_short)
    glut = too_much(proposal.problem) if proposal.category == "demand_drop" else None
    at_risk = margin_at_risk(proposal.problem) if glut is None else glut.cost_spread()
    risk = {"p10": at_risk.p10, "p50": at_risk.p50, "p90": at_risk.p90}
    brief: dict[str, Any] = {
        "headline": {
            "text": _headline(proposal, short, risk, currency)
            if glut is None
            else _glut_headline(proposal, units_spread(glut.unit_spread()), risk, currency),
            "units_short": short,
            "value_minor": risk,
        },
        "question": _question(published[chosen.name], proposal, chosen, currency),
        "deadline": instant_text(deadline),
        "on_timeout": on_timeout(recipient, next_recipient),
        "why_escalated": dict(why),
        "evidence": [
            {
                "event_id": e.event_id,
                "time": instant_text(e.time),
                "fact": e.fact,
                "speaks_against": e.speaks_against,
            }
            for e in _telling(proposal.evidence)
        ],
        "options": list(published.values()),
        "recommendation": {
            "option": chosen.name,
            "drivers": [_driver_json(d) for d in _largest(_with_what_if(proposal))],
            "confidence": chosen.p_wins,
            "would_change": _would_change(
                list(published.values()),
                chosen.name,
                currency,
                ", but shares a lane that is better used elsewhere",
            ),
        },
        "already_done": list(already_done),
        "held": list(held),
        "precedents": [dict(row) for row in list(precedents)[-MOST_PRECEDENTS:]],
        "unknowns": _unknowns(proposal, chosen),
        "ids": {
            "decision": decision_id,
            "version": version,
            "episode": proposal.episode,
            "plan": plan_sha(chosen.actions),
            "problem": proposal.problem.sha,
            "model": f"{proposal.model} {proposal.model_hash}",
            "solver": proposal.answer.solver,
            "policy": versions.get("authority", "none"),
            "code": versions.get("code", "unknown"),
        },
    }
    brief["text"] = brief_text(brief, timezone, currency)
    return brief


def put_question(
    brief: Mapping[str, Any],
    option: Mapping[str, Any],
    currency: str,
    *,
    why: Mapping[str, Any],
    deadline: str,
    recipient: str,
    next_recipient: str,
) -> dict[str, Any]:
    """The blocks of a brief that change when it asks about another plan; `option` as published,
    with what its row on the page says beside that.
    """
    cost = money_text(sum(a["cost_minor"] for a in option["actions"]), currency)
    others = [o for o in brief["options"] if o["name"] != option["name"]]
    options = [{**option, "order_by": deadline, "cancel_by": deadline}, *others]
    recommended = brief["recommendation"]
    before = recommended["option"]
    instead = "" if before == option["name"] else f"in place of {option_text(before)}; "
    return {
        "question": f"Approve the plan {option_text(option['name'])}: "
        f"{actions_text(option['actions'])}, for {cost}?",
        "deadline": deadline,
        "on_timeout": on_timeout(recipient, next_recipient),
        "why_escalated": dict(why),
        "options": options,
        "recommendation": {
            **recommended,
            "option": option["name"],
            "confidence": option["confidence"],
            "would_change": f"{instead}{_would_change(options, option['name'], currency)}",
        },
        "held": [a["action_id"] for a in option["actions"]],
    }


def next_version(
    brief: Mapping[str, Any], version: int, timezone: str, currency: str, **blocks: Any
) -> dict[str, Any]:
    """The brief of a later version around the same plan, with some blocks replaced."""
    later = {**brief, **blocks, "ids": {**brief["ids"], "version": version}}
    return later | {"text": brief_text(later, timezone, currency)}


def check_brief(brief: Mapping[str, Any], evidence_ids: Iterable[str]) -> list[str]:
    """What is missing from or wrong in a brief; empty for a good one.

    `evidence_ids`: the events that the decision itself names.
    """
    wrong = [f"{name} is missing" for name in (*BLOCKS, "text") if name not in brief]
    wrong += [f"{name} is not a block" for name in brief if name not in (*BLOCKS, "text")]
    if wrong:
        return wrong
    if not brief["question"].endswith("?"):
        wrong.append(f"question {brief['question']!r} must end with a question mark")
    if (count := len(brief["text"].split())) > MOST_WORDS:
        wrong.append(f"text has {count} words, at most {MOST_WORDS} are allowed")
    wrong += _unordered("headline", brief["headline"]) + _unordered("options", brief["options"])
    options = {o["name"]: o for o in brief["options"]}
    if len(brief["options"]) < 3:
        wrong.append(f"options has {len(brief['options'])}, at least 3 must be weighed")
    if options.get("none", {}).get("actions") != []:
        wrong.append("options must hold `none`, without actions")
    if brief["recommendation"]["option"] not in options:
        wrong.append(f"option {brief['recommendation']['option']!r} is recommended, not on offer")
    if len(brief["recommendation"]["drivers"]) > MOST_DRIVERS:
        wrong.append(f"recommendation has more than {MOST_DRIVERS} drivers")
    if len(brief["precedents"]) > MOST_PRECEDENTS:
        wrong.append(f"precedents has more than {MOST_PRECEDENTS} cases")
    known = frozenset(evidence_ids)
    wrong += [
        f"evidence {row['event_id']} is not in the decision"
        for row in brief["evidence"]
        if row["event_id"] not in known
    ]
    return wrong


def _headline(
    proposal: Proposal, short: Mapping[str, float], risk: Mapping[str, int], currency: str
) -> str:
    problem = proposal.problem
    by = (
        f"by {day_text(problem.first_day + timedelta(days=proposal.short_by))}"
        if proposal.short_by < problem.horizon
        else f"within {problem.horizon} days"
    )
    return (
        f"{proposal.site}, {proposal.item}: {quantity_range(short)} units short {by}, "
        f"{money_range(risk, currency)} of margin at risk; {CATEGORY_WORDS[proposal.category]}"
    )


def _glut_headline(
    proposal: Proposal, units: Mapping[str, float], risk: Mapping[str, int], currency: str
) -> str:
    return (
        f"{proposal.site}, {proposal.item}: {quantity_range(units)} units more on order than "
        f"needed, {money_range(risk, currency)} to hold them or throw them away; "
        f"{CATEGORY_WORDS[proposal.category]}"
    )


def _question(
    published: Mapping[str, Any], proposal: Proposal, chosen: Option, currency: str
) -> str:
    if not chosen.actions:
        return f"Leave {proposal.item} at {proposal.site} as it is, and do nothing?"
    cost = money_text(sum(a.cost_minor for a in chosen.actions), currency)
    return (
        f"Approve the plan {option_text(chosen.name)}: "
        f"{actions_text(published['actions'])}, for {cost}?"
    )


def on_timeout(recipient: str, next_recipient: str) -> str:
    """What happens at the deadline, in words."""
    if next_recipient and next_recipient != recipient:
        role = next_recipient.removeprefix("role:")
        return f"Nothing is carried out; {role} gets it next, while a plan can still help."
    return "Nothing is carried out; the case expires."


def _telling(evidence: Sequence[Evidence]) -> list[Evidence]:
    """At most a dozen facts in order of time, those against the plan among them."""
    ranked = sorted(evidence, key=lambda e: (not e.speaks_against, -e.time.timestamp(), e.event_id))
    return sorted(ranked[:MOST_EVIDENCE], key=lambda e: (e.time, e.event_id))


def _with_what_if(proposal: Proposal) -> list[Driver]:
    """The drivers, the one that does most to the shortage told with what it does."""
    said = {c.name: c.text for c in proposal.counterfactuals[:1]}
    return [
        replace(d, text=f"{d.text}; {said[d.name]}") if d.name in said else d
        for d in proposal.drivers
    ]


def _largest(drivers: Sequence[Driver]) -> list[Driver]:
    """The largest first; with more than fit, the last stands for all the others, so that what is
    shown adds up.
    """
    ranked = sorted(drivers, key=lambda d: (-abs(d.units), d.name))
    if len(ranked) <= MOST_DRIVERS:
        return ranked
    rest = ranked[MOST_DRIVERS - 1 :]
    others = Driver(
        name="others",
        units=sum(d.units for d in rest),
        text="; ".join(d.text for d in rest if d.units) or "nothing else",
    )
    return [*ranked[: MOST_DRIVERS - 1], others]


def _driver_json(driver: Driver) -> dict[str, Any]:
    return {
        "name": driver.name,
        "units": quantity_json(Units(driver.units)),
        "text": driver.text,
    }


def _would_change(
    options: Sequence[Mapping[str, Any]], chosen: str, currency: str, passed_over: str = ""
) -> str:
    """How much dearer the plan would have to be for another option, or none, to be better;
    `passed_over`: why a better one was not recommended.
    """
    worth = {o["name"]: o["benefit_minor"]["mean"] for o in options if o["actions"]}
    others = [name for name in worth if name != chosen]
    mean, named = worth.get(chosen, 0), option_text(chosen)
    says = []
    if others:
        best = min(others, key=lambda name: (-worth[name], name))
        lead = mean - worth[best]
        says.append(
            f"{option_text(best)} wins if {named} costs {money_text(lead, currency)} more"
            if lead >= 0
            else f"{option_text(best)} alone would save "
            f"{money_text(-lead, currency)} more{passed_over}"
        )
    if chosen in worth:
        says.append(
            f"doing nothing wins if {named} costs {money_text(mean, currency)} more"
            if mean >= 0
            else f"doing nothing already saves {money_text(-mean, currency)}"
        )
    return "; ".join(says) if says else "nothing else is on offer"


def _unknowns(proposal: Proposal, chosen: Option) -> list[str]:
    unknowns = list(proposal.lacks)
    if not is_known(proposal.category, proposal.cause, proposal.tags, proposal.cause_confidence):
        unknowns.append("no common cause is known")
    first = proposal.problem.first_day
    for action in chosen.actions:
        if action.arrive_p90 > action.arrive_p50:
            late = action.arrive_p90 - action.arrive_p50
            day = day_text(first + timedelta(days=action.arrive_p50))
            unknowns.append(
                f"{action.ref}: due {day}, in one case of ten more than {late} days late"
                if late > 1
                else f"{action.ref}: due {day}, in one case of ten more than a day late"
            )
    if proposal.answer.outcome == "feasible":
        unknowns.append(f"the plan may be {share_text(chosen.gap)} short of the best one")
    elif proposal.answer.outcome == "fallback":
        unknowns.append("the plan was found by a simple rule, not by the solver")
    unknowns += proposal.answer.notes
    unknowns.append("margins, freight and holding costs are as declared")
    return unknowns


def _unordered(path: str, value: Any) -> list[str]:
    """Ranges that are not p10 ≤ p50 ≤ p90, anywhere below."""
    found: list[str] = []
    if isinstance(value, Mapping):
        if {"p10", "p50", "p90"} <= value.keys() and not (
            value["p10"] <= value["p50"] <= value["p90"]
        ):
            found.append(f"{path} is no range: {value['p10']}, {value['p50']}, {value['p90']}")
        for name, member in value.items():
            found += _unordered(f"{path}.{name}", member)
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for index, member in enumerate(value):
            found += _unordered(f"{path}[{index}]", member)
    return found
