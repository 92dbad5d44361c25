"""Which code does a plan get that may not run by itself, and what lets it through?"""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from replan.authority import AuthorityTable
from replan.authority_table import Band, Kill
from replan.effects import DeskOutcome, Proposal
from replan.limits import CalendarDay, Cap, Cooldown, Freeze, Rolling
from tests.authority_worlds import above, at_least, table, upto
from tests.desk_cases import (
    HOUR,
    MAY_MOVE,
    NOW,
    Desk,
    allowing,
    bodies,
    case,
    forward,
    move,
    network,
    option,
    rule,
)

DAY = timedelta(days=1)
HOURS = 3_600


def ruled(rules: AuthorityTable | None, *cases: Proposal, **changes: Any) -> dict[str, Any]:
    """Why the last of some cases, one a tick, did not run by itself; empty if it did."""
    desk = Desk(rules, **changes)
    said = DeskOutcome()
    for one in cases or (case(),):
        said = desk.tick(one, at=one.problem.asked_at)
    return dict(bodies(said)[-1]["why_escalated"] or {})


def code(rules: AuthorityTable | None, *cases: Proposal, **changes: Any) -> str | None:
    return ruled(rules, *cases, **changes).get("code")


def test_a_value_at_the_limit_runs_and_a_cent_more_does_not() -> None:
    assert code(allowing(5_000)) is None
    tiered = table(
        rule("MOVE", "AUTO", value=upto(4_999)), rule("MORE", "ESCALATE", value=above(4_999))
    )
    why = ruled(tiered)
    assert (why["code"], why["rule_id"]) == ("limit", "MORE")
    assert (why["limit_minor"], why["actual_minor"]) == (4_999, 5_000)


def test_a_value_that_no_row_covers_has_no_rule() -> None:
    why = ruled(allowing(4_999))
    assert (why["code"], why["rule_id"], why["limit_minor"]) == ("no_rule", None, 4_999)


def test_a_row_that_says_so_escalates_by_rule() -> None:
    assert code(table(rule("ASK", "ESCALATE"))) == "rule"


def test_low_confidence_and_doubtful_data_are_named() -> None:
    sure = table(rule("MOVE", "AUTO", confidence=at_least(0.95)))
    assert code(sure) == "confidence"
    clean = table(rule("MOVE", "AUTO", dq=("green",)))
    assert code(clean, case(dq="amber", lacks=("stale count",))) == "data_quality"


def test_red_data_never_run_whatever_the_rows_say() -> None:
    assert code(table(MAY_MOVE), case(dq="red", lacks=("stock unknown",))) == "data_quality"


def test_a_series_known_for_too_few_days_is_novel_whatever_the_row_says() -> None:
    """DS9."""
    young = case(novel=("I1 at S1 is known for 9 days, 28 are needed",))
    assert code(table(MAY_MOVE), young) == "novelty"


def test_a_plan_is_judged_as_a_whole() -> None:
    both = case(option("both", move(qty=6), move(qty=6, to="S04")))
    assert code(allowing(5_999), both) == "no_rule"
    assert code(allowing(6_000), both) is None


def test_the_strictest_row_of_a_plan_counts() -> None:
    rules = table(MAY_MOVE, rule("RUSH", "ESCALATE", "expedite"))
    why = ruled(rules, case(option("both", move(), forward())))
    assert (why["code"], why["rule_id"]) == ("rule", "RUSH")


def test_of_two_rows_that_escalate_the_one_with_more_approvals_counts() -> None:
    rules = table(
        rule("A-TWO", "ESCALATE", approvals=2), rule("Z-ONE", "ESCALATE", "expedite", approvals=1)
    )
    assert ruled(rules, case(option("both", move(), forward())))["rule_id"] == "A-TWO"


