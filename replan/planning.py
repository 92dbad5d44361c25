"""What can be done about one item? The problem, the actions, whole options, the `Planner` port.

A problem is plain data with sorted ids, so it has a hash and can be asked again. Day 0 is the first
day not closed yet; an arrival on day t can be sold on day t. Quantities are integer thousandths and
money integer minor units, so that judging a plan is exact and the same on every machine; only the
solver inside a `Planner` uses floats, and what it answers is rounded to whole lots before it is
judged. Once every item has its options, a `JointChooser` picks one for each.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import Any, Literal, Protocol

from replan.canonical import digest
from replan.units import ItemId, LaneId, PoLineId, SiteId, SupplierId, Units, instant_text

ActionKind = Literal["expedite", "reallocate", "buffer_call", "postpone"]
Outcome = Literal["proven", "feasible", "fallback"]
"""How an answer was found: proven optimal within the gap, with a larger gap, or greedily."""


Carried = tuple[LaneId, str]
"""A lane and the day on which it carries something, as an ISO date."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Inbound:
    """Units on their way to a site; day indices of arrival at p50 and p90 (≥ 0, p90 ≥ p50)."""

    ref: str
    qty: Units
    day_p50: int
    day_p90: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NextOrder:
    """The normal order after the window: what is sold or left until then changes what it holds.

    It is written at the end of `review_day` (< window), brings stock and all that is on its way up
    to `up_to`, is there on day `window`, and has to last for `days` days more. `up_to` 0: nothing
    is ordered, and what is left has to last. `keeps`: how much can still be sold before it
    perishes; None where nothing does.
    """

    review_day: int
    up_to: Units
    days: int
    keeps: Units | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteOutlook:
    """One site of the problem.

    `quantiles[k][t]`: demand quantile at `forecasting.LEVELS[k]` on day t in base units,
    non-decreasing in k. `window`: days until normal supply can arrive, ≤ horizon; costs are counted
    on days < window, and on the days that the `next_order` has to last (None: not looked at).
    `spare`: the most this site may give away, after protecting its own demand (0 for a receiver).
    `persistent`: share of the error variance that its days have in common.
    """

    site: SiteId
    region: str
    on_hand: Units
    inbound: tuple[Inbound, ...]
    quantiles: tuple[tuple[float, ...], ...]
    window: int
    spare: Units
    persistent: float
    shortage_minor: int
    holding_millis: int
    """Holding cost per base unit and day, in thousandths of a minor unit."""
    next_order: NextOrder | None = None

    @property
    def counted_days(self) -> int:
        """Days whose costs count: the window and what the next order has to last."""
        return self.window + (0 if self.next_order is None else self.next_order.days)


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneOffer:
    """A move that can still leave on day `ship_day`; arrives on a whole day at p50 and p90."""

    lane: LaneId
    origin: SiteId
    destination: SiteId
    ship_day: int
    arrive_p50: int
    arrive_p90: int
    fixed_cost_minor: int
    unit_cost_minor: int
    min_qty: Units
    lot_multiple: Units
    capacity: Units | None
    """What the lane can still carry on the ship day; None is unlimited."""
    latest_start: datetime
    """The cut-off: the last moment at which the move can be ordered for that day."""
    zone: str = "UTC"
    """Where the cut-off is a time of day: its next ones come by that calendar."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpediteOffer:
    """An open order line that its supplier can bring forward, whole or in part."""

    po_line: PoLineId
    supplier: SupplierId
    site: SiteId
    qty: Units
    lot_multiple: Units
    day_p50: int
    day_p90: int
    new_day_p50: int
    new_day_p90: int
    fixed_cost_minor: int
    unit_cost_minor: int
    approved: bool
    latest_start: datetime
    zone: str = "UTC"


@dataclass(frozen=True, slots=True, kw_only=True)
class BufferOffer:
    """Stock that a supplier holds for us under contract.

    `qty` is what is left of it now, `min_qty` and `lot_multiple` those of an order. A call costs
    `unit_cost_minor` + `premium_minor` per base unit.
    """

    supplier: SupplierId
    site: SiteId
    qty: Units
    min_qty: Units
    lot_multiple: Units
    arrive_p50: int
    arrive_p90: int
    unit_cost_minor: int
    premium_minor: int
    clause: str
    approved: bool
    latest_start: datetime
    zone: str = "UTC"


@dataclass(frozen=True, slots=True, kw_only=True)
class PostponeOffer:
    """An open order line that can come later than promised, whole or in part."""

    po_line: PoLineId
    supplier: SupplierId
    site: SiteId
    qty: Units
    lot_multiple: Units
    day_p50: int
    day_p90: int
    new_day_p50: int
    new_day_p90: int
    approved: bool
    latest_start: datetime
    zone: str = "UTC"


Offer = LaneOffer | ExpediteOffer | BufferOffer | PostponeOffer


@dataclass(frozen=True, kw_only=True)
class PlanningProblem:
    """Everything a planner may know about one item at one tick, in sorted order."""

    item: ItemId
    asked_at: datetime
    first_day: date
    horizon: int
    sites: tuple[SiteOutlook, ...]
    lanes: tuple[LaneOffer, ...]
    expedites: tuple[ExpediteOffer, ...]
    scenarios: int
    held_out: int
    unit_cost_minor: int
    shared: float
    """Share of the error variance that the sites of the item have in common on a day."""
    seed: int
    buffers: tuple[BufferOffer, ...] = ()
    postpones: tuple[PostponeOffer, ...] = ()

    @cached_property
    def sha(self) -> str:
        """Digest of the problem: the same question has the same digest."""
        return digest(problem_json(self))


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """One thing to do. For a reallocation `ref` is the lane; else `origin` is the supplier, and
    `ref` the order line, or `<supplier>@<site>` for a buffer call. `cost_minor` is the direct cost,
    exact for the whole lots; that of a buffer call holds the goods too."""

    kind: ActionKind
    item: ItemId
    origin: str
    destination: SiteId
    qty: Units
    ship_day: int
    arrive_p50: int
    arrive_p90: int
    cost_minor: int
    ref: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """A number as a range: p10 ≤ p50 ≤ p90 over the held-out scenarios."""

    p10: int
    p50: int
    p90: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """A whole plan for the item, judged on the held-out scenarios against doing nothing.

    `cost_minor`: direct cost + lost margin + holding + waste over the windows and until the normal
    order after them is used up. `benefit_minor`: cost of doing nothing less that, scenario by
    scenario; `benefit_mean_minor` is its mean. `short_avoided`, `units_short`: thousandths, inside
    the windows. `p_wins`: share of scenarios in which it costs less than doing nothing.
    `donor_shortage_p90_minor`: per donor site, the p90 of the margin it loses by giving.
    `binding`: words naming the limits that hold the plan back.
    """

    name: str
    actions: tuple[Action, ...]
    cost_minor: Spread
    benefit_minor: Spread
    benefit_mean_minor: int
    short_avoided: Spread
    units_short: Spread
    p_stockout_receiver: float
    p_stockout_donor: float
    p_wins: float
    donor_shortage_p90_minor: Mapping[SiteId, int]
    binding: tuple[str, ...]
    gap: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a planner answers: options in order of falling mean benefit, `none` always among them.

    `recommended` is the first one that beats doing nothing on the held-out scenarios, else `none`.
    `solver` names solver and version; `outcome` is the weakest outcome among the options.
    """

    problem_sha: str
    options: tuple[Option, ...]
    recommended: str
    solver: str
    outcome: Outcome
    notes: tuple[str, ...]

    def option(self, name: str) -> Option:
        """The option of that name; KeyError if there is none."""
        for option in self.options:
            if option.name == name:
                return option
        raise KeyError(name)


