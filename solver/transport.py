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
from typing import assert_never, get_args

import numpy as np
import pulp
from numpy.typing import NDArray

from replan.feasibility import donor_limit
from replan.offering import expense_of
from replan.planning import (
    Action,
    ActionKind,
    BufferOffer,
    ExpediteOffer,
    LaneOffer,
    PlanningProblem,
    PostponeOffer,
    SiteOutlook,
)
from replan.scenarios import Draws, Ints, arrival_days
from replan.solver.offers import Usable, exposure, exposure_to_all, of_kinds
from replan.units import ONE_UNIT

TIE_BREAK = 1e-6
"""Minor units per rank: of equally good offers the first in order is taken."""
WHOLE = 1e-5
"""A solver's integer may be this far from a whole number."""

EVERY: frozenset[ActionKind] = frozenset(get_args(ActionKind))


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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """What no decision changes at one site: `exposed` and `unmet` (W, D) on its counted days."""

    site: SiteOutlook
    place: int
    exposed: Ints
    unmet: Ints
    unit_cost_minor: int

    @property
    def review_day(self) -> int:
        """The day of the review; the last of the window where there is none."""
        order = self.site.next_order
        return self.site.window - 1 if order is None else order.review_day

    @property
    def after(self) -> NDArray[np.bool_]:
        """Which of the counted days lie behind the window."""
        result: NDArray[np.bool_] = np.arange(self.exposed.shape[1]) >= self.site.window
        return result

    def orders(self) -> NDArray[np.bool_]:
        """In which draws (W,) the review orders if nothing is done."""
        order = self.site.next_order
        if order is None:
            return np.zeros(len(self.exposed), dtype=np.bool_)
        lost = np.maximum(self.exposed[:, : order.review_day + 1].max(axis=1), 0)
        result: NDArray[np.bool_] = lost - self.unmet[:, order.review_day] < int(order.up_to)
        return result

    def need(self, orders: NDArray[np.bool_]) -> Ints:
        """Exposure (W, D), where the review orders with what it orders if nothing was lost before
        it.
        """
        order = self.site.next_order
        if order is None:
            return self.exposed
        ordered = (int(order.up_to) + self.unmet[:, order.review_day])[:, None]
        late = orders[:, None] & self.after
        result: Ints = np.where(late, self.exposed - ordered, self.exposed)
        return result


def build(
    problem: PlanningProblem,
    draw: Draws,
    usable: tuple[Usable, ...],
    *,
    actions_allowed: frozenset[ActionKind] = EVERY,
) -> TransportModel:
    """The programme over these offers (sorted), restricted to the kinds of action allowed."""
    programme = pulp.LpProblem("transport", pulp.LpMinimize)
    decisions = tuple(
        _decision(programme, rank, offer)
        for rank, offer in enumerate(of_kinds(usable, actions_allowed))
    )
    cost: list[tuple[pulp.LpVariable, float]] = []
    for rank, decision in enumerate(decisions):
        fixed, unit = expense_of(decision.usable.offer)
        cost.append((decision.opened, fixed + TIE_BREAK * rank))
        cost.extend(decision.terms(unit))
    constant = 0.0
    exposed, unmet = exposure(problem, draw), exposure_to_all(problem, draw)
    for j, site in enumerate(problem.sites):
        giving = [d for d in decisions if d.usable.donor == site.site]
        receiving = [
            (d, *_presence(site, d.usable, draw))
            for d in decisions
            if d.usable.receiver == site.site
        ]
        if giving:
            sent = [term for d in giving for term in d.terms(1.0)]
            may_give = donor_limit(problem, site.site) / ONE_UNIT
            programme += pulp.LpAffineExpression(sent) <= may_give, f"donor_gives_{j:03d}"
        known = _Known(
            site=site,
            place=j,
            exposed=exposed[:, j, : site.counted_days],
            unmet=unmet[:, j, : site.counted_days],
            unit_cost_minor=problem.unit_cost_minor,
        )
        constant += _site(programme, cost, known, giving, receiving)
    _share_lines(programme, decisions)
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