@pytest.mark.parametrize("plan", [move(), forward()])
def test_a_plan_is_reversible_until_its_cut_off(plan: Any) -> None:
    def needing(hours: int) -> AuthorityTable:
        undo = Band(lo=hours * HOURS, hi=None)
        return table(*(rule(a, "AUTO", a, reversible_for=undo) for a in ("reallocate", "expedite")))

    assert code(needing(6), case(option("r", plan))) is None
    assert code(needing(7), case(option("r", plan))) == "no_rule"


def test_a_lane_named_like_an_order_line_is_still_a_lane() -> None:
    question = case()
    [offer] = question.problem.expedites
    twin = replace(offer, po_line="L05-03", approved=False, latest_start=NOW + HOUR)
    problem = replace(question.problem, expedites=(twin,))
    assert code(table(MAY_MOVE), replace(question, problem=problem)) is None


def test_a_supplier_that_is_not_approved_never_runs() -> None:
    question = case(option("rush", forward()))
    [offer] = question.problem.expedites
    problem = replace(question.problem, expedites=(replace(offer, approved=False),))
    rules = table(rule("RUSH", "AUTO", "expedite"))
    assert code(rules, replace(question, problem=problem)) == "supplier_not_approved"
    assert code(rules, question) is None


@pytest.mark.parametrize(
    "record",
    [
        ("item", "I1"),
        ("site", "S03"),
        ("site", "S05"),
        ("lane", "L05-03"),
        ("stocking", "I1@S03"),
        ("stocking", "I1@S05"),
    ],
)
def test_a_plan_that_rests_on_a_record_in_quarantine_never_runs(record: tuple[str, str]) -> None:
    known = replace(network(), quarantined=frozenset({record}))
    assert code(table(MAY_MOVE), network=known) == "master_data"


def test_an_order_under_a_contract_in_quarantine_is_never_rushed() -> None:
    known = replace(network(), quarantined=frozenset({("supply", "SUP1@I1@S03")}))
    rules = table(rule("RUSH", "AUTO", "expedite"))
    assert code(rules, case(option("rush", forward())), network=known) == "master_data"


def test_a_record_in_quarantine_elsewhere_does_not_matter() -> None:
    known = replace(network(), quarantined=frozenset({("stocking", "I2@S03")}))
    assert code(table(MAY_MOVE), network=known) is None


@pytest.mark.parametrize("gap", [0.0, 0.02, 0.021])
def test_an_unproven_plan_never_runs(gap: float) -> None:
    found = code(table(MAY_MOVE), case(option("r", move(), gap=gap)))
    assert found == ("solver_gap" if gap > 0.02 else None)


def test_a_plan_found_by_the_simple_rule_never_runs() -> None:
    assert code(table(MAY_MOVE), case(outcome="fallback")) == "solver_gap"


def test_shortly_before_the_cut_off_nothing_runs() -> None:
    question = case()
    frozen = table(MAY_MOVE, freeze=Freeze(before_cutoff=6 * HOUR))
    assert code(frozen, question) is None
    late = replace(frozen, freeze=Freeze(before_cutoff=timedelta(hours=6, seconds=1)))
    assert code(late, question) == "freeze"


def test_a_reversal_runs_only_for_a_much_larger_benefit() -> None:
    there = case(episode="ep-1")
    back = option("back", move(to="S05", origin="S03"), benefit=1_500)
    again = case(back, at=NOW + 4 * DAY, episode="ep-2", cause="other")
    assert code(table(MAY_MOVE), there, again) == "cooldown"
    worth = option("back", move(to="S05", origin="S03"), benefit=1_501)
    assert code(table(MAY_MOVE), there, replace_options(again, worth)) is None


def replace_options(proposal: Proposal, *options: Any) -> Proposal:
    return replace(proposal, answer=replace(proposal.answer, options=options))


