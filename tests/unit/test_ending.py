"""A plan under way ends by what became of its actions, also where no executor told it."""

from typing import Any

import pytest

from replan.desk_state import AnswersDue, SendingWord, desk_from_json, desk_json
from replan.effects import DeskOutcome
from replan.ending import ended_as
from replan.records import desk_input_from_json, desk_input_json
from replan.units import ActionId
from tests.desk_cases import Desk, case, move, option
from tests.unit.test_desk import EVERYTHING, answer, ids, moved


def word(action_id: ActionId, state: Any) -> SendingWord:
    return SendingWord(action_id=action_id, idem="k", state=state, reason="the line was cut")


def tell(desk: Desk, *words: SendingWord) -> DeskOutcome:
    desk.take(AnswersDue(at=desk.at, answers=(), words=words))
    return desk.said


def two_under_way() -> tuple[Desk, ActionId, ActionId]:
    desk = Desk(EVERYTHING)
    first, second = ids(desk.tick(case(option("both", move(), move(to="S04")))))
    return desk, first, second


@pytest.mark.parametrize(
    ("actions", "state"),
    [
        (["acked", "sent"], None),
        (["acked", "acked"], "executed"),
        (["acked", "cancelled"], "cancelled"),
        (["cancelled", "expired"], "failed"),
        (["rejected", "acked"], "failed"),
        (["failed", "unknown", "cancelled"], "unknown"),
        (["unknown", "attempted"], None),
    ],
)
def test_the_first_that_applies_of_unknown_failed_cancelled_executed(
    actions: list[str], state: str | None
) -> None:
    assert ended_as(actions) == state


def test_an_action_nobody_can_speak_for_keeps_what_it_reserved() -> None:
    desk, first, second = two_under_way()
    answer(desk, (first, True))
    said = tell(desk, word(second, "unknown"))
    assert (moved(said), said.released, said.feedback) == (["unknown"], (), ())


def test_a_late_proof_settles_what_was_unknown() -> None:
    desk, first, second = two_under_way()
    answer(desk, (first, True))
    tell(desk, word(second, "unknown"))
    assert moved(answer(desk, (second, True))) == ["executed"]


def test_a_late_refusal_of_what_was_unknown_gives_its_reservation_back() -> None:
    desk, first, second = two_under_way()
    tell(desk, word(first, "unknown"), word(second, "unknown"))
    said = answer(desk, (second, False))
    assert said.released == (second,)
    assert moved(said) == []


@pytest.mark.parametrize("state", ["expired", "failed"])
def test_what_certainly_was_not_done_gives_its_reservation_back(state: str) -> None:
    desk, first, second = two_under_way()
    answer(desk, (first, True))
    said = tell(desk, word(second, state))
    assert (moved(said), said.released) == (["failed"], (second,))
    assert said.feedback[0].ended == (second,)


def test_the_same_word_twice_changes_nothing() -> None:
    desk, first, _ = two_under_way()
    tell(desk, word(first, "unknown"))
    assert tell(desk, word(first, "unknown")) == DeskOutcome()


def test_a_desk_that_waits_for_proof_is_kept_and_read_back() -> None:
    desk, first, second = two_under_way()
    tell(desk, word(first, "unknown"), word(second, "unknown"))
    plain = desk_json(desk.state)
    assert desk_json(desk_from_json(plain)) == plain
    assert [d["state"] for d in plain["decisions"]] == ["unknown"]


def test_words_are_part_of_the_record_that_a_replay_reads() -> None:
    desk, first, _ = two_under_way()
    given = AnswersDue(at=desk.at, answers=(), words=(word(first, "expired"),))
    assert desk_input_from_json(desk_input_json(given), {}) == given
