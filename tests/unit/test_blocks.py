"""A block says exactly what the records of its partition say."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replan.streams.blocks import DamagedBlock, Record, decode_block, encode_block

maybe_bytes = st.none() | st.binary(max_size=40)
headers = st.lists(st.tuples(st.text(max_size=8), st.binary(max_size=12)), max_size=3).map(tuple)


@st.composite
def records(draw: st.DrawFn) -> list[Record]:
    offsets = sorted(draw(st.sets(st.integers(0, 2**40), min_size=1, max_size=6)))
    return [
        Record(
            offset, draw(st.integers(0, 2**41)), draw(headers), draw(maybe_bytes), draw(maybe_bytes)
        )
        for offset in offsets
    ]


@given(records())
def test_what_goes_into_a_block_comes_out_of_it(found: list[Record]) -> None:
    block = decode_block(encode_block("replan.pos", 3, found))
    assert (block.topic, block.partition) == ("replan.pos", 3)
    assert list(block.records) == found
    assert (block.first, block.end) == (found[0].offset, found[-1].offset + 1)


@given(records(), st.data())
def test_a_block_that_was_cut_off_is_told_from_a_whole_one(
    found: list[Record], data: st.DataObject
) -> None:
    whole = encode_block("replan.pos", 0, found)
    cut = data.draw(st.integers(0, len(whole) - 1))
    if whole[:cut] + b"\n" == whole:
        return
    try:
        again = decode_block(whole[:cut])
    except DamagedBlock:
        return
    assert list(again.records) == found


@given(st.binary(max_size=200))
def test_other_bytes_are_no_block(data: bytes) -> None:
    with pytest.raises(DamagedBlock):
        decode_block(data)


def test_offsets_of_a_block_go_up() -> None:
    twice = [Record(4, 0, (), None, b"{}")] * 2
    with pytest.raises(ValueError, match="offsets go up"):
        encode_block("replan.pos", 0, twice)
