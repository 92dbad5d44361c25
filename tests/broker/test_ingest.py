"""Do ingest workers copy every record of the input topics into blocks, whatever happens to them?"""

import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition

from replan.canonical import sha256_hex
from replan.infra.kafka.admin import create_topics, opened_admin
from replan.infra.workspace.kafka_settings import Connection
from replan.streams.blocks import Record, decode_block
from replan.streams.log_slices import Partition
from replan.streams.topics import TopicNames, plans

REPOSITORY = Path(__file__).parents[2]
PATIENCE_MS = 90_000

StartsWorker = Callable[[], "subprocess.Popen[bytes]"]


@pytest.fixture
def names(broker: str, prefix: str) -> TopicNames:
    """The names of topics that exist, with two partitions each."""
    names = TopicNames(prefix=prefix)
    with opened_admin(Connection(bootstrap=(broker,), protocol="PLAINTEXT")) as admin:
        create_topics(admin, plans(names, 2, None), 0)
    return names


@pytest.fixture
def worker(tmp_path: Path, broker: str, prefix: str) -> Iterator[StartsWorker]:
    """Starts ingest workers of one group; those still alive end with the test."""
    settings = tmp_path / "replan.toml"
    settings.write_text(
        f'[kafka]\nbootstrap = "{broker}"\nprefix = "{prefix}"\ngroup = "{prefix}g"'
    )
    with ExitStack() as stack:

        def start() -> "subprocess.Popen[bytes]":
            process = subprocess.Popen(
                [sys.executable, "-m", "tests.broker.ingest_worker", str(settings)],
                cwd=REPOSITORY,
                stdin=subprocess.PIPE,
            )
            stack.callback(process.wait)
            stack.callback(process.kill)
            stack.callback(lambda: process.stdin and process.stdin.close())
            return process

        yield start


@contextmanager
def reading(broker: str, topic: str) -> Iterator[KafkaConsumer]:
    """What is committed on a topic, from its beginning, as it comes."""
    consumer = KafkaConsumer(
        topic,
        bootstrap_servers=broker,
        auto_offset_reset="earliest",
        isolation_level="read_committed",
        consumer_timeout_ms=PATIENCE_MS,
    )
    with closing(consumer):
        yield consumer


def copies(consumer: KafkaConsumer, wanted: int) -> dict[Partition, dict[int, Record]]:
    """The records in blocks, read until so many different ones were found. Two copies of one
    record are equal.
    """
    found: dict[Partition, dict[int, Record]] = defaultdict(dict)
    for message in consumer:
        block = decode_block(message.value)
        partition = Partition(block.topic, block.partition)
        assert message.key == str(partition).encode()
        for record in block.records:
            assert found[partition].setdefault(record.offset, record) == record
        if sum(map(len, found.values())) >= wanted:
            return found
    raise AssertionError(f"only {sum(map(len, found.values()))} of {wanted} records are in blocks")


def test_a_block_holds_what_was_committed_and_of_bulk_the_size_and_digest(
    broker: str, names: TopicNames, worker: StartsWorker
) -> None:
    bulk = b"x" * 10_000_000
    sent = [
        (b"I1", b'{"n": 1}', [("ce_id", b"e1"), ("Content-Type", b"application/json")]),
        (None, b"no key", [("Faust-Ag-ReplyTo", b"evil"), ("idem", b"forged")]),
        (b"I2", None, []),
        (b"I3", b"\xff\xfe not text", [("ce_subject", b"\xff")]),
        (b"I4", b'[{"n": 2}, {"n": 3}]', []),
    ]
    pos, masters = names.of("pos"), names.of("masters")
    with opened_admin(Connection(bootstrap=(broker,), protocol="PLAINTEXT")) as admin:
        _allow(admin, pos, 16 * 1024 * 1024)
    with closing(KafkaProducer(bootstrap_servers=broker, max_request_size=2**24)) as producer:
        for key, value, headers in sent:
            producer.send(pos, value, key, headers=headers, partition=0).get(30)
        producer.send(pos, bulk, b"I5", partition=0).get(30)
    _send_in_transactions(broker, pos)
    with closing(KafkaProducer(bootstrap_servers=broker)) as producer:
        producer.send(masters, b'{"after": true}', b"I6", partition=1).get(30)
    worker()
    with reading(broker, names.of("facts")) as facts:
        found = copies(facts, len(sent) + 3)
    records = found[Partition(pos, 0)]
    assert [(r.key, r.value) for r in records.values()] == [
        *((key, value) for key, value, _ in sent),
        (b"I5", None),
        (b"I7", b"kept"),
    ]
    assert [r.headers for r in records.values()][:5] == [
        (("ce_id", b"e1"), ("content-type", b"application/json")),
        (),
        (),
        (("ce_subject", b"\xff"),),
        (),
    ]
    large = records[len(sent)]
    assert (large.size, large.sha256) == (len(bulk), sha256_hex(bulk))
    assert found[Partition(masters, 1)][0].value == b'{"after": true}'


def test_what_a_killed_worker_left_is_packed_by_the_next(
    broker: str, names: TopicNames, worker: StartsWorker
) -> None:
    pos = names.of("pos")

    def send(first: int, end: int) -> None:
        with closing(KafkaProducer(bootstrap_servers=broker, linger_ms=20)) as producer:
            for n in range(first, end):
                producer.send(pos, b"%d" % n, partition=n % 2)
            producer.flush()

    send(0, 2_000)
    killed = worker()
    with reading(broker, names.of("facts")) as facts:
        copies(facts, 600)
    killed.kill()
    send(2_000, 2_400)
    worker()
    with reading(broker, names.of("facts")) as facts:
        found = copies(facts, 2_400)
    values = {int(r.value or b"") for records in found.values() for r in records.values()}
    assert values == set(range(2_400))


def test_a_worker_ends_when_it_is_told_to_and_says_how_far_it_came(
    broker: str, names: TopicNames, prefix: str, worker: StartsWorker
) -> None:
    pos = names.of("pos")
    with closing(KafkaProducer(bootstrap_servers=broker)) as producer:
        for _ in range(5):
            producer.send(pos, b"x", partition=1).get(30)
    told = worker()
    with reading(broker, names.of("facts")) as facts:
        copies(facts, 5)
    assert told.stdin is not None
    told.stdin.close()
    assert told.wait(60) == 0
    with closing(KafkaAdminClient(bootstrap_servers=broker)) as admin:
        offsets = admin.list_group_offsets({f"{prefix}g-ingest": None})[f"{prefix}g-ingest"]
    assert {top: said.offset for top, said in offsets.items()} == {TopicPartition(pos, 1): 5}


def test_a_worker_whose_topics_are_missing_ends_with_an_error(worker: StartsWorker) -> None:
    assert worker().wait(90) == 70


def _allow(admin: Any, topic: str, size: int) -> None:
    from kafka.admin import ConfigResource, ConfigResourceType

    wanted = {"max.message.bytes": str(size)}
    admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, configs=wanted)])


def _send_in_transactions(broker: str, topic: str) -> None:
    """A record that its producer took back, and one that it stood by."""
    producer = KafkaProducer(bootstrap_servers=broker, transactional_id=f"{topic}-writer")
    with closing(producer):
        producer.init_transactions()
        producer.begin_transaction()
        producer.send(topic, b"taken back", b"I7", partition=0).get(30)
        producer.abort_transaction()
        producer.begin_transaction()
        producer.send(topic, b"kept", b"I7", partition=0).get(30)
        producer.commit_transaction()
