"""A verdict between runs or in the middle of one: done once, as approved, and told again alike."""

import json
import sqlite3
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest

from replan.infra.running.opened import opened_office
from replan.verdicts import VerdictResult
from tests.busy_world import DAYS, FIRST, append_lines, write_busy_world
from tests.crash.lives import Nursery, assert_same
from tests.worlds import at, event

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


@pytest.fixture(scope="module")
def ended(nursery: Nursery, tmp_path_factory: pytest.TempPathFactory) -> dict[bool, Path]:
    """Workspaces whose run has ended with cases before a planner, by executor; to be copied."""
    folder = tmp_path_factory.mktemp("ended")
    roots = {}
    for erp in (False, True):
        roots[erp] = write_busy_world(folder / f"{erp}", limit=LOW, erp=erp)
        assert nursery.live(roots[erp])["ended"]
    return roots


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


def states(seen: dict[str, Any]) -> dict[str, str]:
    return dict(seen["decisions"])


def test_what_is_approved_between_runs_is_sent_once_by_the_next(
    nursery: Nursery, ended: dict[bool, Path], erp: bool, tmp_path: Path
) -> None:
    root = copytree(ended[erp], tmp_path / "world")
    before = nursery.look(root)
    chosen = approve_all(root)
    assert chosen
    again = approve(root, chosen[0])
    assert (again.result, again.code) == ("refused", "already_decided")
    assert nursery.live(root)["ended"]
    sent = nursery.look(root)
    released = len(sent["actions"]) - len(before["actions"])
    assert sum(sent["sent"].values()) - sum(before["sent"].values()) == released > 0
    assert nursery.live(root)["ended"]
    assert_same(sent, nursery.look(root))
    # The reference order system says that it is done when the truck has left.
    tomorrow = FIRST + timedelta(days=DAYS)
    opening = event("pos.sale.v1", "evening", "OATS@S2", at(tomorrow, 18), {"qty": 1})
    append_lines(root / "events" / "all.jsonl", [json.dumps(opening)])
    assert nursery.live(root)["ended"]
    after = nursery.look(root)
    assert {states(after)[one] for one in chosen} == {"executed"}
    assert {state for _, state in after["actions"]} == {"acked"}
    assert after["replayed"][1]


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
    nursery: Nursery, ended: dict[bool, Path], tmp_path: Path, point: str, n: int
) -> None:
    found = []
    for name in ("killed", "plain"):
        root = copytree(ended[False], tmp_path / name)
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
    # A transfer that the reference order system was sent at the last moment has not left yet.
    ended = {"executed", "failed"} | ({"executing"} if erp else set())
    assert {states(seen)[one] for one in life["approved"]} <= ended
    assert set(seen["sent"].values()) == {1}
    assert seen["audit"]
    with sqlite3.connect(root / "ledger.db") as ledger:
        ledger.execute("DELETE FROM snapshot")
    assert nursery.live(root)["ended"]
    folded = nursery.look(root)
    assert folded["state_digest"] == seen["state_digest"]
    assert folded["replayed"][1]
