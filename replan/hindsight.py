"""What did a decision come to, and what would the other plans have come to? Played on the demand
that came.

When the horizon of a case is over its demand is known, so every plan can be played on it with the
same arithmetic that judged it before (`scenarios.play`): doing nothing, what was recommended, what
a person decided, what was carried out, and the best that could have been done by somebody who knew.
What is assumed is said with the figures.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

import numpy as np

from replan.forecasting import LEVELS
from replan.planning import Action, PlanningProblem
from replan.scenarios import HELD_OUT_STREAM, Draws, Ints, draws, play
from replan.units import ONE_UNIT, ItemId, SiteId, Units, quantity_json

_MEDIAN = LEVELS.index(0.5)

DELAYS = 25
"""Draws of delays over which a plan is played: enough for a mean, since all plans see the same."""

PLANS = ("none", "recommended", "verdict", "happened", "best")
"""The plans of a result."""

ASSUMED = (
    "deliveries came as late as they might when it was decided, on average over the scenarios",
    "each plan alone: what was decided later about the item is left out",
    "the best: of all plans on offer then, and of those found by knowing the demand",
)
"""What every result rests on; how many days were estimated is said beside it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SoldDay:
    """A closed day of a series: what was sold, and the median forecast before it in base units
    (None: there was none); `censored`: the shelf was empty, so more may have been wanted.
    """

    site: SiteId
    day: date
    qty: Units
    censored: bool
    expected: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """The demand that came: (J, D) in thousandths, in the order of the problem's sites; how many of
    these days had to be estimated.
    """

    units: Ints
    estimated: int

    @property
    def days(self) -> int:
        """Site days in all."""
        return int(self.units.size)


def demand_that_came(problem: PlanningProblem, sold: Iterable[SoldDay]) -> Demand:
    """Demand by site and day as far as costs count: what was sold; on an empty shelf the forecast
    before that day where it is more; where no day has closed the forecast of the case.
    """
    known = {(row.site, row.day): row for row in sold}
    days = max(problem.horizon, *(site.counted_days for site in problem.sites))
    units = np.zeros((len(problem.sites), days), dtype=np.int64)
    estimated = 0
    for j, site in enumerate(problem.sites):
        median = site.quantiles[_MEDIAN]
        week = min(len(median), 7)
        for t in range(days):
            row = known.get((site.site, problem.first_day + timedelta(days=t)))
            # Beyond the forecast its last week goes on, as in the draws that judged the plans.
            ahead = median[t if t < len(median) else len(median) - week + (t - len(median)) % week]
            if row is None:
                units[j, t] = round(ahead * ONE_UNIT)
            else:
                wanted = max(row.qty, 0)
                if row.censored:
                    before = ahead if row.expected is None else row.expected
                    wanted = max(wanted, round(before * ONE_UNIT))
                units[j, t] = wanted
            estimated += row is None or row.censored
    return Demand(units=units, estimated=estimated)


def as_it_came(problem: PlanningProblem, demand: Demand) -> PlanningProblem:
    """The same case for somebody who knows the demand; deliveries are as late as they may be."""
    sites = tuple(
        replace(
            site,
            quantiles=tuple(
                tuple(float(q) / ONE_UNIT for q in demand.units[j, : len(site.quantiles[0])])
                for _ in site.quantiles
            ),
        )
        for j, site in enumerate(problem.sites)
    )
    return replace(problem, sites=sites)


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """What a plan came to: cost in minor units, units short in thousandths; means over the draws of
    what deliveries may do.
    """

    cost_minor: int
    short: int


def as_late_as_may_be(came: PlanningProblem, demand: Demand) -> Draws:
    """The demand that came, `DELAYS` times, each time with other delays of what is on its way."""
    delays = draws(came, DELAYS, HELD_OUT_STREAM).delay
    known = np.broadcast_to(demand.units, (DELAYS, *demand.units.shape))
    return Draws(demand=known, delay=delays)


def played(came: PlanningProblem, drawn: Draws, actions: Sequence[Action]) -> Played | None:
    """A plan on the demand that came; None where it moves goods of a site that the case does not
    know. `came`: the case as `as_it_came` states it.
    """
    sites = {site.site for site in came.sites}
    for action in actions:
        ends = {action.destination}
        if action.kind == "reallocate":
            ends.add(SiteId(action.origin))
        if not ends <= sites:
            return None
    outlook = play(came, tuple(actions), drawn)
    count = len(outlook.cost_micros)
    return Played(
        cost_minor=int(outlook.cost_micros.sum()) // (count * 1_000_000),
        short=int(outlook.short.sum()) // count,
    )


