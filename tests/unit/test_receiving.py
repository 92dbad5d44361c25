"""An executor obeys a command once, in time, and only one that is signed as agreed."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from replan.infra.executors.inbox import Inbox, InboxConflict, open_inbox
from replan.infra.executors.receiving import NotACommand, Received, Refused, obey, read_command
from replan.infra.executors.signing import Seal
from replan.infra.executors.ways import command_line
from replan.streams.codec import Decoder
from replan.streams.messages import Decoded, Place
from tests.contract.test_webhooks import row
from tests.ledger_builders import HOUR, TICK

SEAL = Seal(b"a shared secret")
VALUE = command_line(row()).encode()


@pytest.fixture
def inbox(tmp_path: Path) -> Inbox:
    return open_inbox(tmp_path / "inbox.db")


def received(value: bytes = VALUE) -> Received:
    command = read_command(value)
    assert command is not None
    return command


def answered(inbox: Inbox, do: Callable[[], None], hours: int = 0) -> dict[str, Any]:
    return obey(inbox, received(), TICK + hours * HOUR, do)


def test_a_command_is_carried_out_and_acknowledged_under_its_key(inbox: Inbox) -> None:
    done: list[str] = []
    answer = answered(inbox, lambda: done.append("moved"))
    assert (done, answer["type"], answer["data"]["idem"]) == (
        ["moved"],
        "action.ack.v1",
        "idem-a-1",
    )


def test_in11_sent_again_it_is_answered_again_and_not_done_twice(inbox: Inbox) -> None:
    done: list[str] = []
    first = answered(inbox, lambda: done.append("moved"))
    again = answered(inbox, lambda: done.append("moved"), hours=9)
    assert (again, done) == (first, ["moved"])


def test_what_comes_after_its_last_moment_is_refused_for_good(inbox: Inbox) -> None:
    done: list[str] = []
    late = answered(inbox, lambda: done.append("moved"), hours=3)
    again = answered(inbox, lambda: done.append("moved"), hours=0)
    assert (late["type"], again, done) == ("action.fail.v1", late, [])


def test_a_refusal_says_why(inbox: Inbox) -> None:
    def refuse() -> None:
        raise Refused("no truck left")

    answer = answered(inbox, refuse)
    assert (answer["type"], answer["data"]["reason"]) == ("action.fail.v1", "no truck left")


def test_e31_another_command_under_a_used_key_is_refused_and_told(inbox: Inbox) -> None:
    answered(inbox, lambda: None)
    other = received(VALUE.replace(b"80.5", b"8000"))
    with pytest.raises(InboxConflict, match="idem-a-1"):
        obey(inbox, other, TICK, lambda: None)


@pytest.mark.parametrize("signature", [None, "v1=00", SEAL.sign(VALUE + b" ")])
def test_a_forged_command_is_no_command(signature: str | None) -> None:
    with pytest.raises(NotACommand):
        read_command(VALUE, signature, SEAL)


def test_a_signed_command_is_taken() -> None:
    assert read_command(VALUE, SEAL.sign(VALUE), SEAL) == received()


@pytest.mark.parametrize(
    "value", [b"", b"\xff", b"[]", b'{"type": "action.request.v1"}', b"[" * 100_000]
)
def test_what_is_no_command_is_refused_with_a_reason(value: bytes) -> None:
    with pytest.raises(NotACommand):
        read_command(value)


def test_a_question_among_commands_is_left_alone() -> None:
    assert read_command(b'{"type": "clarification.requested.v1"}') is None


def test_the_answer_is_a_valid_event(inbox: Inbox) -> None:
    answer = answered(inbox, lambda: None)
    (decoded,) = Decoder().record(json.dumps(answer).encode(), Place("acks", 1))
    assert isinstance(decoded, Decoded)
