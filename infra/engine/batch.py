"""What was judged since the last commit, and how is it stored?

Replies to producers are handed to the outlet after the commit; that they stand there is stored
with the next transaction, so a process that died in between writes them again and no line twice.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from json.encoder import encode_basestring
from typing import Any

from replan.infra.ledger.rows import DeadLetterRow, ManifestRow
from replan.infra.ledger.store import Ledger
from replan.infra.ledger.writer import LedgerWriter
from replan.infra.out_names import ACCEPTED
from replan.infra.outlets import Outlet
from replan.streams.messages import Outcome, Refused, Reply

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Batch:
    """The events of one segment judged since the last commit; `next_rank` is the next to judge."""

    def __init__(self, ledger: Ledger, out: Outlet) -> None:
        self._ledger = ledger
        self._out = out
        self._outcomes: list[Outcome] = []
        self._letters: list[DeadLetterRow] = []
        self._first_rank = 0
        self.next_rank = 0
        # The newest batch whose replies stand in their file without the ledger knowing.
        self._replied_through = 0

    def __len__(self) -> int:
        return len(self._outcomes)

    def begin_at(self, rank: int) -> None:
        """What comes next is the event of this rank; nothing is waiting to be stored."""
        self._first_rank = self.next_rank = rank
        self._outcomes, self._letters = [], []

    def add(self, rank: int, outcome: Outcome, clock: datetime | None) -> None:
        """The event of a rank was judged."""
        self._outcomes.append(outcome)
        for one in (outcome, *outcome.released):
            if one.refused is not None:
                self._letters.append(dead_letter(one.refused, clock))
        self.next_rank = rank + 1

    def store(self, write: LedgerWriter, segment: int, tick: datetime | None) -> None:
        """Store what was judged, in the transaction that closes `tick`, or beside any."""
        self.confirm(write)
        replies = [outcome.reply for outcome in self._outcomes]
        counts = _counted(replies)
        if replies or tick is not None:
            write.append_manifest(
                ManifestRow(
                    batch_seq=write.batch_seq() + 1,
                    segment=segment,
                    first_offset=self._first_rank,
                    last_offset=self.next_rank - 1,
                    tick=tick,
                    statuses=[_short(n, r) for n, r in enumerate(replies) if _is_notable(r)],
                    counts=counts,
                )
            )
        write.add_counts(counts)
        write.add_dead_letters(self._letters)

    def stored(self) -> None:
        """The transaction is committed: answer the producers."""
        self.reply([reply for outcome in self._outcomes for reply in replies_of(outcome)])
        self.begin_at(self.next_rank)

    def reply(self, replies: Sequence[Reply]) -> None:
        """Append the answers to producers; that they stand there is stored with the next
        transaction.
        """
        if replies:
            self._out.append(ACCEPTED, [reply_line(reply) for reply in replies])
            self._replied_through = self._ledger.batch_seq()

    def settle(self) -> None:
        """Wait until the answers stand at their target; outside any transaction, since a broker
        may keep us waiting.
        """
        if self._replied_through:
            self._out.settle()

    def confirm(self, write: LedgerWriter) -> None:
        """Store that the answers stand at their target; after `settle`."""
        if self._replied_through:
            write.mark_replied(self._replied_through)
            self._out.confirm(write, ACCEPTED)
            self._replied_through = 0


def replies_of(outcome: Outcome) -> tuple[Reply, ...]:
    """The answer to an event, and to those that waited for it: they were told to wait before."""
    return (outcome.reply, *(released.reply for released in outcome.released))


def dead_letter(refused: Refused, clock: datetime | None) -> DeadLetterRow:
    """An event that is not applied, as the ledger keeps it."""
    return DeadLetterRow(
        event_id=refused.event_id,
        place=str(refused.place),
        status=refused.status,
        code=refused.code,
        pointer=refused.pointer,
        reason=refused.reason,
        raw=refused.raw,
        sha256=refused.raw_sha256,
        at=clock or refused.arrived_at or _EPOCH,
    )


def reply_line(reply: Reply) -> str:
    """The reply as canonical JSON, put together by hand: there is one for every event."""
    code, name = _text(reply.code), _text(reply.event_id)
    return (
        f'{{"code":{code},"id":{name},"pointer":{_text(reply.pointer)},"sha256":"{reply.sha256}",'
        f'"source":{_text(reply.source)},"status":"{reply.status}","type":{_text(reply.type)}}}'
    )


def _text(value: str | None) -> str:
    return "null" if value is None else encode_basestring(value)


def _is_notable(reply: Reply) -> bool:
    return reply.status != "ACCEPTED" or reply.code is not None


def _short(n: int, reply: Reply) -> list[Any]:
    return [n, reply.status, reply.code, reply.pointer]


def _counted(replies: Sequence[Reply]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for reply in replies:
        counts[reply.status.lower()] = counts.get(reply.status.lower(), 0) + 1
    return counts
