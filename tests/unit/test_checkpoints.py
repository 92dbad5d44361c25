"""Does a run keep its checkpoints fresh by itself, and would a backup bring everything back? G9."""

import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from replan.errors import NotSo
from replan.infra.ledger.store import Ledger
from replan.infra.proof.anchors import verify_anchored
from replan.infra.proof.checkpoints import EVERY_ROWS, EVERY_SECONDS, Checkpoints
from replan.infra.running.proved import restore_rehearsed
from replan.infra.running.run import run_workspace
from tests.ledger_builders import TICK, new_ledger
from tests.worlds import QUICK, write_world


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    opened = new_ledger(tmp_path)
    yield opened
    opened.close()


class Watch:
    """A clock that is set by hand, in seconds."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def said(ledger: Ledger, rows: int) -> None:
    with ledger.transaction() as write:
        for _ in range(rows):
            write.note_drill({"drill": "stop", "ok": True}, TICK)


def written(file: Path) -> int:
    return len(file.read_text().splitlines()) if file.exists() else 0


def test_a_checkpoint_is_written_after_a_minute_and_after_a_thousand_rows(
    ledger: Ledger, tmp_path: Path
) -> None:
    clock, file = Watch(), tmp_path / "anchors.jsonl"
    kept = Checkpoints(ledger, file, clock)
    counts = []
    for rows, seconds in ((1, 0.0), (0, EVERY_SECONDS), (EVERY_ROWS, 0.0), (0, EVERY_SECONDS)):
        said(ledger, rows)
        clock.now += seconds
        kept.mind()
        counts.append(written(file))
    assert counts == [0, 1, 2, 2]
    told = verify_anchored(ledger, file)
    assert (told.report.ok, told.uncovered) == (True, 0)


def test_checkpoints_go_on_after_those_of_a_former_run(ledger: Ledger, tmp_path: Path) -> None:
    file = tmp_path / "anchors.jsonl"
    for _ in range(3):
        said(ledger, 1)
        Checkpoints(ledger, file).write()
    told = verify_anchored(ledger, file)
    assert (told.report.ok, told.anchors) == (True, 3)


def test_a_run_does_not_go_on_with_a_ledger_that_lost_what_was_anchored(
    ledger: Ledger, tmp_path: Path
) -> None:
    said(ledger, 3)
    Checkpoints(ledger, tmp_path / "anchors.jsonl").write()
    conn = sqlite3.connect(tmp_path / "ledger.db")
    triggers = "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'audit'"
    for (name,) in conn.execute(triggers).fetchall():
        conn.execute(f"DROP TRIGGER {name}")
    conn.execute("DELETE FROM audit WHERE seq > 1")
    conn.commit()
    conn.close()
    with pytest.raises(NotSo, match="row 3 of writer control is not the one that was anchored"):
        Checkpoints(ledger, tmp_path / "anchors.jsonl")


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A world whose run wrote its checkpoints outside; not to be changed."""
    folder = tmp_path_factory.mktemp("ran")
    settings = QUICK + '\n[audit]\nanchors = "../anchors.jsonl"\n'
    root = write_world(folder / "world", limit=10, settings=settings)
    run_workspace(root, source=None, until_end=True, mode=None)
    return root


def opened(root: Path) -> Ledger:
    return Ledger.open("sqlite:///ledger.db", root, busy_seconds=1.0)


def test_when_a_run_has_ended_all_of_it_is_anchored(ran: Path) -> None:
    ledger = opened(ran)
    told = verify_anchored(ledger, ran.parent / "anchors.jsonl")
    ledger.close()
    assert (told.report.ok, told.uncovered) == (True, 0)


def test_a_restored_backup_is_decided_and_believed_again(ran: Path, tmp_path: Path) -> None:
    root = Path(shutil.copytree(ran, tmp_path / "world"))
    told = restore_rehearsed(root, None)
    assert told["ok"], told["steps"]
    assert len(told["steps"]) == 5
    ledger = opened(root)
    assert ledger.verify_audit().ok
    ledger.close()


def test_a_backup_that_was_changed_does_not_pass(ran: Path, tmp_path: Path) -> None:
    root = Path(shutil.copytree(ran, tmp_path / "world"))
    backup = tmp_path / "backup.db"
    shutil.copy(root / "ledger.db", backup)
    conn = sqlite3.connect(backup)
    conn.execute("UPDATE decision_now SET state = 'executed'")
    conn.commit()
    conn.close()
    told = restore_rehearsed(root, backup)
    assert not told["ok"]
    assert not told["steps"]["the chain holds"]
