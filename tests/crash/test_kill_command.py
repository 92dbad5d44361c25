"""The command itself, killed while it runs with worker processes."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.busy_world import write_busy_world
from tests.crash.lives import Nursery, assert_same

pytestmark = pytest.mark.slow

COMMAND = "from replan.infra.cli import main; main()"
PATIENCE = 120.0
"""Seconds until something that must happen is taken for not happening."""


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    with Nursery() as nursery:
        yield nursery


def start(root: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", COMMAND, "-C", str(root), "run", "--until-end"]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def wait_until(is_so: Callable[[], bool]) -> None:
    """Look again and again; fails when patience ends."""
    give_up = time.monotonic() + PATIENCE
    while not is_so():
        assert time.monotonic() < give_up, "it did not happen"
        time.sleep(0.01)


def children(pid: int) -> list[int]:
    threads = Path(f"/proc/{pid}/task")
    return [int(c) for t in threads.iterdir() for c in (t / "children").read_text().split()]


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def test_a_killed_command_is_resumed_and_leaves_no_worker_behind(
    nursery: Nursery, tmp_path: Path
) -> None:
    plain = write_busy_world(tmp_path / "plain")
    assert nursery.live(plain)["ended"]
    root = write_busy_world(tmp_path / "killed", workers=2)
    left = []
    for file in ("accepted.jsonl", "decisions.jsonl"):
        run = start(root)
        wait_until((root / "out" / file).exists)
        left += children(run.pid)
        os.kill(run.pid, signal.SIGKILL)
        assert run.wait() == -signal.SIGKILL
    assert left, "it was killed before it had any"
    wait_until(lambda: not any(map(is_alive, left)))
    assert start(root).wait() == 0
    assert_same(nursery.look(plain), nursery.look(root))
