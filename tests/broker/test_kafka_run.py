"""One log decides alike from files and from Kafka, with SQLite and with PostgreSQL."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from replan.errors import NotSo
from replan.infra.running import run_workspace
from replan.infra.topics_run import create_all
from tests.broker.kafka_world import produce, write_kafka_world
from tests.busy_world import write_busy_world
from tests.crash.lives import seen
from tests.databases import server

REPLAN = str(Path(sys.executable).with_name("replan"))

SAME = ("clock", "events", "decisions", "decisions_digest", "state_digest", "actions", "sent")


@pytest.fixture(scope="module")
def by_file(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    from tests.broker.kafka_world import lines

    root = write_busy_world(tmp_path_factory.mktemp("file") / "world", events=lines())
    run_workspace(root, source=None, until_end=True, mode=None)
    return only_same(seen(root, replay=False))


def only_same(found: dict[str, Any]) -> dict[str, Any]:
    return {name: found[name] for name in SAME}


@pytest.fixture
def ledger_url(request: pytest.FixtureRequest) -> Callable[[str], str | None]:
    def url(kind: str) -> str | None:
        if kind == "sqlite":
            return None
        request.getfixturevalue("postgresql")
        return server().database()

    return url


@pytest.mark.parametrize(("kind", "workers"), [("sqlite", 1), ("postgresql", 1), ("postgresql", 4)])
def test_kafka_decides_as_files_do(
    by_file: dict[str, Any],
    broker: str,
    prefix: str,
    ledger_url: Callable[[str], str | None],
    tmp_path: Path,
    kind: str,
    workers: int,
) -> None:
    root = write_kafka_world(tmp_path / "world", broker, prefix, ledger_url(kind))
    create_all(root, None)
    produce(root)
    command = [REPLAN, "-C", str(root), "run", "--until-end"]
    runs = [subprocess.Popen(command, stderr=subprocess.PIPE) for _ in range(workers)]
    said = [run.communicate()[1] for run in runs]
    assert [run.returncode for run in runs] == [0] * workers, said
    assert only_same(seen(root, replay=True)) == by_file


def test_missing_topics_are_named_before_anything_is_read(
    broker: str, prefix: str, tmp_path: Path
) -> None:
    root = write_kafka_world(tmp_path / "world", broker, prefix, None)
    with pytest.raises(NotSo, match=rf"{prefix}pos.*does not exist: replan topics create"):
        run_workspace(root, source=None, until_end=True, mode=None)


def test_a_sale_appended_later_is_read_by_the_next_run(
    by_file: dict[str, Any], broker: str, prefix: str, tmp_path: Path
) -> None:
    root = write_kafka_world(tmp_path / "world", broker, prefix, None)
    create_all(root, None)
    produce(root)
    run_workspace(root, source=None, until_end=True, mode=None)
    sale = {
        "specversion": "1.0",
        "id": "one-more",
        "source": "/tests/till",
        "type": "pos.sale.v1",
        "subject": "OATS@S1",
        "time": "2026-03-28T09:00:00Z",
        "data": {"qty": 1},
    }
    produce(root, [json.dumps(sale)])
    status = run_workspace(root, source=None, until_end=True, mode=None)
    assert status["clock"] == "2026-03-28T09:00:00Z"
    assert status["events"]["accepted"] == by_file["events"]["accepted"] + 1
