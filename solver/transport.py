"""Which moves and expedites save the most for one item, over all demand draws at once?

A two-stage stochastic programme with recourse, solved on a sample (sample average approximation;
Kleywegt, Shapiro & Homem-de-Mello 2002; Birge & Louveaux 2011). First decide what to send and what
to bring forward, then demand and arrivals show themselves.

Sets
    j ∈ sites        touched by an offer
    l ∈ lanes        lane offers i→j;       p ∈ lines   order lines to j
    w ∈ draws        1..W, equally likely;  t ∈ days    0..window_j − 1
Data (quantities in base units, money in minor units)
    exposure[j,t,w]  cumulative demand up to day t less stock and all that comes anyway
    lot, least, most of each offer; fixed, unit its cost; there[l,t,w] = 1 once a move has arrived,
    there[p,t,w] = 1 between the new and the old arrival of an order line
    may_give[i]      the donor's spare, at most what lies there
    margin[j] lost per unit short; holding[j] per unit and day
Variables
    lots[l] ∈ ℕ, opened[l] ∈ {0,1}                   sent = lot · lots
    lots[p] ∈ ℕ, rest[p], opened[p] ∈ {0,1}          brought = lot · lots + remainder · rest
    lost[j,t,w] ≥ 0                                  units lost up to and with day t
Objective
    min  Σ fixed · opened + unit · qty  +  1/W Σ_w Σ_j ( margin · lost[j, last day, w]
         + holding · Σ_t ( lost[j,t,w] − exposure[j,t,w] − given_j + received[j,t,w] ) )
Constraints
    lost_grows       lost[j,t,w] ≥ lost[j,t−1,w]
    lost_covers      lost[j,t,w] ≥ exposure[j,t,w] + given_j − received[j,t,w]
    donor_gives      Σ_l qty[l] ≤ may_give[i]
    at_most          lot · lots ≤ most · opened       (lane capacity, spare, order line)
    at_least         lot · lots ≥ least · opened
    rest_is_last     lots[p] ≥ ⌊line / lot⌋ · rest[p]

`lost` in place of a stock per day: with lost sales, what is lost up to day t is the running maximum
of exposure (Lindley 1952), and stock is lost − exposure. So one variable is enough for each stretch
of days in which nothing arrives that a decision could change (a third of the rows): the constraint
of the day of highest exposure implies the others. Units short are exact by this; only the holding
term takes losses to grow evenly within a stretch, so without holding cost the objective equals the
exact cost of the plan on the draws. A donor's own shortage is in the objective like anybody's.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pulp

from replan.feasibility import donor_limit
from replan.planning import Action, ActionKind, LaneOffer, PlanningProblem, SiteOutlook
from replan.scenarios import Draws, Ints, arrival_days
from replan.solver.offers import Usable, exposure, of_kinds
from replan.units import ONE_UNIT

TIE_BREAK = 1e-6
"""Minor units per rank: of equally good offers the first in order is taken."""
WHOLE = 1e-5
"""A solver's integer may be this far from a whole number."""

BOTH: frozenset[ActionKind] = frozenset({"reallocate", "expedite"})


class Unreadable(ValueError):
    """The solver's integers are not whole numbers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The first-stage variables of one offer."""

    usable: Usable
    lots: pulp.LpVariable
    rest: pulp.LpVariable | None
    opened: pulp.LpVariable

    @property
    def remainder(self) -> int:
        """What is left of an order line after whole lots, thousandths."""
        return self.usable.most % self.usable.lot

    def terms(self, factor: float) -> list[tuple[pulp.LpVariable, float]]:
        """factor × quantity in base units, as terms of an expression."""
        found = [(self.lots, factor * self.usable.lot / ONE_UNIT)]
        if self.rest is not None:
            found.append((self.rest, factor * self.remainder / ONE_UNIT))
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class TransportModel:
    """The model and where its decisions stand."""

    programme: pulp.LpProblem
    decisions: tuple[Decision, ...]


