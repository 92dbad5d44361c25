"""Can a decision be read in plain words, whatever became of it?"""

import re

import pytest

from replan.effects import Proposal
from replan.explain import SINCE, explain
from tests.escalations import body_of, inputs_of, proposal


def lead(case: Proposal) -> str:
    """By how much reallocate is better than expedite on average, in whole currency."""
    better = case.answer.option("reallocate").benefit_mean_minor
    return f"{(better - case.answer.option('expedite').benefit_mean_minor) / 100:.2f}"


def sentences(text: str) -> int:
    return len(re.findall(r"[.?!](?: |$)", text))


def test_an_escalation_is_told_from_what_was_seen_to_who_must_answer() -> None:
    case = proposal()
    text = explain(body_of(case), inputs_of(case))
    for part in (
        "2026-05-04 06:00 UTC: I1 at S03 showed more demand than foreseen",
        "11 sold where 8 were usual",
        "If nothing were done, ",
        "Weighed were reallocate",
        "Reallocate was chosen: move 24 from S05 to S03",
        "the limit is 60.00 EUR, the value 124.00 EUR; rule REAL-EAST-AUTO",
        f"What would change it: expedite wins if reallocate costs {lead(case)} EUR more",
        "role:planner-east has until 2026-05-04 12:00 UTC.",
    ):
        assert part in text


def test_a_plan_that_ran_by_itself_names_the_rule_that_allowed_it() -> None:
    case = proposal()
    ran = body_of(case, state="executed", rule_id="REAL-AUTO", why_escalated=None, brief=None)
    text = explain(ran, inputs_of(case))
    assert "Rule REAL-AUTO of the authority table sha256:aaaaaaaaaaaa allows a value of" in text
    assert "Every action has been acknowledged as done." in text


def test_without_a_brief_the_options_themselves_say_what_would_have_changed_it() -> None:
    case = proposal()
    text = explain(body_of(case, brief=None, why_escalated=None), inputs_of(case))
    assert f"Expedite would have won, had reallocate cost {lead(case)} EUR more" in text


def test_leaving_a_case_alone_needs_no_authority() -> None:
    case = proposal()
    left = body_of(
        case, state="no_action", chosen="none", rule_id=None, why_escalated=None, brief=None
    )
    text = explain(left, inputs_of(case))
    assert "Doing nothing was chosen, because no plan was better on average." in text
    assert "Doing nothing needs no authority." in text


def test_doubtful_data_are_told() -> None:
    case = proposal(lacks=("S03: more was sold than the stock on record",))
    text = explain(body_of(case), inputs_of(case))
    assert "The data are doubtful: S03: more was sold than the stock on record." in text


@pytest.mark.parametrize("state", sorted(SINCE))
def test_every_state_has_its_words_in_three_to_twelve_sentences(state: str) -> None:
    case = proposal()
    text = explain(body_of(case, state=state), inputs_of(case))
    assert SINCE[state].split(",")[0] in text
    assert 3 <= sentences(text) <= 12


def test_gaps_in_the_record_are_not_filled() -> None:
    text = explain({"decision_id": "dec-1", "state": "executed"}, {})
    assert sentences(text) == 3
    assert "None" not in text


def test_what_was_approved_in_shadow_is_not_said_to_go_out() -> None:
    case = proposal()
    said = explain(body_of(case, state="approved", mode="shadow"), inputs_of(case))
    assert "A person approved it; in shadow mode nothing is sent." in said
    assert "goes out" not in said
