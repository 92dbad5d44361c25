"""The busy world with its events in topics instead of files."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from kafka import KafkaProducer

from replan.infra.kafka_settings import connection
from replan.infra.workspace import open_workspace
from tests.busy_world import arrival_of, busy_lines, write_busy_world

TABLE_OF = {
    "pos": "pos",
    "inv": "inventory",
    "transfer": "inventory",
    "po": "supply",
    "receipt": "supply",
}


def lines(*, erp: bool = False) -> list[str]:
    """The lines that say when they arrived: others stand with a line before them, which partitions
    do not keep.
    """
    return [line for line in busy_lines(erp=erp) if arrival_of(line) is not None]


def write_kafka_world(
    folder: Path,
    broker: str,
    prefix: str,
    ledger: str | None,
    *,
    clock: str = "log",
    partitions: int = 4,
) -> Path:
    """The workspace, reading from topics with a prefix; `ledger` None: a SQLite file."""
    where: dict[str, Any] = {} if ledger is None else {"ledger": ledger}
    root = write_busy_world(folder, events=(), **where)
    file = root / "replan.toml"
    text = file.read_text().replace("[time]", f'[time]\nclock = "{clock}"')
    text += (
        f'\n[source]\nkind = "kafka"\n[kafka]\nbootstrap = "{broker}"\nprefix = "{prefix}"\n'
        f"partitions = {partitions}\n"
    )
    file.write_text(text)
    return root


def produce(root: Path, events: Iterable[str] | None = None) -> None:
    """Send events to the topics of their kinds, keyed by what they are about."""
    kafka = open_workspace(root).settings.kafka
    producer = KafkaProducer(**connection(kafka, root).for_kafka_python())
    for line in lines() if events is None else events:
        event = json.loads(line)
        table = TABLE_OF[event["type"].split(".")[0]]
        producer.send(kafka.names.of(table), line.encode(), key=event["subject"].encode())
    producer.flush()
    producer.close()
