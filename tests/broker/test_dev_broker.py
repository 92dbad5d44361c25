"""Does a broker of one's own come up, keep what it holds, and go when it is told to?"""

import json
import os
import signal
import sys
import tomllib
from contextlib import closing
from pathlib import Path

import pytest
from kafka import KafkaConsumer, KafkaProducer
from kafka.admin import KafkaAdminClient

from replan.infra import cli
from replan.infra.dev import broker as dev_broker


def test_what_a_broker_holds_is_there_again_after_it_was_killed(tmp_path: Path) -> None:
    try:
        bootstrap = dev_broker.start(tmp_path)
        with closing(KafkaAdminClient(bootstrap_servers=bootstrap)) as admin:
            admin.create_topics({"sales": {"num_partitions": 1, "replication_factor": 1}})
        with closing(KafkaProducer(bootstrap_servers=bootstrap, acks="all")) as producer:
            producer.send("sales", b"one").get(30)
        killed = dev_broker.found(tmp_path)
        assert killed is not None
        os.kill(killed.pid, signal.SIGKILL)
        assert dev_broker.start(tmp_path) == bootstrap
        reader = KafkaConsumer(
            "sales",
            bootstrap_servers=bootstrap,
            auto_offset_reset="earliest",
            consumer_timeout_ms=30_000,
        )
        with closing(reader) as consumer:
            assert next(consumer).value == b"one"
    finally:
        dev_broker.stop(tmp_path)


def test_a_broker_that_runs_is_not_started_twice(broker: str, broker_folder: Path) -> None:
    first = dev_broker.found(broker_folder)
    assert dev_broker.start(broker_folder) == broker
    assert dev_broker.found(broker_folder) == first


def test_a_process_that_got_the_number_of_a_dead_broker_is_left_alone(tmp_path: Path) -> None:
    state = {"pid": os.getpid(), "born": "another", "bootstrap": "127.0.0.1:1", "kafka": "4.3.1"}
    (tmp_path / dev_broker.STATE_FILE).write_text(json.dumps(state))
    assert not dev_broker.stop(tmp_path)


def test_servers_of_ones_own_come_up_say_how_to_use_them_and_go(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def said(*words: str) -> str:
        monkeypatch.setattr(sys, "argv", ["replan", "-C", str(tmp_path), "dev", *words])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        assert not ended.value.code
        return capfd.readouterr().out

    try:
        printed = said("up")
        rows = [json.loads(line) for line in said("status", "--json").splitlines()]
        assert [(row["server"], row["running"]) for row in rows] == [
            ("broker", True),
            ("database", True),
        ]
        broker, database = (row["address"] for row in rows)
        assert tomllib.loads(printed) == {
            "kafka": {"bootstrap": broker},
            "ledger": {"url": database},
        }
    finally:
        rows = [json.loads(line) for line in said("down", "--json").splitlines()]
    assert [row["running"] for row in rows] == [False, False]
