"""Has a brief its eleven blocks, in ranges, in at most 250 words (PL2)?"""

from dataclasses import replace

from replan.brief import BLOCKS, check_brief
from replan.brief_text import MOST_WORDS
from replan.infra.review.brief_shape import Brief, faults_of_shape
from tests.escalations import body_of, brief_of, proposal

LINES = (
    "S03, I1",
    "Question:",
    "Deadline:",
    "Why you:",
    "Evidence:",
    "Options:",
    "Recommended:",
    "Already done:",
    "Before:",
    "Not known:",
    "Ids:",
)


def words(text: str) -> int:
    return len(text.split())


def test_a_brief_is_complete_and_in_order() -> None:
    case = proposal()
    brief = brief_of(case)
    assert check_brief(brief, body_of(case)["evidence"]) == []
    assert tuple(brief) == (*BLOCKS, "text")


def test_a_brief_has_the_published_shape() -> None:
    case = proposal(evidence=4, lacks=("S03: stock was never counted",))
    assert faults_of_shape(brief_of(case)) == []
    assert set(Brief.model_json_schema()["required"]) == {*BLOCKS, "text"}


def test_what_is_not_of_the_shape_is_named_by_its_place() -> None:
    brief = brief_of(proposal())
    brief["options"][0]["cost_minor"] |= {"p10": 9, "p50": 5}
    brief["question"] = "Move it"
    del brief["headline"]["text"]
    assert [fault.partition(":")[0] for fault in faults_of_shape(brief)] == [
        "/headline/text",
        "/question",
        "/options/0/cost_minor",
    ]


def test_the_question_can_be_answered_by_a_verdict() -> None:
    question = brief_of(proposal())["question"]
    assert question == "Approve the plan reallocate: move 24 from S05 to S03, for 27.60 EUR?"


def test_the_headline_says_what_where_when_and_how_much() -> None:
    headline = brief_of(proposal())["headline"]
    short = headline["units_short"]
    span = f"{short['p10']:.0f}–{short['p90']:.0f} units short by Thu 7 May, "
    assert headline["text"].startswith(f"S03, I1: {span}")
    assert "of margin at risk" in headline["text"]


def test_money_at_risk_is_what_the_units_short_would_have_earned() -> None:
    headline = brief_of(proposal())["headline"]
    assert headline["value_minor"]["p50"] == int(headline["units_short"]["p50"] * 450)


def test_nothing_happens_at_the_deadline_but_a_change_of_recipient() -> None:
    brief = brief_of(proposal())
    assert brief["deadline"] == "2026-05-04T12:00:00Z"
    assert brief["on_timeout"].startswith("Nothing is carried out; planner-lead gets it next")


def test_without_a_further_recipient_the_case_expires() -> None:
    brief = brief_of(proposal(), next_recipient="role:planner-east")
    assert brief["on_timeout"] == "Nothing is carried out; the case expires."


def test_the_deadline_is_told_on_the_reader_s_clock() -> None:
    assert "Deadline: Mon 4 May 14:00 Europe/Berlin." in brief_of(proposal())["text"]


def test_what_would_change_it_is_the_lead_over_the_runner_up_and_over_nothing() -> None:
    case = proposal()
    first, second = case.answer.options[0], case.answer.options[1]
    lead = (first.benefit_mean_minor - second.benefit_mean_minor) / 100
    says = brief_of(case)["recommendation"]["would_change"]
    assert says == (
        f"expedite wins if reallocate costs {lead:.2f} EUR more; "
        f"doing nothing wins if reallocate costs {first.benefit_mean_minor / 100:.2f} EUR more"
    )


def test_an_option_better_by_itself_than_the_joint_choice_is_named() -> None:
    case = proposal()
    better = case.answer.option("reallocate").benefit_mean_minor
    more = (better - case.answer.option("expedite").benefit_mean_minor) / 100
    says = brief_of(case, "expedite")["recommendation"]["would_change"]
    assert says.startswith(f"reallocate alone would save {more:.2f} EUR more")


def test_the_largest_driver_comes_first() -> None:
    drivers = brief_of(proposal())["recommendation"]["drivers"]
    assert [(d["name"], d["units"]) for d in drivers] == [("this_site", 18.5), ("item_wide", 4)]


def test_a_plan_judged_again_stands_in_place_of_its_older_self() -> None:
    case = proposal()
    later = replace(case.answer.option("reallocate"), p_wins=0.5)
    options = brief_of(case, later)["options"]
    assert [o["confidence"] for o in options if o["name"] == "reallocate"] == [0.5]


