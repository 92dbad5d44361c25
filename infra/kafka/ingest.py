"""How do input topics become blocks? A Faust worker copies their records, packed, to `facts`.

Nothing that must be right rests on it: a block is a copy that names its origin, and the engine
finds in the input topics whatever Faust lost, doubled or delayed. So Faust is asked for what it
does well, sharing out partitions among workers, and for nothing else: raw bytes, no
acknowledgements, no tables, no transactions. The offsets of its group are a hint where to go on.
What goes wrong ends the process with 70, and whoever started it starts it again: an agent
restarted in place drops what it has in hand.
"""

import asyncio
import logging
import os
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import faust
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread, Consumer, Transport
from faust.types import TP
from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from replan.errors import NotSo
from replan.infra.kafka.admin import find_topics, opened_admin
from replan.infra.kafka.headers import read_any_header_name
from replan.infra.workspace.kafka_settings import Connection, Kafka, connection
from replan.streams.blocks import Record
from replan.streams.kafka_record import relevant
from replan.streams.log_slices import Partition
from replan.streams.packing import LINGER_S, Packed, Packing
from replan.streams.topics import FACTS

CRASHED: Final = 70

HINT_EVERY_S: Final = 5.0
"""How often the offsets of the group are moved up to what stands in `facts`."""

LOOK_EVERY_S: Final = 10.0
STUCK_AFTER_S: Final = 60.0
"""A worker that has records to pack and packs none for so long is ended."""

_log = logging.getLogger(__name__)


def run_ingest(kafka: Kafka, root: Path, stop: threading.Event) -> None:
    """Pack until `stop` is set, in a process of its own, which ends with it: 0, or 70 where
    anything was not as expected.
    """
    code = CRASHED
    try:
        reached = connection(kafka, root)
        _need_topics(kafka, reached)
        with TemporaryDirectory(prefix="replan-ingest-") as folder:
            asyncio.run(_Worker(kafka, reached, Path(folder)).run(stop))
        code = 0
    except KeyboardInterrupt:
        code = 0
    except BaseException:  # noqa: BLE001 (the process ends here, whatever it was)
        _log.exception("ingest crashed")
    finally:
        # Threads that Faust leaves behind would keep the process from ending.
        _end(code)


def _need_topics(kafka: Kafka, reached: Connection) -> None:
    """Faust would pass over an input that is missing, and wait for ever for a missing output."""
    needed = [*kafka.names.inputs, kafka.names.of(FACTS)]
    with opened_admin(reached) as admin:
        found = find_topics(admin, needed)
    missing = [name for name in needed if name not in found]
    if missing:
        raise NotSo(f"topics missing: {', '.join(missing)}; replan topics create makes them")


def _end(code: int) -> None:
    logging.shutdown()
    os._exit(code)


class _Worker:
    """One Faust app inside our own program, and a watch over it."""

    def __init__(self, kafka: Kafka, reached: Connection, folder: Path) -> None:
        self._kafka = kafka
        self._reached = reached
        self._folder = folder
        self._packing = Packing()
        self._watch = Watch(reached)
        self._hints: dict[Partition, int] = {}

    async def run(self, stop: threading.Event) -> None:
        app = self._app()
        self._watch.start()
        app.finalize()
        await app.start()
        hinted = time.monotonic()
        try:
            while not stop.is_set():
                await asyncio.sleep(LINGER_S / 2)
                for packed in self._packing.due(time.monotonic()):
                    await self._send(app, packed)
                self._watch.assigned(app.consumer.assignment())
                if time.monotonic() - hinted >= HINT_EVERY_S:
                    hinted = time.monotonic()
                    await self._hint(app)
                if app.should_stop or app.crashed:
                    raise RuntimeError(f"the Faust app ended by itself: {app.crash_reason!r}")
            await self._hint(app)
        finally:
            self._watch.stop()
            await app.stop()

    def _app(self) -> faust.App:
        app = faust.App(
            f"{self._kafka.group}-ingest",
            **self._reached.for_faust(),
            processing_guarantee="at_least_once",
            store="memory://",
            datadir=self._folder / "faust",
            web_enabled=False,
            topic_disable_leader=True,
            topic_allow_declare=False,
            broker_max_poll_records=500,
            broker_session_timeout=10,
            broker_heartbeat_interval=3,
            consumer_auto_offset_reset="earliest",
            producer_linger=0.0,
            stream_wait_empty=False,
            cython_optimizations=True,
        )
        app.transport = _CommittedTransport(app.conf.broker_consumer, app)
        source = app.topic(
            *self._kafka.names.inputs,
            acks=False,
            key_type=bytes,
            value_type=bytes,
            key_serializer="raw",
            value_serializer="raw",
        )

        @app.agent(source, concurrency=1)
        async def pack(stream: Any) -> None:
            try:
                async for event in stream.events():
                    message = event.message
                    partition = Partition(message.topic, message.partition)
                    for packed in self._packing.add(partition, _record(message), time.monotonic()):
                        await self._send(app, packed)
            except asyncio.CancelledError:
                raise
            except BaseException:  # noqa: BLE001 (Faust would go on and drop what is in hand)
                _log.exception("ingest crashed while packing")
                _end(CRASHED)

        return app

    async def _send(self, app: faust.App, packed: Packed) -> None:
        topic = self._kafka.names.of(FACTS)
        await app.producer.send_and_wait(topic, packed.key, packed.body, None, None, None)
        self._watch.packed(packed.partition, packed.end)
        self._hints[packed.partition] = packed.end

    async def _hint(self, app: faust.App) -> None:
        hints, self._hints = self._hints, {}
        if not hints:
            return
        # The public commit goes by Faust's own acknowledgements, which are not to be trusted.
        consumer: Any = app.consumer
        await consumer._commit({TP(*p): end for p, end in sorted(hints.items())})


