"""Are the figures of a run what their formulas say? Worked by hand on a few decisions."""

from typing import Any

from replan.infra.measures import measured


def decision(name: str, episode: str, chosen: str = "reallocate", **more: Any) -> dict[str, Any]:
    return {
        "decision_id": name,
        "episode": episode,
        "chosen": chosen,
        "mode": "live",
        "state": "executed",
        "category": "demand_surge",
        "event_time": "2026-05-04T08:00:00Z",
        "decided_at": "2026-05-04T12:00:00Z",
    } | more


ASKED = {"asked_by": None, "answers": []}


def test_an_exception_that_a_planner_saw_is_escalated_whatever_ran_before() -> None:
    told = measured([decision("d1", "e1"), decision("d2", "e1")], {"d2"}, [])
    assert told.outcomes == {"resolved": 0, "clarified": 0, "escalated": 1}


def test_an_exception_that_waited_for_an_answer_alone_is_clarified() -> None:
    told = measured([decision("d1", "e1", clarification=ASKED)], set(), [])
    assert told.outcomes == {"resolved": 0, "clarified": 1, "escalated": 0}


def test_a_question_that_nobody_answered_counts_as_escalated() -> None:
    told = measured([decision("d1", "e1", clarification=ASKED)], {"d1"}, [])
    assert told.outcomes == {"resolved": 0, "clarified": 0, "escalated": 1}


def test_a_question_in_vain_counts_as_escalated_where_nothing_helped_any_more() -> None:
    told = measured([decision("d1", "e1", clarification=ASKED, state="expired")], set(), [])
    assert told.outcomes == {"resolved": 0, "clarified": 0, "escalated": 1}


def test_a_trouble_left_alone_is_no_exception() -> None:
    told = measured([decision("d1", "e1", chosen="none"), decision("d2", "e2")], set(), [])
    assert (told.troubles, told.exceptions) == (2, 1)


def test_shares_are_of_exceptions_and_reviews_of_all_troubles() -> None:
    bodies = [decision(f"d{n}", f"e{n}", chosen="none" if n < 2 else "expedite") for n in range(10)]
    told = measured(bodies, {"d2", "d3"}, [])
    assert (told.autonomous, told.share("escalated"), told.reviews_per_1000) == (0.75, 0.25, 200.0)


def test_a_run_without_an_exception_has_no_shares() -> None:
    told = measured([], set(), [])
    assert (told.autonomous, told.reviews_per_1000, told.cycle_hours) == (None, None, None)


def test_errors_are_of_the_actions_that_ended() -> None:
    actions = [
        ("reallocate", "acked"),
        ("expedite", "acked"),
        ("expedite", "rejected"),
        ("expedite", "sent"),
        ("buffer_call", "cancelled"),
    ]
    told = measured([], set(), actions)
    assert told.errors == 0.25
    assert told.actions == {"expedite": 1, "reallocate": 1}


def test_the_cycle_is_from_the_newest_event_to_the_first_plan() -> None:
    later = decision("d2", "e1", decided_at="2026-05-06T12:00:00Z")
    assert measured([decision("d1", "e1"), later], set(), []).cycle_hours == 4.0