def _share_lines(programme: pulp.LpProblem, decisions: tuple[Decision, ...]) -> None:
    """What several offers move of one order line is never more than the line."""
    of_line: dict[str, list[Decision]] = {}
    for decision in decisions:
        if not decision.usable.adds:
            of_line.setdefault(decision.usable.name[1], []).append(decision)
    for n, (_, several) in enumerate(sorted(of_line.items())):
        if len(several) > 1:
            most = max(d.usable.most for d in several) / ONE_UNIT
            terms = [term for d in several for term in d.terms(1.0)]
            programme += _sum(terms, 0.0) <= most, f"line_has_{n:03d}"


def _site(
    programme: pulp.LpProblem,
    cost: list[tuple[pulp.LpVariable, float]],
    known: "_Known",
    giving: list[Decision],
    receiving: list[tuple[Decision, int, Ints, Ints]],
) -> float:
    """Second stage of one site: appends to `cost`, returns the cost that no decision changes."""
    site, j, window = known.site, known.place, known.site.window
    draws = known.exposed.shape[0]
    holding = site.holding_millis / 1_000 / draws
    margin = site.shortage_minor / draws
    most_given = sum(d.usable.most for d in giving)
    most_brought = sum(d.usable.most for d, *_ in receiving if d.usable.adds)
    most_missed = sum(d.usable.most for d, sign, *_ in receiving if sign < 0)
    given = [term for d in giving for term in d.terms(-1.0)]
    orders = known.orders()
    need = known.need(orders)
    highest = need + most_given + most_missed
    upto_review = highest[:, : known.review_day + 1].max(axis=1, initial=0)
    behind = need + upto_review[:, None] + most_brought + most_missed
    highest = np.where(orders[:, None] & known.after, behind, highest)
    needs, highs = need.tolist(), highest.tolist()
    most = np.maximum.accumulate(np.maximum(highest, 0), axis=1).tolist()
    exposed = np.cumsum(known.exposed, axis=1).tolist()
    constant = 0.0
    for w, ordered in enumerate(orders.tolist()):
        # Behind a review that orders, stock no longer depends on what was given or sold before it.
        held_until = window if ordered else site.counted_days
        constant -= holding * float(exposed[w][held_until - 1]) / ONE_UNIT
        cost.extend(term for d in giving for term in d.terms(-holding * held_until))
        changes = [window, known.review_day + 1]
        for decision, sign, since, until in receiving:
            changes += [int(since[w]), int(until[w])]
            there = min(int(until[w]), held_until) - min(int(since[w]), held_until)
            cost.extend(decision.terms(sign * holding * there))
        reviewed: pulp.LpVariable | None = None
        days = _telling_days(highs[w], changes)
        before: pulp.LpVariable | None = None
        for place, (first, day) in enumerate(days):
            late = ordered and day >= window
            terms = [] if late else list(given)
            for decision, sign, since, until in receiving:
                here = sign * int(since[w] <= day < until[w])
                # What a review finds under way it does not order.
                here -= int(late and decision.usable.adds)
                if here:
                    terms.extend(decision.terms(float(here)))
            if late and reviewed is not None:
                terms.append((reviewed, -1.0))
            needed = float(needs[w][day]) / ONE_UNIT
            least_lost = 0.0 if terms else max(0.0, needed)
            most_lost = None if late else float(most[w][day]) / ONE_UNIT
            name = f"{j:03d}_{w:03d}_{day:03d}"
            lost = programme.add_variable(f"lost_{name}", least_lost, most_lost)
            if terms:
                programme += _sum([(lost, 1.0), *terms], 0.0) >= needed, f"lost_covers_{name}"
            if before is not None:
                programme += _sum([(lost, 1.0), (before, -1.0)], 0.0) >= 0, f"lost_grows_{name}"
            before = lost
            if day <= known.review_day:
                reviewed = lost
            # Between two variables the loss is taken to grow evenly.
            end = held_until
            next_first, next_day = days[place + 1] if place + 1 < len(days) else (end, end)
            weight = (
                (min(day, end) - min(first, end)) / 2
                + (min(next_first, end) - min(day, end))
                + (min(next_day, end) - min(next_first, end)) / 2
            )
            last = place + 1 == len(days)
            cost.append((lost, holding * weight + (margin if last else 0.0)))
        order = site.next_order
        if order is not None and order.keeps is not None and not ordered:
            wasted = programme.add_variable(f"wasted_{j:03d}_{w:03d}", 0)
            cost.append((wasted, known.unit_cost_minor / draws))
            terms = [] if before is None else [(before, -1.0)]
            terms += [term for d in giving for term in d.terms(1.0)]
            for decision, sign, since, until in receiving:
                if since[w] < site.counted_days <= until[w]:
                    terms.extend(decision.terms(-1.0 * sign))
            least = float(-known.exposed[w, -1] - order.keeps) / ONE_UNIT
            programme += _sum([(wasted, 1.0), *terms], 0.0) >= least, f"perishes_{j:03d}_{w:03d}"
    return constant