class _CommittedThread(AIOKafkaConsumerThread):
    """Faust reads what transactions took back as well; a block must not hold it."""

    def _create_worker_consumer(self, transport: Any) -> Any:
        consumer = super()._create_worker_consumer(transport)
        consumer._isolation_level = "read_committed"
        return consumer


class _CommittedConsumer(Consumer):
    def _new_consumer_thread(self) -> _CommittedThread:
        return _CommittedThread(self, loop=self.loop, beacon=self.beacon)


class _CommittedTransport(Transport):
    Consumer = _CommittedConsumer


class Watch:
    """Ends the process when there are records to pack and none is packed, whatever Faust thinks.

    It asks the broker itself, from a thread of its own. A broker that does not answer is waited
    for, not blamed.
    """

    def __init__(
        self,
        reached: Connection,
        *,
        look_every_s: float = LOOK_EVERY_S,
        stuck_after_s: float = STUCK_AFTER_S,
        end: Callable[[int], None] = _end,
    ) -> None:
        self._reached = reached
        self._look_every_s = look_every_s
        self._stuck_after_s = stuck_after_s
        self._end = end
        self._assigned: frozenset[Partition] = frozenset()
        self._ends: dict[Partition, int] = {}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """Look no more."""
        self._over.set()

    def assigned(self, partitions: Any) -> None:
        """These partitions are ours to pack by now."""
        self._assigned = frozenset(Partition(one.topic, one.partition) for one in partitions)

    def packed(self, partition: Partition, end: int) -> None:
        """Records before this offset stand in `facts`."""
        self._ends[partition] = end

    def _run(self) -> None:
        # The last moment at which all was well: something was packed, or nothing was there to be.
        well, seen = time.monotonic(), self._standing()
        while not self._over.wait(self._look_every_s):
            stands = self._standing()
            if stands != seen or not self.is_behind(stands[1]):
                well, seen = time.monotonic(), stands
            elif time.monotonic() - well >= self._stuck_after_s:
                waited = round(time.monotonic() - well)
                _log.error("ingest is stuck: records wait and none was packed for %d s", waited)
                self._end(CRASHED)
                return

    def _standing(self) -> tuple[frozenset[Partition], Mapping[Partition, int]]:
        return self._assigned, dict(self._ends)

    def is_behind(self, ends: Mapping[Partition, int]) -> bool:
        """Whether a partition of ours holds a record after the last packed one. Markers of
        transactions and compacted records take up offsets and are none.
        """
        consumer = None
        read_any_header_name()
        try:
            consumer = KafkaConsumer(
                **self._reached.for_kafka_python(),
                group_id=None,
                enable_auto_commit=False,
                auto_offset_reset="earliest",
                isolation_level="read_committed",
                consumer_timeout_ms=2_000,
            )
            tops = [TopicPartition(*partition) for partition in sorted(self._assigned)]
            if not tops:
                return False
            consumer.assign(tops)
            for top in tops:
                end = ends.get(Partition(top.topic, top.partition))
                consumer.seek(top, end) if end is not None else consumer.seek_to_beginning(top)
            return next(iter(consumer), None) is not None
        except KafkaError:
            return False
        finally:
            if consumer is not None:
                consumer.close()


def _record(message: Any) -> Record:
    headers = message.headers or ()
    pairs = headers.items() if isinstance(headers, Mapping) else headers
    return Record(
        offset=message.offset,
        timestamp_ms=round(message.timestamp * 1000),
        headers=relevant(pairs),
        key=message.key,
        value=message.value,
    )
