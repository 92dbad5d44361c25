"""Wherever a run is killed, and however often: nothing lost, nothing doubled, the same bytes."""

from pathlib import Path
from typing import Any

import pytest

from tests.busy_world import write_busy_world
from tests.crash.lives import POINTS, Nursery, assert_same

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("point", POINTS)
def test_a_run_killed_at_a_point_leaves_what_an_undisturbed_one_does(
    nursery: Nursery, undisturbed: dict[str, Any], erp: bool, tmp_path: Path, point: str
) -> None:
    passes = undisturbed["points"][point]
    # Late, where there is something to spoil; the test below dies everywhere.
    for n in sorted({5 * passes // 6 + 1, passes}):
        root = write_busy_world(tmp_path / f"{n}", erp=erp)
        assert not nursery.live(root, point=point, n=n)["ended"], n
        assert nursery.live(root)["ended"]
        assert_same(undisturbed, nursery.look(root, replay=False))


@pytest.mark.parametrize("n", [7, 16])
def test_a_run_killed_at_every_nth_transaction_gets_through(
    nursery: Nursery, undisturbed: dict[str, Any], erp: bool, tmp_path: Path, n: int
) -> None:
    root = write_busy_world(tmp_path / "world", erp=erp)
    deaths = 0
    while not nursery.live(root, point="transaction committed", n=n)["ended"]:
        deaths += 1
        assert deaths < 100, "it dies for ever"
    assert deaths > 3
    assert_same(undisturbed, nursery.look(root, replay=False))
