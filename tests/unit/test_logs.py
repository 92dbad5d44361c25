"""A log line is one JSON object, whatever was logged, and holds no secret."""

import io
import json
import logging

import pytest

from replan.errors import NotSo
from replan.infra.process.logs import logging_to_stderr, tell
from replan.infra.workspace.secret_values import known_secrets


def lines(stream: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_an_event_is_a_line_with_its_fields() -> None:
    stream = io.StringIO()
    with logging_to_stderr((), as_json=True, stream=stream):
        tell("tick", decisions=3)
    [row] = lines(stream)
    assert (row["level"], row["event"], row["decisions"]) == ("info", "tick", 3)


def test_a_line_break_in_a_value_makes_no_second_line() -> None:
    """A18."""
    stream = io.StringIO()
    with logging_to_stderr((), as_json=True, stream=stream):
        tell("waiting", why='late\n{"level": "info", "event": "all is well"}\r\x1b[2J\u2028')
    assert len(stream.getvalue().splitlines()) == 1


def test_a_secret_is_masked_in_fields_messages_and_errors() -> None:
    stream = io.StringIO()
    with logging_to_stderr(("pa55word", "pa55"), as_json=True, stream=stream):
        tell("waiting", why="postgresql://replan:pa55word@db", more=[{"password": "pa55word"}])
        try:
            raise ValueError("cannot log in with pa55word")
        except ValueError:
            logging.getLogger("kafka").exception("broker refused pa55word")
    assert "pa55" not in stream.getvalue()
    assert [row.get("logger") for row in lines(stream)] == [None, "kafka"]


def test_who_waits_for_a_run_is_told_warnings_in_words() -> None:
    stream = io.StringIO()
    with logging_to_stderr((), as_json=False, stream=stream):
        tell("tick", decisions=3)
        tell("waiting", logging.WARNING, why="broker: away")
    assert stream.getvalue() == "waiting: why broker: away\n"


def test_the_secrets_of_the_environment_are_known_by_their_names() -> None:
    environment = {
        "REPLAN_LEDGER_PASSWORD": "one",
        "REPLAN_KAFKA_KEY_PASSWORD": "two",
        "REPLAN_HOME": "not one",
        "PGPASSWORD": "of others",
    }
    assert known_secrets(environment) == ("two", "one")


def test_a_placeholder_is_no_secret_to_start_with() -> None:
    """C12."""
    with pytest.raises(NotSo, match="REPLAN_WEBHOOK_SECRET: is empty or a placeholder"):
        known_secrets({"REPLAN_WEBHOOK_SECRET": "changeme"})
