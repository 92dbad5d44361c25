"""Do packed blocks hold every record once and in order, and never more than fits?"""

from collections import defaultdict
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from replan.streams.blocks import Block, Record, decode_block
from replan.streams.codec import MAX_RECORD_BYTES
from replan.streams.log_slices import Partition
from replan.streams.packing import FULL_RECORDS, LINGER_S, MAX_KEY_BYTES, Packed, Packing
from replan.streams.topics import MAX_MESSAGE_BYTES

P0, P1 = Partition("replan.pos", 0), Partition("replan.pos", 1)


def record(offset: int, value: bytes | None = b"{}", key: bytes | None = b"I1") -> Record:
    return Record(offset=offset, timestamp_ms=0, headers=(), key=key, value=value)


def packed(records: list[tuple[Partition, Record]], seconds_apart: float = 0.0) -> list[Packed]:
    """All blocks of records that come one after another, the last ones once they are due."""
    packing = Packing()
    ready = []
    now = 0.0
    for partition, one in records:
        ready += packing.due(now)
        ready += packing.add(partition, one, now)
        now += seconds_apart
    return [*ready, *packing.due(now + LINGER_S)]


def blocks(ready: list[Packed]) -> list[Block]:
    return [decode_block(one.body) for one in ready]


steps = st.lists(
    st.tuples(
        st.sampled_from([P0, P1]),
        st.integers(min_value=1, max_value=3),
        st.none() | st.binary(max_size=40),
    ),
    max_size=60,
)


@given(steps=steps, seconds_apart=st.sampled_from([0.0, 0.05, 1.0]))
def test_every_record_is_in_one_block_of_its_partition_in_order(
    steps: list[tuple[Partition, int, bytes | None]], seconds_apart: float
) -> None:
    given_records: dict[Partition, list[Record]] = defaultdict(list)
    stands = {P0: -1, P1: -1}
    stream = []
    for partition, step, value in steps:
        stands[partition] += step
        one = record(stands[partition], value)
        given_records[partition].append(one)
        stream.append((partition, one))
    found: dict[Partition, list[Record]] = defaultdict(list)
    for block in blocks(packed(stream, seconds_apart)):
        found[Partition(block.topic, block.partition)] += block.records
    assert found == given_records


@given(steps=steps)
def test_no_block_bridges_a_missing_offset(
    steps: list[tuple[Partition, int, bytes | None]],
) -> None:
    stands = {P0: -1, P1: -1}
    stream = []
    for partition, step, value in steps:
        stands[partition] += step
        stream.append((partition, record(stands[partition], value)))
    for block in blocks(packed(stream)):
        assert all(b.offset == a.offset + 1 for a, b in pairwise(block.records))


def test_an_offset_that_goes_back_begins_a_block_of_its_own() -> None:
    again = [(P0, record(5)), (P0, record(6)), (P0, record(5))]
    assert [(block.first, block.end) for block in blocks(packed(again))] == [(5, 7), (5, 6)]


def test_a_block_is_full_after_so_many_records() -> None:
    found = blocks(packed([(P0, record(n)) for n in range(FULL_RECORDS + 1)]))
    assert [len(block.records) for block in found] == [FULL_RECORDS, 1]


def test_a_block_fits_into_a_message_whatever_its_records_weigh() -> None:
    heaviest = Record(
        offset=0,
        timestamp_ms=0,
        headers=tuple((f"ce_{n:0>1020}", b"\xff" * 1025) for n in range(33)),
        key=b"k" * MAX_KEY_BYTES,
        value=b"v" * MAX_RECORD_BYTES,
    )
    records = [(P0, heaviest._replace(offset=n)) for n in range(4)]
    assert all(len(one.body) < MAX_MESSAGE_BYTES for one in packed(records))


def test_of_a_record_that_is_too_large_only_size_and_digest_travel() -> None:
    (block,) = blocks(packed([(P0, record(0, b"x" * (MAX_RECORD_BYTES + 1)))]))
    (one,) = block.records
    assert (one.value, one.size) == (None, MAX_RECORD_BYTES + 1)
    assert one.sha256 is not None


def test_a_key_without_end_is_left_out() -> None:
    (block,) = blocks(packed([(P0, record(0, key=b"k" * (MAX_KEY_BYTES + 1)))]))
    assert block.records[0].key is None


def test_a_record_waits_for_others_no_longer_than_a_moment() -> None:
    packing = Packing()
    assert packing.add(P0, record(0), now=0.0) == []
    assert packing.due(LINGER_S / 2) == []
    (one,) = packing.due(LINGER_S)
    assert (one.partition, one.end, one.key) == (P0, 1, b"replan.pos-0")
