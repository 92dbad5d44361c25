"""A Bytewax flow that adds up by key in its state, to the end of the topic.

python bytewax_state.py BROKER TOPIC EVENTS
"""

import sys
from typing import Any

import bytewax.operators as op
import orjson
from bytewax.connectors.kafka import KafkaSource
from bytewax.dataflow import Dataflow
from bytewax.testing import TestingSink, run_main

BROKER, TOPIC = sys.argv[1], sys.argv[2]


def parse(record: Any) -> tuple[str, float]:
    """The event of a record."""
    event = orjson.loads(record.value)
    return event["subject"], event["data"].get("qty", 0)


def add_up(total: float | None, qty: float) -> tuple[float, float]:
    """The sum of this key so far."""
    total = (total or 0) + qty
    return total, total


flow = Dataflow("sums")
records = op.input("read", flow, KafkaSource([BROKER], [TOPIC], tail=False))
pairs = op.map("parse", records, parse)
sums = op.stateful_map("add_up", pairs, add_up)
op.output("nowhere", op.filter("drop", sums, lambda _: False), TestingSink([]))
run_main(flow)
