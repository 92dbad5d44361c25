"""Are events accepted that other people's programs send: a script, Kafka's own console, kcat?"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from replan.infra.dev import broker as dev_broker
from replan.infra.running.run import run_workspace
from replan.infra.running.topics import create_all
from tests.broker.kafka_world import published, write_kafka_world

SCRIPT = """
import sys
from kafka import KafkaProducer
broker, topic = sys.argv[1:]
producer = KafkaProducer(bootstrap_servers=broker)
for line in sys.stdin.buffer:
    producer.send(topic, line.rstrip())
producer.flush()
"""

BINARY = """
import json, sys
from kafka import KafkaProducer
broker, topic = sys.argv[1:]
producer = KafkaProducer(bootstrap_servers=broker)
for line in sys.stdin:
    event = json.loads(line)
    data = json.dumps(event.pop("data")).encode()
    headers = [("ce_" + name, value.encode()) for name, value in event.items()]
    headers.append(("content-type", b"application/json"))
    producer.send(topic, data, event["subject"].encode(), headers=headers)
producer.flush()
"""

SINGLES = 3


def script(broker: str, topic: str) -> list[str]:
    return [sys.executable, "-W", "ignore", "-c", SCRIPT, broker, topic]


def binary_script(broker: str, topic: str) -> list[str]:
    return [sys.executable, "-W", "ignore", "-c", BINARY, broker, topic]


def console(broker: str, topic: str) -> list[str]:
    name = "org.apache.kafka.tools.ConsoleProducer"
    return dev_broker.tool(name, "--bootstrap-server", broker, "--topic", topic)


def kcat(broker: str, topic: str) -> list[str]:
    program = shutil.which("kcat") or shutil.which("kafkacat")
    if program is None:
        pytest.skip("kcat is not installed here; Debian has it as the package kcat")
    return [program, "-P", "-b", broker, "-t", topic]


def sale(n: int) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": f"sale-{n}",
        "source": "/tests/elsewhere",
        "type": "pos.sale.v1",
        "subject": "OATS@S1",
        "time": f"2026-03-28T09:00:{n:02}Z",
        "data": {"qty": 1},
    }


@pytest.mark.parametrize("program", [script, binary_script, console, kcat])
def test_events_of_another_program_are_accepted(
    program: Callable[[str, str], list[str]], broker: str, prefix: str, tmp_path: Path
) -> None:
    root = write_kafka_world(tmp_path / "world", broker, prefix, None)
    create_all(root, None)
    lines = "".join(json.dumps(sale(n)) + "\n" for n in range(SINGLES))
    command = program(broker, f"{prefix}pos")
    sent = subprocess.run(
        command, input=lines, capture_output=True, text=True, env=dict(os.environ), check=False
    )
    assert sent.returncode == 0, sent.stderr
    status = run_workspace(root, source=None, until_end=True, mode=None)
    assert status["events"]["accepted"] == SINGLES
    replies = [json.loads(reply) for reply in published(root)["accepted.jsonl"]]
    assert [reply["status"] for reply in replies] == ["ACCEPTED"] * SINGLES
