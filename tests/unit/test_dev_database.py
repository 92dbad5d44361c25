"""A PostgreSQL for development: made in a folder, there again after a stop, gone when removed."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from replan.errors import NotSo
from replan.infra.dev import database as dev_database

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("server")
    yield folder
    dev_database.remove(folder)
    assert list(folder.iterdir()) == []


def kept(url: str) -> list[tuple[object, ...]]:
    with psycopg.connect(url) as conn:
        return conn.execute("SELECT * FROM kept").fetchall()


def test_what_was_committed_is_there_again_after_a_stop_or_a_power_cut(folder: Path) -> None:
    url = dev_database.start(folder)
    with psycopg.connect(url) as conn:
        conn.execute("CREATE TABLE kept AS SELECT 1 AS n")
    for at_once in (False, True):
        assert dev_database.stop(folder, at_once=at_once)
        assert dev_database.running(folder) is None
        assert dev_database.start(folder) == url
        assert kept(url) == [(1,)]


def test_a_server_that_runs_is_left_as_it_is(folder: Path) -> None:
    url = dev_database.start(folder)
    assert dev_database.start(folder) == url == dev_database.running(folder)


def test_stopping_what_does_not_run_does_nothing(folder: Path, tmp_path: Path) -> None:
    assert not dev_database.stop(tmp_path)
    dev_database.start(folder)
    assert dev_database.stop(folder)
    assert not dev_database.stop(folder)


def test_nobody_gets_in_without_the_password(folder: Path) -> None:
    url = dev_database.start(folder)
    user, address = url.split("@")
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(f"{user.rsplit(':', 1)[0]}:guess@{address}")
    assert (folder / dev_database.STATE_FILE).stat().st_mode & 0o077 == 0


def test_a_server_that_does_not_start_says_why(folder: Path) -> None:
    dev_database.start(folder)
    dev_database.stop(folder)
    with pytest.raises(NotSo, match="shared_buffers"):
        dev_database.start(folder, {"shared_buffers": "plenty"})
