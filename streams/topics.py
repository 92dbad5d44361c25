"""Which topics are there, what are they called, and what must hold of each? Names and promises.

Events come in on topics of their kind, travel inside in blocks on `facts`, and what the engine says
goes out on topics of its own. A table is what a topic is called here (`pos`); its topic's name in a
cluster has a prefix, or is another one altogether.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

INPUTS: Final = ("pos", "inventory", "supply", "logistics", "masters", "human", "acks")
"""What is read: the event store, from which a run that died reads again."""

MASTERS: Final = "masters"
FACTS: Final = "facts"
OUTPUTS: Final = ("accepted", "commands", "decisions", "escalations", "notifications", "dlq")

TABLES: Final = (*INPUTS, FACTS, *OUTPUTS)

MIN_RETENTION: Final = timedelta(days=7)
"""What inputs must keep at least: whoever is away for a long weekend finds all of it again."""

FACTS_RETENTION: Final = timedelta(days=1)
"""Blocks are copies. What is gone of them is read from the inputs."""

MAX_MESSAGE_BYTES: Final = 1024 * 1024
"""The largest batch of records that a topic takes: an event of 256 KiB, or a block."""

FOR_EVER: Final = "-1"
APPEND_TIME: Final = "LogAppendTime"


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicNames:
    """The names of topics: a prefix before the table, but for those that are renamed."""

    prefix: str = "replan."
    renamed: Mapping[str, str] = field(default_factory=dict)

    def of(self, table: str) -> str:
        """The topic of a table."""
        return self.renamed.get(table, self.prefix + table)

    @property
    def inputs(self) -> tuple[str, ...]:
        """The topics that are read, in a fixed order."""
        return tuple(self.of(table) for table in INPUTS)


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicPlan:
    """How a topic is to be made: partitions, and its settings in Kafka's own words."""

    table: str
    name: str
    partitions: int
    retention: timedelta | None
    """How long records are kept; None: for ever."""
    settings: Mapping[str, str]


def plans(names: TopicNames, partitions: int, retention: timedelta | None) -> tuple[TopicPlan, ...]:
    """Every topic as `replan topics create` makes it; `retention` None: kept for ever."""
    return tuple(
        TopicPlan(
            table=table,
            name=names.of(table),
            partitions=partitions,
            retention=FACTS_RETENTION if table == FACTS else retention,
            settings=_settings(table, retention),
        )
        for table in TABLES
    )


def _settings(table: str, retention: timedelta | None) -> dict[str, str]:
    keep_ms = FOR_EVER if retention is None else _milliseconds(retention)
    settings = {"cleanup.policy": "delete", "max.message.bytes": str(MAX_MESSAGE_BYTES)}
    if table == FACTS:
        return settings | {"retention.ms": _milliseconds(FACTS_RETENTION)}
    if table in INPUTS:
        # Kafka deletes by the record's time, which a producer could set to years ago.
        settings["message.timestamp.type"] = APPEND_TIME
    if table == MASTERS:
        # The newest statement about a thing stays for ever; older ones as long as a run that died
        # may need to read them again.
        lag = _milliseconds(max(MIN_RETENTION, retention or MIN_RETENTION))
        compact = {"min.compaction.lag.ms": lag, "delete.retention.ms": lag}
        return settings | {"cleanup.policy": "compact", **compact}
    return settings | {"retention.ms": keep_ms}


def _milliseconds(span: timedelta) -> str:
    """A stretch of time as Kafka writes it."""
    return str(span // timedelta(milliseconds=1))
