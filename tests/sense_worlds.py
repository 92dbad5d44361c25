"""A small chain for tests of sensing: two stores, and a fit without a batch library."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, time, timedelta
from typing import Any

import numpy as np

from replan import bands, deviation
from replan.events import Fact, SenseFact, Tick
from replan.fit_record import panel_fit_digest
from replan.forecasting import FitRequest, Forecaster, LiveFit, PanelFit
from replan.models.classical import SeasonalEts
from replan.models.intermittent import Tsb
from replan.models.rolling import RollingMean
from replan.models.seasonal_naive import SeasonalNaive
from replan.models.uplift_history import without_drivers
from replan.models.watching import FitErrors, watch_fit
from replan.network import Item, Lane, Network, Site, StockingRule, SupplyContract
from replan.planning import Answer, PlanningProblem
from replan.replanner import fit_question, step
from replan.scenarios import draws, judge, play
from replan.sensing import FitMade, Sensed, SenseInput, Sensing
from replan.state import SenseRules, SenseState, empty_state
from replan.units import ItemId, LaneId, SiteId, Units
from tests.sense_facts import OATS, S1, S2, SUP, Moment, closed, counted, sale, when

FORECASTERS: Mapping[str, Forecaster] = {
    "ets_ana": SeasonalEts(),
    "mean28": RollingMean(),
    "seasonal_naive": SeasonalNaive(),
    "tsb": Tsb(),
}

CALM = SenseRules(
    lateness=timedelta(hours=48),
    day_closes_at=time(4),
    horizon_days=14,
    min_value_minor=2_000,
    min_days=14,
    refit=timedelta(days=7),
    decide_from=None,
    false_alarms_per_1000=2.0,
    scenarios=5,
    held_out=50,
    history_days=400,
)


def network(
    *,
    items: Sequence[ItemId] = (OATS,),
    zones: Mapping[SiteId, str] | None = None,
    lanes: Sequence[Lane] | None = None,
    contracts: Mapping[str, Any] | None = None,
    shelf_life_days: float | None = None,
    shortage_minor: int = 100,
    review_days: float = 7.0,
) -> Network:
    """Stores S1 and S2 a day apart, a supplier a week away; every item is stocked in both."""
    sites = zones or {S1: "Europe/Berlin", S2: "Europe/Berlin"}
    moves = (lane("S1-S2", S1, S2), lane("S2-S1", S2, S1)) if lanes is None else lanes
    return Network(
        items={
            item: Item(
                item=item,
                description=item.lower(),
                category="food",
                abc="A",
                uom="EA",
                unit_cost_minor=100,
                unit_price_minor=200,
                currency="EUR",
                shelf_life_days=shelf_life_days,
            )
            for item in items
        },
        sites={
            site: Site(site=site, kind="store", region="NORTH", timezone=zone, priority=1)
            for site, zone in sites.items()
        }
        | {SiteId(SUP): supplier_site()},
        lanes={row.lane: row for row in moves},
        supply={
            (SUP, item, site): contract(item, site, **(contracts or {}))
            for item in items
            for site in sites
        },
        stocking={
            (item, site): StockingRule(
                item=item,
                site=site,
                service_level=0.95,
                review_period_days=review_days,
                order_up_to=Units(300_000),
                holding_minor_per_unit_day=0.1,
                shortage_minor_per_unit=shortage_minor,
            )
            for item in items
            for site in sites
        },
    )


def supplier_site() -> Site:
    return Site(
        site=SiteId(SUP),
        kind="supplier",
        region="SOUTH",
        timezone="Europe/Berlin",
        priority=1,
        lat=47.0,
        lon=11.5,
    )


def lane(name: str, origin: SiteId, destination: SiteId, **changes: Any) -> Lane:
    """A road of a day, 14:00 the last moment to leave."""
    given = {
        "lane": LaneId(name),
        "origin": origin,
        "destination": destination,
        "mode": "road",
        "lead_time_days_p50": 1.0,
        "lead_time_days_p90": 2.0,
        "fixed_cost_minor": 500,
        "unit_cost_minor": 5,
        "min_qty": Units(1_000),
        "lot_multiple": Units(1_000),
        "capacity_units_per_day": Units(500_000),
        "cutoff_local": time(14),
    }
    return Lane(**{**given, **changes})


def contract(item: ItemId, site: SiteId, **changes: Any) -> SupplyContract:
    """A week from order to receipt, two days more at p90; three of them can be bought back."""
    given = {
        "supplier": SUP,
        "item": item,
        "site": site,
        "approved": True,
        "lead_time_days_p50": 7.0,
        "lead_time_days_p90": 9.0,
        "moq": Units(1_000),
        "lot_multiple": Units(1_000),
        "expedite_days_saved": 3.0,
        "expedite_fixed_minor": 1_000,
        "expedite_unit_minor": 10,
        "buffer_qty": None,
        "buffer_lead_time_days": None,
        "buffer_unit_premium_minor": None,
        "contract_clause": "",
    }
    return SupplyContract(**{**given, **changes})


# A fit, and a world that is told facts up to a tick.


def fit_of(request: FitRequest, model: str = "mean28", *, watched: bool = False) -> PanelFit:
    """Every old series gets `model`, which must fit without a batch library or be `ets_ana`. Open
    days and pools are watched only where that is asked for.
    """
    names = tuple(sorted(FORECASTERS))
    past = without_drivers(request.sold, request.mask, request.drivers, request.category_of)
    request = replace(request, sold=past.base_sold)
    n = request.sold.shape[1]
    fit = _fitted(model, request)
    state = np.zeros((30, n))
    state[: fit.state.shape[0]] = fit.state
    mean = np.maximum(request.sold - np.where(np.isfinite(fit.residuals), fit.residuals, 0.0), 0.0)
    squares = np.where(np.isfinite(fit.residuals), fit.residuals**2, 0.0)
    count = np.maximum(np.isfinite(fit.residuals).sum(axis=0), 1)
    offsets, scale = bands.after_history(fit.residuals, request.sold)
    up, down = deviation.textbook_thresholds(request.false_alarms_per_1000 / 2)
    sigma = np.maximum(np.sqrt(squares.sum(axis=0) / count), 0.2)
    choice = np.where(request.young, -1, names.index(model))
    watch = None
    if watched and request.watch is not None:
        made = FitErrors(
            errors=fit.residuals,
            y=request.sold,
            sigma=sigma,
            level=mean.mean(axis=0),
            growth=fit.growth,
            choice=choice,
            rate=request.false_alarms_per_1000 / deviation.TESTS,
            block=min(28, len(request.sold)),
            seed=1,
        )
        watch, _ = watch_fit(request.watch, made, request.sold)
    return PanelFit(
        through=request.through,
        models=names,
        versions=tuple(FORECASTERS[name].version for name in names),
        choice=choice,
        state=state,
        params=dict(fit.params),
        growth=fit.growth,
        offsets=np.where(request.young, 0.0, offsets),
        scale=np.where(request.young, 1.0, scale),
        sigma=sigma,
        size=deviation.reference_size(mean, fit.residuals),
        threshold_up=np.full(n, up),
        threshold_down=np.full(n, down),
        degraded=np.zeros(n, dtype=np.int64),
        young=request.young.astype(np.int64),
        lift_seen=past.seen,
        lift_due=past.due,
        lift_mean=past.mean,
        persistent=0.1,
        shared=0.05,
        notes=(),
        watch=watch,
    )


def _fitted(model: str, request: FitRequest) -> LiveFit:
    if model != "ets_ana":
        return FORECASTERS[model].fit(request.sold, request.mask)
    # Level and weekly pattern by plain means; smoothing as a fit on calm sales finds it.
    days, n = request.sold.shape
    state = np.zeros((8, n))
    state[0] = request.sold.mean(axis=0)
    for back in range(7):
        state[1 + back] = request.sold[days - 1 - back :: -7].mean(axis=0) - state[0]
    weekly = np.stack([state[7 - day % 7] for day in range(7)])
    first = (7 - days % 7) % 7
    expected = state[0] + weekly[(np.arange(days) + first) % 7]
    return LiveFit(
        state=state,
        params={"alpha": np.full(n, 0.1), "gamma": np.full(n, 0.05)},
        growth=np.full(n, 0.1),
        residuals=np.where(request.mask, request.sold - expected, np.nan),
    )


class Waits:
    """A planner whose only option is to do nothing."""

    def __init__(self) -> None:
        self.asked: list[PlanningProblem] = []

    def plan(self, problems: Iterable[PlanningProblem]) -> tuple[Answer, ...]:
        asked = tuple(problems)
        self.asked.extend(asked)
        return tuple(self._answer(problem) for problem in asked)

    def _answer(self, problem: PlanningProblem) -> Answer:
        held_out = draws(problem, problem.held_out, 2)
        nothing = play(problem, (), held_out)
        none = judge(problem, "none", (), held_out=held_out, nothing=nothing)
        return Answer(
            problem_sha=problem.sha,
            options=(none,),
            recommended="none",
            solver="waits",
            outcome="proven",
            notes=(),
        )


@dataclass
class World:
    """Sense with its rules; `tell` gives it facts and lets a tick pass."""

    network: Network
    rules: SenseRules = CALM
    planner: Waits = field(default_factory=Waits)

    def __post_init__(self) -> None:
        self.state: SenseState = empty_state(self.network, self.rules)

    @property
    def sensing(self) -> Sensing:
        return Sensing(
            network=self.network,
            rules=self.rules,
            forecasters=FORECASTERS,
            planner=self.planner,
        )

    def tell(self, inputs: Iterable[SenseInput], at: Moment) -> Sensed:
        """What is said after these inputs and a tick."""
        return step(self.state, [*inputs, Tick(at=when(at))], self.sensing)

    def live(self, facts: Iterable[SenseFact], ticks: Iterable[Moment]) -> list[Sensed]:
        """Each fact is told before the first tick at or after its arrival."""
        left: list[SenseFact] = sorted(facts, key=_order)
        said = []
        for tick in ticks:
            now = [fact for fact in left if fact.arrived_at <= when(tick)]
            left = left[len(now) :]
            said.append(self.tell(now, tick))
        assert not left, f"facts after the last tick: {left}"
        return said

    def fit(self, at: Moment, model: str = "mean28", *, watched: bool = False) -> FitMade:
        """The fit that a fitter would answer with at a tick."""
        request = fit_question(self.state, when(at), self.rules)
        assert request is not None, "no site has a closed day"
        made = fit_of(request, model, watched=watched)
        return FitMade(fit=made, sha=panel_fit_digest(made))


def _order(fact: Fact) -> tuple[datetime, str, str, str]:
    return fact.order


WEEKLY = (0.8, 0.9, 0.9, 1.0, 1.3, 1.5, 0.6)


def calm_sales(
    first: int,
    last: int,
    *,
    daily: float = 20.0,
    factor: float = 1.0,
    site: SiteId = S1,
    item: ItemId = OATS,
    seed: int = 1,
) -> list[SenseFact]:
    """One sale a day at noon and the close of the day, from day `first` up to `last` - 1."""
    facts: list[SenseFact] = []
    for day in range(first, last):
        rng = np.random.default_rng([seed, day, ord(site[-1]), len(item), ord(item[0])])
        qty = int(rng.poisson(daily * factor * WEEKLY[day % 7]))
        if qty:
            facts.append(sale(day + 0.5, qty, site=site, item=item))
        facts.append(closed(day, site=site))
    return facts


def till_sales(
    first: int,
    last: int,
    *,
    daily: float = 20.0,
    factor: float = 1.0,
    site: SiteId = S1,
    item: ItemId = OATS,
    opens: int = 7,
    closes: int = 19,
) -> list[SenseFact]:
    """A unit at a time, evenly over the opening hours (UTC), from day `first` up to `last` - 1; the
    day is closed at 20:00 UTC.
    """
    facts: list[SenseFact] = []
    for day in range(first, last):
        rng = np.random.default_rng([day, ord(site[-1]), ord(item[0])])
        count = int(rng.poisson(daily * factor))
        minutes = sorted(rng.integers(opens * 60, closes * 60, count).tolist())
        facts += [
            sale(day + minute / 1_440, site=site, item=item, name=f"{site}-{item}-{day}-{n}")
            for n, minute in enumerate(minutes)
        ]
        facts.append(closed(day, site=site))
    return facts


def watched_world(
    days: int = 28,
    *,
    daily: float = 20.0,
    stock: Mapping[SiteId, float] | None = None,
    rules: SenseRules = CALM,
    **changes: Any,
) -> World:
    """Till lines of some weeks at every store, a fit that watches open days and pools, and shelves
    counted that evening.
    """
    world = World(network(**changes), rules)
    at = days - 0.125
    facts: list[SenseFact] = []
    for site in sorted(world.network.sites):
        for item in sorted(world.network.items):
            facts += till_sales(0, days, daily=daily, site=site, item=item)
            if stock is not None and site in stock:
                facts.append(counted(at, stock[site], site=site, item=item))
    world.live(facts, [at])
    world.tell([world.fit(at, watched=True)], days - 0.0625)
    return world


def fitted_world(
    days: int = 28,
    *,
    stock: Mapping[SiteId, float] | None = None,
    rules: SenseRules = CALM,
    model: str = "mean28",
    daily: float = 20.0,
    **changes: Any,
) -> World:
    """Calm sales on `days` days at both stores, a fit, and shelves counted that evening."""
    world = World(network(**changes), rules)
    facts: list[SenseFact] = []
    for site in sorted(s for s, row in world.network.sites.items() if row.kind == "store"):
        for item in sorted(world.network.items):
            facts += calm_sales(0, days, site=site, item=item, daily=daily)
    at = days - 0.125
    unique = {fact.event_id: fact for fact in facts}
    for site, on_hand in sorted((stock or {}).items()):
        for item in sorted(world.network.items):
            count = counted(at, on_hand, site=site, item=item)
            unique[count.event_id] = count
    world.live(unique.values(), [at])
    world.tell([world.fit(at, model)], days - 0.0625)
    return world
