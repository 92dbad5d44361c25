"""The busy world with its events in topics instead of files."""

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from kafka import KafkaConsumer, KafkaProducer, TopicPartition

from replan.infra.workspace.folder import open_workspace
from replan.infra.workspace.kafka_settings import connection
from replan.streams.topics import OUTPUTS
from tests.busy_world import arrival_of, busy_lines, write_busy_world
from tests.crash.lives import seen

TABLE_OF = {
    "pos": "pos",
    "inv": "inventory",
    "transfer": "inventory",
    "po": "supply",
    "receipt": "supply",
}

SAME = ("clock", "events", "decisions", "decisions_digest", "state_digest", "actions", "sent")


def only_same(found: dict[str, Any]) -> dict[str, Any]:
    """What must not depend on where a log is read from and who reads it."""
    return {name: found[name] for name in SAME}


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


def seen_over_kafka(root: Path, replay: bool) -> dict[str, Any]:
    """What is seen of a world, with the lines of its topics as those of its out files."""
    out = published(root)
    sent = Counter(json.loads(line)["id"] for line in out["commands.jsonl"])
    return seen(root, replay) | {"out": out, "sent": sent}


def published(root: Path) -> dict[str, list[str]]:
    """Everything on the topics that the engine writes, by the name of the out file."""
    return {
        f"{table}.jsonl": [record.value.decode() for record in records_of(root, table)]
        for table in OUTPUTS
    }


def records_of(root: Path, table: str) -> list[Any]:
    """All records of a topic as they stand now, in order of partition and offset."""
    kafka = open_workspace(root).settings.kafka
    topic = kafka.names.of(table)
    consumer = KafkaConsumer(**connection(kafka, root).for_kafka_python(), enable_auto_commit=False)
    places = [TopicPartition(topic, n) for n in consumer.partitions_for_topic(topic) or ()]
    consumer.assign(places)
    consumer.seek_to_beginning()
    ends = consumer.end_offsets(places)
    found: list[Any] = []
    while any(consumer.position(place) < end for place, end in ends.items()):
        for records in consumer.poll(timeout_ms=1000).values():
            found += records
    consumer.close()
    return sorted(found, key=lambda record: (record.partition, record.offset))


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
