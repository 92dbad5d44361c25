"""How do many records of an input topic travel as one? A block: their copy, and where it was made.

One line of JSON says the origin and the sizes, what follows are keys and values as they were. A
block says nothing that the input topic does not say too, so one that is lost or damaged costs a
second reading and no event.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final, NamedTuple

BLOCK_VERSION: Final = 1

Headers = tuple[tuple[str, bytes], ...]


class Record(NamedTuple):
    """A record of an input topic.

    `timestamp_ms`: the broker's, in milliseconds since 1970 UTC. `value`: None for a tombstone, and
    for one that is too large to be kept, of which `size` and the hex `sha256` are told.
    """

    offset: int
    timestamp_ms: int
    headers: Headers
    key: bytes | None
    value: bytes | None
    size: int = 0
    sha256: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Records of one partition in the order of their offsets; `size` of the block in bytes."""

    topic: str
    partition: int
    records: tuple[Record, ...]
    size: int = 0

    @property
    def first(self) -> int:
        """The offset of the first record."""
        return self.records[0].offset

    @property
    def end(self) -> int:
        """The offset after the last record."""
        return self.records[-1].offset + 1


class DamagedBlock(ValueError):
    """These bytes are no block."""


def encode_block(topic: str, partition: int, records: Sequence[Record]) -> bytes:
    """The bytes of a block. ValueError unless there are records and their offsets go up."""
    if not records or any(a.offset >= b.offset for a, b in pairwise(records)):
        raise ValueError(f"a block of {topic}-{partition} needs records whose offsets go up")
    head = {
        "block": BLOCK_VERSION,
        "topic": topic,
        "partition": partition,
        "records": [
            [
                r.offset,
                r.timestamp_ms,
                [[name, value.decode("latin-1")] for name, value in r.headers],
                -1 if r.key is None else len(r.key),
                -1 if r.value is None else len(r.value),
                r.size,
                r.sha256,
            ]
            for r in records
        ],
    }
    parts = [json.dumps(head, separators=(",", ":")).encode(), b"\n"]
    for record in records:
        parts += [record.key or b"", record.value or b""]
    return b"".join(parts)


def decode_block(data: bytes) -> Block:
    """The block of these bytes. Raises DamagedBlock."""
    line, _, rest = data.partition(b"\n")
    try:
        head = json.loads(line)
        if head["block"] != BLOCK_VERSION:
            raise DamagedBlock(f"a block of version {head['block']}, this is {BLOCK_VERSION}")
        records, at = [], 0
        for offset, timestamp_ms, headers, key_size, value_size, size, sha256 in head["records"]:
            key, at = _cut(rest, at, key_size)
            value, at = _cut(rest, at, value_size)
            records.append(
                Record(
                    offset=offset,
                    timestamp_ms=timestamp_ms,
                    headers=tuple((name, text.encode("latin-1")) for name, text in headers),
                    key=key,
                    value=value,
                    size=size,
                    sha256=sha256,
                )
            )
        block = Block(
            topic=head["topic"],
            partition=head["partition"],
            records=tuple(records),
            size=len(data),
        )
    except DamagedBlock:
        raise
    except (ValueError, LookupError, TypeError, AttributeError) as trouble:
        raise DamagedBlock(f"{len(data)} bytes that are no block: {trouble}") from trouble
    if at != len(rest) or not records:
        raise DamagedBlock(f"{len(rest)} bytes of records where {at} are told")
    return block


def _cut(data: bytes, at: int, size: Any) -> tuple[bytes | None, int]:
    if size == -1:
        return None, at
    if at + size > len(data):
        raise DamagedBlock(f"the block ends at {len(data)}, a record at {at + size}")
    return data[at : at + size], at + size
