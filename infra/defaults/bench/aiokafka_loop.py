"""The least that can be done with a topic: read, parse, add up by key, commit.

python aiokafka_loop.py BROKER TOPIC EVENTS
"""

import asyncio
import sys

import orjson
from aiokafka import AIOKafkaConsumer


async def main(broker: str, topic: str, events: int) -> None:
    """Read so many events."""
    consumer = AIOKafkaConsumer(
        topic,
        bootstrap_servers=broker,
        group_id=f"bare-{topic}-{events}",
        auto_offset_reset="earliest",
        enable_auto_commit=False,
    )
    await consumer.start()
    sums: dict[str, float] = {}
    seen = 0
    while seen < events:
        for records in (await consumer.getmany(timeout_ms=1000, max_records=500)).values():
            for record in records:
                said = orjson.loads(record.value)
                for event in said if isinstance(said, list) else [said]:
                    subject = event["subject"]
                    sums[subject] = sums.get(subject, 0) + event["data"].get("qty", 0)
                    seen += 1
        await consumer.commit()
    await consumer.stop()


asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
