"""How do lines reach topics at least once? Sent in order, marked only when the brokers have them.

The ledger keeps what waits. A line leaves it after the brokers' acknowledgement, so that a process
that dies in between sends it again, under the same key. What a topic does not take waits on,
without holding up the other topics; a line that is too large for good is kept and marked.
"""

import json
import logging
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any, Final

from replan.infra.kafka.producer import OutRecord, TopicProducer
from replan.infra.ledger.store import Ledger
from replan.infra.ledger.writer import LedgerWriter
from replan.infra.out_names import ACCEPTED, COMMANDS, DLQ
from replan.infra.outlets import Outgoing, Refusal
from replan.streams.topics import TopicNames

BATCH: Final = 1_000
"""Waiting lines sent at a time."""
UNDER_WAY: Final = 50
"""Appends that may be unanswered; the next one waits for the oldest."""

JSON: Final = (("content-type", b"application/json"),)
EVENT: Final = (("content-type", b"application/cloudevents+json; charset=UTF-8"),)

_log = logging.getLogger("replan.out")

Sent = tuple[str, list[str], "Future[list[Refusal | None]]"]


class TopicOutlet:
    """The `Outlet` to topics. Commands have a producer of their own, None where nothing may be
    ordered.
    """

    def __init__(
        self,
        ledger: Ledger,
        names: TopicNames,
        producer: TopicProducer,
        commands: TopicProducer | None,
    ) -> None:
        self._ledger = ledger
        self._names = names
        self._producer = producer
        self._commands = commands
        self._under_way: deque[Sent] = deque()

    def append(self, name: str, lines: Iterable[str]) -> None:
        """Send lines; they may be under way when this returns."""
        while len(self._under_way) >= UNDER_WAY:
            self._settle_oldest()
        kept = list(lines)
        self._under_way.append((name, kept, self._send(name, [Outgoing(line=x) for x in kept])))

    def settle(self) -> None:
        """Wait for what was appended; what was not taken waits in the ledger from here on. Raises
        SourceAway if no broker answers.
        """
        while self._under_way:
            self._settle_oldest()

    def deliver(self, name: str, lines: Sequence[Outgoing]) -> list[Refusal | None]:
        """Send lines and wait. Raises SourceAway if no broker answers: they may have arrived."""
        return self._send(name, lines).result()

    def confirm(self, write: LedgerWriter, *names: str) -> None:
        """Nothing: what is not marked in the ledger is sent again."""

    def flush(self) -> int:
        """Send what waits in the ledger, each topic for itself."""
        self.settle()
        sent = 0
        for name in self._ledger.waiting_targets():
            if name == COMMANDS and self._commands is None:
                continue
            sent += self._flush(name)
        return sent

    def close(self) -> None:
        """The producers are their owner's."""

    def _flush(self, name: str) -> int:
        sent = 0
        while rows := self._ledger.publications_for(name, BATCH):
            said = self.deliver(name, [Outgoing(line=line) for _, line in rows])
            taken = [n for (n, _), refused in zip(rows, said, strict=True) if refused is None]
            with self._ledger.transaction() as write:
                write.published_lines(taken)
                for (n, _), refused in zip(rows, said, strict=True):
                    if refused is not None and refused.for_good:
                        write.refused_line(n, refused.reason)
            sent += len(taken)
            waits = [one for one in said if one is not None and not one.for_good]
            for one in [one for one in said if one is not None][:1]:
                _log.warning("line_refused", extra={"target": name, "reason": one.reason})
            if waits:
                break
        return sent

    def _settle_oldest(self) -> None:
        name, lines, future = self._under_way[0]
        said = future.result()
        self._under_way.popleft()
        refused = [line for line, one in zip(lines, said, strict=True) if one is not None]
        if refused:
            with self._ledger.transaction() as write:
                write.publish(name, refused)

    def _send(self, name: str, lines: Sequence[Outgoing]) -> "Future[list[Refusal | None]]":
        producer = self._producer
        if name == COMMANDS:
            assert self._commands is not None, "nothing is ordered in shadow"
            producer = self._commands
        topic = self._names.of(name.removesuffix(".jsonl"))
        return producer.send([record_of(topic, name, line) for line in lines])


@contextmanager
def opened_producers(
    options: Mapping[str, Any], *, shadow: bool
) -> Iterator[tuple[TopicProducer, TopicProducer | None]]:
    """A producer for what is told, and one for commands, which in shadow is not even made."""
    producer = TopicProducer(options)
    commands = None if shadow else TopicProducer(options)
    try:
        yield producer, commands
    finally:
        producer.close()
        if commands is not None:
            commands.close()


def record_of(topic: str, name: str, out: Outgoing) -> OutRecord:
    """A line as a record: the key keeps together what must stay in order."""
    headers = tuple((header, text.encode()) for header, text in sorted(out.headers.items()))
    kind = EVENT if name == COMMANDS else JSON
    return OutRecord(
        topic=topic, key=_key(name, out.line), value=out.line.encode(), headers=(*kind, *headers)
    )


def _key(name: str, line: str) -> bytes | None:
    """The item of what is told, the order or the place of a command, the source of a dead letter;
    replies have none.
    """
    if name == ACCEPTED:
        return None
    plain = json.loads(line)
    if name == COMMANDS:
        data = plain["data"]
        return str(data.get("order_id") or data.get("to") or plain["subject"]).encode()
    found = plain.get("place") if name == DLQ else plain.get("item") or plain.get("incident_id")
    return None if found is None else str(found).encode()