def test_the_same_goods_on_the_same_lane_rest_unless_it_is_worth_much_more() -> None:
    rested = table(MAY_MOVE, cooldown=Cooldown(after_action=timedelta(hours=72)))
    first = case(episode="ep-1")
    soon = case(option("r", move(qty=4), benefit=1_400), at=NOW + 2 * DAY, episode="ep-2")
    later = case(option("r", move(qty=4), benefit=1_400), at=NOW + 3 * DAY, episode="ep-2")
    assert ruled(rested, first, soon)["text"] == (
        "the same goods were moved just before, on Mon 4 May 06:00 UTC"
    )
    assert code(rested, first, later) is None


def test_a_cap_that_would_be_exceeded_is_named_with_its_limit() -> None:
    capped = table(
        MAY_MOVE,
        caps=(
            Cap(
                scope=("action", "region"),
                window=CalendarDay(zone="Europe/Berlin"),
                value_minor=8_000,
                count=None,
            ),
        ),
    )
    first, second = case(item="I1"), case(item="I2", cause="item:I2")
    why = ruled(capped, first, second)
    assert (why["code"], why["limit_minor"], why["actual_minor"]) == ("cap", 8_000, 10_000)
    assert why["text"] == (
        "the cap on action reallocate in region EAST on Mon 4 May (Europe/Berlin) "
        "would be exceeded (100.00 EUR of 80.00 EUR)"
    )


def test_a_cap_on_the_number_of_actions_holds_too() -> None:
    hourly = Cap(
        scope=("global",), window=Rolling(length=timedelta(hours=1)), value_minor=None, count=1
    )
    capped = table(MAY_MOVE, caps=(hourly,))
    assert code(capped, case(item="I1"), case(item="I2", cause="item:I2")) == "cap"
    assert code(capped, case(option("two", move(), move(to="S04")))) == "cap"


def test_what_a_plan_adds_up_to_is_held_against_the_limit() -> None:
    first = case(option("r", move(qty=6)), episode="ep-1")
    second = case(option("r", move(qty=6, to="S04")), episode="ep-2", at=NOW + HOUR)
    tiered = table(
        rule("MOVE", "AUTO", value=upto(5_000)), rule("MORE", "ESCALATE", value=above(5_000))
    )
    why = ruled(tiered, first, second)
    assert (why["code"], why["limit_minor"], why["actual_minor"]) == ("aggregate", 5_000, 6_000)
    assert why["rule_id"] == "MORE"


def test_two_items_on_one_lane_add_up() -> None:
    first = case(option("r", move("I1", 6)), item="I1")
    second = case(option("r", move("I2", 6)), item="I2", cause="item:I2")
    assert code(allowing(5_000), first, second) == "aggregate"


def test_ten_small_moves_over_one_lane_meet_the_limit_of_their_sum() -> None:
    """Each is worth 5.00 EUR where one may be worth 42.00: the ninth would make it 45.00."""
    rests = Cooldown(after_action=timedelta(0), reverse_direction=timedelta(0))
    desk = Desk(allowing(4_200, cooldown=rests))
    codes = []
    for n in range(10):
        one = case(option("r", move(qty=1)), episode=f"ep-{n}", at=NOW + n * HOUR)
        [body] = bodies(desk.tick(one, at=one.problem.asked_at))
        codes.append((body["why_escalated"] or {}).get("code"))
    assert codes == [None] * 8 + ["aggregate"] * 2


def test_what_the_table_suspends_is_stopped() -> None:
    for kill in (Kill(everything=True), Kill(regions=("EAST",)), Kill(actions=("reallocate",))):
        assert code(table(MAY_MOVE, kill=kill)) == "stopped"
    assert code(table(MAY_MOVE, kill=Kill(models=("ets",)))) == "stopped"
    assert code(table(MAY_MOVE, kill=Kill(regions=("WEST",)))) is None


def test_an_expired_table_allows_nothing() -> None:
    over = table(MAY_MOVE, effective_to=NOW)
    assert code(over) == "table_expired"
    assert code(None, absent="table_expired") == "table_expired"
    assert code(None) == "no_table"


def test_a_plan_in_another_currency_has_no_rule() -> None:
    assert code(table(MAY_MOVE, currency="CHF")) == "no_rule"
