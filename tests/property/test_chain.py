"""The audit chain finds any edit: a flipped bit, a dropped, doubled or swapped row."""

from dataclasses import replace

from hypothesis import assume, given
from hypothesis import strategies as st

from replan.ledger import GENESIS, ChainRow, link, verify


@st.composite
def chains(draw: st.DrawFn) -> list[ChainRow]:
    bodies = draw(st.lists(st.binary(min_size=1, max_size=20), min_size=2, max_size=8))
    rows: list[ChainRow] = []
    prev = GENESIS
    for seq, body in enumerate(bodies, start=1):
        hashed = link("desk:all", seq, prev, body)
        rows.append(ChainRow(writer="desk:all", seq=seq, prev=prev, hash=hashed, body=body))
        prev = hashed
    return rows


def flipped(text: str, at: int) -> str:
    return text[:at] + ("1" if text[at] == "0" else "0") + text[at + 1 :]


@given(chains())
def test_an_untouched_chain_holds(rows: list[ChainRow]) -> None:
    assert verify(rows) is None


@given(chains(), st.data())
def test_a_flipped_bit_of_a_body_is_found_where_it_is(
    rows: list[ChainRow], data: st.DataObject
) -> None:
    at = data.draw(st.integers(0, len(rows) - 1))
    body = bytearray(rows[at].body)
    bit = data.draw(st.integers(0, len(body) * 8 - 1))
    body[bit // 8] ^= 1 << (bit % 8)
    rows[at] = replace(rows[at], body=bytes(body))
    bad = verify(rows)
    assert bad is not None
    assert bad.seq == at + 1


@given(chains(), st.data(), st.sampled_from(["hash", "prev"]))
def test_a_flipped_digit_of_a_hash_is_found(
    rows: list[ChainRow], data: st.DataObject, name: str
) -> None:
    at = data.draw(st.integers(0, len(rows) - 1))
    digit = data.draw(st.integers(0, 63))
    row = rows[at]
    rows[at] = (
        replace(row, hash=flipped(row.hash, digit))
        if name == "hash"
        else replace(row, prev=flipped(row.prev, digit))
    )
    assert verify(rows) is not None


@given(chains(), st.data())
def test_a_dropped_row_is_found_unless_it_was_the_last(
    rows: list[ChainRow], data: st.DataObject
) -> None:
    del rows[data.draw(st.integers(0, len(rows) - 2))]
    assert verify(rows) is not None


@given(chains(), st.data())
def test_a_doubled_row_is_found(rows: list[ChainRow], data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(rows) - 1))
    rows.insert(at, rows[at])
    assert verify(rows) is not None


@given(chains(), st.data())
def test_two_swapped_rows_are_found(rows: list[ChainRow], data: st.DataObject) -> None:
    places = st.integers(0, len(rows) - 1)
    one, other = data.draw(places), data.draw(places)
    assume(one != other)
    rows[one], rows[other] = rows[other], rows[one]
    assert verify(rows) is not None


@given(chains(), st.data())
def test_two_swapped_bodies_are_found(rows: list[ChainRow], data: st.DataObject) -> None:
    places = st.integers(0, len(rows) - 1)
    one, other = data.draw(places), data.draw(places)
    assume(rows[one].body != rows[other].body)
    bodies = rows[one].body, rows[other].body
    rows[one], rows[other] = (
        replace(rows[one], body=bodies[1]),
        replace(rows[other], body=bodies[0]),
    )
    assert verify(rows) is not None
