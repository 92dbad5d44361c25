"""One log decides alike from files and from Kafka, with SQLite and with PostgreSQL."""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaAdminClient

from replan.errors import NotSo
from replan.infra.rules import open_ledger
from replan.infra.running.run import run_workspace
from replan.infra.running.topics import create_all
from replan.infra.workspace.folder import open_workspace
from tests.broker.kafka_world import only_same, produce, seen_over_kafka, write_kafka_world
from tests.busy_world import write_busy_world
from tests.crash.lives import seen
from tests.databases import server
from tests.worlds import event

REPLAN = str(Path(sys.executable).with_name("replan"))


@pytest.fixture(scope="module")
def by_file(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    from tests.broker.kafka_world import lines

    root = write_busy_world(tmp_path_factory.mktemp("file") / "world", events=lines())
    run_workspace(root, source=None, until_end=True, mode=None)
    return only_same(seen(root, replay=False))


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
    assert only_same(seen_over_kafka(root, replay=True)) == by_file


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


def test_a_topic_made_anew_stops_the_engine_until_two_operators_declare_the_loss(
    broker: str, prefix: str, tmp_path: Path
) -> None:
    root = write_kafka_world(tmp_path / "world", broker, prefix, None, partitions=1)
    with (root / "planners.yaml").open("a") as planners:
        for login in ("op-1", "op-2"):
            planners.write(
                f"- {{login: {login}, roles: [operator], regions: ['*'], limit_minor: 0, "
                "delegate_to: null, active: true}\n"
            )
    create_all(root, None)
    produce(root)
    assert replan(root, "run", "--until-end").returncode == 0
    admin = KafkaAdminClient(bootstrap_servers=broker)
    admin.delete_topics([f"{prefix}supply"])
    admin.close()
    create_all(root, None)
    # It goes as far as the old one did: only its id tells.
    produce(root)

    stopped = replan(root, "run", "--until-end")
    assert stopped.returncode == 1
    assert "the topic was made anew; the engine stands until replan accept-gap" in stopped.stderr
    declared = ("accept-gap", f"{prefix}supply-0", "--reason", "made anew by mistake", "--as")
    assert "another operator" in replan(root, *declared, "op-1").stderr
    assert replan(root, *declared, "op-1").returncode == 1
    assert replan(root, *declared, "op-2").returncode == 0
    assert replan(root, "run", "--until-end").returncode == 0
    found = seen(root, replay=True)
    assert found["audit"]


def replan(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([REPLAN, "-C", str(root), *arguments], capture_output=True, text=True)


def test_a_run_goes_on_by_the_clock_of_the_database_until_it_is_asked_to_end(
    broker: str, prefix: str, tmp_path: Path
) -> None:
    root = write_kafka_world(tmp_path / "world", broker, prefix, None, clock="auto")
    # The world's table and risk record are of a year that may be over by now; in shadow neither is
    # asked for.
    file = root / "replan.toml"
    file.write_text(file.read_text().replace('mode = "live"', 'mode = "shadow"'))
    create_all(root, None)
    run = subprocess.Popen([REPLAN, "-C", str(root), "run"], stderr=subprocess.PIPE, text=True)
    now = datetime.now(UTC)
    sales = [
        event("pos.sale.v1", f"now-{n}", "OATS@S1", now.strftime("%Y-%m-%dT%H:%M:%SZ"), {"qty": 1})
        for n in range(3)
    ]
    produce(root, [json.dumps(sale) for sale in sales])
    workspace = open_workspace(root)
    ledger = open_ledger(workspace)
    while ledger.counts()["accepted"] < 3:
        assert run.poll() is None, run.communicate()[1]
        time.sleep(0.2)
    ledger.close()
    run.terminate()
    said = run.communicate()[1]
    assert run.returncode == 0, said
    assert sum(json.loads(replan(root, "status", "--json").stdout)["events"].values()) == 3
