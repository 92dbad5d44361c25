"""Commands over a real broker to an order system in a process of its own, and its answers back."""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaProducer

from replan.infra.dev.erp import Faults, OrderBook, carry_out
from replan.infra.executors.ways import command_line
from replan.infra.running.opened import opened_office
from replan.infra.running.run import run_workspace
from replan.infra.running.topics import create_all
from replan.infra.workspace.folder import open_workspace
from tests.broker.kafka_world import produce, records_of, write_kafka_world
from tests.contract.test_webhooks import row

REPLAN = str(Path(sys.executable).with_name("replan"))


@pytest.fixture
def root(tmp_path: Path, broker: str, prefix: str) -> Path:
    root = write_kafka_world(tmp_path / "world", broker, prefix, None)
    text = (root / "replan.toml").read_text()
    text = text.replace("[executor]\n", '[executor]\nkind = "kafka"\nanswer_seconds = 0\n')
    (root / "replan.toml").write_text(text)
    create_all(root, None)
    return root


def command(root: Path, *lines: str) -> None:
    kafka = open_workspace(root).settings.kafka
    producer = KafkaProducer(bootstrap_servers=list(kafka.bootstrap))
    for line in lines:
        producer.send(kafka.names.of("commands"), line.encode())
    producer.flush()
    producer.close()


def erp(root: Path, faults: Faults | None = None) -> dict[str, int]:
    return carry_out(open_workspace(root), faults or Faults(), until_end=True)


def orders(root: Path) -> Counter[str]:
    book = OrderBook(root)
    keys = book.keys()
    book.close()
    return Counter(keys)


def acks(root: Path) -> list[dict[str, Any]]:
    return [json.loads(record.value) for record in records_of(root, "acks")]


def test_g4_command_that_comes_twice_is_one_order_and_answered_twice_alike(root: Path) -> None:
    command(root, command_line(row()), command_line(row()))
    assert erp(root) == {"acknowledged": 2}
    assert orders(root) == {"idem-a-1": 1}
    first, second = acks(root)
    assert first == second


def test_poisoned_commands_are_counted_and_the_next_one_is_carried_out(root: Path) -> None:
    other = command_line(row()).replace("80.5", "8000")
    command(root, "", "[", '{"type": "action.request.v1"}', command_line(row()), other)
    assert erp(root) == {"acknowledged": 1, "conflicts": 1, "no_command": 3}
    assert orders(root) == {"idem-a-1": 1}


def test_it_fails_as_asked(root: Path) -> None:
    command(root, *(command_line(row(f"a-{n}")) for n in range(12)))
    done = erp(root, Faults(refuse=40, silent=30))
    assert done["refused"] + done["acknowledged"] == 12
    assert 0 < len(acks(root)) < 12
    assert sum(orders(root).values()) == done["acknowledged"]


def test_what_is_sent_is_carried_out_once_and_its_answers_end_the_decisions(root: Path) -> None:
    text = (root / "replan.toml").read_text().replace("answer_seconds = 0", "answer_seconds = 120")
    (root / "replan.toml").write_text(text)
    produce(root)
    # One that the engine never sent, so that the system is there when the others come.
    command(root, command_line(row()))
    system = subprocess.Popen([REPLAN, "-C", str(root), "dev", "erp"])
    try:
        while not acks(root):
            assert system.poll() is None
        run_workspace(root, source=None, until_end=True, mode=None)
    finally:
        system.terminate()
        system.wait()
    with opened_office(root) as desk:
        sent = {r.idem for r in desk.ledger.outbox() if r.sent_at is not None}
        states = {r.state for r in desk.ledger.outbox() if r.sent_at is not None}
        overdue = [a for a in desk.ledger.alarms() if a.scope.source == "executor:kafka"]
    assert sent
    assert orders(root) == dict.fromkeys([*sent, "idem-a-1"], 1)
    assert (states, overdue) == ({"acked"}, [])


def test_what_is_never_answered_is_under_way_and_then_overdue(root: Path) -> None:
    produce(root)
    run_workspace(root, source=None, until_end=True, mode=None)
    with opened_office(root) as desk:
        states = {r.state for r in desk.ledger.outbox() if r.sent_at is not None}
        overdue = [a for a in desk.ledger.alarms() if a.kind == "ack_overdue"]
    assert states == {"sent"}
    assert overdue
