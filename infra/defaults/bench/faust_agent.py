"""A plain Faust agent that adds up by key.

python faust_agent.py BROKER TOPIC EVENTS
"""

import os
import sys
import tempfile
from typing import Any

import faust

BROKER, TOPIC, EVENTS = sys.argv[1], sys.argv[2], int(sys.argv[3])
app = faust.App(
    f"plain-{TOPIC}-{EVENTS}",
    broker=f"kafka://{BROKER}",
    web_enabled=False,
    topic_disable_leader=True,
    value_serializer="json",
    datadir=tempfile.mkdtemp(prefix="replan-bench-"),
    consumer_auto_offset_reset="earliest",
)
source = app.topic(TOPIC)
sums: dict[str, float] = {}


@app.agent(source)
async def add_up(stream: Any) -> None:
    """Add up, and end after the last event."""
    seen = 0
    async for event in stream:
        subject = event["subject"]
        sums[subject] = sums.get(subject, 0) + event["data"].get("qty", 0)
        seen += 1
        if seen == EVENTS:
            os._exit(0)


if __name__ == "__main__":
    faust.Worker(app, loglevel="ERROR", redirect_stdouts=False).execute_from_commandline()
