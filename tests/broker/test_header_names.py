"""Can one record with a strange header stop a partition?"""

from contextlib import closing

from kafka import KafkaAdminClient, KafkaProducer

from replan.infra.kafka.log import KafkaLog
from replan.streams.log_slices import Partition
from replan.streams.messages import Refused


class NoText(str):
    """The name of a header as no client writes it."""

    __slots__ = ()

    def encode(self, *_: object) -> bytes:
        return b"\xff\xfe"


def test_records_behind_a_header_whose_name_is_no_text_are_read(broker: str, prefix: str) -> None:
    pos, facts = f"{prefix}pos", f"{prefix}facts"
    with closing(KafkaAdminClient(bootstrap_servers=broker)) as admin:
        topic = {"num_partitions": 1}
        admin.create_topics({pos: topic, facts: topic}, wait_for_metadata=True)
    with closing(KafkaProducer(bootstrap_servers=broker, linger_ms=200)) as producer:
        producer.send(pos, b"before")
        for _ in range(3):
            producer.send(pos, b"strange", headers=[(NoText("x"), b"1"), ("ce_id", b"e1")])
        producer.send(pos, b"after")
        producer.flush()
    with KafkaLog({"bootstrap_servers": broker}, [pos], facts, stamped=False) as log:
        reads = list(log.read(Partition(pos, 0), 0, 5))
    raw = [one.raw for read in reads for one in read.results if isinstance(one, Refused)]
    assert raw == [b"before", b"strange", b"strange", b"strange", b"after"]
