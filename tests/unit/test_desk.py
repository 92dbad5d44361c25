"""Does the desk run what it may, hold what it may not, and let go of what is over?"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import time, timedelta

import pytest

from replan.desk_state import AnswersDue, desk_from_json, desk_json
from replan.effects import Cleared, DeskOutcome, Reassessed
from replan.events import ActionAnswered
from replan.limits import Cap, Rolling
from replan.planning import Option
from replan.units import ActionId, EventId, ItemId
from tests.authority_worlds import table
from tests.desk_cases import (
    ASK_FIRST,
    HOUR,
    MAY_MOVE,
    NOW,
    Desk,
    bodies,
    case,
    codes,
    forward,
    move,
    network,
    option,
    rule,
    states,
)

DAY = timedelta(days=1)
EVERYTHING = table(MAY_MOVE)
ASKING = table(ASK_FIRST)


def reassessed(plan: Option, at_deadline: timedelta = DAY, **changes: object) -> Reassessed:
    known = Reassessed(
        item=ItemId("I1"),
        group="all",
        episode="ep-I1",
        option=plan,
        deadline=NOW + at_deadline,
        loss_mean_minor=9_000,
        problem=case().problem,
    )
    return replace(known, **changes)  # type: ignore[arg-type]


def answered(desk: Desk, action_id: ActionId, acked: bool) -> ActionAnswered:
    return ActionAnswered(
        event_id=EventId(f"ack-{action_id}"),
        source="/erp",
        payload_sha="",
        idem="k",
        occurred_at=desk.at,
        arrived_at=desk.at,
        action_id=action_id,
        acked=acked,
        reason=None if acked else "no truck",
    )


def answer(desk: Desk, *answers: tuple[ActionId, bool]) -> DeskOutcome:
    given = tuple(answered(desk, action_id, acked) for action_id, acked in answers)
    desk.take(AnswersDue(at=desk.at, answers=given))
    return desk.said


def moved(said: DeskOutcome) -> list[str]:
    return [m.changes["state"] for m in said.moved]


def ids(said: DeskOutcome) -> list[ActionId]:
    return [command.action_id for command in said.commands]


# Modes and stages.


def test_a_plan_that_a_row_allows_runs_in_live_mode() -> None:
    said = Desk(EVERYTHING).tick(case())
    assert states(said) == ["executing"]
    assert len(said.commands) == len(said.reserved) == 1


def test_in_recommend_mode_a_person_releases_what_would_run() -> None:
    desk = Desk(EVERYTHING, mode="recommend")
    said = desk.tick(case())
    assert (states(said), codes(said), said.commands) == (["recommended"], ["mode"], ())
    assert desk.verdict("approve").state == "approved"
    assert len(desk.said.commands) == 1


def test_in_shadow_mode_nothing_is_sent_and_it_counts_on_an_account_of_its_own() -> None:
    said = Desk(EVERYTHING, mode="shadow").tick(case())
    assert (states(said), codes(said), said.commands) == (["shadowed"], [None], ())
    assert [m.account for m in said.reserved] == ["shadow"]


@pytest.mark.parametrize("mode", ["live", "recommend", "shadow"])
def test_what_live_would_escalate_is_escalated_in_every_mode(mode: str) -> None:
    said = Desk(ASKING, mode=mode).tick(case())
    assert (states(said), codes(said)) == (["escalated"], ["rule"])


@pytest.mark.parametrize(
    ("mode", "stage", "state"),
    [
        ("live", "live", "executing"),
        ("live", "spot_check", "executing"),
        ("live", "recommend", "recommended"),
        ("live", "shadow", "shadowed"),
        ("recommend", "live", "recommended"),
        ("recommend", "shadow", "shadowed"),
        ("shadow", "recommend", "shadowed"),
    ],
)
def test_the_lower_of_mode_and_stage_holds(mode: str, stage: str, state: str) -> None:
    staged = table(MAY_MOVE, stages={"demand_surge": stage})
    assert states(Desk(staged, mode=mode).tick(case())) == [state]


def test_a_halted_category_stops() -> None:
    said = Desk(table(MAY_MOVE, stages={"demand_surge": "halted"})).tick(case())
    assert (states(said), codes(said), said.commands) == (["escalated"], ["stopped"], ())


def test_a_category_that_the_stages_leave_out_is_shadow() -> None:
    said = Desk(table(MAY_MOVE, stages={"disruption": "live"})).tick(case())
    assert (states(said), said.commands) == (["shadowed"], ())


ONE_AN_HOUR = (Cap(scope=("global",), window=Rolling(length=HOUR), value_minor=None, count=1),)


def test_what_a_shadow_category_would_have_done_uses_up_no_real_cap() -> None:
    stages = {"demand_surge": "shadow", "lead_time_slip": "live"}
    desk = Desk(table(MAY_MOVE, stages=stages, caps=ONE_AN_HOUR))
    desk.tick(case(item="I1"))
    said = desk.tick(case(item="I2", category="lead_time_slip", cause="supplier:SUP1"))
    assert [m.account for m in desk.moves] == ["shadow", "live"]
    assert states(said) == ["executing"]


def test_a_shadow_category_of_a_live_run_has_caps_too() -> None:
    stages = {"demand_surge": "shadow"}
    desk = Desk(table(MAY_MOVE, stages=stages, caps=ONE_AN_HOUR))
    said = desk.tick(case(item="I1"), case(item="I2", cause="item:I2"))
    assert (states(said), codes(said)) == (["shadowed", "escalated"], [None, "cap"])


def test_a_shadow_category_takes_no_lane_from_a_live_one() -> None:
    rules = table(MAY_MOVE, stages={"demand_surge": "shadow", "lead_time_slip": "live"})
    desk = Desk(rules, network=network(capacity=10))
    said = desk.tick(
        case(option("reallocate", move("I1"), benefit=90_000), item="I1"),
        case(item="I2", category="lead_time_slip"),
    )
    assert [(b["item"], b["state"]) for b in bodies(said)] == [
        ("I1", "shadowed"),
        ("I2", "executing"),
    ]


@pytest.mark.parametrize("absent", ["no_table", "table_expired"])
def test_without_a_table_everything_escalates_and_nothing_runs(absent: str) -> None:
    said = Desk(None, absent=absent).tick(case(item="I1"), case(item="I2"))
    assert (states(said), codes(said)) == (["escalated"] * 2, [absent] * 2)
    assert said.commands == said.reserved == ()


# The order of judging, and what items share.


def test_the_largest_expected_benefit_is_judged_first() -> None:
    said = Desk(EVERYTHING).tick(
        case(option("reallocate", move("I1"), benefit=1_000), item="I1"),
        case(option("reallocate", move("I2"), benefit=3_000), item="I2"),
        case(option("reallocate", move("I3"), benefit=1_000), item="I3"),
    )
    assert [b["item"] for b in bodies(said)] == ["I2", "I1", "I3"]


def test_what_earlier_decisions_took_of_a_lane_is_gone() -> None:
    desk = Desk(EVERYTHING, network=network(capacity=15))
    desk.tick(case(item="I1"))
    said = desk.tick(case(option("small", move("I2", 5)), option("big", move("I2", 10)), item="I2"))
    assert [b["chosen"] for b in bodies(said)] == ["small"]


def test_a_tick_never_overloads_a_lane() -> None:
    desk = Desk(EVERYTHING, network=network(capacity=25))
    said = desk.tick(*(case(item=name) for name in ("I1", "I2", "I3")))
    assert [b["chosen"] for b in bodies(said)].count("reallocate") == 2
    assert sum(int(m.keys["qty"]) for m in said.reserved) <= 25_000


def test_room_given_back_by_a_refusal_is_there_again() -> None:
    desk = Desk(EVERYTHING, network=network(capacity=10))
    answer(desk, *((a, False) for a in ids(desk.tick(case(item="I1")))))
    assert [b["chosen"] for b in bodies(desk.tick(case(item="I2")))] == ["reallocate"]


# Cases left alone.


def test_doing_nothing_needs_no_authority() -> None:
    nothing = case(option("reallocate", move(), benefit=-10))
    said = Desk(ASKING).tick(nothing)
    assert (states(said), codes(said), bodies(said)[0]["chosen"]) == (["no_action"], [None], "none")


def test_a_case_left_alone_is_not_decided_again() -> None:
    desk = Desk(EVERYTHING)
    nothing = case(option("reallocate", move(), benefit=-10))
    desk.tick(nothing)
    assert desk.tick(nothing, at=NOW + DAY).made == ()


def test_a_case_left_alone_rests() -> None:
    [word] = Desk(EVERYTHING).tick(case(option("reallocate", move(), benefit=-10))).feedback
    assert (word.quiet_until, word.loss_minor) == (NOW + timedelta(hours=72), 9_000)


# What waits, and what replaces it.


def test_sense_is_told_which_plan_waits_and_at_what_loss() -> None:
    plan = option("reallocate", move())
    [word] = Desk(ASKING).tick(case(plan)).feedback
    assert (word.watch, word.loss_minor, word.quiet_until) == (plan, 9_000, None)


def test_sense_is_told_what_is_under_way() -> None:
    [word] = Desk(EVERYTHING).tick(case()).feedback
    assert [(o.kind, o.origin, o.destination, o.qty) for o in word.ordered] == [
        ("reallocate", "S05", "S03", 10_000)
    ]


def test_a_plan_that_waits_stays_while_it_still_helps() -> None:
    desk = Desk(ASKING)
    desk.tick(case())
    again = case(option("other", move(qty=12), benefit=5_100), watched=option("reallocate", move()))
    assert desk.tick(again, at=NOW + HOUR).made == ()


def test_a_much_better_plan_supersedes_the_one_that_waits() -> None:
    desk = Desk(ASKING)
    old = bodies(desk.tick(case()))[0]["decision_id"]
    better = case(
        option("other", move(qty=20), benefit=50_000), watched=option("reallocate", move())
    )
    said = desk.tick(better, at=NOW + HOUR)
    assert [b["supersedes"] for b in bodies(said)] == [old]
    assert [(m.decision_id, m.changes["state"]) for m in said.moved] == [(old, "superseded")]


@pytest.mark.parametrize("watched", [None, option("reallocate", move(), benefit=0)])
def test_a_plan_that_no_longer_helps_is_superseded(watched: Option | None) -> None:
    desk = Desk(ASKING)
    desk.tick(case())
    said = desk.tick(case(option("other", move(qty=8)), watched=watched), at=NOW + HOUR)
    assert (states(said), moved(said)) == (["escalated"], ["superseded"])


def test_the_same_plan_never_supersedes_itself() -> None:
    desk = Desk(ASKING, network=network(capacity=10))
    first = case(option("reallocate", move()), item="I1")
    desk.tick(first)
    # A far better plan exists, but the lane cannot carry it: the old one is chosen once more.
    crowded = case(
        option("big", move(qty=20), benefit=90_000),
        option("reallocate", move()),
        watched=option("reallocate", move()),
    )
    said = desk.tick(crowded, at=NOW + HOUR)
    assert (said.made, said.moved) == ((), ())
    assert said.feedback[0].watch == option("reallocate", move())


def test_a_new_plan_of_an_episode_has_another_id_and_the_same_question_has_the_same() -> None:
    first, again = Desk(ASKING), Desk(ASKING)
    one, same = bodies(first.tick(case())), bodies(again.tick(case()))
    assert one == same
    later = first.tick(case(option("other", move(qty=7))), at=NOW + HOUR)
    assert bodies(later)[0]["decision_id"] != one[0]["decision_id"]


def test_trouble_that_passed_withdraws_what_waits() -> None:
    desk = Desk(ASKING)
    desk.tick(case())
    cleared = Cleared(item=ItemId("I1"), episode="ep-I1", reason="stock came in")
    said = desk.tick(cleared=(cleared,), at=NOW + HOUR)
    assert [(m.changes["state"], m.reason) for m in said.moved] == [("withdrawn", "stock came in")]
    assert desk.state.pending == []
    assert said.feedback[0].watch is None


def test_trouble_that_passed_leaves_what_runs_alone() -> None:
    desk = Desk(EVERYTHING)
    desk.tick(case())
    cleared = Cleared(item=ItemId("I1"), episode="ep-I1", reason="stock came in")
    assert desk.tick(cleared=(cleared,), at=NOW + HOUR).moved == ()


# Deadlines: no time-out ever runs anything.


def deadline(desk: Desk) -> timedelta:
    at = desk.state.pending[0].deadline
    assert at is not None
    return at - NOW


def test_a_missed_deadline_ends_the_case_where_nothing_can_be_done_any_more() -> None:
    """P12: no time-out executes."""
    desk = Desk(ASKING)
    desk.tick(case())
    said = desk.tick(at=NOW + deadline(desk))
    assert (moved(said), said.commands, said.reserved) == (["expired"], (), ())


def test_a_missed_deadline_goes_to_the_next_recipient_while_the_plan_still_helps() -> None:
    desk = Desk(ASKING)
    desk.tick(case())
    missed = deadline(desk)
    later = reassessed(option("reallocate", move()), missed + DAY)
    said = desk.tick(reassessed=(later,), at=NOW + missed)
    [body] = bodies(said)
    assert (body["version"], body["state"]) == (2, "escalated")
    assert (body["recipient"], body["brief"]["ids"]["version"]) == ("role:process-owner", 2)
    assert body["brief"]["deadline"] == body["deadline"]
    assert body["brief"]["on_timeout"] == "Nothing is carried out; the case expires."
    assert said.commands == ()


def test_a_deadline_missed_twice_ends_the_case() -> None:
    desk = Desk(ASKING)
    desk.tick(case())
    missed = deadline(desk)
    plan = option("reallocate", move())
    desk.tick(reassessed=(reassessed(plan, missed + DAY),), at=NOW + missed)
    said = desk.tick(reassessed=(reassessed(plan, missed + 2 * DAY),), at=NOW + missed + DAY)
    assert (moved(said), said.commands) == (["expired"], ())


def test_a_plan_that_no_longer_helps_expires_at_its_deadline() -> None:
    desk = Desk(ASKING)
    desk.tick(case())
    missed = deadline(desk)
    useless = reassessed(option("reallocate", move(), benefit=0), missed + DAY)
    assert moved(desk.tick(reassessed=(useless,), at=NOW + missed)) == ["expired"]


@pytest.mark.parametrize("mode", ["live", "recommend"])
def test_no_time_out_sends_anything(mode: str) -> None:
    desk = Desk(EVERYTHING if mode == "recommend" else ASKING, mode=mode)
    desk.tick(case())
    for day in range(1, 10):
        said = desk.tick(at=NOW + day * DAY)
        assert said.commands == said.reserved == ()


# After release.


def test_a_decision_is_executed_when_all_its_actions_are_acknowledged() -> None:
    desk = Desk(EVERYTHING)
    first, second = ids(desk.tick(case(option("both", move(), move(to="S04")))))
    assert moved(answer(desk, (first, True))) == []
    assert moved(answer(desk, (second, True))) == ["executed"]


def test_one_refused_action_fails_the_decision_and_gives_its_reservation_back() -> None:
    desk = Desk(EVERYTHING)
    first, second = ids(desk.tick(case(option("both", move(), move(to="S04")))))
    answer(desk, (first, True))
    said = answer(desk, (second, False))
    assert (moved(said), said.released) == (["failed"], (second,))
    assert said.feedback[0].ended == (second,)


def test_an_answer_given_twice_changes_nothing() -> None:
    desk = Desk(EVERYTHING)
    [only] = ids(desk.tick(case(option("r", move()))))
    answer(desk, (only, True))
    said = answer(desk, (only, False))
    assert said == DeskOutcome()


def test_an_answer_to_something_that_is_not_ours_changes_nothing() -> None:
    desk = Desk(EVERYTHING)
    desk.tick(case())
    assert answer(desk, (ActionId("act-unknown"), True)) == DeskOutcome()


def test_an_approved_plan_is_executing_with_the_next_releases() -> None:
    desk = Desk(ASKING)
    desk.tick(case())
    desk.verdict("approve")
    assert moved(answer(desk)) == ["executing"]


def test_a_plan_approved_too_late_to_be_sent_fails_and_gives_its_reservation_back() -> None:
    desk = Desk(ASKING)
    desk.tick(case())
    missed = deadline(desk)
    desk.verdict("approve")
    said = desk.tick(at=NOW + missed + HOUR)
    assert moved(said) == ["failed"]
    assert [a.state for a in said.actions] == ["expired"]
    assert len(said.released) == 1


def test_an_approved_plan_is_held_while_its_category_is_halted() -> None:
    desk = Desk(ASKING)
    desk.tick(case())
    desk.verdict("approve")
    halted = table(ASK_FIRST, stages={"demand_surge": "halted"})
    desk.policy = replace(desk.policy, table=halted)
    assert moved(answer(desk)) == []


# The memory of a desk.


def history(desk: Desk) -> Sequence[DeskOutcome]:
    """A desk with something in every state."""
    said = [desk.tick(case(item="I1"), case(option("rush", forward("I2")), item="I2"))]
    desk.verdict("approve", login="max")
    said.append(desk.said)
    return said


def test_a_desk_comes_back_as_it_was_written_down() -> None:
    desk = Desk(table(MAY_MOVE, rule("RUSH", "ESCALATE", "expedite")))
    history(desk)
    again = desk_from_json(desk_json(desk.state))
    assert again == desk.state


def test_precedents_are_the_last_three_closed_cases() -> None:
    desk = Desk(ASKING)
    for day in range(5):
        at = NOW + day * DAY
        desk.tick(case(episode=f"ep-{day}", at=at), at=at)
        desk.verdict("reject")
    said = desk.tick(case(episode="ep-9", at=NOW + 6 * DAY), at=NOW + 6 * DAY)
    assert len(bodies(said)[0]["brief"]["precedents"]) == 3


def test_a_move_by_hand_after_the_cut_off_of_its_day_ships_on_the_next() -> None:
    desk = Desk(ASKING, network=network(cutoff=time(14)))
    desk.tick(case())
    desk.at = NOW + 7 * HOUR  # 15:00 in the shop
    desk.verdict("approve")
    [command] = desk.said.commands
    assert command.body["ship_on"] == "2026-05-05"
    assert command.body["arrive_on"] == {"p50": "2026-05-06", "p90": "2026-05-06"}


@pytest.mark.parametrize(("benefit", "chosen"), [(500, "none"), (501, "reallocate")])
def test_a_plan_must_be_worth_more_than_changing_the_plan_costs(benefit: int, chosen: str) -> None:
    said = Desk(EVERYTHING).tick(case(option("reallocate", move(), benefit=benefit)))
    assert [b["chosen"] for b in bodies(said)] == [chosen]