def actions_again(
    published: Iterable[Mapping[str, Any]], problem: PlanningProblem
) -> tuple[Action, ...]:
    """Actions as they were published, on the days of a case."""

    def index(day: str) -> int:
        return (date.fromisoformat(day) - problem.first_day).days

    return tuple(
        Action(
            kind=row["kind"],
            item=ItemId(row["item"]),
            origin=row["from"],
            destination=SiteId(row["to"]),
            qty=Units(round(row["qty"] * ONE_UNIT)),
            ship_day=index(row["ship_on"]),
            arrive_p50=index(row["arrive_on"]["p50"]),
            arrive_p90=index(row["arrive_on"]["p90"]),
            cost_minor=row["cost_minor"],
            ref=f"{row['from']}@{row['to']}"
            if row["kind"] == "buffer_call"
            else row["lane"] or row["order_id"],
        )
        for row in published
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Plans:
    """The plans of one decision. `verdict` None: no person decided it, or acted outside; `happened`
    None: what was done is not known to the last unit. `others`: every further plan that was on
    offer or is found by knowing the demand, by name.
    """

    recommended: tuple[Action, ...]
    verdict: tuple[Action, ...] | None
    happened: tuple[Action, ...] | None
    others: tuple[tuple[str, tuple[Action, ...]], ...]


def result_of(
    problem: PlanningProblem, demand: Demand, plans: Plans, verb: str | None
) -> dict[str, Any]:
    """The result of a decision as plain JSON: what each plan cost and left short, in money and base
    units.

    `cost_minor` and `units_short` by plan: `none`, `recommended`, `verdict` and `happened` (null
    where there is none, or it is not known), `best`. `gained_minor`: none - happened.
    `missed_minor`: happened - best. `override_minor`: recommended - verdict, where a person decided
    otherwise, else null. `captured`: gained / (none - best), null where nothing was to be had.
    `verb`: the verdict that decided it.
    """
    came = as_it_came(problem, demand)
    drawn = as_late_as_may_be(came, demand)
    told: dict[str, Played | None] = {
        "none": played(came, drawn, ()),
        "recommended": played(came, drawn, plans.recommended),
        "verdict": None if plans.verdict is None else played(came, drawn, plans.verdict),
        "happened": None if plans.happened is None else played(came, drawn, plans.happened),
    }
    named = [(name, plan) for name, plan in told.items() if plan is not None]
    named += [
        (name, plan)
        for name, actions in plans.others
        if (plan := played(came, drawn, actions)) is not None
    ]
    # Of equals the first: nothing done, then what was shown.
    best_name, best = min(named, key=lambda row: row[1].cost_minor)
    told["best"] = best
    cost = {name: None if p is None else p.cost_minor for name, p in told.items()}
    nothing, happened = cost["none"], cost["happened"]
    assert nothing is not None, "doing nothing can always be played"
    gained = None if happened is None else nothing - happened
    to_be_had = nothing - best.cost_minor
    overridden = plans.verdict is not None and _differs(plans.verdict, plans.recommended)
    recommended, verdict = cost["recommended"], cost["verdict"]
    return {
        "from": problem.first_day.isoformat(),
        "to": (problem.first_day + timedelta(days=problem.horizon - 1)).isoformat(),
        "cost_minor": cost,
        "units_short": {
            name: None if p is None else quantity_json(Units(p.short)) for name, p in told.items()
        },
        "best": best_name,
        "verdict": verb,
        "gained_minor": gained,
        "missed_minor": None if happened is None else happened - best.cost_minor,
        "override_minor": recommended - verdict
        if overridden and recommended is not None and verdict is not None
        else None,
        "captured": round(gained / to_be_had, 3) if gained is not None and to_be_had > 0 else None,
        "days": demand.days,
        "days_estimated": demand.estimated,
        "assumed": list(ASSUMED),
    }


def _differs(one: Sequence[Action], other: Sequence[Action]) -> bool:
    def what(actions: Sequence[Action]) -> list[tuple[Any, ...]]:
        return sorted((a.kind, a.origin, a.destination, a.qty, a.ref) for a in actions)

    return what(one) != what(other)
