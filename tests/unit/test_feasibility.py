"""Is every hard limit checked, each with words that name the thing, the value and the rule?"""

from dataclasses import replace
from datetime import timedelta

import pytest

from replan.feasibility import binding_limits, violations
from replan.offering import expedite, reallocation
from replan.planning import Action
from replan.units import ItemId, LaneId, Units
from tests.planning_problems import ASKED_AT, lane, order_line, problem, site

INBOUND, LINE = order_line("PO1@1", "S1", qty=20, day=3, new_day=1, lot=6)
BAD_LINE = order_line("PO2@1", "S1", qty=20, day=3, new_day=1, approved=False)
L1 = lane("L1", "S2", "S1", lot=6, least=12, capacity=24)
LATE = replace(lane("L9", "S2", "S1"), latest_start=ASKED_AT - timedelta(minutes=1))
ASKED = problem(
    (
        site("S1", on_hand=0, daily=[10, 10, 10], inbound=(INBOUND, BAD_LINE[0])),
        site("S2", on_hand=60, daily=[5, 5, 5], spare=30),
    ),
    (L1, lane("L2", "S2", "S1"), LATE),
    (LINE, BAD_LINE[1]),
)


def move(qty: float, offer: str = "L1") -> Action:
    found = next(o for o in ASKED.lanes if o.lane == offer)
    return reallocation(ItemId("I1"), found, Units(round(qty * 1_000)))


def bring(qty: int, *, approved: bool = True) -> Action:
    return expedite(ItemId("I1"), LINE if approved else BAD_LINE[1], Units(qty * 1_000))


def test_a_plan_within_all_limits_breaks_none() -> None:
    assert violations(ASKED, (move(12), move(18, "L2"), bring(20))) == ()


@pytest.mark.parametrize(
    ("plan", "words"),
    [
        ((move(13),), "must be a multiple of 6"),
        ((move(6),), "must be at least 12"),
        ((move(30),), "the lane can carry 24 at most"),
        ((move(24), move(7, "L2")), "donor S2 gives 31, may give 30 at most"),
        ((move(1, "L9"),), "the cut-off has passed"),
        ((move(0, "L2"),), "the quantity must be above 0"),
        ((move(12), move(12)), "the same offer is used twice"),
        ((bring(7),), "must be the whole line or a multiple of 6"),
        ((bring(24),), "the order line has only 20"),
        ((bring(6, approved=False),), "supplier SUP1 is not approved"),
        ((replace(move(12), cost_minor=1),), "cost are not those of the lane"),
        ((replace(move(12), ref=LaneId("L7")),), "no such lane leaves on day 0"),
        ((replace(bring(6), ref="PO9@1"),), "no such order line can be expedited"),
        ((replace(move(12), item=ItemId("I2")),), "item is I2, must be I1"),
    ],
)
def test_a_broken_limit_is_named(plan: tuple[Action, ...], words: str) -> None:
    assert words in "; ".join(violations(ASKED, plan))


def test_limits_without_room_for_another_lot_are_named() -> None:
    assert binding_limits(ASKED, (move(24), move(6, "L2"), bring(20))) == (
        "donor S2 may give 30 at most",
        "lane L1 is full (24)",
        "order line PO1@1 has only 20",
    )


def test_a_plan_with_room_left_names_no_limit() -> None:
    assert binding_limits(ASKED, (move(18), bring(6))) == ()
