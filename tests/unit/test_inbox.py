"""The inbox: a command is carried out once, whatever comes again."""

import sqlite3
from pathlib import Path

import pytest

from replan.infra.executors.inbox import Inbox, InboxConflict, open_inbox


def test_a_command_that_comes_again_gets_the_stored_result(tmp_path: Path) -> None:
    inbox = open_inbox(tmp_path / "inbox.db")
    done: list[str] = []

    def ship() -> dict[str, int]:
        done.append("shipped")
        return {"shipped": 12}

    first = inbox.once("k1", "sha-a", ship)
    again = inbox.once("k1", "sha-a", ship)

    assert (first, again, done) == ({"shipped": 12}, {"shipped": 12}, ["shipped"])


def test_what_was_done_is_known_after_a_restart(tmp_path: Path) -> None:
    open_inbox(tmp_path / "inbox.db").once("k1", "sha-a", lambda: "done")

    assert open_inbox(tmp_path / "inbox.db").once("k1", "sha-a", lambda: "twice") == "done"


def test_another_command_under_a_used_key_is_refused(tmp_path: Path) -> None:
    inbox = open_inbox(tmp_path / "inbox.db")
    inbox.once("k1", "sha-a", lambda: "done")

    with pytest.raises(InboxConflict, match=r"k1.*sha-a.*sha-b"):
        inbox.once("k1", "sha-b", lambda: "another")


def test_a_command_that_failed_half_way_is_not_taken_for_done(tmp_path: Path) -> None:
    inbox = open_inbox(tmp_path / "inbox.db")

    def break_down() -> str:
        raise OSError("the line is dead")

    with pytest.raises(OSError, match="dead"):
        inbox.once("k1", "sha-a", break_down)

    assert inbox.once("k1", "sha-a", lambda: "done") == "done"


def test_a_rolled_back_transaction_of_the_caller_takes_the_entry_with_it() -> None:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    inbox = Inbox(connection)
    connection.execute("BEGIN")
    inbox.once("k1", "sha-a", lambda: "done")
    connection.execute("ROLLBACK")

    assert inbox.once("k1", "sha-a", lambda: "done now") == "done now"


def test_the_last_word_replaces_under_way(tmp_path: Path) -> None:
    inbox = open_inbox(tmp_path / "inbox.db")
    inbox.once("k1", "sha-a", lambda: "under way")
    inbox.settle("k1", "received")

    assert inbox.once("k1", "sha-a", lambda: "twice") == "received"
