"""Is an ingest worker ended that leaves records lying, and only such a one?"""

import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest
from kafka import KafkaAdminClient, KafkaProducer, TopicPartition

from replan.infra.kafka.ingest import CRASHED, Watch
from replan.infra.workspace.kafka_settings import Connection
from replan.streams.log_slices import Partition


class Ending:
    """Stands for the end of the process."""

    def __init__(self) -> None:
        self.code: int | None = None
        self.came = threading.Event()

    def __call__(self, code: int) -> None:
        self.code = code
        self.came.set()


@pytest.fixture
def top(broker: str, prefix: str) -> TopicPartition:
    with closing(KafkaAdminClient(bootstrap_servers=broker)) as admin:
        admin.create_topics({f"{prefix}pos": {"num_partitions": 1}}, wait_for_metadata=True)
    return TopicPartition(f"{prefix}pos", 0)


@contextmanager
def watching(bootstrap: str, top: TopicPartition, ending: Ending) -> Iterator[Watch]:
    """Looks all the time, and at once at what is assigned."""
    reached = Connection(bootstrap=(bootstrap,), protocol="PLAINTEXT")
    watch = Watch(reached, look_every_s=0.01, stuck_after_s=0.0, end=ending)
    watch.assigned([top])
    watch.start()
    yield watch
    watch.stop()


def test_a_worker_that_leaves_a_record_lying_is_ended(broker: str, top: TopicPartition) -> None:
    with closing(KafkaProducer(bootstrap_servers=broker)) as producer:
        producer.send(top.topic, b"waits").get(30)
    ending = Ending()
    with watching(broker, top, ending):
        assert ending.came.wait(60)
    assert ending.code == CRASHED


def test_the_marker_of_a_transaction_is_no_record_that_waits(
    broker: str, top: TopicPartition
) -> None:
    with closing(
        KafkaProducer(bootstrap_servers=broker, transactional_id=f"{top.topic}-w")
    ) as producer:
        producer.init_transactions()
        producer.begin_transaction()
        producer.send(top.topic, b"packed").get(30)
        producer.commit_transaction()
    reached = Connection(bootstrap=(broker,), protocol="PLAINTEXT")
    watch = Watch(reached)
    watch.assigned([top])
    partition = Partition(top.topic, 0)
    assert watch.is_behind({partition: 0})
    assert not watch.is_behind({partition: 1})


def test_a_broker_that_is_away_is_waited_for(top: TopicPartition) -> None:
    away = Watch(Connection(bootstrap=("127.0.0.1:1",), protocol="PLAINTEXT"))
    away.assigned([top])
    assert not away.is_behind({})
