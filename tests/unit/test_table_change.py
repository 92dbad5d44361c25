"""Is the difference between two decision tables told in a process owner's words, and is its trial
on recorded cases what the engine would have done?
"""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from replan.authority_space import KnownNames
from replan.authority_table import AuthorityTable, Kill
from replan.limits import CalendarDay, Cap, Cooldown, Freeze, Rolling
from replan.table_change import changes
from replan.table_reach import reach
from replan.table_trial import Recorded, trial_row, trial_summary, tried
from replan.units import DecisionId
from tests.authority_worlds import above, at_least, row, table, upto
from tests.desk_cases import HOUR, NOW, allowing, bodies, case, move, option, policy
from tests.desk_cases import Desk as _Desk

KNOWN = KnownNames(regions=("EAST", "WEST"), classes=("A", "B"), roles=None)
BEFORE = table(
    row("EXP-A", "AUTO", value=upto(500_000), confidence=at_least(0.85)),
    row("EXP-HI", "ESCALATE", value=above(500_000)),
)


def told(new: AuthorityTable, old: AuthorityTable = BEFORE) -> list[tuple[str, str | None]]:
    return [(change.text, change.direction) for change in changes(old, new)]


def test_a_table_that_says_the_same_has_no_difference() -> None:
    assert told(replace(BEFORE, rules=BEFORE.rules[::-1])) == []


def test_a_moved_limit_is_told_by_row_and_amount() -> None:
    """PO2."""
    moved = table(
        row("EXP-A", "AUTO", value=upto(650_000), confidence=at_least(0.85)),
        row("EXP-HI", "ESCALATE", value=above(650_000)),
    )
    assert told(moved)[0] == ("EXP-A limit 5,000.00 EUR → 6,500.00 EUR", None)


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"confidence": at_least(0.9)}, "EXP-A confidence 0.85 to 1 → 0.9 to 1"),
        ({"regions": ("EAST",)}, "EXP-A region any → EAST"),
        ({"supplier_approved": True}, "EXP-A supplier_approved any → true"),
        ({"dq": ("green",)}, "EXP-A dq any → green"),
    ],
)
def test_a_changed_condition_is_told_with_both_sides(changed: dict[str, Any], says: str) -> None:
    conditions = {"value": upto(500_000), "confidence": at_least(0.85)} | changed
    assert told(table(row("EXP-A", "AUTO", **conditions), BEFORE.rules[1])) == [(says, None)]


def test_a_row_that_is_new_or_gone_is_told_whole() -> None:
    moving = table(row("MOVE", "AUTO", actions=("reallocate",), value=upto(30_000)))
    assert [text for text, _ in told(moving)] == [
        "row EXP-A is gone: AUTO expedite, value 0.00 EUR to 5,000.00 EUR, confidence 0.85 to 1",
        "row EXP-HI is gone: ESCALATE expedite, value from 5,000.01 EUR",
        "row MOVE is new: AUTO reallocate, value 0.00 EUR to 300.00 EUR",
    ]


DAY = Cap(scope=("region",), window=CalendarDay(zone="Europe/Berlin"), value_minor=100_000, count=9)


@pytest.mark.parametrize(
    ("was", "now", "says", "direction"),
    [
        (
            {"caps": (DAY,)},
            {"caps": (replace(DAY, value_minor=50_000),)},
            "cap region per calendar day in Europe/Berlin value 1,000.00 EUR → 500.00 EUR",
            "narrower",
        ),
        (
            {"caps": (DAY,)},
            {"caps": (replace(DAY, count=None),)},
            "cap region per calendar day in Europe/Berlin count 9 → unlimited",
            "wider",
        ),
        (
            {"caps": (replace(DAY, window=Rolling(length=timedelta(hours=1)), count=None),)},
            {},
            "cap region per rolling 1h is gone: 1,000.00 EUR",
            "wider",
        ),
        (
            {},
            {"freeze": Freeze(before_cutoff=2 * HOUR)},
            "freeze before a cut-off 30m → 2h",
            "narrower",
        ),
        (
            {},
            {"cooldown": Cooldown(after_action=24 * HOUR)},
            "cooldown after an action 3d → 1d",
            "wider",
        ),
        (
            {"stages": {"disruption": "shadow"}},
            {"stages": {"disruption": "live"}},
            "stage of disruption: shadow → live",
            "wider",
        ),
        (
            {},
            {"kill": Kill(regions=("EAST",))},
            "region EAST is suspended",
            "narrower",
        ),
    ],
)
def test_limits_over_time_say_which_way_they_go(
    was: dict[str, Any], now: dict[str, Any], says: str, direction: str
) -> None:
    assert told(replace(BEFORE, **now), replace(BEFORE, **was)) == [(says, direction)]


