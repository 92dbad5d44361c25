"""When is a block full, and what may stand in it? Records of each partition, packed as they come.

A block never bridges a missing offset: what a consumer skipped between two records is a hole
between two blocks, and whoever reads blocks looks for it in the input topic itself.
"""

from dataclasses import dataclass, field
from typing import Final

from replan.streams.blocks import Record, encode_block
from replan.streams.kafka_record import without_bulk
from replan.streams.log_slices import Partition

FULL_RECORDS: Final = 500
FULL_BYTES: Final = 512 * 1024
LINGER_S: Final = 0.2
"""How long the first record of a block waits for others."""

MAX_KEY_BYTES: Final = 1024
"""A longer key is left out: nothing rests on keys."""

_RECORD_BYTES: Final = 96
"""About what a record takes in a block beside its key, value and headers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Packed:
    """A block ready to be sent, and the offset after its last record."""

    partition: Partition
    end: int
    body: bytes

    @property
    def key(self) -> bytes:
        """All blocks of a partition have one key, so that they stay in order."""
        return str(self.partition).encode()


@dataclass(slots=True)
class _Open:
    """A block that is being filled."""

    since: float
    records: list[Record] = field(default_factory=list)
    size: int = 0


class Packing:
    """The blocks that are being filled. `now`: seconds of a clock that never goes back."""

    def __init__(self) -> None:
        self._open: dict[Partition, _Open] = {}

    def add(self, partition: Partition, record: Record, now: float) -> list[Packed]:
        """Take a record; the blocks that are ready because of it, none, one or two."""
        record = without_bulk(record)
        if record.key is not None and len(record.key) > MAX_KEY_BYTES:
            record = record._replace(key=None)
        size = _size(record)
        ready = []
        block = self._open.get(partition)
        if block is not None and (
            block.records[-1].offset + 1 != record.offset or block.size + size > FULL_BYTES
        ):
            ready.append(self._close(partition))
            block = None
        if block is None:
            block = self._open[partition] = _Open(since=now)
        block.records.append(record)
        block.size += size
        if len(block.records) >= FULL_RECORDS:
            ready.append(self._close(partition))
        return ready

    def due(self, now: float) -> list[Packed]:
        """The blocks whose first record has waited long enough, in order of their partitions."""
        waited = [p for p, block in self._open.items() if now - block.since >= LINGER_S]
        return [self._close(partition) for partition in sorted(waited)]

    def _close(self, partition: Partition) -> Packed:
        records = self._open.pop(partition).records
        return Packed(
            partition=partition,
            end=records[-1].offset + 1,
            body=encode_block(partition.topic, partition.number, records),
        )


def _size(record: Record) -> int:
    # In the head of a block a byte of a header may take six characters.
    headers = sum(len(name) + 6 * len(value) for name, value in record.headers)
    return len(record.key or b"") + len(record.value or b"") + headers + _RECORD_BYTES
