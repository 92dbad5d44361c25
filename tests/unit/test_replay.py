"""Does a story told again equal its record, and is any single change found and named?"""

import json
from collections.abc import Iterable, Iterator, Mapping
from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest

from replan.canonical import canonical_bytes
from replan.desk_state import TickDue, VerdictGiven
from replan.effects import DecisionMade
from replan.planning import Answer, PlanningProblem
from replan.replay import Compared, Given, first_difference, retell
from tests.authority_worlds import table, upto
from tests.desk_cases import HOUR, NOW, Desk, asked, case, move, option, rule

RULES = table(rule("MOVE", "AUTO", value=upto(5_000)), rule("RUSH", "ESCALATE", "expedite"))
Recorded = dict[tuple[str, int], Mapping[str, Any]]


def story() -> tuple[list[Given], Recorded]:
    """A tick with an executed, an escalated and an idle case, and an approval."""
    desk = Desk(RULES)
    told: list[Given] = []
    made: list[DecisionMade] = []

    def take(given: TickDue | VerdictGiven) -> None:
        told.append(Given(given=given, policy=desk.policy, moves=desk.moves))
        desk.take(given)
        made.extend(desk.said.made)

    take(
        TickDue(
            at=NOW,
            proposals=(
                case(item="I1"),
                case(option("big", move("I2", 30)), item="I2", cause="item:I2"),
                case(option("r", move("I3"), benefit=-1), item="I3", cause="item:I3"),
            ),
            reassessed=(),
            cleared=(),
        )
    )
    take(
        VerdictGiven(
            at=NOW + HOUR,
            decision_id=next(d.decision_id for d in desk.state.pending),
            version=1,
            verdict="approve",
            login="max",
            chip="policy",
            note="",
            option=None,
            confirm=False,
            last_state="escalated",
        )
    )
    plain = {(m.decision_id, m.version): json.loads(canonical_bytes(m.body)) for m in made}
    return told, dict(plain)


class SamePlanner:
    """Gives the answers of the story, but one where told so."""

    def __init__(self, changed: str | None = None) -> None:
        self._changed = changed

    def plan(self, problems: Iterable[PlanningProblem]) -> tuple[Answer, ...]:
        given = story()[0][0].given
        assert isinstance(given, TickDue)
        answers = {p.problem.sha: p.answer for p in given.proposals}
        return tuple(
            replace(answers[p.sha], solver="another") if p.item == self._changed else answers[p.sha]
            for p in problems
        )


def told(recorded: Recorded, planner: SamePlanner | None = None) -> list[Compared]:
    return list(retell("all", iter(story()[0]), recorded, planner))


def leaves(value: Any, pointer: str = "") -> Iterator[tuple[str, list[str | int]]]:
    """Every place in plain data that holds no other, by JSON pointer and by path."""

    def walk(value: Any, pointer: str, path: list[str | int]) -> Iterator[Any]:
        if isinstance(value, dict) and value:
            for key, member in sorted(value.items()):
                yield from walk(member, f"{pointer}/{key}", [*path, key])
        elif isinstance(value, list) and value:
            for n, member in enumerate(value):
                yield from walk(member, f"{pointer}/{n}", [*path, n])
        else:
            yield pointer, path

    yield from walk(value, pointer, [])


def test_a_story_told_again_equals_its_record() -> None:
    """SR6."""
    recorded = story()[1]
    assert [(c.equal, c.first_difference) for c in told(recorded)] == [(True, None)] * 3
    assert [c.equal for c in told(recorded, SamePlanner())] == [True] * 3


def test_any_single_changed_member_is_found_and_named() -> None:
    """SR6: the first difference is located."""
    recorded = story()[1]
    key = next(k for k, body in recorded.items() if body["state"] == "escalated")
    [again] = [body for k, body in story()[1].items() if k == key]
    for pointer, path in leaves(recorded[key]):
        changed = deepcopy(recorded[key])
        place: Any = changed
        for step in path[:-1]:
            place = place[step]
        place[path[-1]] = "changed"
        assert first_difference(changed, again) == pointer


@pytest.mark.parametrize("member", ["value_minor", "state", "rule_id"])
def test_a_changed_record_differs_at_that_member(member: str) -> None:
    recorded = story()[1]
    for key in recorded:
        changed = {**recorded, key: {**recorded[key], member: "changed"}}
        found = {(c.decision_id, c.version): c.first_difference for c in told(changed)}
        assert found.pop(key) == f"/{member}"
        assert set(found.values()) == {None}


def test_a_decision_that_the_record_lacks_differs_at_its_root() -> None:
    recorded = story()[1]
    lost, *_ = recorded
    rest = {key: body for key, body in recorded.items() if key != lost}
    found = {(c.decision_id, c.version): c.first_difference for c in told(rest)}
    assert found[lost] == ""


def test_a_decision_that_the_story_lacks_differs_at_its_root() -> None:
    recorded = story()[1]
    found = told({**recorded, ("dec-invented", 1): {}})
    assert found[-1] == Compared(
        decision_id="dec-invented", version=1, equal=False, first_difference=""
    )


def test_an_answer_that_the_planner_would_not_give_again_is_named() -> None:
    found = told(story()[1], SamePlanner(changed="I2"))
    assert [c.first_difference for c in found if not c.equal] == ["/inputs/answer/solver"]


def test_a_decision_that_is_only_told_in_other_words_is_said_to_be() -> None:
    """SR10."""
    _, recorded = story()
    words, figures = deepcopy(recorded), deepcopy(recorded)
    key = min(key for key, body in recorded.items() if body["brief"] is not None)
    words[key]["brief"]["text"] += " More."  # type: ignore[index]
    figures[key]["value_minor"] += 1  # type: ignore[index]
    for changed, words_only in ((words, True), (figures, False)):
        [found] = [c for c in told(changed) if not c.equal]
        assert found.words_only is words_only


@pytest.mark.parametrize(
    ("one", "other", "pointer"),
    [
        ({"a": 1}, {"a": 1}, None),
        ({"a": 1}, {"a": 2}, "/a"),
        ({"a": 1}, {}, "/a"),
        ({}, {"a": None}, "/a"),
        ([1, 2], [1], "/1"),
        ({"a": [{"b": 1}]}, {"a": [{"b": "1"}]}, "/a/0/b"),
        ({"a": True}, {"a": 1}, "/a"),
        ({"a": 1.0}, {"a": 1}, "/a"),
        ({"a/b": 1, "c~d": 1}, {"a/b": 2, "c~d": 1}, "/a~1b"),
        ({"c~d": 1}, {"c~d": 2}, "/c~0d"),
        ("ab", "ac", ""),
        ({"a": {}}, {"a": []}, "/a"),
    ],
)
def test_the_first_difference_is_a_json_pointer(one: Any, other: Any, pointer: str | None) -> None:
    assert first_difference(one, other) == pointer


def test_the_problem_of_a_case_is_the_same_question_each_time() -> None:
    assert asked().sha == asked().sha
