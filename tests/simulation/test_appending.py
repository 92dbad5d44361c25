"""A workspace that grows: each run applies what is new, once; a repeated run changes nothing."""

import json
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from replan.infra.process.run_lock import only_run
from tests.busy_world import DAYS, FIRST, append_lines, busy_lines, write_busy_world
from tests.crash.lives import Nursery, assert_same
from tests.worlds import at, event

pytestmark = pytest.mark.slow

PIECES = (0, 21, 24, DAYS)
PLANNING = "12h"


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    with Nursery() as nursery:
        yield nursery


@pytest.fixture(params=[False, True], ids=["file executor", "reference order system"])
def erp(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


def pieces(erp: bool) -> list[list[str]]:
    bounds = pairwise(PIECES)
    return [busy_lines(erp=erp, first=first, days=days) for first, days in bounds]


def in_pieces(nursery: Nursery, root: Path, erp: bool) -> dict[str, Any]:
    """What three runs leave behind, each with more lines than the one before."""
    first, *rest = pieces(erp)
    write_busy_world(root, erp=erp, events=first, planning=PLANNING)
    assert nursery.live(root)["ended"]
    for piece in rest:
        append_lines(root / "events" / "all.jsonl", piece)
        assert nursery.live(root)["ended"]
    return nursery.look(root)


def command(root: Path) -> subprocess.CompletedProcess[str]:
    """The command that runs a workspace, in a process of its own."""
    program = "from replan.infra.cli import main; main()"
    words = [sys.executable, "-c", program, "-C", str(root), "run", "--until-end"]
    return subprocess.run(words, capture_output=True, text=True, check=False)


def without_snapshots(root: Path) -> None:
    with sqlite3.connect(root / "ledger.db") as ledger:
        ledger.execute("DELETE FROM snapshot")


def test_a_run_with_nothing_new_changes_nothing(
    nursery: Nursery, erp: bool, tmp_path: Path
) -> None:
    root = write_busy_world(tmp_path / "world", erp=erp, snapshot_ticks=1)
    assert nursery.live(root)["ended"]
    once = nursery.look(root)
    for _ in range(2):
        assert nursery.live(root)["ended"]
        assert_same(once, nursery.look(root))


def test_runs_between_the_pieces_and_kills_change_nothing(
    nursery: Nursery, erp: bool, tmp_path: Path
) -> None:
    plain = in_pieces(nursery, tmp_path / "plain", erp)
    first, *rest = pieces(erp)
    root = write_busy_world(
        tmp_path / "disturbed", erp=erp, events=first, planning=PLANNING, snapshot_ticks=1
    )
    assert nursery.live(root)["ended"]
    for piece in rest:
        assert nursery.live(root)["ended"]
        append_lines(root / "events" / "all.jsonl", piece)
        assert not nursery.live(root, point="transaction committed", n=4)["ended"]
        assert not nursery.live(root, point="executor answered", n=3)["ended"]
        assert nursery.live(root)["ended"]
    assert_same(plain, nursery.look(root))


def test_the_state_folded_from_the_first_line_is_the_state_that_was_kept(
    nursery: Nursery, erp: bool, tmp_path: Path
) -> None:
    root = tmp_path / "world"
    kept = in_pieces(nursery, root, erp)
    without_snapshots(root)
    assert nursery.live(root)["ended"]
    assert_same(kept, nursery.look(root))


def test_a_late_line_waits_for_the_next_tick(nursery: Nursery, tmp_path: Path) -> None:
    last = FIRST + timedelta(days=DAYS - 1)
    tomorrow = last + timedelta(days=1)
    late = [
        event("pos.sale.v1", f"late-{n}", "OATS@S1", at(last, 9 + n), {"qty": 3 + n})
        for n in range(3)
    ]
    opening = event("pos.sale.v1", "morning", "OATS@S2", at(tomorrow, 9), {"qty": 1})
    late_lines = [json.dumps(row) for row in late]
    together = write_busy_world(tmp_path / "together")
    assert nursery.live(together)["ended"]
    before = nursery.look(together)
    append_lines(together / "events" / "all.jsonl", [*late_lines, json.dumps(opening)])
    assert nursery.live(together)["ended"]
    apart = write_busy_world(tmp_path / "apart", snapshot_ticks=1)
    assert nursery.live(apart)["ended"]
    append_lines(apart / "events" / "all.jsonl", late_lines)
    for _ in range(2):
        assert nursery.live(apart)["ended"]
        waiting = nursery.look(apart)
        assert waiting["events"]["accepted"] == before["events"]["accepted"] + len(late)
        for name in ("clock", "state_digest", "decisions_digest"):
            assert waiting[name] == before[name]
    append_lines(apart / "events" / "all.jsonl", [json.dumps(opening)])
    assert nursery.live(apart)["ended"]
    after = nursery.look(apart)
    assert_same(nursery.look(together), after)
    assert after["state_digest"] != before["state_digest"]


def test_a_changed_line_is_refused_and_nothing_is_applied(nursery: Nursery, tmp_path: Path) -> None:
    root = write_busy_world(tmp_path / "world", planning="24h")
    assert nursery.live(root)["ended"]
    before = nursery.look(root)
    file = root / "events" / "all.jsonl"
    lines = file.read_text().splitlines()
    lines[99] = lines[99].replace('"qty": ', '"qty": 1')
    file.write_text("".join(line + "\n" for line in [*lines, lines[-1]]))
    answer = command(root)
    assert answer.returncode == 2
    assert str(file) in answer.stderr
    assert_same(before, nursery.look(root))


def test_a_second_command_is_told_that_a_run_goes_on(tmp_path: Path) -> None:
    root = write_busy_world(tmp_path / "world")
    with only_run(root):
        answer = command(root)
    assert answer.returncode == 75
    assert "another run" in answer.stderr
