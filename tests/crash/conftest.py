"""What the crash tests share: a nursery, and what a run that nobody disturbed leaves behind."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.busy_world import write_busy_world
from tests.crash.lives import Nursery


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    with Nursery() as nursery:
        yield nursery


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(False, id="file executor"),
        pytest.param(True, id="reference order system", marks=pytest.mark.slow),
    ],
)
def erp(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.fixture(scope="module")
def planning(request: pytest.FixtureRequest) -> str:
    """How often is planned; a module says how by `PLANNING`."""
    return str(getattr(request.module, "PLANNING", "12h"))


@pytest.fixture(scope="module")
def undisturbed(
    nursery: Nursery, erp: bool, planning: str, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Any]:
    """What is left behind, see `lives.seen`, and under `points` how often each was passed."""
    root = tmp_path_factory.mktemp("undisturbed") / "world"
    write_busy_world(root, erp=erp, planning=planning)
    points = nursery.live(root)["points"]
    return nursery.look(root) | {"points": points}
