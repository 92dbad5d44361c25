"""One flipped byte in what was recorded is found, and where it is."""

import json
import sqlite3
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest

from replan.canonical import canonical_bytes, sha256_hex
from replan.errors import LedgerBroken
from replan.infra.running.proved import replay_workspace, verify_workspace
from tests.busy_world import write_busy_world
from tests.crash.lives import Nursery

pytestmark = pytest.mark.slow

AUDITED = {
    "audit": ("writer", "prev", "hash", "body", "at", "subject"),
    "decision": ("decision_id", "body", "sha", "inputs", "inputs_sha"),
    "decision_move": ("body",),
    "decision_now": ("state", "item", "deadline", "value_minor", "body"),
    "verdict": ("decision_id", "login", "verdict", "chip", "note", "at", "result", "plan_sha"),
    "outbox": ("idem", "body", "sha", "not_after"),
    "action": ("kind", "item", "from_site", "to_site", "qty", "cost_minor"),
    "proposal": ("item", "body", "sha"),
    "fit": ("asked_at", "body", "sha"),
}
"""By table the columns that an audit row answers for."""

REPLAYED = {
    "proposal": ("body",),
    "desk_log": ("input",),
    "artefact": ("body",),
    "decision": ("body",),
}
"""By table the columns from which decisions are made again."""

Flip = Callable[[str, str], None]


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished workspace with a verdict, to be copied."""
    root = write_busy_world(tmp_path_factory.mktemp("sound") / "world", limit=80, planning="24h")
    with Nursery() as nursery:
        assert nursery.live(root, approve_at="releasing")["approved"]
        assert nursery.live(root)["ended"]
    with sqlite3.connect(root / "ledger.db") as ledger:
        for (trigger,) in ledger.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'"):
            ledger.execute(f"DROP TRIGGER {trigger}")
        ledger.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return root


@pytest.fixture
def damaged(sound: Path, tmp_path: Path) -> Path:
    return copytree(sound, tmp_path / "world")


@pytest.fixture
def flip(damaged: Path) -> Iterator[Flip]:
    """Changes one byte, or one number by one, in the middle row of a table."""
    ledger = sqlite3.connect(damaged / "ledger.db", isolation_level=None)

    def flip(table: str, column: str) -> None:
        rows = ledger.execute(
            f"SELECT rowid, {column} FROM {table} WHERE length({column}) > 0 ORDER BY rowid"
        ).fetchall()
        assert rows, f"there is nothing in {table}.{column} to flip"
        row, value = rows[len(rows) // 2]
        ledger.execute(f"UPDATE {table} SET {column} = ? WHERE rowid = ?", (_flipped(value), row))

    yield flip
    ledger.close()


def _flipped(value: Any) -> Any:
    if isinstance(value, int):
        return value + 1
    if isinstance(value, bytes):
        middle = len(value) // 2
        return value[:middle] + bytes([value[middle] ^ 1]) + value[middle + 1 :]
    assert isinstance(value, str)
    middle = len(value) // 2
    return value[:middle] + chr(ord(value[middle]) ^ 1) + value[middle + 1 :]


def test_an_unharmed_record_holds(sound: Path) -> None:
    report = verify_workspace(sound)
    assert report.ok
    assert report.rows > 20


@pytest.mark.parametrize(
    ("table", "column"), [(t, column) for t, columns in AUDITED.items() for column in columns]
)
def test_the_audit_finds_a_flipped_byte(damaged: Path, flip: Flip, table: str, column: str) -> None:
    flip(table, column)
    report = verify_workspace(damaged)
    assert report.first_bad is not None
    assert report.first_bad.writer
    assert report.first_bad.seq >= 1
    assert report.first_bad.reason


@pytest.mark.parametrize(
    ("table", "column"), [(t, column) for t, columns in REPLAYED.items() for column in columns]
)
def test_the_replay_finds_a_flipped_byte(
    damaged: Path, flip: Flip, table: str, column: str
) -> None:
    flip(table, column)
    with pytest.raises(LedgerBroken, match=r"\w"):
        list(replay_workspace(damaged, None))


def test_the_replay_finds_an_input_that_was_changed_with_its_hash(damaged: Path) -> None:
    with sqlite3.connect(damaged / "ledger.db") as ledger:
        row, packed = ledger.execute(
            "SELECT desk_log.rowid, input FROM desk_log JOIN decision USING (planning_group, seq)"
            " WHERE kind = 'tick'"
        ).fetchone()
        told = json.loads(zlib.decompress(packed))
        told["policy"]["mode"] = "shadow"
        plain = canonical_bytes(told)
        ledger.execute(
            "UPDATE desk_log SET input = ?, sha = ? WHERE rowid = ?",
            (zlib.compress(plain), sha256_hex(plain), row),
        )
    different = [one.first_difference for one in replay_workspace(damaged, None) if not one.equal]
    assert different
    assert all(different), "the place of the difference is named"
