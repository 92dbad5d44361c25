"""Can one record with a strange header stop a partition?"""

import subprocess
import sys
from contextlib import closing
from pathlib import Path

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer

from replan.infra.kafka.ingest_child import ingest_beside
from replan.infra.kafka.log import KafkaLog
from replan.infra.running.topics import create_all
from replan.streams.blocks import decode_block
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


def test_ingest_goes_on_past_a_header_whose_name_is_no_text(
    broker: str, prefix: str, tmp_path: Path
) -> None:
    root = tmp_path / "shop"
    replan = str(Path(sys.executable).with_name("replan"))
    subprocess.run([replan, "init", str(root)], check=True, capture_output=True)
    text = f'\n[kafka]\nbootstrap = "{broker}"\nprefix = "{prefix}"\npartitions = 1\n'
    with (root / "replan.toml").open("a") as settings:
        settings.write(text)
    create_all(root, None)
    with closing(KafkaProducer(bootstrap_servers=broker)) as producer:
        producer.send(f"{prefix}pos", b"strange", headers=[(NoText("x"), b"1")])
        producer.send(f"{prefix}pos", b"after")
        producer.flush()
    packed = KafkaConsumer(
        f"{prefix}facts",
        bootstrap_servers=broker,
        auto_offset_reset="earliest",
        consumer_timeout_ms=90_000,
    )
    found: set[bytes | None] = set()
    with ingest_beside(root), closing(packed):
        for message in packed:
            found |= {record.value for record in decode_block(message.value).records}
            if b"after" in found:
                break
    assert found == {b"strange", b"after"}
