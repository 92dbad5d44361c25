"""Quix Streams that adds up by key in its state store, with its changelog topic.

python quix_state.py BROKER TOPIC EVENTS
"""

import sys
import tempfile
from typing import Any

from quixstreams import Application

BROKER, TOPIC, EVENTS = sys.argv[1], sys.argv[2], int(sys.argv[3])
app = Application(
    broker_address=BROKER,
    consumer_group=f"quix-{TOPIC}-{EVENTS}",
    auto_offset_reset="earliest",
    state_dir=tempfile.mkdtemp(prefix="replan-bench-"),
    loglevel="ERROR",
)


def add_up(event: Any, state: Any) -> Any:
    """The sum of this key so far."""
    total = state.get("total", 0) + event["data"].get("qty", 0)
    state.set("total", total)
    return total


frame = app.dataframe(app.topic(TOPIC, value_deserializer="json", key_deserializer="str"))
frame = frame.apply(add_up, stateful=True)
app.run(count=EVENTS)
