"""What came of the exceptions of a run? Resolved, clarified or escalated, and how well.

An exception is an episode: one trouble of one item, from its first plan until it is over, however
many plans replaced each other. Each ends in one of three outcomes, the worst that befell any of its
plans:

- escalated: a plan was put before a planner, to decide or only to release it, whatever became of
  it; a question that nobody answered in time is one of these, also where nothing could help any
  more by then
- clarified: else, a plan waited for the answer to a question of the table
- resolved: else; the plan ran within authority

Troubles looked into and left alone count in `troubles`, and are no exceptions: nothing was to be
carried out. Formulas stand with each figure.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import median
from typing import Any

RESOLVED, CLARIFIED, ESCALATED = "resolved", "clarified", "escalated"
OUTCOMES = (RESOLVED, CLARIFIED, ESCALATED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measures:
    """The figures of a run; shares are 0..1 and None where there is nothing to divide by.

    `outcomes`: exceptions by outcome. `autonomous`: resolved / exceptions. `reviews_per_1000`:
    1,000 x escalated / troubles. `by_category`: exceptions by category of their first plan.
    `actions`: actions that ended, by kind. `errors`: those refused, failed, expired or unknown /
    all that ended. `cycle_hours`: median of decided_at - event_time over first plans.
    """

    troubles: int
    exceptions: int
    outcomes: Mapping[str, int]
    autonomous: float | None
    reviews_per_1000: float | None
    by_category: Mapping[str, int]
    actions: Mapping[str, int]
    errors: float | None
    cycle_hours: float | None

    def share(self, outcome: str) -> float | None:
        """Exceptions of an outcome / exceptions."""
        return _share(self.outcomes[outcome], self.exceptions)

    def json(self) -> dict[str, Any]:
        """All members, and the share of each outcome."""
        return {
            "troubles": self.troubles,
            "exceptions": self.exceptions,
            "outcomes": dict(self.outcomes),
            "outcome_shares": {name: self.share(name) for name in OUTCOMES},
            "autonomous_share": self.autonomous,
            "reviews_per_1000": self.reviews_per_1000,
            "by_category": dict(self.by_category),
            "actions": dict(self.actions),
            "error_share": self.errors,
            "cycle_hours": self.cycle_hours,
        }


def measured(
    decisions: Sequence[Mapping[str, Any]],
    was_escalated: Collection[str],
    actions: Sequence[tuple[str, str]],
) -> Measures:
    """The measures of decision bodies in order of time.

    `was_escalated`: ids of decisions ever put before a planner. `actions`: (kind, state) of all
    that were released.
    """
    troubles = {body["episode"] for body in decisions}
    planned = outcomes_by_episode(decisions, was_escalated)
    outcomes = Counter(outcome for _, outcome in planned.values())
    firsts = [plans[0] for plans, _ in planned.values()]
    ended = [(kind, state) for kind, state in actions if state not in _UNDER_WAY]
    return Measures(
        troubles=len(troubles),
        exceptions=len(planned),
        outcomes={name: outcomes[name] for name in OUTCOMES},
        autonomous=_share(outcomes[RESOLVED], len(planned)),
        reviews_per_1000=_share(1_000 * outcomes[ESCALATED], len(troubles)),
        by_category=dict(sorted(Counter(body["category"] for body in firsts).items())),
        actions=dict(sorted(Counter(kind for kind, state in ended if state == "acked").items())),
        errors=_share(sum(state not in ("acked", "cancelled") for _, state in ended), len(ended)),
        cycle_hours=round(median(map(_hours, firsts)), 1) if firsts else None,
    )


def outcomes_by_episode(
    decisions: Sequence[Mapping[str, Any]], was_escalated: Collection[str]
) -> dict[str, tuple[list[Mapping[str, Any]], str]]:
    """Every exception with its plans in order of time, and its outcome."""
    plans: dict[str, list[Mapping[str, Any]]] = {}
    for body in decisions:
        if body["chosen"] != "none":
            plans.setdefault(body["episode"], []).append(body)
    return {e: (bodies, _outcome(bodies, was_escalated)) for e, bodies in plans.items()}


_UNDER_WAY = frozenset({"pending", "claimed", "attempted", "sent"})


def _outcome(plans: Sequence[Mapping[str, Any]], was_escalated: Collection[str]) -> str:
    asked = [body for body in plans if body.get("clarification") is not None]
    in_vain = [body for body in asked if body["state"] == "expired" and not _answers(body)]
    if in_vain or any(_before_a_person(body, was_escalated) for body in plans):
        return ESCALATED
    return CLARIFIED if asked else RESOLVED


def _before_a_person(body: Mapping[str, Any], was_escalated: Collection[str]) -> bool:
    # In that mode nothing runs until a person releases it, though it is no escalation.
    return body["mode"] == "recommend" or body["decision_id"] in was_escalated


def _answers(body: Mapping[str, Any]) -> Sequence[Any]:
    answers: Sequence[Any] = body["clarification"]["answers"]
    return answers


def _hours(body: Mapping[str, Any]) -> float:
    began = datetime.fromisoformat(body["event_time"])
    return (datetime.fromisoformat(body["decided_at"]) - began).total_seconds() / 3_600


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 3) if whole else None
