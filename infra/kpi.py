"""How is it going? The six measures of an exception process and its pace, from the ledger alone.

Formulas stand with each figure in `Kpi`; an exception is what `measures` calls one. Minutes and the
cost of an hour are the reader's to say: they are assumptions, not records.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from replan.currencies import minor_digits, money_text
from replan.infra.measures import ESCALATED, RESOLVED, measured, outcomes_by_episode

WRONG = frozenset({"failed", "unknown", "cancelled"})
"""States in which a plan that ran by itself did not come to what it was decided for."""


CARRIED_OUT = frozenset({"executed", "executing", *WRONG})
"""States of a plan of which something was sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """What people spend: minutes a case took by hand, minutes a review takes, and what an hour
    costs in whole units of currency (None: nobody said).
    """

    manual_minutes: int = 25
    review_minutes: int = 8
    hourly_cost: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Kpi:
    """The measures over a stretch of decisions; rates are 0..1, None with nothing to divide by.

    `volume`: exceptions by category. `autonomous`: resolved / exceptions. `reviewed`: put before a
    person / exceptions. `errors`: resolved ones whose plan failed, was called off after all or was
    found wrong afterwards / resolved. `overridden`: accepted verdicts that changed or refused
    the plan / accepted verdicts that decided it. `cycle_hours`: median from newest event to first
    plan. `hours_manual`: exceptions x manual minutes; `hours_spent`: reviewed x review
    minutes. `cost_minor`: hours spent x the hour / exceptions. `results`: as `results_told` says.
    `weeks`: exceptions and reviewed
    ones by ISO week of the first plan.
    """

    exceptions: int
    volume: Mapping[str, int]
    autonomous: float | None
    reviewed: float | None
    errors: float | None
    overridden: float | None
    cycle_hours: float | None
    hours_manual: float
    hours_spent: float
    cost_minor: int | None
    results: Mapping[str, int]
    weeks: Mapping[str, tuple[int, int]]

    def json(self) -> dict[str, Any]:
        """As printed."""
        return {
            "exceptions": self.exceptions,
            "volume_by_category": dict(self.volume),
            "autonomous_rate": self.autonomous,
            "review_rate": self.reviewed,
            "error_rate": self.errors,
            "override_rate": self.overridden,
            "cycle_hours": self.cycle_hours,
            "hours_manual": self.hours_manual,
            "hours_spent": self.hours_spent,
            "hours_saved": round(self.hours_manual - self.hours_spent, 2),
            "cost_per_exception_minor": self.cost_minor,
            **self.results,
            "velocity": [
                {"week": week, "exceptions": n, "reviewed": reviewed}
                for week, (n, reviewed) in self.weeks.items()
            ],
        }


def kpi(
    decisions: Sequence[Mapping[str, Any]],
    was_escalated: Collection[str],
    verdicts: Sequence[tuple[str, str]],
    effort: Effort,
    currency: str = "EUR",
) -> Kpi:
    """The measures of decision bodies in order of time.

    `was_escalated`: ids ever put before a person. `verdicts`: (decision id, verdict) of those that
    were accepted.
    """
    told = measured(decisions, was_escalated, ())
    episodes = outcomes_by_episode(decisions, was_escalated)
    ids = {body["decision_id"] for body in decisions}
    reviewed = told.outcomes[ESCALATED]
    resolved = [plans for plans, outcome in episodes.values() if outcome == RESOLVED]
    deciding = [v for d, v in verdicts if d in ids and v in ("approve", "modify", "reject")]
    weeks: dict[str, tuple[int, int]] = {}
    for plans, outcome in episodes.values():
        week = _week(plans[0])
        n, of_people = weeks.get(week, (0, 0))
        weeks[week] = (n + 1, of_people + (outcome == ESCALATED))
    spent = hours(reviewed, effort.review_minutes)
    cost = None
    if effort.hourly_cost is not None and told.exceptions:
        hour_minor = effort.hourly_cost * 10 ** (minor_digits(currency) or 0)
        cost = round(spent * hour_minor / told.exceptions)
    return Kpi(
        exceptions=told.exceptions,
        volume=told.by_category,
        autonomous=told.autonomous,
        reviewed=told.share(ESCALATED),
        errors=_share(sum(map(_went_wrong, resolved)), len(resolved)),
        overridden=_share(Counter(v != "approve" for v in deciding)[True], len(deciding)),
        cycle_hours=told.cycle_hours,
        hours_manual=hours(told.exceptions, effort.manual_minutes),
        hours_spent=spent,
        cost_minor=cost,
        results=results_told(decisions),
        weeks=dict(sorted(weeks.items())),
    )


