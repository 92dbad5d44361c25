"""Are bad tables refused with an example, and good ones let through?"""

import pytest

from replan.authority import AuthorityTable, KnownNames, check_table
from replan.authority_table import MILLION, Band, Kill
from replan.findings import Finding
from tests.authority_worlds import above, at_least, row, table, upto

KNOWN = KnownNames(regions=("EAST", "WEST"), classes=("A", "B"), roles=("planner", "process-owner"))


def errors(checked: AuthorityTable) -> list[Finding]:
    return [f for f in check_table(checked, KNOWN) if f.severity == "error"]


def rules_broken(checked: AuthorityTable) -> set[str]:
    return {finding.rule for finding in errors(checked)}


def test_a_table_of_one_auto_band_below_an_escalate_band_is_good() -> None:
    good = table(row("LOW", "AUTO", value=upto(500)), row("HIGH", "ESCALATE", value=above(500)))
    assert errors(good) == []


def test_an_overlap_names_both_rows_and_a_case_in_both() -> None:
    """PO1, P2."""
    bad = table(row("LOW", "AUTO", value=upto(500)), row("HIGH", "ESCALATE", value=above(499)))
    (found,) = errors(bad)
    assert found.rule == "unique"
    assert found.counterexample is not None
    assert found.counterexample["rows"] == ["LOW", "HIGH"]
    assert found.counterexample["value_minor"] == 500


def test_rows_that_share_one_shared_end_only_overlap() -> None:
    shared_end = table(
        row("LOW", "AUTO", confidence=Band(lo=0, hi=500_000)),
        row("HIGH", "AUTO", confidence=Band(lo=500_000, hi=MILLION)),
    )
    assert rules_broken(shared_end) == {"unique"}


def test_auto_over_an_uncovered_smaller_value_is_refused() -> None:
    """PO1, P3."""
    (found,) = errors(table(row("TOP", "AUTO", value=above(100))))
    assert found.rule == "monotone"
    assert found.counterexample is not None
    assert found.counterexample["less_autonomy"]["row"] is None


def test_auto_over_an_escalated_smaller_value_is_refused_with_both_cases() -> None:
    bad = table(row("LOW", "ESCALATE", value=upto(100)), row("TOP", "AUTO", value=above(100)))
    (found,) = errors(bad)
    assert found.counterexample is not None
    assert found.counterexample["less_autonomy"]["value_minor"] == 0
    assert found.counterexample["more_autonomy"]["value_minor"] == 101


def test_less_confidence_must_not_give_more_autonomy() -> None:
    bad = table(
        row("UNSURE", "AUTO", confidence=Band(lo=0, hi=699_999)),
        row("SURE", "ESCALATE", confidence=at_least(0.7)),
    )
    assert rules_broken(bad) == {"monotone"}


def test_worse_data_must_not_give_more_autonomy() -> None:
    bad = table(row("WORSE", "AUTO", dq=("amber",)), row("BETTER", "CLARIFY", dq=("green",)))
    assert rules_broken(bad) == {"monotone"}


def test_clarify_over_escalate_is_refused_too() -> None:
    bad = table(row("LOW", "ESCALATE", value=upto(100)), row("TOP", "CLARIFY", value=above(100)))
    assert rules_broken(bad) == {"monotone"}


def test_clarify_over_a_gap_is_legal() -> None:
    assert errors(table(row("TOP", "CLARIFY", value=above(100)))) == []


def test_an_auto_row_whose_better_side_several_rows_cover_is_good() -> None:
    good = table(
        row("YES", "AUTO", value=upto(100), supplier_approved=True),
        row("NO", "AUTO", value=upto(100), supplier_approved=False),
        row("TOP", "AUTO", value=Band(lo=101, hi=200)),
    )
    assert errors(good) == []


def test_one_hole_in_the_better_side_is_found() -> None:
    bad = table(
        row("YES", "AUTO", value=upto(100), supplier_approved=True),
        row("NO", "AUTO", value=upto(99), supplier_approved=False),
        row("TOP", "AUTO", value=Band(lo=101, hi=200)),
    )
    (found,) = errors(bad)
    assert found.counterexample is not None
    assert found.counterexample["less_autonomy"]["value_minor"] == 100
    assert found.counterexample["less_autonomy"]["supplier_approved"] is False


def test_a_gap_above_is_legal_and_listed() -> None:
    found = check_table(table(row("LOW", "AUTO", value=upto(50_000))), KNOWN)
    assert any(f.rule == "gap" and "from 500.01 EUR" in f.message for f in found)
    assert all(f.severity == "warning" for f in found)


def test_a_condition_that_does_not_apply_to_the_action_is_pointed_out() -> None:
    found = check_table(table(row("X", "AUTO", donor_p_stockout=upto(50_000))), KNOWN)
    assert any("can never match expedite" in f.message for f in found)


@pytest.mark.parametrize("name", ["NORTH", "*"])
def test_a_region_where_nothing_is_received_is_unknown(name: str) -> None:
    assert rules_broken(table(row("X", "AUTO", regions=(name,)))) == {"unknown_name"}


def test_a_class_that_no_item_has_is_unknown() -> None:
    assert rules_broken(table(row("X", "AUTO", classes=("Z",)))) == {"unknown_name"}


def test_a_recipient_role_needs_an_active_planner() -> None:
    nobody = KnownNames(roles=("process-owner",))
    found = [f for f in check_table(table(row("X", "AUTO")), nobody) if f.severity == "error"]
    assert [f.value for f in found] == ["role:planner"]


def test_a_suspended_region_must_exist() -> None:
    bad = table(row("X", "AUTO"), kill=Kill(regions=("NORTH",)))
    assert rules_broken(bad) == {"unknown_name"}


def test_author_and_approver_are_two_people_in_any_spelling() -> None:
    """PO1, P9."""
    assert rules_broken(table(row("X", "AUTO"), approver=" Ada ")) == {"author_is_approver"}


def test_a_row_id_stands_once() -> None:
    twice = table(row("X", "AUTO"), row("X", "AUTO", actions=("postpone",)))
    assert rules_broken(twice) == {"unique"}


def test_a_table_too_long_to_review_is_refused() -> None:
    many = table(*(row(f"R{n}", "ESCALATE", value=Band(lo=n, hi=n)) for n in range(501)))
    assert rules_broken(many) == {"number"}


def test_names_that_cannot_be_known_are_not_held_against_a_table() -> None:
    unknown = table(row("X", "AUTO", regions=("NORTH",), classes=("Z",)))
    found = check_table(unknown, KnownNames())
    assert {f.severity for f in found} == {"warning"}
