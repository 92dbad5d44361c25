"""What does the decision table answer, case by case?"""

import json
from datetime import UTC, datetime, timedelta

import pytest

from replan.authority import judge, table_from_json, table_json
from replan.authority_table import Kill
from tests.authority_worlds import NOW, above, at_least, case, row, table, upto

AUTO = row(
    "EXP-AUTO",
    "AUTO",
    value=upto(500_000),
    confidence=at_least(0.85),
    dq=("green",),
    supplier_approved=True,
)
HIGH = row("EXP-HI", "ESCALATE", value=above(500_000))
TABLE = table(AUTO, HIGH)


def test_the_one_matching_auto_row_lets_a_case_run() -> None:
    ruling = judge(TABLE, case(), NOW)
    assert (ruling.mode, ruling.rule_id, ruling.code) == ("AUTO", "EXP-AUTO", None)


def test_a_value_at_the_limit_runs() -> None:
    assert judge(TABLE, case(value_minor=500_000), NOW).mode == "AUTO"


def test_one_cent_over_the_limit_escalates_with_limit_and_value() -> None:
    ruling = judge(TABLE, case(value_minor=500_001), NOW)
    assert (ruling.mode, ruling.rule_id, ruling.code) == ("ESCALATE", "EXP-HI", "limit")
    assert (ruling.limit_minor, ruling.actual_minor) == (500_000, 500_001)


def test_an_escalate_row_is_no_limit_when_less_value_would_not_run_either() -> None:
    ruling = judge(TABLE, case(value_minor=500_001, confidence=0.5), NOW)
    assert (ruling.code, ruling.limit_minor) == ("rule", None)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"confidence": 0.849999}, "confidence"),
        ({"dq": "amber"}, "data_quality"),
        ({"supplier_approved": False}, "supplier_not_approved"),
        ({"supplier_approved": None}, "supplier_not_approved"),
        ({"supplier_approved": None, "confidence": 0.1}, "supplier_not_approved"),
        ({"action": "postpone"}, "no_rule"),
    ],
)
def test_the_failed_condition_is_the_reason(change: dict[str, object], code: str) -> None:
    assert judge(TABLE, case(**change), NOW).code == code


def test_the_recipient_of_a_failed_condition_is_the_one_of_the_row() -> None:
    assert judge(TABLE, case(confidence=0.2), NOW).recipient == "role:planner"


def test_a_gap_over_an_auto_row_says_up_to_what_it_would_run() -> None:
    ruling = judge(table(AUTO), case(value_minor=600_000), NOW)
    assert (ruling.code, ruling.limit_minor) == ("no_rule", 500_000)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"confidence": float("nan")}, "confidence"),
        ({"confidence": None}, "confidence"),
        ({"confidence": 1.5}, "confidence"),
        ({"dq": "blue"}, "data_quality"),
        ({"value_minor": -1}, "no_rule"),
        ({"value_minor": 1.5}, "no_rule"),
        ({"action": "teleport"}, "no_rule"),
        ({"category": "surprise"}, "no_rule"),
        ({"region": ""}, "no_rule"),
        ({"currency": "USD"}, "no_rule"),
        ({"action": "reallocate", "donor_p_stockout": None}, "no_rule"),
        ({"action": "reallocate", "donor_p_stockout": float("inf")}, "no_rule"),
    ],
)
def test_what_is_missing_or_unknown_escalates(change: dict[str, object], code: str) -> None:
    """P4."""
    anything = table(row("ANY", "AUTO", actions=("expedite", "reallocate")))
    ruling = judge(anything, case(**change), NOW)
    assert (ruling.mode, ruling.code) == ("ESCALATE", code)


def test_two_matching_rows_escalate_whatever_they_say() -> None:
    """P1, P2: never two verdicts."""
    ruling = judge(table(row("A", "AUTO"), row("B", "AUTO")), case(), NOW)
    assert (ruling.mode, ruling.code, ruling.rule_id) == ("ESCALATE", "no_rule", None)


def test_no_table_escalates() -> None:
    assert judge(None, case(), NOW).code == "no_table"


def test_a_table_that_ended_names_that_as_the_reason() -> None:
    assert judge(None, case(), NOW, absent="table_expired").code == "table_expired"


def test_a_table_without_rows_is_no_table() -> None:
    assert judge(table(), case(), NOW).code == "no_table"


@pytest.mark.parametrize(
    ("now", "mode"),
    [
        (datetime(2026, 1, 1, tzinfo=UTC), "AUTO"),
        (datetime(2026, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC), "AUTO"),
        (datetime(2027, 1, 1, tzinfo=UTC), "ESCALATE"),
        (datetime(2025, 12, 31, tzinfo=UTC), "ESCALATE"),
    ],
)
def test_a_table_holds_from_its_start_up_to_not_including_its_end(now: datetime, mode: str) -> None:
    assert judge(TABLE, case(), now).mode == mode


@pytest.mark.parametrize(
    "kill",
    [
        Kill(everything=True),
        Kill(regions=("EAST",)),
        Kill(actions=("expedite",)),
        Kill(models=("ets_ana",)),
    ],
)
def test_a_standing_suspension_dominates(kill: Kill) -> None:
    assert judge(table(AUTO, kill=kill), case(model="ets_ana"), NOW).code == "stopped"


def test_a_halted_category_is_stopped() -> None:
    halted = table(AUTO, stages={"demand_surge": "halted"})
    assert judge(halted, case(), NOW).code == "stopped"


def test_a_category_that_present_stages_leave_out_is_shadow() -> None:
    assert table(AUTO, stages={"disruption": "live"}).stage("demand_surge") == "shadow"


def test_without_stages_every_category_is_live() -> None:
    assert TABLE.stage("demand_surge") == "live"


def test_a_clarify_row_asks_before_anything_runs() -> None:
    ruling = judge(table(row("ASK", "CLARIFY")), case(), NOW)
    assert (ruling.mode, ruling.code, ruling.rule_id) == ("CLARIFY", "rule", "ASK")


def test_an_action_that_cannot_be_undone_has_no_time_to_undo_it() -> None:
    undoable = table(row("A", "AUTO", reversible_for=above(7_199)))
    assert judge(undoable, case(reversible_for=None), NOW).mode == "ESCALATE"
    assert judge(undoable, case(reversible_for=timedelta(hours=2)), NOW).mode == "AUTO"


def test_a_row_without_recipient_sends_to_the_process_owner() -> None:
    ruling = judge(table(), case(), NOW)
    assert (ruling.recipient, ruling.next_recipient) == ("role:process-owner", "role:process-owner")


def test_a_table_read_back_from_json_is_equal_and_has_the_same_hash() -> None:
    back = table_from_json(json.loads(json.dumps(table_json(TABLE))))
    assert (back, back.hash) == (TABLE, TABLE.hash)


def test_the_order_of_rows_does_not_change_the_hash() -> None:
    assert table(HIGH, AUTO).hash == TABLE.hash


def test_another_limit_changes_the_hash() -> None:
    assert table(row("EXP-AUTO", "AUTO", value=upto(1))).hash != TABLE.hash
