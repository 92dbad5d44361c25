"""What holds for every test: one thread a library, and property tests that repeat themselves."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from tests import brokers
from tests.examples import examples

if TYPE_CHECKING:
    from tests.databases import Place

# Set before numpy is first imported: threads of a library make sums depend on the machine.
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

# No deadline: a test never fails because the machine is busy. The same cases each time, so that a
# failure belongs to the change at hand; `--hypothesis-profile=explore` looks for new ones.
settings.register_profile(
    "repeat", max_examples=examples(100), deadline=None, derandomize=True, print_blob=True
)
settings.register_profile("explore", deadline=None, max_examples=1000, print_blob=True)
settings.load_profile("repeat")

LONG = ("bench", "broker", "crash", "e2e", "golden", "property", "simulation")
"""Folders that run whole workspaces or hundreds of cases: in `make test`, not in `make check`."""

LONG_FILES = ("contract/test_api_fuzz.py",)
"""Files outside of them that are slow as a whole, and load much before their first test."""


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Where no slow test is asked for, what holds nothing else is not even imported."""
    tests = Path(__file__).parent
    folder = collection_path.parent == tests and collection_path.name in LONG
    file = collection_path in {tests / name for name in LONG_FILES}
    return True if (folder or file) and config.option.markexpr == "not slow" else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark whole folders as slow, so that a new file there is not forgotten."""
    tests = Path(__file__).parent
    for item in items:
        if item.path.relative_to(tests).parts[0] in LONG:
            item.add_marker(pytest.mark.slow)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> "Place":
    """An empty ledger in a SQLite file, then in PostgreSQL."""
    # Most tests need no database, and this takes longer to load than they take.
    from tests.databases import new_place

    if request.param == "postgresql":
        request.getfixturevalue("postgresql")
    return new_place(request.param, tmp_path)


@pytest.fixture(scope="session")
def postgresql() -> Iterator[None]:
    """A PostgreSQL server for those who ask for one; it ends with the session."""
    from tests.databases import server

    server()
    yield
    server().close()


@pytest.fixture(scope="session")
def broker_folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the broker of the run keeps what it holds."""
    return brokers.shared_folder(tmp_path_factory, hasattr(request.config, "workerinput"))


@pytest.fixture(scope="session")
def broker(broker_folder: Path) -> str:
    """`host:port` of a real Kafka broker, the same for the whole run."""
    return brokers.start_once(broker_folder)


@pytest.fixture
def prefix(request: pytest.FixtureRequest) -> str:
    """What names of topics and groups of this test begin with."""
    return brokers.own_prefix(request.node.nodeid)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Stop the broker once every worker is done."""
    factory: pytest.TempPathFactory | None = getattr(session.config, "_tmp_path_factory", None)
    # Nothing is asked of the factory before it made a folder: a run that needs none makes none.
    if not hasattr(session.config, "workerinput") and factory and factory._basetemp is not None:
        brokers.stop_and_remove(brokers.shared_folder(factory, False))
