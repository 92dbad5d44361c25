"""A verdict between runs or in the middle of one: done once, as approved, and told again alike."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from replan.infra.running import opened_office
from replan.verdicts import VerdictResult
from tests.busy_world import write_busy_world
from tests.crash.lives import Nursery, assert_same

pytestmark = pytest.mark.slow

LOW = 1
"""Whole euros: everything escalates."""


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    with Nursery() as nursery:
        yield nursery


@pytest.fixture(params=[False, True], ids=["file executor", "reference order system"])
def erp(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


def approve(root: Path, decision_id: str) -> VerdictResult:
    """By one whom the case was put before."""
    with opened_office(root) as desk:
        recipient = desk.office.decision(decision_id)["recipient"]
        login = "planner-1" if recipient == "role:planner" else "owner-1"
        return desk.office.verdict(decision_id, "approve", login=login, chip="policy", confirm=True)


def approve_all(root: Path) -> list[str]:
    """Approve what waits; the decisions where that was accepted, and not where a lane is full."""
    with opened_office(root) as desk:
        waiting = [body["decision_id"] for body in desk.office.queue()]
    return [one for one in waiting if approve(root, one).result == "accepted"]


def ran(nursery: Nursery, root: Path, erp: bool) -> Path:
    """A workspace whose run has ended with cases before a planner."""
    write_busy_world(root, limit=LOW, erp=erp)
    assert nursery.live(root)["ended"]
    return root


def states(seen: dict[str, Any]) -> dict[str, str]:
    return dict(seen["decisions"])


def test_what_is_approved_between_runs_is_sent_once_by_the_next(
    nursery: Nursery, erp: bool, tmp_path: Path
) -> None:
    root = ran(nursery, tmp_path / "world", erp)
    before = nursery.look(root)
    chosen = approve_all(root)
    assert chosen
    again = approve(root, chosen[0])
    assert (again.result, again.code) == ("refused", "already_decided")
    assert nursery.live(root)["ended"]
    after = nursery.look(root)
    assert {states(after)[one] for one in chosen} == {"executed"}
    assert after["replayed"][1]
    released = len(after["actions"]) - len(before["actions"])
    assert sum(after["sent"].values()) - sum(before["sent"].values()) == released > 0
    assert {state for _, state in after["actions"]} == {"acked"}
    assert nursery.live(root)["ended"]
    assert_same(after, nursery.look(root))


@pytest.mark.parametrize(
    ("point", "n"),
    [
        ("transaction committed", 2),
        ("transaction committed", 3),
        ("transaction committed", 4),
        ("lines torn", 1),
        ("executor asked", 1),
        ("executor answered", 1),
    ],
)
def test_what_is_approved_survives_a_kill(
    nursery: Nursery, tmp_path: Path, point: str, n: int
) -> None:
    found = []
    for name in ("killed", "plain"):
        root = ran(nursery, tmp_path / name, erp=False)
        assert approve_all(root)
        if name == "killed":
            assert not nursery.live(root, point=point, n=n)["ended"]
        assert nursery.live(root)["ended"]
        found.append(nursery.look(root))
    assert_same(found[1], found[0])
    assert found[1]["sent"]


@pytest.mark.parametrize("place", ["sensed", "decided", "releasing"])
def test_a_verdict_in_the_middle_of_a_tick_is_heard(
    nursery: Nursery, erp: bool, tmp_path: Path, place: str
) -> None:
    root = write_busy_world(tmp_path / "world", limit=LOW, erp=erp)
    life = nursery.live(root, approve_at=place)
    assert life["ended"]
    assert life["approved"], "nobody had anything to approve"
    # What was approved after the last release goes with the next run.
    assert nursery.live(root)["ended"]
    seen = nursery.look(root)
    assert seen["replayed"][1]
    assert {states(seen)[one] for one in life["approved"]} <= {"executed", "failed"}
    assert set(seen["sent"].values()) == {1}
    assert seen["audit"]
    with sqlite3.connect(root / "ledger.db") as ledger:
        ledger.execute("DELETE FROM snapshot")
    assert nursery.live(root)["ended"]
    folded = nursery.look(root)
    assert folded["state_digest"] == seen["state_digest"]
    assert folded["replayed"][1]
