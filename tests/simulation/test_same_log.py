"""The same log gives the same decisions and the same state, however it is read and by whom."""

import json
import random
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.busy_world import arrival_of, busy_lines, shuffled, write_busy_world, write_lines
from tests.crash.lives import Nursery

SAME = ("clock", "decisions", "decisions_digest", "state_digest", "actions", "sent")
"""What the order of lines and the size of batches must not show in."""

INSIDE_THE_BOUND = timedelta(hours=40)


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    with Nursery(PYTHONHASHSEED="0") as nursery:
        yield nursery


@pytest.fixture(scope="module")
def left_by(nursery: Nursery) -> Callable[[Path], dict[str, Any]]:
    """Runs a workspace and returns what it leaves behind."""

    def left_by(root: Path) -> dict[str, Any]:
        assert nursery.live(root)["ended"]
        return nursery.look(root, replay=False)

    return left_by


@pytest.fixture(scope="module")
def once(
    left_by: Callable[[Path], dict[str, Any]], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Any]:
    return left_by(write_busy_world(tmp_path_factory.mktemp("once") / "world"))


def only_same(seen: dict[str, Any]) -> dict[str, Any]:
    return {name: seen[name] for name in SAME}


def readable_lines(*, erp: bool = False) -> list[str]:
    """The lines that say when they arrived; the others stand with the line before them."""
    return [line for line in busy_lines(erp=erp) if arrival_of(line) is not None]


def test_shuffled_lines_in_small_batches_decide_the_same(
    left_by: Callable[[Path], dict[str, Any]], once: dict[str, Any], tmp_path: Path
) -> None:
    lines = shuffled(busy_lines(), seed=3, reach=INSIDE_THE_BOUND)
    assert lines != readable_lines()
    found = left_by(
        write_busy_world(tmp_path / "world", events=lines, max_batch=7, snapshot_ticks=1)
    )
    assert only_same(found) == only_same(once)
    assert found["out"]["commands.jsonl"] == once["out"]["commands.jsonl"]
    assert found["out"]["decisions.jsonl"] == once["out"]["decisions.jsonl"]


@pytest.mark.slow
@pytest.mark.parametrize(
    "settings",
    [
        {"max_batch": 1},
        {"max_batch": 100_000},
        {"snapshot_ticks": 1},
        {"snapshot_ticks": 24},
        {"workers": 2},
        {},
    ],
    ids=str,
)
def test_settings_of_the_machinery_change_no_byte(
    left_by: Callable[[Path], dict[str, Any]],
    once: dict[str, Any],
    tmp_path: Path,
    settings: dict[str, Any],
) -> None:
    assert left_by(write_busy_world(tmp_path / "world", **settings)) == once


@pytest.mark.slow
def test_the_seed_of_hashes_changes_no_byte(once: dict[str, Any], tmp_path: Path) -> None:
    with Nursery(PYTHONHASHSEED="random") as other:
        assert other.live(write_busy_world(tmp_path / "world"))["ended"]
        assert other.look(tmp_path / "world", replay=False) == once


@pytest.mark.slow
@pytest.mark.parametrize("erp", [False, True])
def test_repeated_lines_in_several_files_decide_the_same(
    left_by: Callable[[Path], dict[str, Any]], once: dict[str, Any], tmp_path: Path, erp: bool
) -> None:
    plain = left_by(write_busy_world(tmp_path / "plain", erp=True)) if erp else once
    rng = random.Random(5)
    lines = readable_lines(erp=erp)
    parts: dict[str, list[str]] = {"a.jsonl": [], "b.jsonl.gz": [], "c.jsonl": []}
    repeated = 0
    for line in shuffled(lines, seed=4, reach=INSIDE_THE_BOUND):
        parts[rng.choice(sorted(parts))].append(line)
        if rng.random() < 0.2:
            repeated += 1
            parts[rng.choice(sorted(parts))].append(line)
    root = write_busy_world(tmp_path / "world", erp=erp, events=parts.pop("a.jsonl"))
    for name, part in parts.items():
        write_lines(root / "events" / name, part)
    found = left_by(root)
    assert only_same(found) == only_same(plain)
    counted = sum(found["events"].values())
    assert counted == len(lines) + repeated
    assert found["events"]["duplicate"] > plain["events"]["duplicate"]


@pytest.mark.slow
def test_events_in_arrays_decide_the_same(
    left_by: Callable[[Path], dict[str, Any]], once: dict[str, Any], tmp_path: Path
) -> None:
    # One bad number would refuse a whole array.
    lines = [line for line in readable_lines() if "NaN" not in line]
    arrays = [
        json.dumps([json.loads(line) for line in lines[n : n + 5]]) for n in range(0, len(lines), 5)
    ]
    assert only_same(left_by(write_busy_world(tmp_path / "world", events=arrays))) == only_same(
        once
    )
