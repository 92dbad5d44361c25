"""The same log with its ledger in PostgreSQL: the same bytes, whatever breaks on the way."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from replan.infra.dev import database as dev_database
from tests.busy_world import write_busy_world
from tests.crash.lives import Nursery, assert_same

PLANNING = "24h"


@pytest.fixture(scope="module")
def erp() -> bool:
    return False


@pytest.fixture
def world(tmp_path: Path, erp: bool) -> Iterator[Path]:
    """A workspace whose ledger is in a server of its own, beside it."""
    server = tmp_path / "server"
    url = dev_database.start(server)
    yield write_busy_world(tmp_path / "world", erp=erp, planning=PLANNING, ledger=url)
    dev_database.remove(server)


@pytest.fixture
def same(nursery: Nursery, undisturbed: dict[str, Any], world: Path) -> Callable[[], None]:
    """Asserts that the ended run left what one on a file does that nobody disturbed."""

    def same() -> None:
        found = nursery.look(world)
        assert_same(undisturbed, found)
        assert found["replayed"][1], "decided again from the record, some decision differs"

    return same


def test_the_same_log_leads_to_the_same_decisions_in_either_database(
    nursery: Nursery, world: Path, same: Callable[[], None]
) -> None:
    assert nursery.live(world)["ended"]
    same()


def test_a_run_killed_again_and_again_goes_on(
    nursery: Nursery, world: Path, same: Callable[[], None]
) -> None:
    deaths = (
        ("transaction begun", 1),
        ("transaction written", 3),
        ("lines torn", 1),
        ("transaction committed", 4),
        ("executor answered", 2),
    )
    for point, n in deaths:
        assert not nursery.live(world, point=point, n=n)["ended"], (point, n)
    assert nursery.live(world)["ended"]
    same()


@pytest.mark.parametrize(
    ("deed", "point", "n"),
    [
        ("sever", "transaction begun", 4),
        ("sever", "transaction committed", 5),
        ("server restarts", "transaction written", 9),
    ],
)
def test_a_run_goes_on_by_itself_after_its_connections_broke(
    nursery: Nursery, world: Path, same: Callable[[], None], deed: str, point: str, n: int
) -> None:
    assert nursery.live(world, point=point, n=n, deed=deed)["ended"]
    same()


def test_a_run_whose_server_stays_away_says_so_and_the_next_one_goes_on(
    nursery: Nursery, world: Path, same: Callable[[], None]
) -> None:
    life = nursery.live(world, point="transaction written", n=7, deed="server dies")
    assert not life["ended"]
    assert "postgresql" in life["busy"]
    dev_database.start(world.parent / "server")
    assert nursery.live(world)["ended"]
    same()
