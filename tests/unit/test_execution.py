"""The file executor: every command is acknowledged, the same way each time."""

import json
from datetime import UTC, datetime

from replan.effects import Command
from replan.events import ActionAnswered
from replan.infra.executors.execution import FileExecutor
from replan.streams.codec import Decoder
from replan.streams.messages import Decoded, Place
from replan.units import ActionId, DecisionId

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)


def command(name: str) -> Command:
    return Command(
        idem=f"idem-{name}",
        action_id=ActionId(f"act-{name}"),
        decision_id=DecisionId("dec-1"),
        not_after=NOON,
        body={"kind": "reallocate"},
    )


def test_every_command_is_acknowledged_at_the_clock_of_the_request() -> None:
    answers = FileExecutor().advance(NOON, [], [command("a"), command("b")])

    assert [(a["type"], a["time"], a["correlationid"], a["data"]["idem"]) for a in answers] == [
        ("action.ack.v1", "2026-05-04T12:00:00Z", "act-a", "idem-a"),
        ("action.ack.v1", "2026-05-04T12:00:00Z", "act-b", "idem-b"),
    ]


def test_asked_again_it_answers_the_same() -> None:
    executor = FileExecutor()

    assert executor.advance(NOON, [], [command("a")]) == executor.advance(NOON, [], [command("a")])


def test_its_answer_is_a_valid_event() -> None:
    (answer,) = FileExecutor().advance(NOON, [], [command("a")])
    (decoded,) = Decoder().record(json.dumps(answer).encode(), Place("acks", 1))

    assert isinstance(decoded, Decoded)
    assert isinstance(decoded.fact, ActionAnswered)
    assert (decoded.fact.acked, decoded.fact.idem) == (True, "idem-a")