def build(
    problem: PlanningProblem,
    draw: Draws,
    usable: tuple[Usable, ...],
    *,
    actions_allowed: frozenset[ActionKind] = BOTH,
) -> TransportModel:
    """The programme over these offers (sorted), restricted to the kinds of action allowed."""
    programme = pulp.LpProblem("transport", pulp.LpMinimize)
    decisions = tuple(
        _decision(programme, rank, offer)
        for rank, offer in enumerate(of_kinds(usable, actions_allowed))
    )
    cost: list[tuple[pulp.LpVariable, float]] = []
    for rank, decision in enumerate(decisions):
        offer = decision.usable.offer
        cost.append((decision.opened, offer.fixed_cost_minor + TIE_BREAK * rank))
        cost.extend(decision.terms(offer.unit_cost_minor))
    constant = 0.0
    exposed = exposure(problem, draw)
    for j, site in enumerate(problem.sites):
        giving = [d for d in decisions if _origin(d.usable) == site.site]
        receiving = [
            (d, *_presence(site, d.usable, draw))
            for d in decisions
            if d.usable.receiver == site.site
        ]
        if giving:
            sent = [term for d in giving for term in d.terms(1.0)]
            may_give = donor_limit(problem, site.site) / ONE_UNIT
            programme += pulp.LpAffineExpression(sent) <= may_give, f"donor_gives_{j:03d}"
        constant += _site(programme, cost, exposed[:, j, :], j, site, giving, receiving)
    programme.setObjective(_sum(cost, constant))
    return TransportModel(programme=programme, decisions=decisions)


def read(problem: PlanningProblem, model: TransportModel) -> tuple[Action, ...]:
    """The plan in whole lots and exact money; raises Unreadable on a fraction or no value."""
    actions = []
    for decision in model.decisions:
        qty = _whole(decision.lots) * decision.usable.lot
        if decision.rest is not None:
            qty += _whole(decision.rest) * decision.remainder
        if qty > 0:
            actions.append(decision.usable.action(problem.item, qty))
    return tuple(actions)


