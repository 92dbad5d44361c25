"""How do many records reach a broker cheaply, and what became of each? aiokafka in its own thread.

Idempotent and acknowledged by all replicas, in order within a partition. A topic that does not take
a record does not hold up the others. When no broker answers, SourceAway: whoever sent the records
keeps them and sends them again.
"""

import asyncio
import threading
from collections.abc import Coroutine, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Final

from aiokafka import AIOKafkaProducer
from aiokafka.errors import (
    InvalidTopicError,
    KafkaError,
    MessageSizeTooLargeError,
    RecordTooLargeError,
    TopicAuthorizationFailedError,
    UnknownTopicOrPartitionError,
)

from replan.errors import SourceAway
from replan.infra.outlets import Refusal
from replan.streams.topics import MAX_MESSAGE_BYTES

MAX_BATCH_BYTES: Final = 256 * 1024
LINGER_MS: Final = 5
TIMEOUT_MS: Final = 15_000

_TOO_LARGE: Final = (MessageSizeTooLargeError, RecordTooLargeError)
_NOT_THIS_TOPIC: Final = (
    InvalidTopicError,
    TopicAuthorizationFailedError,
    UnknownTopicOrPartitionError,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class OutRecord:
    """A record on its way to a topic."""

    topic: str
    key: bytes | None
    value: bytes
    headers: tuple[tuple[str, bytes], ...]


class TopicProducer:
    """Sends records from any thread; brokers are looked for at the first of them."""

    def __init__(self, options: Mapping[str, Any], timeout_ms: int = TIMEOUT_MS) -> None:
        """`options`: how aiokafka reaches the brokers; `timeout_ms`: how long they may stay silent
        about a record.
        """
        self._options = {**options, "request_timeout_ms": timeout_ms}
        self._producer: AIOKafkaProducer | None = None
        self._loop = asyncio.new_event_loop()
        self._turn = asyncio.Lock()
        self._thread = threading.Thread(target=self._loop.run_forever, name="topics", daemon=True)
        self._thread.start()

    def send(self, records: Sequence[OutRecord]) -> "Future[list[Refusal | None]]":
        """Send records in order, after those of earlier calls; for each None once the brokers have
        it, or why its topic did not take it. Raises SourceAway if the brokers cannot say.
        """
        return self._run(self._send(records))

    def close(self) -> None:
        """Leave the brokers."""
        self._run(self._leave()).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _run(self, work: "Coroutine[Any, Any, Any]") -> "Future[Any]":
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    async def _send(self, records: Sequence[OutRecord]) -> list[Refusal | None]:
        # One call after the other: what is tried again must not change places with what follows.
        async with self._turn:
            try:
                said = await self._attempt(records)
                for n, record in enumerate(records):
                    refused = said[n]
                    if refused is not None and refused.for_good and len(records) > 1:
                        # Records travel together; the one that is too large is found by itself.
                        [said[n]] = await self._attempt([record])
                return said
            except (KafkaError, OSError) as wrong:
                await self._leave()
                raise SourceAway(f"topics cannot be written: {wrong!r}") from wrong

    async def _attempt(self, records: Sequence[OutRecord]) -> list[Refusal | None]:
        """Raises KafkaError where it is not about the records."""
        producer = await self._ready()
        closed: dict[str, Refusal] = {}
        said: list[Refusal | None] = []
        sent: dict[int, asyncio.Future[Any]] = {}
        for n, record in enumerate(records):
            said.append(closed.get(record.topic))
            if record.topic in closed:
                continue
            try:
                sent[n] = await producer.send(
                    record.topic, record.value, record.key, headers=list(record.headers)
                )
            except (*_TOO_LARGE, *_NOT_THIS_TOPIC) as wrong:
                said[n] = _refusal(record.topic, wrong)
                if isinstance(wrong, _NOT_THIS_TOPIC):
                    closed[record.topic] = _refusal(record.topic, wrong)
        answers = await asyncio.gather(*sent.values(), return_exceptions=True)
        for n, answer in zip(sent, answers, strict=True):
            if isinstance(answer, (*_TOO_LARGE, *_NOT_THIS_TOPIC)):
                said[n] = _refusal(records[n].topic, answer)
            elif isinstance(answer, BaseException):
                raise answer
        if any(isinstance(answer, BaseException) for answer in answers):
            # Its count of what each partition has taken no longer fits.
            await self._leave()
        return said

    async def _ready(self) -> AIOKafkaProducer:
        if self._producer is None:
            producer = AIOKafkaProducer(
                **self._options,
                enable_idempotence=True,
                linger_ms=LINGER_MS,
                max_batch_size=MAX_BATCH_BYTES,
                max_request_size=MAX_MESSAGE_BYTES,
            )
            try:
                await producer.start()
            except BaseException:
                await producer.stop()
                raise
            self._producer = producer
        return self._producer

    async def _leave(self) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            await producer.stop()


def _refusal(topic: str, wrong: BaseException) -> Refusal:
    reason = f"topic {topic}: {type(wrong).__name__} {wrong}"
    return Refusal(reason=reason, for_good=isinstance(wrong, _TOO_LARGE))
