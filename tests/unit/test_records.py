"""Is what is read back exactly what was written down, whatever it was?"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from datetime import UTC, date, datetime
from types import NoneType, UnionType
from typing import Any, Literal, NewType, Union, get_args, get_origin, get_type_hints

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replan import records
from replan.canonical import canonical_bytes
from replan.desk_state import AnswersDue, TickDue, VerdictGiven
from replan.effects import Feedback, Move, Ordered, Proposal, Reassessed
from replan.errors import LedgerBroken
from replan.events import ActionAnswered
from replan.planning_record import option_from_json, option_plain
from replan.records import desk_input_from_json, desk_input_json, proposal_json
from tests.desk_cases import NOW, case, move, option
from tests.examples import examples

PLAIN: dict[Any, st.SearchStrategy[Any]] = {
    str: st.text(st.characters(codec="utf-8"), max_size=6),
    int: st.integers(-(10**12), 10**12),
    float: st.floats(allow_nan=False, allow_infinity=False),
    bool: st.booleans(),
    date: st.dates(),
    datetime: st.datetimes(timezones=st.just(UTC)),
    NoneType: st.none(),
}


def of(kind: Any) -> st.SearchStrategy[Any]:
    """Any value of a type as it is declared, so that a new member is tried at once."""
    if kind in PLAIN:
        return PLAIN[kind]
    if isinstance(kind, NewType):
        return of(kind.__supertype__)
    if is_dataclass(kind):
        hints = get_type_hints(kind)
        members = {f.name: st.deferred(lambda t=hints[f.name]: of(t)) for f in fields(kind)}
        return st.builds(kind, **members)
    origin, args = get_origin(kind), get_args(kind)
    if origin is Literal:
        return st.sampled_from(args)
    if isinstance(kind, UnionType) or origin is Union:
        return st.one_of(*map(of, args))
    if origin in (tuple, Sequence):
        return st.lists(of(args[0]), max_size=2).map(tuple)
    assert origin is Mapping, kind
    return st.dictionaries(of(args[0]), of(args[1]), max_size=2)


def through_bytes(plain: Any) -> Any:
    return json.loads(canonical_bytes(plain))


PAIRS: list[tuple[Any, Callable[[Any], Any], Callable[[Any], Any]]] = [
    (Proposal, records.proposal_json, records.proposal_from_json),
    (Reassessed, records.reassessed_json, records.reassessed_from_json),
    (Feedback, records.feedback_json, records.feedback_from_json),
    (Move, records.move_json, records.move_from_json),
    (ActionAnswered, records.answered_json, records.answered_from_json),
    (Ordered, records.dated_json, records.ordered_from_json),
]


@pytest.mark.parametrize(("kind", "write", "read"), PAIRS, ids=lambda p: getattr(p, "__name__", ""))
@settings(max_examples=examples(15))
@given(data=st.data())
def test_a_record_comes_back_as_it_was(
    kind: Any, write: Callable[[Any], Any], read: Callable[[Any], Any], data: st.DataObject
) -> None:
    value = data.draw(of(kind))
    again = read(through_bytes(write(value)))
    assert again == value
    assert canonical_bytes(write(again)) == canonical_bytes(write(value))


@settings(max_examples=examples(15))
@given(given_=of(VerdictGiven) | of(AnswersDue))
def test_what_a_desk_was_given_comes_back_as_it_was(given_: Any) -> None:
    assert desk_input_from_json(through_bytes(desk_input_json(given_)), {}) == given_


def a_tick() -> TickDue:
    return TickDue(at=NOW, proposals=(case(item="I1"), case(item="I2")), reassessed=(), cleared=())


def test_a_tick_comes_back_with_the_proposals_it_was_given() -> None:
    tick = a_tick()
    kept = {p.item: through_bytes(proposal_json(p)) for p in tick.proposals}
    assert desk_input_from_json(through_bytes(desk_input_json(tick)), kept) == tick


def test_a_tick_with_another_proposal_than_it_was_given_is_found() -> None:
    tick = a_tick()
    kept = {p.item: through_bytes(proposal_json(p)) for p in tick.proposals}
    kept["I2"] = through_bytes(proposal_json(replace(tick.proposals[1], loss_mean_minor=1)))
    with pytest.raises(LedgerBroken, match="the proposal for I2 is not sha256:"):
        desk_input_from_json(through_bytes(desk_input_json(tick)), kept)
    del kept["I2"]
    with pytest.raises(LedgerBroken, match="the proposal for I2"):
        desk_input_from_json(through_bytes(desk_input_json(tick)), kept)


def test_an_option_with_actions_comes_back_as_it_was() -> None:
    plan = option("both", move(), move(to="S04"), binding=("lots of 6",))
    assert option_from_json(through_bytes(option_plain(plan))) == plan
