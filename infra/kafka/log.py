"""How are the input topics of Kafka read? By packed blocks where they come, else from the topics.

Ingest workers pack what producers send into blocks on the topic `facts`. A block is a copy that
names its origin, so whatever is missing among the blocks, doubled or late, is found in the input
topics themselves: there the engine looks after a moment of patience. Where both say something, they
say the same.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError, OffsetOutOfRangeError

from replan.errors import NotSo, SourceAway
from replan.infra.kafka.headers import read_any_header_name
from replan.streams.blocks import Block, DamagedBlock, Record, decode_block
from replan.streams.codec import Decoder
from replan.streams.kafka_record import relevant, results_of
from replan.streams.log_slices import Partition, Read
from replan.streams.messages import Decoded, Refused

PATIENCE_S: Final = 2.0
"""How long a block is waited for before its records are read from the input topic."""

MOMENT_MS: Final = 500
"""How long to listen for blocks where nothing is there to be taken."""

SIDE_READ: Final = 5_000
"""Records read from an input topic at a time."""

BLOCK_BYTES: Final = 64 * 1024 * 1024
"""So much is kept of blocks that came before their turn; what is beyond is read from the topics."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class KafkaLog:
    """The input topics of one broker, as a `RecordLog`. A context manager.

    `options`: how kafka-python finds the broker and is let in. `stamped`: an event arrives when the
    broker appended it, not when it says.
    """

    def __init__(
        self,
        options: Mapping[str, Any],
        topics: Sequence[str],
        facts: str,
        *,
        stamped: bool,
        patience_s: float = PATIENCE_S,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._stamped = stamped
        self._patience_s = patience_s
        self._monotonic = monotonic
        self._decoder = Decoder(None)
        self._side = _consumer(options)
        self._packed = _consumer(options)
        with _told():
            self._partitions = _partitions_of(self._side, topics)
            blocks = _partitions_of(self._packed, [facts])
            self._packed.assign([TopicPartition(*one) for one in blocks])
            # What is in the blocks is in the topics: nothing is missed by beginning at their end.
            self._packed.seek_to_end()
        self._blocks: dict[Partition, list[Block]] = defaultdict(list)
        self._bytes = 0
        self._wanted: dict[Partition, tuple[int, float]] = {}

    def close(self) -> None:
        """Leave the broker."""
        self._side.close()
        self._packed.close()

    def __enter__(self) -> "KafkaLog":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def begins(self) -> Mapping[Partition, int]:
        """The oldest offset that every input partition still keeps."""
        return self._bounds(self._side.beginning_offsets)

    def ends(self) -> Mapping[Partition, int]:
        """The offset after the newest record of every input partition."""
        return self._bounds(self._side.end_offsets)

    def read(self, partition: Partition, first: int, end: int) -> Iterable[Read]:
        """The records of a range, from the input topic. NotSo if they are gone from it."""
        at = first
        while at < end:
            reads = self._side_read(partition, at, end)
            yield from reads
            at = reads[-1].offset + 1 if reads else at

    def take(self, partition: Partition, first: int, end: int) -> Sequence[Read]:
        """The next records: of the block that goes on here, or after some patience of the topic."""
        self._listen(0)
        blocks = self._blocks[partition]
        while blocks and blocks[0].end <= first:
            self._bytes -= blocks.pop(0).size
        if blocks and blocks[0].first <= first:
            self._wanted.pop(partition, None)
            found = [r for r in blocks[0].records if first <= r.offset < end]
            return self._reads(partition, found, min(end, blocks[0].end))
        wanted, since = self._wanted.get(partition, (-1, 0.0))
        now = self._monotonic()
        if wanted != first:
            self._wanted[partition] = (first, now)
            return ()
        if now - since < self._patience_s:
            return ()
        upto = min(end, blocks[0].first) if blocks else end
        return self._side_read(partition, first, upto)

    def wait(self) -> None:
        """Listen for blocks for a moment."""
        self._listen(MOMENT_MS)

    def _listen(self, milliseconds: int) -> None:
        if self._bytes > BLOCK_BYTES:
            return
        with _told():
            found = self._packed.poll(timeout_ms=milliseconds)
        for records in found.values():
            for record in records:
                try:
                    block = decode_block(record.value)
                except DamagedBlock:
                    # What it was a copy of is in the input topics.
                    continue
                partition = Partition(block.topic, block.partition)
                if partition in self._partitions:
                    self._bytes += block.size
                    blocks = self._blocks[partition]
                    blocks.append(block)
                    blocks.sort(key=lambda one: (one.first, one.end))

    def _side_read(self, partition: Partition, first: int, end: int) -> Sequence[Read]:
        top = TopicPartition(*partition)
        found: list[Record] = []
        with _told():
            self._side.assign([top])
            self._side.seek(top, first)
            try:
                polled = self._side.poll(timeout_ms=MOMENT_MS, max_records=SIDE_READ)
            except OffsetOutOfRangeError as gone:
                text = f"{partition}: offset {first} is gone from the topic before it was read"
                raise NotSo(text) from gone
            for one in polled.get(top, ()):
                if first <= one.offset < end:
                    found.append(_record(one))
            stands = self._side.position(top)
        return self._reads(partition, found, min(end, stands))

    def _reads(self, partition: Partition, records: Iterable[Record], upto: int) -> list[Read]:
        """What the codec makes of records; offsets without one up to `upto` are known as empty."""
        reads = [
            Read(r.offset, self._decoded(partition, r), int(r.value is None and r.sha256 is None))
            for r in records
        ]
        stands = reads[-1].offset + 1 if reads else 0
        if upto > stands:
            reads.append(Read(upto - 1, ()))
        return reads

    def _decoded(self, partition: Partition, record: Record) -> tuple[Decoded | Refused, ...]:
        results = results_of(self._decoder, str(partition), record)
        if not self._stamped:
            return tuple(results)
        at = _EPOCH + timedelta(milliseconds=record.timestamp_ms)
        return tuple(_arrived_at(one, at) for one in results)

    def _bounds(
        self, ask: Callable[[list[TopicPartition]], Mapping[TopicPartition, int]]
    ) -> Mapping[Partition, int]:
        tops = [TopicPartition(*partition) for partition in self._partitions]
        try:
            with _told():
                try:
                    found = ask(tops)
                except KeyError:
                    # The library keeps up with the leaders of the topics that were read last, and
                    # forgets those of the others.
                    self._side.topics()
                    found = ask(tops)
        except KeyError as leaderless:
            # So the library says that a partition has no leader at the moment.
            raise SourceAway(f"broker: no leader for {leaderless}") from leaderless
        return {Partition(top.topic, top.partition): at for top, at in found.items()}


def _arrived_at(result: Decoded | Refused, at: datetime) -> Decoded | Refused:
    if isinstance(result, Refused):
        return replace(result, arrived_at=at)
    return replace(result, fact=replace(result.fact, arrived_at=at))


def _consumer(options: Mapping[str, Any]) -> KafkaConsumer:
    read_any_header_name()
    with _told():
        return KafkaConsumer(
            **options,
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="none",
            isolation_level="read_committed",
            max_poll_records=SIDE_READ,
        )


def _partitions_of(consumer: KafkaConsumer, topics: Sequence[str]) -> tuple[Partition, ...]:
    found = []
    for topic in topics:
        numbers = consumer.partitions_for_topic(topic)
        if not numbers:
            raise NotSo(f"topic {topic} is not there: replan topics create makes it")
        found += [Partition(topic, number) for number in sorted(numbers)]
    return tuple(found)


def _record(one: Any) -> Record:
    return Record(
        offset=one.offset,
        timestamp_ms=one.timestamp,
        headers=relevant(one.headers or ()),
        key=one.key,
        value=one.value,
    )


@contextmanager
def _told() -> Iterator[None]:
    """Trouble with the broker in our words: trying again is safe."""
    try:
        yield
    except OffsetOutOfRangeError:
        raise
    except KafkaError as trouble:
        raise SourceAway(f"broker: {trouble}") from trouble
