"""Was it decided as the record says? The desk's story told again from what it was given, compared
byte for byte.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from replan.canonical import canonical_bytes
from replan.desk import step
from replan.desk_state import DeskInput, DeskState, Policy, TickDue
from replan.effects import DecisionMade, Move
from replan.planning import Planner
from replan.planning_record import answer_json

WORDS: Final = ("brief", "reasoning")
"""Members of a decision that tell people of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """One recorded transaction of a desk: what it was given, under what, beside which
    reservations.
    """

    given: DeskInput
    policy: Policy
    moves: tuple[Move, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """One version of a decision, decided again: equal, or where it first differs (a JSON
    pointer). `words_only`: what is decided is the same and said in other words.
    """

    decision_id: str
    version: int
    equal: bool
    first_difference: str | None
    words_only: bool = False


def retell(
    group: str,
    transactions: Iterator[Given],
    recorded: Mapping[tuple[str, int], Mapping[str, Any]],
    planner: Planner | None,
) -> Iterator[Compared]:
    """Every decision of a group, in order. With a planner each recorded question is asked again
    too.

    `recorded`: bodies as they were made, by (decision id, version). A decision that the retelling
    makes and the record lacks differs at its root, and the other way round.
    """
    state = DeskState(group=group)
    left = dict(recorded)
    for one in transactions:
        wrong: dict[str, str] = {}
        if planner is not None and isinstance(one.given, TickDue):
            wrong = _asked_again(one.given, planner)
        outcome, _ = step(state, one.moves, one.given, one.policy)
        for made in outcome.made:
            body = left.pop((made.decision_id, made.version), None)
            yield _compared(made, body, wrong.get(str(made.body["item"])))
    for decision_id, version in sorted(left):
        yield Compared(decision_id=decision_id, version=version, equal=False, first_difference="")


def first_difference(recorded: Any, again: Any, pointer: str = "") -> str | None:
    """JSON pointer to the first place, in sorted order, where two plain values differ; None if
    equal.
    """
    if isinstance(recorded, Mapping) and isinstance(again, Mapping):
        for key in sorted({*recorded, *again}):
            place = f"{pointer}/{str(key).replace('~', '~0').replace('/', '~1')}"
            if key not in recorded or key not in again:
                return place
            found = first_difference(recorded[key], again[key], place)
            if found is not None:
                return found
        return None
    if _is_list(recorded) and _is_list(again):
        for n, (a, b) in enumerate(zip(recorded, again, strict=False)):
            found = first_difference(a, b, f"{pointer}/{n}")
            if found is not None:
                return found
        return (
            None if len(recorded) == len(again) else f"{pointer}/{min(len(recorded), len(again))}"
        )
    return None if canonical_bytes(recorded) == canonical_bytes(again) else pointer


def _asked_again(due: TickDue, planner: Planner) -> dict[str, str]:
    """Items whose recorded answer is not what the planner answers now, with the first
    difference.
    """
    answers = planner.plan(tuple(p.problem for p in due.proposals))
    wrong = {}
    for proposal, answer in zip(due.proposals, answers, strict=True):
        found = first_difference(
            answer_json(proposal.answer), answer_json(answer), "/inputs/answer"
        )
        if found is not None:
            wrong[str(proposal.item)] = found
    return wrong


def _compared(
    made: DecisionMade, recorded: Mapping[str, Any] | None, wrong: str | None
) -> Compared:
    difference = wrong
    if recorded is None:
        difference = ""
    elif difference is None and canonical_bytes(recorded) != canonical_bytes(made.body):
        difference = first_difference(recorded, made.body)
    return Compared(
        decision_id=made.decision_id,
        version=made.version,
        equal=difference is None,
        first_difference=difference,
        words_only=(
            difference is not None
            and wrong is None
            and recorded is not None
            and canonical_bytes(_decided(recorded)) == canonical_bytes(_decided(made.body))
        ),
    )


def _decided(body: Mapping[str, Any]) -> dict[str, Any]:
    """A decision without the sentences in which it is told."""
    plain = {name: value for name, value in body.items() if name not in WORDS}
    why = plain.get("why_escalated")
    if isinstance(why, Mapping):
        plain["why_escalated"] = {name: value for name, value in why.items() if name != "text"}
    return plain


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)