class Planner(Protocol):
    """Answers planning problems; the same problem always gets the same answer."""

    def plan(self, problems: Iterable[PlanningProblem]) -> tuple[Answer, ...]:
        """One answer per problem, in order. Problems may still be put together while the first are
        worked on: each is asked for once, and all of them are.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemChoices:
    """The options of one item as the joint choice sees them.

    `options`: (name, mean benefit in minor units, what it takes of shared lanes), where a use is
    ((lane, ship day as an ISO date), quantity). `none` (nothing used, no benefit) is always
    allowed, listed or not. `current`: the option that repeats the plan already chosen for the
    item; None where nothing has been chosen yet, so that no option changes a plan.
    """

    item: ItemId
    options: tuple[tuple[str, int, tuple[tuple[tuple[LaneId, str], Units], ...]], ...]
    current: str | None = None


class JointChooser(Protocol):
    """Picks one option per item where items share what lanes can carry."""

    def choose(
        self,
        proposals: tuple[ItemChoices, ...],
        capacity: Mapping[tuple[LaneId, str], Units | None],
    ) -> dict[ItemId, str]:
        """Item → option name. `capacity`: what a lane still carries that day, None = unlimited."""
        ...

    def further(
        self,
        problems: Mapping[ItemId, PlanningProblem],
        proposals: tuple[ItemChoices, ...],
        capacity: Mapping[tuple[LaneId, str], Units | None],
    ) -> dict[ItemId, tuple[Option, ...]]:
        """More options by item, for items that want more of a lane than it carries; the same
        question always gets the same answer, so a replay asks it again.
        """
        ...


def lane_uses(
    option: Option, problem: PlanningProblem
) -> tuple[tuple[tuple[LaneId, str], Units], ...]:
    """What a plan takes of lanes: ((lane, ship day as an ISO date), thousandths), sorted."""
    uses: dict[Carried, int] = {}
    for action in option.actions:
        if action.kind == "reallocate":
            ship_on = problem.first_day + timedelta(days=action.ship_day)
            key = (LaneId(action.ref), ship_on.isoformat())
            uses[key] = uses.get(key, 0) + int(action.qty)
    return tuple((key, Units(qty)) for key, qty in sorted(uses.items()))


def in_order(problem: PlanningProblem) -> PlanningProblem:
    """The same problem with sites, deliveries and offers sorted: equal questions become equal."""
    ordered = replace(
        problem,
        sites=tuple(
            replace(
                site,
                inbound=tuple(
                    sorted(site.inbound, key=lambda i: (i.ref, i.day_p50, i.day_p90, i.qty))
                ),
            )
            for site in sorted(problem.sites, key=lambda site: site.site)
        ),
        lanes=tuple(sorted(problem.lanes, key=lambda offer: (offer.lane, offer.ship_day))),
        expedites=tuple(sorted(problem.expedites, key=lambda offer: offer.po_line)),
        buffers=tuple(sorted(problem.buffers, key=lambda offer: (offer.supplier, offer.site))),
        postpones=tuple(
            sorted(problem.postpones, key=lambda offer: (offer.po_line, offer.new_day_p50))
        ),
    )
    return problem if ordered == problem else ordered


def problem_json(problem: PlanningProblem) -> dict[str, Any]:
    """A problem as plain JSON data (quantities in thousandths, instants as text)."""
    return {
        "item": problem.item,
        "asked_at": instant_text(problem.asked_at),
        "first_day": problem.first_day.isoformat(),
        "horizon": problem.horizon,
        "sites": [
            {
                **members(site),
                "inbound": [members(inbound) for inbound in site.inbound],
                "next_order": None if site.next_order is None else members(site.next_order),
            }
            for site in problem.sites
        ],
        **{
            name: [
                {**members(offer), "latest_start": instant_text(offer.latest_start)}
                for offer in getattr(problem, name)
            ]
            for name in ("lanes", "expedites", "buffers", "postpones")
        },
        "scenarios": problem.scenarios,
        "held_out": problem.held_out,
        "unit_cost_minor": problem.unit_cost_minor,
        "shared": problem.shared,
        "seed": problem.seed,
    }


def members(value: Any) -> dict[str, Any]:
    """The members of a dataclass, not deeper: a problem is written often, and `asdict` copies all
    of it.
    """
    return {name: getattr(value, name) for name in value.__dataclass_fields__}
