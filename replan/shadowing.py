"""Did people do what the engine would have done? A plan that was only played beside what they did.

What people did comes as a report (`human.action.v1`) or as a verdict on the case. It agrees with
the plan where it does the same things between the same places, quantities within a tenth. What a
difference costs is told where one of the plan's own alternatives is what people did: they were all
judged on the same scenarios.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from replan.authority_table import ORDER_ACTIONS
from replan.events import HumanActed, HumanLineDone
from replan.units import ONE_UNIT, DecisionId

PLAYED = frozenset({"shadow", "recommend"})
"""Modes of a decision in which people decide and the engine is only compared."""

SAME_QUANTITY = 0.1
"""Quantities that differ by no more than this share of the plan's are the same quantity."""

REACH = timedelta(days=14)
"""A report about an item and a site is about a plan that is no older than this."""

ANY_KIND = frozenset({"mixed", "other"})

DECIDING = {"approve", "modify", "reject"}
"""Verdicts that say what is to be done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """One plan beside what people did. `difference`: why they differ, None where they agree.
    `cost_delta_minor`: what theirs is expected to cost more than the plan, minor units; None where
    nobody can say. `found_by`: `report` or `verdict`.
    """

    decision_id: DecisionId
    at: datetime
    agreed: bool
    difference: str | None
    cost_delta_minor: int | None
    found_by: str


def reported_about(
    bodies: Iterable[Mapping[str, Any]], report: HumanActed
) -> Mapping[str, Any] | None:
    """The played decision that a report is about: the one it names, else the newest about its item
    and site that was there when people acted.
    """
    found: Mapping[str, Any] | None = None
    for body in bodies:
        if body["mode"] not in PLAYED:
            continue
        if report.decision_id is not None:
            if body["decision_id"] == report.decision_id:
                return body
            continue
        decided = datetime.fromisoformat(body["decided_at"])
        if not decided <= report.at <= decided + REACH or not _concerns(body, report):
            continue
        if found is None or _age(found) < _age(body):
            found = body
    return found


def by_report(body: Mapping[str, Any], reports: Sequence[HumanActed], at: datetime) -> Compared:
    """A played decision beside one or several reports about it."""
    lines = [(report.kind, line) for report in reports for line in report.lines]
    plan = _named(body, body["chosen"])
    difference = _difference(plan["actions"], lines)
    same = [o for o in body["options"] if _difference(o["actions"], lines) is None]
    delta = 0 if difference is None else None
    if difference is not None and (same or not lines):
        delta = _benefit(plan) - (_benefit(same[0]) if same else 0)
    return Compared(
        decision_id=DecisionId(body["decision_id"]),
        at=at,
        agreed=difference is None,
        difference=difference,
        cost_delta_minor=delta,
        found_by="report",
    )


def by_verdict(
    shown: Mapping[str, Any],
    after: Mapping[str, Any],
    verdict: str,
    chip: str,
    option: str | None,
    at: datetime,
) -> Compared | None:
    """A played decision as it was shown and as a verdict left it; None for one that decides
    nothing.
    """
    if verdict not in DECIDING:
        return None
    plan = _named(shown, shown["chosen"])
    agreed = verdict == "approve" and option in (None, shown["chosen"])
    theirs: Mapping[str, Any] = plan
    if verdict == "reject" or option == "none":
        theirs = {"actions": []}
    elif not agreed:
        theirs = _named(after, after["chosen"])
    return Compared(
        decision_id=DecisionId(shown["decision_id"]),
        at=at,
        agreed=agreed,
        difference=None if agreed else chip,
        cost_delta_minor=_benefit(plan) - _benefit(theirs),
        found_by="verdict",
    )


def _concerns(body: Mapping[str, Any], report: HumanActed) -> bool:
    if body["item"] != report.item:
        return False
    ends = {a["to"] for option in body["options"] for a in option["actions"]}
    return report.site == body["site"] or report.site in ends


def _age(body: Mapping[str, Any]) -> tuple[str, str]:
    return body["decided_at"], body["decision_id"]


def _named(body: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    return next((o for o in body["options"] if o["name"] == name), {"actions": []})


def _benefit(option: Mapping[str, Any]) -> int:
    """Expected, against doing nothing."""
    return int(option["benefit_minor"]["mean"]) if option["actions"] else 0


def _difference(
    actions: Sequence[Mapping[str, Any]], lines: Sequence[tuple[str, HumanLineDone]]
) -> str | None:
    """Why what was done is another thing than a plan, by the first thing that differs; None where
    it is the same.
    """
    if not actions or not lines:
        if not actions and not lines:
            return None
        return "nothing_done" if actions else "something_done"
    left = list(lines)
    for action in actions:
        told = [_against(action, *line) for line in left]
        best = max(told, key=_REASONS.index, default="other_action")
        if best != "":
            return best
        left.pop(told.index(best))
    return "other_action" if left else None


_REASONS = ("other_action", "other_place", "other_quantity", "")
"""From another thing altogether to the same thing."""


def _against(action: Mapping[str, Any], kind: str, line: HumanLineDone) -> str:
    if kind not in ANY_KIND and kind != action["kind"]:
        return "other_action"
    places = [(line.item, action["item"]), (line.origin, action["from"]), (line.to, action["to"])]
    if action["kind"] in ORDER_ACTIONS:
        places.append((line.order_id, action["order_id"]))
    if any(theirs is not None and theirs != ours for theirs, ours in places):
        return "other_place"
    planned = round(float(action["qty"]) * ONE_UNIT)
    return "" if abs(line.qty - planned) <= SAME_QUANTITY * planned else "other_quantity"