def test_what_the_data_lack_is_said() -> None:
    unknowns = brief_of(proposal(lacks=("S03: stock was never counted",)))["unknowns"]
    assert unknowns[0] == "S03: stock was never counted"


def test_a_plan_that_the_solver_did_not_prove_is_called_so() -> None:
    case = proposal()
    unproven = replace(case, answer=replace(case.answer, outcome="fallback"))
    unknowns = brief_of(unproven)["unknowns"]
    assert "the plan was found by a simple rule, not by the solver" in unknowns


def test_at_most_three_precedents_are_told_the_newest() -> None:
    rows = [
        {
            "decision_id": f"dec-{n}",
            "decided_at": f"2026-04-0{n}T06:00:00Z",
            "state": "executed",
            "chosen": "reallocate",
            "value_minor": 4_000,
        }
        for n in range(1, 6)
    ]
    brief = brief_of(proposal(), precedents=rows)
    assert [p["decision_id"] for p in brief["precedents"]] == ["dec-3", "dec-4", "dec-5"]


def test_a_long_case_still_fits_a_page_with_every_block() -> None:
    case = proposal(evidence=40, words_a_fact=60, lacks=tuple(f"gap {'x ' * 30}" for _ in range(9)))
    text = brief_of(case, already_done=["move 12 from S07 to S03"] * 20)["text"]
    assert words(text) <= MOST_WORDS
    assert all(f"\n{start}" in f"\n{text}" for start in LINES)


def test_words_without_end_are_cut_and_no_block_is_lost() -> None:
    case = proposal(evidence=40, words_a_fact=60)
    held = [f"act-{n}" for n in range(50)]
    why = {"code": "cap", "text": "word " * 400, "actual_minor": 1, "rule_id": "R " * 90}
    text = brief_of(case, why=why, held=held)["text"]
    assert words(text) <= MOST_WORDS
    assert all(f"\n{start}" in f"\n{text}" for start in LINES)


def test_evidence_gives_way_before_anything_else() -> None:
    few, many = brief_of(proposal(evidence=2)), brief_of(proposal(evidence=9))
    short, long = few["text"].splitlines(), many["text"].splitlines()
    assert "more" in long[4]
    assert short[5:] == long[5:]


def test_a_fact_against_the_plan_stays_when_evidence_is_cut() -> None:
    brief = brief_of(proposal(evidence=40))
    assert len(brief["evidence"]) == 12
    assert "(against)" in brief["text"]


def test_evidence_is_told_in_order_of_time() -> None:
    times = [row["time"] for row in brief_of(proposal(evidence=40))["evidence"]]
    assert times == sorted(times)


def test_doing_nothing_can_be_put_to_a_person() -> None:
    case = proposal()
    brief = brief_of(case, "none")
    assert brief["question"] == "Leave I1 at S03 as it is, and do nothing?"
    assert check_brief(brief, body_of(case)["evidence"]) == []


def test_every_fault_of_a_brief_is_found() -> None:
    brief = brief_of(proposal())
    brief["question"] = "Move it"
    brief["text"] = "word " * 251
    brief["options"] = [{"name": "reallocate", "cost_minor": {"p10": 3, "p50": 2, "p90": 4}}]
    assert check_brief(brief, ["till-00", "till-01"]) == [
        "question 'Move it' must end with a question mark",
        "text has 251 words, at most 250 are allowed",
        "options[0].cost_minor is no range: 3, 2, 4",
        "options has 1, at least 3 must be weighed",
        "options must hold `none`, without actions",
        "evidence till-02 is not in the decision",
    ]


def test_a_missing_block_is_found() -> None:
    brief = brief_of(proposal())
    del brief["held"]
    assert check_brief(brief, []) == ["held is missing"]


def test_a_page_that_is_too_long_leaves_out_whole_clauses_and_cuts_none() -> None:
    lacks = tuple(f"S{n:02}: stock was never counted; it is taken as nothing" for n in range(1, 30))
    facts = "; and so it went on at the next count" * 4
    case = proposal(evidence=12, lacks=lacks)
    case = replace(case, evidence=tuple(replace(e, fact=f"{e.fact}{facts}") for e in case.evidence))
    text = brief_of(case)["text"]
    assert words(text) <= MOST_WORDS
    assert "…" not in text
    assert "11 sold where 8 were usual" in text
