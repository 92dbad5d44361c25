"""Lines reach the out files once, whenever the process dies."""

from contextlib import suppress
from pathlib import Path

import pytest

from replan.errors import LedgerMoved
from replan.infra.ledger.store import Ledger
from replan.infra.out_files import OutFiles
from tests.ledger_builders import new_ledger


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return new_ledger(tmp_path)


def publish(ledger: Ledger, *lines: str, file: str = "decisions.jsonl") -> None:
    with ledger.transaction() as write:
        write.publish(file, lines)


def lines(folder: Path, file: str = "decisions.jsonl") -> list[str]:
    return (folder / "out" / file).read_text().splitlines()


def test_waiting_lines_are_appended_in_order(ledger: Ledger, tmp_path: Path) -> None:
    publish(ledger, "1", "2")
    publish(ledger, "3")
    assert OutFiles(tmp_path, ledger).flush() == 3
    assert lines(tmp_path) == ["1", "2", "3"]


def test_a_second_flush_has_nothing_to_do(ledger: Ledger, tmp_path: Path) -> None:
    publish(ledger, "1")
    out = OutFiles(tmp_path, ledger)
    out.flush()
    assert out.flush() == 0
    assert lines(tmp_path) == ["1"]


def test_lines_written_before_a_crash_are_not_doubled(ledger: Ledger, tmp_path: Path) -> None:
    publish(ledger, "1", "2", "3")
    OutFiles(tmp_path, ledger).append("decisions.jsonl", ["1", "2"])
    OutFiles(tmp_path, ledger).flush()
    assert lines(tmp_path) == ["1", "2", "3"]


def test_half_a_line_of_a_crash_is_written_again_whole(ledger: Ledger, tmp_path: Path) -> None:
    publish(ledger, '{"decision_id":"d-1"}')
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "decisions.jsonl").write_text('{"decis')
    OutFiles(tmp_path, ledger).flush()
    assert lines(tmp_path) == ['{"decision_id":"d-1"}']


def test_equal_lines_of_different_events_both_arrive(ledger: Ledger, tmp_path: Path) -> None:
    publish(ledger, "same")
    OutFiles(tmp_path, ledger).flush()
    publish(ledger, "same", "same")
    OutFiles(tmp_path, ledger).flush()
    assert lines(tmp_path) == ["same", "same", "same"]


def test_an_append_that_was_not_confirmed_is_found_again(ledger: Ledger, tmp_path: Path) -> None:
    OutFiles(tmp_path, ledger).append("accepted.jsonl", ["a", "b"])
    out = OutFiles(tmp_path, ledger)
    out.append("accepted.jsonl", ["a", "b"])
    out.append("accepted.jsonl", ["c"])
    assert lines(tmp_path, "accepted.jsonl") == ["a", "b", "c"]


def test_a_confirmed_append_is_no_longer_looked_at(ledger: Ledger, tmp_path: Path) -> None:
    out = OutFiles(tmp_path, ledger)
    out.append("accepted.jsonl", ["a"])
    with ledger.transaction() as write:
        out.confirm(write, "accepted.jsonl")
    OutFiles(tmp_path, ledger).append("accepted.jsonl", ["a"])
    assert lines(tmp_path, "accepted.jsonl") == ["a", "a"]


def test_a_confirmation_that_was_rolled_back_does_not_count(ledger: Ledger, tmp_path: Path) -> None:
    out = OutFiles(tmp_path, ledger)
    out.append("accepted.jsonl", ["a"])
    with suppress(LedgerMoved), ledger.transaction() as write:
        out.confirm(write, "accepted.jsonl")
        write.finish_segment(1)
    OutFiles(tmp_path, ledger).append("accepted.jsonl", ["a"])
    assert lines(tmp_path, "accepted.jsonl") == ["a"]


def test_a_file_that_its_owner_moved_away_begins_anew(ledger: Ledger, tmp_path: Path) -> None:
    publish(ledger, "1")
    OutFiles(tmp_path, ledger).flush()
    (tmp_path / "out" / "decisions.jsonl").unlink()
    publish(ledger, "2")
    OutFiles(tmp_path, ledger).flush()
    assert lines(tmp_path) == ["2"]
