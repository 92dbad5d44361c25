"""A desk transaction as the ledger keeps it: decisions, moves, commands, reservations, verdicts."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from replan.effects import ActionMoved, DecisionMoved, DeskOutcome, Feedback, Ordered
from replan.errors import LedgerBroken, LedgerMoved, UsageError
from replan.infra.ledger.store import Ledger
from replan.planning import Option, Spread
from replan.units import ActionId, DecisionId, ItemId, SiteId, Units, instant_text
from tests.databases import Place
from tests.ledger_builders import (
    HOUR,
    TICK,
    command,
    decide,
    decision_body,
    escalated,
    made,
    move,
    new_ledger,
    verdict,
)

ACTION = ActionId("a-1")


@pytest.fixture
def ledger(place: Place) -> Iterator[Ledger]:
    ledger = place.open()
    yield ledger
    ledger.close()


def moved(decision_id: str = "d-1", version: int = 1, **changes: object) -> DecisionMoved:
    return DecisionMoved(
        decision_id=DecisionId(decision_id),
        version=version,
        at=TICK + HOUR,
        changes=changes,
        reason="acknowledged",
    )


def files(ledger: Ledger) -> list[str]:
    return [file for _, file, _ in ledger.publications(100)]


def test_transactions_of_a_group_take_places_without_holes(ledger: Ledger) -> None:
    assert [decide(ledger, DeskOutcome()) for _ in range(3)] == [1, 2, 3]
    assert [row.seq for row in ledger.desk_log("all")] == [1, 2, 3]


def test_a_desk_that_moved_on_refuses_and_stores_nothing(ledger: Ledger) -> None:
    decide(ledger, DeskOutcome())
    with pytest.raises(LedgerMoved, match="is no longer at 0"), ledger.transaction() as write:
        write.advance_desk("all", 0, TICK, {"open": []}, "tick", TICK, {})
    assert ledger.desk("all").seq == 1


def test_the_desk_comes_back_as_it_was_left(ledger: Ledger) -> None:
    with ledger.transaction() as write:
        write.advance_desk("all", 0, TICK, {"open": ["d-1"]}, "verdict", TICK, {"login": "x"})
    desk = ledger.desk("all")
    assert (desk.seq, desk.tick, desk.body) == (1, TICK, {"open": ["d-1"]})
    [entry] = ledger.desk_log("all")
    assert (entry.kind, entry.at, entry.input) == ("verdict", TICK, {"login": "x"})


def test_a_changed_reservation_elsewhere_sends_the_desk_back(ledger: Ledger) -> None:
    seen = ledger.reserve_seq()
    decide(ledger, DeskOutcome(reserved=(move(),)))
    with pytest.raises(LedgerMoved, match="reservations"):
        decide(ledger, DeskOutcome(), expected_reserve_seq=seen)
    assert ledger.desk("all").seq == 1


def test_a_release_counts_as_a_change_of_reservations(ledger: Ledger) -> None:
    decide(ledger, DeskOutcome(reserved=(move(),)))
    decide(ledger, DeskOutcome(released=(ACTION,)))
    assert ledger.reserve_seq() == 2
    assert ledger.reservations() == (replace(move(), released=True),)


def test_reservations_are_read_from_the_start_of_a_window(ledger: Ledger) -> None:
    before = move("a-0", TICK - HOUR)
    decide(ledger, DeskOutcome(reserved=(before, move())))
    assert ledger.reservations(TICK) == (move(),)


def test_releasing_what_was_never_reserved_is_a_broken_promise(ledger: Ledger) -> None:
    with pytest.raises(LedgerBroken, match="never reserved"):
        decide(ledger, DeskOutcome(released=(ACTION,)))


def test_decisions_are_listed_by_time_and_id(ledger: Ledger) -> None:
    later = decision_body("d-0", decided_at=instant_text(TICK + HOUR))
    decide(ledger, DeskOutcome(made=(made(later), made(decision_body("d-2")))))
    decide(ledger, DeskOutcome(made=(made(decision_body("d-1")),)))
    assert [body["decision_id"] for body in ledger.decisions()] == ["d-1", "d-2", "d-0"]
    assert [body["decision_id"] for body in ledger.decisions(since=TICK + HOUR)] == ["d-0"]


def test_decisions_are_found_by_state_and_item(ledger: Ledger) -> None:
    other = escalated("d-2", item="BREAD")
    decide(ledger, DeskOutcome(made=(made(decision_body()), made(other))))
    assert ledger.decisions(state="escalated") == (other,)
    assert ledger.decisions(item="MILK") == (decision_body(),)


def test_a_move_changes_the_body_as_it_stands_and_not_as_it_was_made(ledger: Ledger) -> None:
    decide(ledger, DeskOutcome(made=(made(decision_body()),)))
    decide(ledger, DeskOutcome(moved=(moved(state="executed"),)))
    file = ledger.decision("d-1")
    assert file.body == decision_body(state="executed")
    assert [row.body for row in file.versions] == [decision_body()]
    assert [row["reason"] for row in file.moves] == ["acknowledged"]


def test_a_new_version_stands_in_place_of_the_old_one(ledger: Ledger) -> None:
    newer = escalated(version=2)
    decide(ledger, DeskOutcome(made=(made(escalated()),)))
    decide(ledger, DeskOutcome(made=(made(newer),)))
    assert ledger.decisions() == (newer,)
    assert [row.version for row in ledger.decision("d-1").versions] == [1, 2]


def test_a_move_of_an_older_version_leaves_the_newer_one_alone(ledger: Ledger) -> None:
    decide(ledger, DeskOutcome(made=(made(escalated()),)))
    newer = made(escalated(version=2))
    decide(ledger, DeskOutcome(made=(newer,), moved=(moved(state="expired"),)))
    assert ledger.decision("d-1").body["state"] == "escalated"


def test_a_move_of_an_unknown_decision_is_a_broken_promise(ledger: Ledger) -> None:
    with pytest.raises(LedgerBroken, match="d-9"):
        decide(ledger, DeskOutcome(moved=(moved("d-9", state="executed"),)))


def test_inputs_come_back_with_the_version_made_from_them(ledger: Ledger) -> None:
    decide(ledger, DeskOutcome(made=(made(decision_body()),)))
    row, inputs = ledger.decision_made("d-1", 1)
    assert row.body == decision_body()
    assert inputs == {"problem": {"item": "MILK", "seed": 7}}


def test_an_unknown_decision_is_a_usage_error(ledger: Ledger) -> None:
    with pytest.raises(UsageError, match="d-9"):
        ledger.decision("d-9")


def test_a_command_waits_in_the_outbox_until_it_is_sent(ledger: Ledger) -> None:
    decide(ledger, DeskOutcome(made=(made(decision_body()),), commands=(command(),)))
    [row] = ledger.pending_outbox()
    assert row.body == command().body
    with ledger.transaction() as write:
        write.claim_commands([f"idem-{ACTION}"], "me", TICK + HOUR)
        write.command_sent(f"idem-{ACTION}", "me", TICK + HOUR)
    assert ledger.pending_outbox() == ()
    [action] = ledger.decision("d-1").actions
    assert (action.state, action.qty, action.sent_at) == ("sent", 80_500, TICK + HOUR)


def test_an_ack_ends_the_action_and_its_command(ledger: Ledger) -> None:
    decide(ledger, DeskOutcome(made=(made(decision_body()),), commands=(command(),)))
    ack = ActionMoved(action_id=ACTION, state="acked", at=TICK + HOUR)
    decide(ledger, DeskOutcome(actions=(ack,)))
    [action] = ledger.decision("d-1").actions
    assert (action.state, action.acked_at) == ("acked", TICK + HOUR)
    assert [row.state for row in ledger.outbox("d-1")] == ["acked"]


def test_the_same_key_is_never_released_twice(ledger: Ledger) -> None:
    decide(ledger, DeskOutcome(made=(made(decision_body()),), commands=(command(),)))
    with pytest.raises(LedgerBroken):
        decide(ledger, DeskOutcome(commands=(command(),)))


def test_every_state_of_a_decision_is_published(ledger: Ledger) -> None:
    decide(ledger, DeskOutcome(made=(made(decision_body()),)))
    decide(ledger, DeskOutcome(moved=(moved(state="executed"),)))
    assert files(ledger) == ["decisions.jsonl", "decisions.jsonl"]


def test_an_escalation_is_published_once_a_version(ledger: Ledger) -> None:
    decide(ledger, DeskOutcome(made=(made(escalated()),)))
    decide(ledger, DeskOutcome(moved=(moved(recipient="role:lead"),)))
    assert files(ledger).count("escalations.jsonl") == 1
    decide(ledger, DeskOutcome(made=(made(escalated(version=2)),)))
    assert files(ledger).count("escalations.jsonl") == 2


def test_a_verdict_stands_in_the_file_of_its_decision(ledger: Ledger) -> None:
    refused = replace(verdict(), result="refused", code="stale")
    decide(ledger, DeskOutcome(made=(made(escalated()),), verdicts=(refused, verdict())))
    codes = [(row["result"], row["code"]) for row in ledger.decision("d-1").verdicts]
    assert codes == [("refused", "stale"), ("accepted", None)]


def test_feedback_comes_back_equal_with_its_option_and_moves(ledger: Ledger) -> None:
    spread = Spread(p10=1, p50=2, p90=3)
    option = Option(
        name="none",
        actions=(),
        cost_minor=spread,
        benefit_minor=spread,
        benefit_mean_minor=2,
        short_avoided=spread,
        units_short=spread,
        p_stockout_receiver=0.25,
        p_stockout_donor=0.0,
        p_wins=0.5,
        donor_shortage_p90_minor={SiteId("PAR"): 5},
        binding=("lane L1 is full",),
        gap=0.0,
    )
    ordered = Ordered(
        action_id=ACTION,
        kind="reallocate",
        item=ItemId("MILK"),
        origin="PAR",
        destination=SiteId("LYO"),
        qty=Units(80_500),
        ref="L1",
        ship_on=date(2026, 5, 4),
        arrive_p50=date(2026, 5, 5),
        arrive_p90=date(2026, 5, 6),
    )
    feedback = Feedback(
        item=ItemId("MILK"),
        at=TICK,
        ordered=(ordered,),
        ended=(ActionId("a-0"),),
        watch=option,
        quiet_until=TICK + 72 * HOUR,
        loss_minor=120_000,
    )
    decide(ledger, DeskOutcome(feedback=(feedback,)))
    assert [row.feedback for row in ledger.feedback_for(TICK)] == [feedback]


def test_feedback_of_a_later_verdict_is_told_with_the_tick_before_it(ledger: Ledger) -> None:
    tick = Feedback(item=ItemId("MILK"), at=TICK)
    later = Feedback(item=ItemId("MILK"), at=TICK + HOUR)
    decide(ledger, DeskOutcome(feedback=(tick,)))
    decide(ledger, DeskOutcome(feedback=(later,)), at=TICK + HOUR)
    assert [row.feedback for row in ledger.feedback_for(TICK)] == [tick, later]


def test_the_digest_does_not_depend_on_how_decisions_were_spread_over_runs(tmp_path: Path) -> None:
    first, second = made(decision_body("d-1")), made(decision_body("d-2"))
    digests = []
    for name, outcomes in (
        ("one", [DeskOutcome(made=(first, second))]),
        ("two", [DeskOutcome(made=(second,)), DeskOutcome(), DeskOutcome(made=(first,))]),
    ):
        (tmp_path / name).mkdir()
        ledger = new_ledger(tmp_path / name)
        for outcome in outcomes:
            decide(ledger, outcome)
        digests.append(ledger.decisions_digest())
    assert digests[0] == digests[1]


def test_the_digest_changes_with_any_decision(ledger: Ledger) -> None:
    decide(ledger, DeskOutcome(made=(made(decision_body()),)))
    before = ledger.decisions_digest()
    decide(ledger, DeskOutcome(moved=(moved(state="executed"),)))
    assert ledger.decisions_digest() != before
