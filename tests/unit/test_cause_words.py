"""Is a cause named only as far as the evidence goes?"""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from replan.cause_words import is_known, likely_cause
from replan.explain import explain
from replan.throttle import notification
from tests.escalations import body_of, brief_of, inputs_of, proposal


def said(cause: str, tags: Sequence[str], confidence: float) -> str:
    return likely_cause("demand_surge", cause, tags, confidence, "OATS", "S1")


@pytest.mark.parametrize(
    ("cause", "tags", "confidence", "text"),
    [
        ("promo:P7", ("promotion",), 0.92, "promotion P7 explains 92 % of it"),
        (
            "promo:P7",
            ("promotion",),
            0.1,
            "promotion P7 is at work, but known causes explain only 10 % of it",
        ),
        ("site:S2", ("neighbour_stock_out",), 0.7, "an empty neighbour: 70 % of it"),
        (
            "site:S1",
            ("unknown",),
            0.04,
            "no common cause is known: OATS differs at S1 alone",
        ),
        (
            "site:S1",
            ("neighbour_stock_out",),
            0.2,
            "no common cause is known: OATS differs at S1 alone; 20 % of it: an empty neighbour",
        ),
        (
            "item:OATS",
            ("item_wide",),
            0.8,
            "demand for OATS differs at its sites together, why is not known",
        ),
        (
            "site:S1",
            ("calendar",),
            0.0,
            "the days until supply arrives are the busy ones of the week",
        ),
    ],
)
def test_a_likely_cause_is_said_in_words(
    cause: str, tags: Sequence[str], confidence: float, text: str
) -> None:
    """R6."""
    assert said(cause, tags, confidence) == text


def test_what_a_supplier_reported_needs_no_share() -> None:
    told = likely_cause("lead_time_slip", "supplier:SUP1", ("late_supply",), 0.0, "OATS", "S1")
    assert told == "a late supplier: SUP1"


def test_a_place_is_no_cause() -> None:
    assert not is_known("demand_surge", "site:S1", ("unknown",), 0.9)
    assert not is_known("demand_surge", "item:OATS", ("item_wide",), 0.9)


def test_a_promotion_that_explains_little_is_no_cause() -> None:
    assert is_known("demand_surge", "promo:P7", ("promotion",), 0.6)
    assert not is_known("demand_surge", "promo:P7", ("promotion",), 0.4)


def test_brief_and_explanation_say_that_no_common_cause_is_known() -> None:
    """R6, R37, R41."""
    case = replace(proposal(), tags=("unknown",), cause_confidence=0.04)
    assert "no common cause is known" in brief_of(case)["unknowns"]
    body = body_of(case) | {"tags": ["unknown"], "cause_confidence": 0.04}
    assert "no common cause is known: I1 differs at S03 alone" in explain(body, inputs_of(case))


def test_a_brief_whose_cause_is_known_does_not_say_so() -> None:
    assert "no common cause is known" not in brief_of(proposal())["unknowns"]


def test_an_alert_has_a_priority_and_a_likely_cause() -> None:
    """R15: minor units an hour that are lost on average while nobody answers."""
    body = body_of(proposal()) | {
        "incident_id": "inc-1",
        "cause": "site:S03",
        "tags": ["unknown"],
        "cause_confidence": 0.0,
        "at_risk_minor": 12_000,
        "decided_at": "2026-05-04T06:00:00Z",
        "deadline": "2026-05-04T12:00:00Z",
    }
    told = notification(body)
    assert told["urgency"] == 2_000.0
    assert told["likely_cause"] == "no common cause is known: I1 differs at S03 alone"
