"""What do executors answer on the topic `acks`, while the log clock waits for it?

On the log clock no time passes between a command and its answer, so a run waits a while for those
to the commands of its tick and records what came, or that nothing did. Whatever comes later, and
everything on the database's clock, comes in as any other event.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from time import monotonic, time
from types import TracebackType
from typing import Any, Final, Self

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from replan.effects import Command
from replan.errors import SourceAway
from replan.events import SaleRecorded

LOOK_BACK_S: Final = 600
"""An answer may have come while a process died and another took its place."""
POLL_MS: Final = 100


class TopicAnswers:
    """An `Executor` whose answers are read from `acks` for as long as `patience_s`; a context
    manager.
    """

    def __init__(self, options: Mapping[str, Any], topic: str, patience_s: float) -> None:
        self._patience_s = patience_s
        self._said: dict[str, dict[str, Any]] = {}
        """Newest answers by key."""
        try:
            self._consumer = KafkaConsumer(
                **options, enable_auto_commit=False, isolation_level="read_committed"
            )
            places = [
                TopicPartition(topic, n)
                for n in sorted(self._consumer.partitions_for_topic(topic) or ())
            ]
            self._consumer.assign(places)
            since = int((time() - LOOK_BACK_S) * 1000)
            found = self._consumer.offsets_for_times(dict.fromkeys(places, since))
            # Now, and not at the first look: what comes in between is an answer too.
            ends = self._consumer.end_offsets(places)
            for place in places:
                first = found[place]
                self._consumer.seek(place, ends[place] if first is None else first.offset)
        except KafkaError as wrong:
            raise SourceAway(f"topic {topic} cannot be read: {wrong!r}") from wrong

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._consumer.close()

    def advance(
        self, at: datetime, sales: Sequence[SaleRecorded], commands: Sequence[Command]
    ) -> tuple[dict[str, Any], ...]:
        """The answers to these commands that came in time, in the order of the commands."""
        wanted = {command.idem for command in commands}
        until = monotonic() + self._patience_s
        while wanted - self._said.keys() and monotonic() < until:
            self._read()
        return tuple(self._said.pop(c.idem) for c in commands if c.idem in self._said)

    def _read(self) -> None:
        try:
            polled = self._consumer.poll(timeout_ms=POLL_MS)
        except KafkaError as wrong:
            raise SourceAway(f"answers cannot be read: {wrong!r}") from wrong
        for records in polled.values():
            for record in records:
                for event in _events(record.value):
                    self._said[event["data"]["idem"]] = event


def _events(value: bytes | None) -> list[dict[str, Any]]:
    """Answers in a record, one or an array; anything else comes in, and is judged, as an event."""
    try:
        plain = json.loads(value or b"null")
    except (ValueError, RecursionError):
        return []
    found = plain if isinstance(plain, list) else [plain]
    return [one for one in found if _is_answer(one)]


def _is_answer(event: Any) -> bool:
    if not isinstance(event, dict) or not isinstance(event.get("data"), dict):
        return False
    named = all(isinstance(event.get(name), str) for name in ("id", "source", "type"))
    return named and isinstance(event["data"].get("idem"), str)