def results_told(decisions: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    """What the decisions came to whose horizon is over, in minor units: against doing nothing,
    against the best in hindsight, and overrides against what was recommended. Of each trouble those
    count that were carried out; where none was, the first alone, since its plans are one loss.
    """
    episodes: dict[str, list[Mapping[str, Any]]] = {}
    for body in decisions:
        if "result" in body:
            episodes.setdefault(body["episode"], []).append(body)
    told = [
        body["result"]
        for plans in episodes.values()
        for body in [b for b in plans if b["state"] in CARRIED_OUT] or plans[:1]
    ]
    known = [row for row in told if row["gained_minor"] is not None]
    decided = [body["result"]["override_minor"] for one in episodes.values() for body in one]
    overrides = [minor for minor in decided if minor is not None]
    return {
        "scored": len(told),
        "gained_minor": sum(row["gained_minor"] for row in known),
        "missed_minor": sum(row["missed_minor"] for row in known),
        "overrides_scored": len(overrides),
        "override_minor": sum(overrides),
    }


def hours(cases: int, minutes: int) -> float:
    """Hours that so many cases take at so many minutes each."""
    return round(cases * minutes / 60, 2)


def kpi_text(row: Mapping[str, Any], currency: str) -> str:
    """The measures as lines for a terminal."""

    def share(value: float | None) -> str:
        return "none yet" if value is None else f"{100 * value:.1f} %"

    volume = ", ".join(f"{n} {name}" for name, n in row["volume_by_category"].items())
    cycle, cost = row["cycle_hours"], row["cost_per_exception_minor"]
    rows = {
        "exceptions": f"{row['exceptions']}" + (f" ({volume})" if volume else ""),
        "autonomous": share(row["autonomous_rate"]),
        "reviewed": share(row["review_rate"]),
        "errors": share(row["error_rate"]),
        "overridden": share(row["override_rate"]),
        "cycle": "none yet" if cycle is None else f"{cycle:g} h to the first plan",
        "effort": f"{row['hours_spent']:g} h for {row['hours_manual']:g} h by hand",
        "results": "none yet"
        if not row["scored"]
        else f"{row['scored']} decisions gained {money_text(row['gained_minor'], currency)}, "
        f"{money_text(row['missed_minor'], currency)} less than the best in hindsight",
        "overrides": "none scored yet"
        if not row["overrides_scored"]
        else f"{row['overrides_scored']} against the recommendation were worth "
        f"{money_text(row['override_minor'], currency)}",
        "cost": "say --hourly-cost" if cost is None else f"{money_text(cost, currency)} a case",
    }
    lines = [f"{name:<11} {value}" for name, value in rows.items()]
    lines += [
        f"{'checks':<11} {recipient}: {n['caught']} caught, {n['passed']} approved with their "
        f"fault, {n['unanswered']} not answered"
        for recipient, n in (row.get("planted_checks") or {}).items()
    ]
    lines += [
        f"{week['week']:<11} {week['exceptions']} exceptions, {week['reviewed']} reviewed"
        for week in row["velocity"]
    ]
    return "\n".join(lines)


def _went_wrong(plans: Sequence[Mapping[str, Any]]) -> bool:
    return any(
        body["state"] in WRONG or (body.get("spot_check") or {}).get("found") == "wrong"
        for body in plans
    )


def _week(body: Mapping[str, Any]) -> str:
    year, week, _ = datetime.fromisoformat(body["decided_at"]).isocalendar()
    return f"{year}-W{week:02d}"


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 3) if whole else None
