"""How do we know that the record was not edited? One hash chain per writer; `link`, `verify`.

    hash = SHA256("replan-audit-v1" ‖ writer ‖ seq as 8 big-endian bytes ‖ prev ‖ SHA256(body))

`body` is canonical JSON, `prev` the hash of the row before (32 zero bytes for the first) and `seq`
counts from 1 without holes. After the fixed tag only the writer's name has no fixed length, so no
two different rows have the same bytes. An edited, removed, added or swapped row breaks the chain
where it stands; a cut-off tail does not show, for which checkpoints outside the database are made.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

TAG: Final = b"replan-audit-v1"
GENESIS: Final = "0" * 64
"""`prev` of the first row of every chain."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainRow:
    """One row of a chain as it is stored: hex hashes, and the bytes of the canonical body."""

    writer: str
    seq: int
    prev: str
    hash: str
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class BadRow:
    """The first place where a record is not what it should be, and what is wrong there."""

    writer: str
    seq: int
    reason: str


def link(writer: str, seq: int, prev: str, body: bytes) -> str:
    """Lower-case hex hash of row `seq` (≥ 1) of a writer's chain, after the row hashed `prev`."""
    head = TAG + writer.encode() + seq.to_bytes(8, "big") + bytes.fromhex(prev)
    return hashlib.sha256(head + hashlib.sha256(body).digest()).hexdigest()


def verify(rows: Iterable[ChainRow]) -> BadRow | None:
    """The first row that breaks its writer's chain; None if every chain holds.

    Rows stand in chain order; chains of different writers may be mixed.
    """
    heads: dict[str, tuple[int, str]] = {}
    for row in rows:
        seq, prev = heads.get(row.writer, (0, GENESIS))
        fault = _fault(row, seq + 1, prev)
        if fault is not None:
            return BadRow(writer=row.writer, seq=row.seq, reason=fault)
        heads[row.writer] = (row.seq, row.hash)
    return None


def _fault(row: ChainRow, seq: int, prev: str) -> str | None:
    if row.seq != seq:
        return f"seq is {row.seq}, must be {seq}"
    if row.prev != prev:
        return "prev is not the hash of the row before"
    if row.hash != link(row.writer, row.seq, row.prev, row.body):
        return "hash does not fit the row"
    return None
