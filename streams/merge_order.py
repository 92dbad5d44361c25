"""In which order do events count, whatever order files, partitions and batches brought them in?

By arrival, then source, then id. One without a readable arrival stands with the one before it.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final

from replan.streams.messages import Arrived, Decoded, Refused

BEFORE_ALL: Final = datetime.min.replace(tzinfo=UTC)

Order = tuple[datetime, str, str, str, str, str, datetime]

FIRST: Final[Order] = (BEFORE_ALL, "", "", "", "", "", BEFORE_ALL)
"""The place of what has no readable arrival, nor anything before it that has."""


def arrived(placed: Iterable[tuple[Order, int, Decoded | Refused]]) -> list[Arrived]:
    """Events with their places, in order; the number decides between equal places."""
    ranked = sorted(placed, key=lambda entry: entry[:2])
    return [
        Arrived(rank, None if order[0] is BEFORE_ALL else order[0], result)
        for rank, (order, _, result) in enumerate(ranked)
    ]


def order_of(result: Decoded | Refused) -> Order | None:
    """The place of an event in the merge; None without a readable arrival."""
    if isinstance(result, Decoded):
        fact = result.fact
        return (
            fact.arrived_at,
            fact.source,
            fact.event_id,
            fact.payload_sha,
            # Events of one id and payload may differ in more; the order of lines must not decide.
            result.type,
            result.subject,
            fact.occurred_at,
        )
    if result.arrived_at is None:
        return None
    return (
        result.arrived_at,
        result.source or "",
        result.event_id or "",
        result.sha256,
        result.type or "",
        "",
        result.arrived_at,
    )
