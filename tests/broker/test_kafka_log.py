"""The engine finds every record of the input topics, whatever the blocks say or leave out."""

from collections.abc import Iterator
from typing import Any

import pytest
from kafka import KafkaAdminClient, KafkaProducer
from kafka.admin import NewTopic

from replan.infra.kafka.log import KafkaLog
from replan.streams.blocks import Record, encode_block
from replan.streams.log_slices import Partition, Read

TOPICS = ("pos", "supply")


class Till:
    """Writes sales into partitions of the test's own topics, and blocks of them."""

    def __init__(self, broker: str, prefix: str) -> None:
        self.prefix = prefix
        self._producer = KafkaProducer(bootstrap_servers=broker)
        admin = KafkaAdminClient(bootstrap_servers=broker)
        names = [*TOPICS, "facts"]
        admin.create_topics([NewTopic(prefix + name, 2, 1) for name in names])
        admin.close()

    def write(self, topic: str, number: int, *values: bytes) -> None:
        """Records, in order."""
        for value in values:
            self._producer.send(self.prefix + topic, value, partition=number)
        self._producer.flush()

    def pack(self, partition: Partition, first: int, *values: bytes) -> None:
        """A block that says these values stand from an offset on."""
        records = [Record(first + n, 0, (), None, value) for n, value in enumerate(values)]
        self._producer.send(self.prefix + "facts", encode_block(*partition, records), partition=0)
        self._producer.flush()

    def send_raw_block(self, data: bytes) -> None:
        """Something else on the topic of the blocks."""
        self._producer.send(self.prefix + "facts", data, partition=1)
        self._producer.flush()

    def close(self) -> None:
        """Leave the broker."""
        self._producer.close()


@pytest.fixture
def till(broker: str, prefix: str) -> Iterator[Till]:
    till = Till(broker, prefix)
    yield till
    till.close()


@pytest.fixture
def log(broker: str, till: Till) -> Iterator[KafkaLog]:
    names = [till.prefix + name for name in TOPICS]
    options = {"bootstrap_servers": broker}
    with KafkaLog(options, names, till.prefix + "facts", stamped=False, patience_s=0.0) as log:
        yield log


def ids(reads: Any) -> list[tuple[int, list[str]]]:
    return [(read.offset, [one.reason for one in read.results]) for read in reads]


def taken(log: KafkaLog, partition: Partition, first: int, end: int) -> list[Read]:
    """All records up to an offset, asked for again and again as the engine does."""
    found: list[Read] = []
    while first < end:
        found += (reads := log.take(partition, first, end))
        first = reads[-1].offset + 1 if reads else first
        log.wait()
    return found


def test_records_that_no_block_brings_are_read_from_their_topic(log: KafkaLog, till: Till) -> None:
    pos = Partition(till.prefix + "pos", 1)
    till.write("pos", 1, b"{}", b"[{}, {}]", b"nothing")
    assert log.begins()[pos] == 0
    assert log.ends()[pos] == 3
    assert [(r.offset, len(r.results)) for r in taken(log, pos, 0, 3)] == [(0, 1), (1, 2), (2, 1)]


def test_a_hole_between_blocks_is_filled_and_a_doubled_block_counts_once(
    log: KafkaLog, till: Till
) -> None:
    pos = Partition(till.prefix + "pos", 0)
    values = [b'{"n": %d}' % n for n in range(6)]
    till.write("pos", 0, *values)
    till.pack(pos, 0, *values[:2])
    till.pack(pos, 0, *values[:2])
    till.pack(pos, 1, *values[1:3])
    till.send_raw_block(b"no block at all")
    till.pack(pos, 4, *values[4:])
    found = taken(log, pos, 0, 6)
    assert [read.offset for read in found] == [0, 1, 2, 3, 4, 5]
    assert ids(found) == ids(log.read(pos, 0, 6))


def test_a_range_is_read_again_alike(log: KafkaLog, till: Till) -> None:
    supply = Partition(till.prefix + "supply", 0)
    till.write("supply", 0, *[b"%d" % n for n in range(20)])
    once = ids(log.read(supply, 3, 17))
    assert [offset for offset, _ in once] == list(range(3, 17))
    assert ids(log.read(supply, 3, 17)) == once


def test_the_ends_of_all_topics_are_known_after_one_of_them_was_read(
    broker: str, till: Till
) -> None:
    till.write("pos", 0, b"one", b"two")
    till.write("supply", 1, b"three")
    # What the library knows of the brokers is looked up anew all the time, as it is in a long run.
    options = {"bootstrap_servers": broker, "metadata_max_age_ms": 50}
    names = [till.prefix + name for name in TOPICS]
    with KafkaLog(options, names, till.prefix + "facts", stamped=False, patience_s=0) as log:
        partition = Partition(till.prefix + "supply", 1)
        for _ in range(3):
            assert len(list(log.read(partition, 0, 1))) == 1
            log.take(partition, 1, 2)
            ends = log.ends()
            assert ends[Partition(till.prefix + "pos", 0)] == 2
            assert ends[partition] == 1
