"""Does the joint choice share a full lane so that most is gained, and say why?"""

import pytest

from replan.errors import BrokenPromise
from replan.planning import ItemChoices
from replan.solver.joint import JointPlanner
from replan.units import ItemId, LaneId, Units

DAY = "2026-05-04"
L1 = (LaneId("L1"), DAY)
Uses = tuple[tuple[tuple[LaneId, str], Units], ...]


def uses(qty: int) -> Uses:
    return ((L1, Units(qty * 1_000)),) if qty else ()


def item(name: str, *options: tuple[str, int, int], current: str | None = None) -> ItemChoices:
    """Options as (name, benefit, units on lane L1)."""
    return ItemChoices(
        item=ItemId(name),
        options=tuple((o, benefit, uses(qty)) for o, benefit, qty in options),
        current=current,
    )


def room(qty: int | None) -> dict[tuple[LaneId, str], Units | None]:
    return {L1: None if qty is None else Units(qty * 1_000)}


ONE = item("I1", ("reallocate", 900, 10), ("half", 600, 5), ("none", 0, 0))
TWO = item("I2", ("reallocate", 800, 10), ("expedite", 300, 0), ("none", 0, 0))


def test_everyone_gets_the_best_where_all_fits_and_no_solve_is_needed() -> None:
    choice = JointPlanner().decide((ONE, TWO), room(20))
    assert choice.chosen == {"I1": "reallocate", "I2": "reallocate"}
    assert (choice.solver, choice.why) == ("none needed", "every item has its best option")


def test_an_unlimited_lane_is_never_full() -> None:
    assert JointPlanner().choose((ONE, TWO), room(None))["I2"] == "reallocate"


def test_the_total_decides_who_gives_way() -> None:
    # 600 + 800 by halving the first beats 900 + 300.
    assert JointPlanner().choose((ONE, TWO), room(15)) == {"I1": "half", "I2": "reallocate"}


def test_who_cannot_be_carried_takes_another_way() -> None:
    assert JointPlanner().choose((ONE, TWO), room(10)) == {"I1": "reallocate", "I2": "expedite"}


def test_contended_lanes_are_named() -> None:
    why = JointPlanner().decide((ONE, TWO), room(10)).why
    assert why == "largest total benefit within what lanes carry; contended: L1 on 2026-05-04"


def test_an_option_worth_less_than_nothing_is_never_chosen() -> None:
    assert JointPlanner().choose((item("I1", ("expedite", -5, 0)),), {}) == {"I1": "none"}


def test_an_option_worth_nothing_gives_way_to_doing_nothing() -> None:
    assert JointPlanner().choose((item("I1", ("expedite", 0, 0)),), {}) == {"I1": "none"}


def test_changing_a_chosen_plan_must_be_worth_its_cost() -> None:
    planned = item("I1", ("expedite", 1_000, 0), ("mixed", 1_400, 0), current="expedite")
    assert JointPlanner(change_cost_minor=500).choose((planned,), {}) == {"I1": "expedite"}
    assert JointPlanner(change_cost_minor=300).choose((planned,), {}) == {"I1": "mixed"}


def test_a_first_plan_changes_nothing() -> None:
    assert JointPlanner(change_cost_minor=500).choose((item("I1", ("expedite", 9, 0)),), {}) == {
        "I1": "expedite"
    }


def test_ties_go_by_name() -> None:
    same = item("I1", ("b", 9, 0), ("a", 9, 0))
    assert JointPlanner().choose((same,), {}) == {"I1": "a"}


def test_the_order_of_proposals_does_not_matter() -> None:
    same = item("I3", ("reallocate", 800, 10))
    many = (ONE, TWO, same)
    assert JointPlanner().choose(many, room(10)) == JointPlanner().choose(many[::-1], room(10))


def test_a_lane_without_stated_capacity_is_refused() -> None:
    with pytest.raises(BrokenPromise, match="lane L1 on 2026-05-04"):
        JointPlanner().choose((ONE,), {})
