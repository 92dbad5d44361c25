"""Does what stays within a share of its order's value run, with the reasoning on record?"""

from typing import Any

import pytest

from replan.authority import Case, judge
from replan.authority_proof import check_table
from replan.authority_space import KnownNames
from replan.authority_table import Band
from tests.authority_worlds import NOW, table
from tests.desk_cases import rule

TWO_PERCENT = 20_000
TOLERANT = table(
    rule("TOL", "AUTO", "expedite", order_share=Band(lo=0, hi=TWO_PERCENT), within_contract=True),
    rule("MORE", "ESCALATE", "expedite", order_share=Band(lo=TWO_PERCENT + 1, hi=None)),
)


def expedite(value_minor: int, order_minor: int | None = 500_000, **changes: Any) -> Case:
    given: dict[str, Any] = {
        "action": "expedite",
        "region": "EAST",
        "abc": "A",
        "category": "lead_time_slip",
        "value_minor": value_minor,
        "confidence": 0.9,
        "dq": "green",
        "supplier_approved": True,
        "within_contract": True,
        "order_value_minor": order_minor,
    }
    return Case(**(given | changes))


def test_within_two_percent_of_the_order_it_runs_and_says_why() -> None:
    """R26."""
    ruling = judge(TOLERANT, expedite(10_000), NOW)
    assert (ruling.mode, ruling.rule_id) == ("AUTO", "TOL")
    assert ruling.text == (
        "row TOL allows it: value 100.00 EUR, 2 % of the order's 5,000.00 EUR, at most 2 % may be, "
        "within the contract's terms"
    )


def test_a_cent_above_two_percent_escalates_and_names_the_limit() -> None:
    ruling = judge(TOLERANT, expedite(10_001), NOW)
    assert (ruling.mode, ruling.code, ruling.limit_minor) == ("ESCALATE", "limit", 10_000)


def test_outside_the_contract_the_tolerance_does_not_hold() -> None:
    assert judge(TOLERANT, expedite(100, within_contract=False), NOW).mode == "ESCALATE"


@pytest.mark.parametrize("order_minor", [None, 0])
def test_an_order_of_unknown_value_has_no_tolerance(order_minor: int | None) -> None:
    assert judge(TOLERANT, expedite(1, order_minor), NOW).mode == "ESCALATE"


def test_a_tolerance_never_applies_to_a_move_between_shops() -> None:
    moves = table(rule("TOL", "AUTO", "reallocate", order_share=Band(lo=0, hi=TWO_PERCENT)))
    case = expedite(1, action="reallocate", donor_p_stockout=0.0)
    assert judge(moves, case, NOW).mode == "ESCALATE"


def test_more_autonomy_for_a_larger_share_is_refused() -> None:
    wrong = table(
        rule("LOW", "ESCALATE", "expedite", order_share=Band(lo=0, hi=TWO_PERCENT)),
        rule("TOP", "AUTO", "expedite", order_share=Band(lo=TWO_PERCENT + 1, hi=None)),
    )
    assert "monotone" in {f.rule for f in check_table(wrong, KnownNames()) if f.severity == "error"}


def test_a_tolerance_beside_the_rest_is_a_sound_table() -> None:
    assert [f for f in check_table(TOLERANT, KnownNames()) if f.severity == "error"] == []
