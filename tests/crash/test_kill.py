"""A killed run goes on as if nobody had killed it: nothing lost or doubled, the same bytes."""

from pathlib import Path
from typing import Any

from tests.busy_world import write_busy_world
from tests.crash.lives import Nursery, assert_same

PLANNING = "24h"
DEATHS = (
    ("transaction begun", 1),
    ("fit made", 1),
    ("transaction written", 3),
    ("lines torn", 2),
    ("transaction committed", 5),
    ("executor asked", 2),
    ("lines written", 3),
    ("executor answered", 2),
    ("transaction committed", 3),
    ("lines coming", 2),
)
"""One after the other in the life of one workspace."""


def test_a_run_killed_ten_times_leaves_what_an_undisturbed_one_does(
    nursery: Nursery, undisturbed: dict[str, Any], erp: bool, tmp_path: Path
) -> None:
    root = write_busy_world(tmp_path / "world", erp=erp, planning=PLANNING)
    for point, n in DEATHS:
        assert not nursery.live(root, point=point, n=n)["ended"], (point, n)
    assert nursery.live(root)["ended"]
    killed = nursery.look(root)
    assert_same(undisturbed, killed)
    assert killed["replayed"][1], "decided again from the record, some decision differs"


def test_the_world_has_in_it_what_a_crash_could_spoil(undisturbed: dict[str, Any]) -> None:
    states = {state for _, state in undisturbed["decisions"]}
    assert "executed" in states
    assert undisturbed["out"]["escalations.jsonl"]
    assert {state for _, state in undisturbed["actions"]} == {"acked"}
    assert all(undisturbed["events"].values())
