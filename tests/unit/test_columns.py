"""Do items that share a full lane find plans that fit beside each other?"""

from dataclasses import replace
from datetime import timedelta

from replan.canonical import canonical_bytes
from replan.planning import ItemChoices, Option, PlanningProblem, lane_uses
from replan.planning_record import option_plain
from replan.solver.columns import AskingPlanner
from replan.solver.joint import JointPlanner
from replan.solver.planner import MilpPlanner
from replan.units import ItemId, LaneId, Units
from tests.planning_problems import lane, problem, site

CAPACITY = 60
LEVELS = (0.4, 0.5, 0.7, 1.0, 1.3, 1.5, 1.6)


def short_of(item: str, shortage_minor: int) -> PlanningProblem:
    """S1 sells about 10 a day and has nothing for four days; S2 could send 40 by L1."""
    needy = site("S1", on_hand=0, daily=[10.0] * 4, shortage_minor=shortage_minor)
    needy = replace(needy, quantiles=tuple(tuple(10.0 * f for _ in range(4)) for f in LEVELS))
    asked = problem(
        (needy, site("S2", on_hand=200, daily=[5.0] * 4, spare=150)),
        (lane("L1", "S2", "S1", arrive=0, unit=100, capacity=CAPACITY),),
        scenarios=20,
        held_out=50,
    )
    return replace(asked, item=ItemId(item), seed=shortage_minor)


PROBLEMS = {p.item: p for p in (short_of("I1", 900), short_of("I2", 800))}
DAY = next(iter(PROBLEMS.values())).first_day
ROOM = {(LaneId("L1"), (DAY + timedelta(days=0)).isoformat()): Units(CAPACITY * 1_000)}


def choices() -> tuple[ItemChoices, ...]:
    """What each item would do if it were alone."""
    found = []
    for item, asked in PROBLEMS.items():
        options = [
            o for o in MilpPlanner().answer(asked).options if o.name in ("reallocate", "none")
        ]
        found.append(ItemChoices(item=item, options=tuple(_column(o, asked) for o in options)))
    return tuple(found)


def _column(option: Option, asked: PlanningProblem):  # type: ignore[no-untyped-def]
    return (option.name, option.benefit_mean_minor, lane_uses(option, asked))


def gained(more: dict[ItemId, tuple[Option, ...]]) -> int:
    """The total of the joint choice over what each item wants alone and these plans."""
    all_of_them = tuple(
        replace(
            c, options=(*c.options, *(_column(o, PROBLEMS[c.item]) for o in more.get(c.item, ())))
        )
        for c in choices()
    )
    chosen = JointPlanner().choose(all_of_them, ROOM)
    return sum(b for c in all_of_them for name, b, _ in c.options if name == chosen[c.item])


def test_at_the_price_of_a_full_lane_an_item_finds_a_plan_that_fits_beside_the_others() -> None:
    more = AskingPlanner(MilpPlanner()).further(PROBLEMS, choices(), ROOM)
    assert gained(more) > gained({})


def test_a_plan_found_at_a_price_is_judged_at_the_true_cost() -> None:
    more = AskingPlanner(MilpPlanner()).further(PROBLEMS, choices(), ROOM)
    for item, options in more.items():
        for option in options:
            for action in option.actions:
                assert action.cost_minor == 100 * int(action.qty) // 1_000
                assert action.item == item


def test_nobody_is_asked_again_where_all_fits() -> None:
    plenty = dict.fromkeys(ROOM, Units(1_000_000))
    assert AskingPlanner(MilpPlanner()).further(PROBLEMS, choices(), plenty) == {}


def test_asked_twice_the_same_plans_are_found() -> None:
    first, second = (
        AskingPlanner(MilpPlanner()).further(PROBLEMS, choices(), ROOM) for _ in range(2)
    )
    told = [
        canonical_bytes({i: [option_plain(o) for o in options] for i, options in more.items()})
        for more in (first, second)
    ]
    assert told[0] == told[1]
