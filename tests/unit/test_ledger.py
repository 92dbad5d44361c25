"""The audit chain: what a hash is made of, and what `verify` finds."""

import hashlib
from dataclasses import replace

from replan.ledger import GENESIS, BadRow, ChainRow, link, verify


def chain(writer: str, *bodies: bytes) -> list[ChainRow]:
    rows: list[ChainRow] = []
    prev = GENESIS
    for seq, body in enumerate(bodies, start=1):
        hashed = link(writer, seq, prev, body)
        rows.append(ChainRow(writer=writer, seq=seq, prev=prev, hash=hashed, body=body))
        prev = hashed
    return rows


def test_a_hash_is_made_as_the_audit_rule_says() -> None:
    by_hand = hashlib.sha256(
        b"replan-audit-v1"
        b"desk:all"
        + bytes([0, 0, 0, 0, 0, 0, 0, 1])
        + bytes(32)
        + hashlib.sha256(b'{"kind":"decision"}').digest()
    )
    assert link("desk:all", 1, GENESIS, b'{"kind":"decision"}') == by_hand.hexdigest()


def test_an_untouched_chain_holds() -> None:
    assert verify(chain("desk:all", b"1", b"2", b"3")) is None


def test_chains_of_several_writers_may_be_mixed() -> None:
    desk, sense = chain("desk:all", b"1", b"2"), chain("sense:0", b"3", b"4")
    assert verify([desk[0], sense[0], sense[1], desk[1]]) is None


def test_an_edited_body_is_named() -> None:
    rows = chain("desk:all", b"1", b"2", b"3")
    rows[1] = replace(rows[1], body=b"9")
    assert verify(rows) == BadRow(writer="desk:all", seq=2, reason="hash does not fit the row")


def test_a_body_that_is_hashed_again_is_found_at_the_next_row() -> None:
    rows = chain("desk:all", b"1", b"2", b"3")
    rows[1] = replace(rows[1], body=b"9", hash=link("desk:all", 2, rows[1].prev, b"9"))
    bad = verify(rows)
    assert bad is not None
    assert bad.seq == 3


def test_a_dropped_first_row_is_found() -> None:
    bad = verify(chain("desk:all", b"1", b"2")[1:])
    assert bad == BadRow(writer="desk:all", seq=2, reason="seq is 2, must be 1")


def test_a_row_of_another_writer_does_not_fit() -> None:
    rows = [replace(row, writer="desk:other") for row in chain("desk:all", b"1")]
    assert verify(rows) is not None
