"""Is it told when a model, a band or the solver no longer keeps what it promises (R61, R64)?"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

import numpy as np
import pytest

from replan.alarms import AlarmScope
from replan.events import SenseFact
from replan.planning import Answer, PlanningProblem
from replan.sensing import FitMade
from replan.state import empty_state
from replan.state_record import state_bytes, state_from_bytes
from replan.units import ItemId
from tests.sense_facts import OATS, S1, S2, counted, sale, when
from tests.sense_worlds import CALM, Waits, World, calm_sales, fitted_world

pytestmark = pytest.mark.slow

EIGHT = tuple(ItemId(f"I{n}") for n in range(8))
MEAN = AlarmScope(model="mean28")


def sixteen_series(*factors: float) -> World:
    """Eight items at two stores, calm for four weeks; then a day at each factor of the usual."""
    world = fitted_world(28, items=EIGHT, stock={S1: 90_000, S2: 90_000})
    facts: list[SenseFact] = []
    for day, factor in enumerate(factors, 28):
        for site in (S1, S2):
            for item in EIGHT:
                facts += calm_sales(day, day + 1, factor=factor, site=site, item=item)
    unique = {fact.event_id: fact for fact in facts}
    world.live(unique.values(), range(29, 29 + len(factors)))
    return world


def kinds(world: World) -> set[str]:
    return {alarm.kind for alarm in world.state.alarms.standing.values()}


def test_models_that_hold_raise_no_alarm() -> None:
    assert kinds(sixteen_series(*[1.0] * 20)) == set()


def test_forecasts_far_below_what_is_sold_are_biased() -> None:
    world = sixteen_series(*(1 + 0.25 * day for day in range(20)))
    assert world.state.alarms.stands("bias", MEAN)
    text = next(a.text for a in world.state.alarms.standing.values() if a.kind == "bias")
    assert "below what was sold" in text


def test_bands_that_miss_too_often_are_told_with_their_share() -> None:
    swings = [3.0, 0.2] * 8
    world = sixteen_series(*swings)
    assert world.state.alarms.stands("coverage", MEAN)
    text = next(a.text for a in world.state.alarms.standing.values() if a.kind == "coverage")
    assert "inside their 90 % band" in text


def test_fewer_than_two_hundred_days_of_series_say_nothing() -> None:
    assert kinds(sixteen_series(*[2.0] * 11)) == set()


def test_alarm_of_a_model_ends_when_it_holds_again() -> None:
    swings = [3.0, 0.2] * 8
    world = sixteen_series(*swings, *[1.0] * 24)
    assert not world.state.alarms.stands("coverage", MEAN)


def test_scores_survive_a_restart() -> None:
    world = sixteen_series(*[2.0] * 5)
    kept = state_bytes(world.state, {})
    empty = empty_state(world.network, world.rules)
    state, _ = state_from_bytes(empty, kept, world.state.panel.fit)
    assert state.scores == world.state.scores
    assert {score.steps for score in state.scores["mean28"].values()} == {16}


def test_model_that_serves_in_anothers_place_is_told_until_the_next_fit() -> None:
    world = fitted_world(28, stock={S1: 500, S2: 500})
    made = world.fit(28)
    row = np.array([1, 0], dtype=np.int64)
    world.tell([FitMade(fit=replace(made.fit, degraded=row), sha="poor")], 28.1)
    assert world.state.alarms.stands("model", MEAN)
    world.tell([made], 28.2)
    assert not world.state.alarms.stands("model", MEAN)


@dataclass
class Greedy(Waits):
    """A planner whose solver is dead."""

    def __post_init__(self) -> None:
        super().__init__()

    def _answer(self, problem: PlanningProblem) -> Answer:
        waits = super()._answer(problem)
        return replace(waits, outcome="fallback", notes=("fallback to the greedy rule: dead",))


def test_plan_without_a_solver_is_told_for_a_day() -> None:
    world = fitted_world(28, stock={S1: 20, S2: 20})
    world.planner = Greedy()
    world.live([sale(28.3, 15), *calm_sales(28, 29, site=S2)], [29.5])
    scope = AlarmScope(item=OATS)
    assert world.state.alarms.stands("solver", scope)
    (alarm,) = (a for a in world.state.alarms.standing.values() if a.kind == "solver")
    assert alarm.text == "fallback to the greedy rule: dead"
    assert world.state.alarms.ends["solver|OATS|||"] == when(29.5) + timedelta(days=1)


@pytest.mark.parametrize(("decide_from", "told"), [(None, 1), (when(40), 0), (when(30), 1)])
def test_nobody_is_alarmed_before_decisions_are_taken(decide_from: object, told: int) -> None:
    """A till silent since day 28, as it is told up to day 32."""
    rules = replace(CALM, decide_from=decide_from)  # type: ignore[arg-type]
    world = fitted_world(28, stock={S1: 500, S2: 500}, rules=rules)
    facts: Sequence[SenseFact] = [*calm_sales(28, 32, site=S2), counted(28.1, 500)]
    said = world.live(facts, [28 + n / 12 for n in range(49)])
    alarms = [a for one in said for a in one.alarms if a.kind == "freshness" and a.scope.site == S1]
    assert len(alarms) == told