def _decision(programme: pulp.LpProblem, rank: int, usable: Usable) -> Decision:
    most = usable.most // usable.lot
    least = -(-usable.least // usable.lot)
    lots = programme.add_variable(f"lots_{rank:03d}", 0, most, cat=pulp.LpInteger)
    opened = programme.add_variable(f"opened_{rank:03d}", 0, 1, cat=pulp.LpInteger)
    if usable.most % usable.lot == 0:
        programme += lots - most * opened <= 0, f"at_most_{rank:03d}"
        programme += lots - least * opened >= 0, f"at_least_{rank:03d}"
        return Decision(usable=usable, lots=lots, rest=None, opened=opened)
    rest = programme.add_variable(f"rest_{rank:03d}", 0, 1, cat=pulp.LpInteger)
    programme += lots + rest - (most + 1) * opened <= 0, f"at_most_{rank:03d}"
    programme += lots + rest - opened >= 0, f"at_least_{rank:03d}"
    programme += lots - most * rest >= 0, f"rest_is_last_{rank:03d}"
    return Decision(usable=usable, lots=lots, rest=rest, opened=opened)


def _site(
    programme: pulp.LpProblem,
    cost: list[tuple[pulp.LpVariable, float]],
    exposed: Ints,
    j: int,
    site: SiteOutlook,
    giving: list[Decision],
    receiving: list[tuple[Decision, Ints, Ints]],
) -> float:
    """Second stage of one site: appends to `cost`, returns the cost that no decision changes."""
    draws, window = exposed.shape[0], site.window
    holding = site.holding_millis / 1_000 / draws
    margin = site.shortage_minor / draws
    most_given = sum(d.usable.most for d in giving)
    constant = -(site.holding_millis / 1_000) * float(exposed[:, :window].sum() / draws) / ONE_UNIT
    for decision in giving:
        cost.extend(decision.terms(-holding * window * draws))
    for decision, since, until in receiving:
        there = np.minimum(until, window) - np.minimum(since, window)
        cost.extend(decision.terms(holding * float(there.sum())))
    for w in range(draws):
        changes = [int(day[w]) for _, since, until in receiving for day in (since, until)]
        days = _telling_days(exposed[w, :window] + most_given, changes)
        before: pulp.LpVariable | None = None
        for place, (first, day) in enumerate(days):
            need = float(exposed[w, day]) / ONE_UNIT
            terms = [term for d in giving for term in d.terms(-1.0)]
            for decision, since, until in receiving:
                if since[w] <= day < until[w]:
                    terms.extend(decision.terms(1.0))
            most_lost = max(0.0, float(exposed[w, : day + 1].max()) + most_given) / ONE_UNIT
            least_lost = 0.0 if terms else max(0.0, need)
            name = f"{j:03d}_{w:03d}_{day:03d}"
            lost = programme.add_variable(f"lost_{name}", least_lost, most_lost)
            if terms:
                programme += (
                    pulp.LpAffineExpression([(lost, 1.0), *terms]) >= need,
                    f"lost_covers_{name}",
                )
            if before is not None:
                programme += lost - before >= 0, f"lost_grows_{name}"
            before = lost
            # Between two variables the loss is taken to grow evenly.
            next_first, next_day = days[place + 1] if place + 1 < len(days) else (window, window)
            weight = (day - first) / 2 + (next_first - day) + (next_day - next_first) / 2
            last = place + 1 == len(days)
            cost.append((lost, holding * weight + (margin if last else 0.0)))
    return constant


def _telling_days(highest: Ints, changes: list[int]) -> list[tuple[int, int]]:
    """Pairs (first, telling day), one for each stretch of days in which something may be lost.

    Within a stretch nothing arrives that a decision could change, so of its constraints the one on
    the day of the highest exposure implies all others; `first` is the first that may lose.
    """
    days = []
    cuts = sorted({0, len(highest), *(day for day in changes if 0 < day < len(highest))})
    for begin, end in pairwise(cuts):
        stretch = highest[begin:end]
        if stretch.max() > 0:
            first = begin + int(np.argmax(stretch > 0))
            days.append((first, begin + int(np.argmax(stretch))))
    return days


def _presence(site: SiteOutlook, usable: Usable, draw: Draws) -> tuple[Ints, Ints]:
    """From which day, and until which, each draw has the units there that it would not have."""
    offer = usable.offer
    horizon = draw.demand.shape[2]
    if isinstance(offer, LaneOffer):
        since = arrival_days(draw, f"lane:{offer.lane}", offer.arrive_p50, offer.arrive_p90)
        return since, np.full_like(since, horizon)
    row = next(row for row in site.inbound if row.ref == offer.po_line)
    until = arrival_days(draw, f"in:{row.ref}", row.day_p50, row.day_p90)
    since = arrival_days(draw, f"in:{row.ref}", offer.new_day_p50, offer.new_day_p90)
    return np.minimum(since, until), until


def _sum(terms: list[tuple[pulp.LpVariable, float]], constant: float) -> pulp.LpAffineExpression:
    """Terms added up: a list given to PuLP keeps only the last coefficient of a variable."""
    coefficients: dict[pulp.LpVariable, float] = {}
    for variable, coefficient in terms:
        coefficients[variable] = coefficients.get(variable, 0.0) + coefficient
    return pulp.LpAffineExpression(coefficients, constant=constant)


def _origin(usable: Usable) -> str | None:
    return usable.offer.origin if isinstance(usable.offer, LaneOffer) else None


def _whole(variable: pulp.LpVariable) -> int:
    value: float | None = variable.value()
    if value is None or abs(value - round(value)) > WHOLE:
        raise Unreadable(f"{variable.name} is {value}, must be a whole number")
    return round(value)