def test_the_cases_that_gain_authority_are_named_exactly() -> None:
    moved = table(row("EXP-A", "AUTO", value=upto(650_000), confidence=at_least(0.85)))
    [wider] = reach(BEFORE, moved, KNOWN)
    assert (wider.direction, wider.text) == (
        "wider",
        "expedite runs by itself: confidence from 0.85, value from 5,000.01 EUR up to 6,500.00 EUR",
    )
    assert wider.case is not None
    assert wider.case["value_minor"] == 500_001


def test_renamed_rows_move_no_authority() -> None:
    renamed = table(replace(BEFORE.rules[0], rule_id="OTHER"), BEFORE.rules[1])  # type: ignore[type-var]
    assert reach(BEFORE, renamed, KNOWN) == ()


# The trial.


def recorded(number: int, units: int, *, hours: int = 0, ended: str = "escalated") -> Recorded:
    """A plan to move so many units, worth 500 minor units each, so many hours after the first."""
    item = f"I{number}"
    at = NOW + hours * HOUR
    plan = option("reallocate", move(item, units))
    return Recorded(
        decision_id=DecisionId(f"d-{number}"),
        at=at,
        proposal=case(plan, item=item, at=at, cause=f"item:{item}"),
        option=plan,
        policy=policy(None),
        ended=ended,
    )


def test_the_trial_says_what_a_higher_limit_would_have_let_run_and_how_it_ended() -> None:
    """PO2."""
    cases = [
        replace(recorded(1, 10, ended="rejected"), worth_minor=800),
        recorded(2, 20, ended="executed"),
    ]
    was, would = (tried(cases, allowing(limit), ()) for limit in (1_000, 20_000))
    rows = [trial_row(c, was[c.decision_id], would[c.decision_id]) for c in cases]
    assert trial_summary(rows) == {
        "cases": 2,
        "more": [
            {
                "rule_id": "MOVE",
                "cases": 2,
                "value_minor": 15_000,
                "ended": {"executed": 1, "rejected": 1},
                "known": 1,
                "worth_minor": 800,
            }
        ],
        "fewer": [],
    }


def test_what_adds_up_in_the_trial_is_judged_as_a_sum() -> None:
    said = tried([recorded(1, 10), recorded(2, 20)], allowing(10_000), ())
    assert [(t.answer, t.code) for _, t in sorted(said.items())] == [
        ("runs", None),
        ("escalates", "aggregate"),
    ]


@pytest.mark.parametrize("limit", [0, 4_999, 5_000, 9_999, 10_000, 50_000])
def test_the_trial_of_one_plan_is_what_a_desk_decides(limit: int) -> None:
    one = recorded(1, 10)
    desk = _Desk(allowing(limit))
    [body] = bodies(desk.tick(one.proposal))
    said = tried([one], allowing(limit), ())[one.decision_id]
    assert (said.answer == "runs") == (body["state"] == "executing")
    assert said.value_minor == body["value_minor"]


def test_what_runs_earlier_in_the_trial_counts_against_its_caps() -> None:
    capped = allowing(
        100_000,
        caps=(replace(DAY, value_minor=None, count=1),),
    )
    said = tried([recorded(1, 10), recorded(2, 10, hours=1)], capped, ())
    assert [(t.answer, t.code) for t in said.values()] == [("runs", None), ("escalates", "cap")]


def test_a_table_that_is_not_in_force_yet_is_tried_on_what_was() -> None:
    later = replace(
        allowing(100_000),
        effective_from=NOW + timedelta(days=90),
        effective_to=NOW + timedelta(days=180),
    )
    assert tried([recorded(1, 10)], later, ())[DecisionId("d-1")].answer == "runs"
