"""What of Faust do we rely on, and on what not? Pinned: no upgrade can change it unseen."""

import subprocess
import sys
from contextlib import closing
from importlib.metadata import version

import pytest
from kafka import KafkaAdminClient, KafkaProducer, TopicPartition

LOSING = """
import asyncio, sys, faust

broker, topic, group, acks = sys.argv[1:]
app = faust.App(group, broker="kafka://" + broker, store="memory://", web_enabled=False,
    topic_disable_leader=True, topic_allow_declare=False, broker_commit_interval=0.2,
    stream_wait_empty=False, consumer_auto_offset_reset="earliest")
source = app.topic(topic, acks=acks == "acks", value_type=bytes, value_serializer="raw",
    key_type=bytes, key_serializer="raw")
seen = []

@app.agent(source)
async def agent(stream):
    async for value in stream:
        if value == b"5" and b"raised" not in seen:
            seen.append(b"raised")
            raise ValueError("5 is not liked")
        seen.append(value)

async def main():
    app.finalize()
    await app.start()
    while b"9" not in seen:
        await asyncio.sleep(0.1)
    await asyncio.sleep(2)
    print(b" ".join(seen).decode(), flush=True)
    await app.stop()

asyncio.run(main())
"""


@pytest.fixture
def topic(broker: str, prefix: str) -> str:
    """Ten records, 0 to 9, in one partition."""
    with closing(KafkaAdminClient(bootstrap_servers=broker)) as admin:
        admin.create_topics({f"{prefix}in": {"num_partitions": 1}}, wait_for_metadata=True)
    with closing(KafkaProducer(bootstrap_servers=broker)) as producer:
        for n in range(10):
            producer.send(f"{prefix}in", b"%d" % n).get(30)
    return f"{prefix}in"


def run(broker: str, topic: str, group: str, acks: str) -> list[str]:
    """What an agent saw that raises at the first 5 it gets."""
    said = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", LOSING, broker, topic, group, acks],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    return said.stdout.split()


def committed(broker: str, group: str, topic: str) -> int | None:
    with closing(KafkaAdminClient(bootstrap_servers=broker)) as admin:
        offsets = admin.list_group_offsets({group: None})[group]
    said = offsets.get(TopicPartition(topic, 0))
    return None if said is None else said.offset


def test_an_agent_that_raises_loses_its_event_though_the_offset_moves_on(
    broker: str, topic: str, prefix: str
) -> None:
    assert run(broker, topic, f"{prefix}g", "acks") == [*"01234", "raised", *"6789"]
    assert committed(broker, f"{prefix}g", topic) == 10


def test_without_acknowledgements_faust_moves_no_offset(
    broker: str, topic: str, prefix: str
) -> None:
    run(broker, topic, f"{prefix}g", "none")
    assert committed(broker, f"{prefix}g", topic) is None


def test_the_versions_are_those_whose_inside_was_looked_at() -> None:
    assert (version("faust-streaming"), version("aiokafka")) == ("0.15.3", "0.14.0")