def _telling_days(highest: list[int], changes: list[int]) -> list[tuple[int, int]]:
    """Pairs (first, telling day), one for each stretch of days in which something may be lost.

    Within a stretch nothing arrives that a decision could change, so of its constraints the one on
    the day of the highest exposure implies all others; `first` is the first that may lose.
    """
    days = []
    cuts = sorted({0, len(highest), *(day for day in changes if 0 < day < len(highest))})
    for begin, end in pairwise(cuts):
        stretch = highest[begin:end]
        most = max(stretch)
        if most > 0:
            first = next(n for n, high in enumerate(stretch) if high > 0)
            days.append((begin + first, begin + stretch.index(most)))
    return days


def _presence(site: SiteOutlook, usable: Usable, draw: Draws) -> tuple[int, Ints, Ints]:
    """From which day, and until which, each draw has the units there (1) that it would not have, or
    misses units (-1) that it would have.
    """
    offer = usable.offer
    days = draw.demand.shape[2]
    match offer:
        case LaneOffer():
            since = arrival_days(draw, f"lane:{offer.lane}", offer.arrive_p50, offer.arrive_p90)
            return 1, since, np.full_like(since, days)
        case BufferOffer():
            name = f"buffer:{offer.supplier}@{offer.site}"
            since = arrival_days(draw, name, offer.arrive_p50, offer.arrive_p90)
            return 1, since, np.full_like(since, days)
        case ExpediteOffer() | PostponeOffer():
            row = next(row for row in site.inbound if row.ref == offer.po_line)
            old = arrival_days(draw, f"in:{row.ref}", row.day_p50, row.day_p90)
            new = arrival_days(draw, f"in:{row.ref}", offer.new_day_p50, offer.new_day_p90)
            if isinstance(offer, PostponeOffer):
                return -1, old, np.maximum(old, new)
            return 1, np.minimum(new, old), old
        case _:
            assert_never(offer)


def _sum(terms: list[tuple[pulp.LpVariable, float]], constant: float) -> pulp.LpAffineExpression:
    """Terms added up: a list given to PuLP keeps only the last coefficient of a variable."""
    coefficients: dict[pulp.LpVariable, float] = {}
    for variable, coefficient in terms:
        coefficients[variable] = coefficients.get(variable, 0.0) + coefficient
    return pulp.LpAffineExpression(coefficients, constant=constant)


def _whole(variable: pulp.LpVariable) -> int:
    value: float | None = variable.value()
    if value is None or abs(value - round(value)) > WHOLE:
        raise Unreadable(f"{variable.name} is {value}, must be a whole number")
    return round(value)
