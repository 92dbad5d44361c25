"""Which topics does a cluster have? Finds them and makes them.

Nothing makes a topic by the way: `replan topics create` does, and else nobody.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from kafka import KafkaAdminClient
from kafka.admin import ConfigResource, ConfigResourceType
from kafka.errors import KafkaError, TopicAlreadyExistsError

from replan.errors import SourceAway
from replan.infra.workspace.kafka_settings import Connection
from replan.streams.topic_check import TopicFound
from replan.streams.topics import TopicPlan

ASK_WITHIN_MS = 30_000


@contextmanager
def opened_admin(connection: Connection) -> Iterator[KafkaAdminClient]:
    """A client for questions about topics. SourceAway where no broker answers, or one refuses."""
    try:
        admin = KafkaAdminClient(
            client_id="replan-admin",
            request_timeout_ms=ASK_WITHIN_MS,
            **connection.for_kafka_python(),
        )
    except KafkaError as trouble:
        raise SourceAway(f"{connection}: {_said(trouble)}") from trouble
    try:
        yield admin
    except KafkaError as trouble:
        raise SourceAway(f"{connection}: {_said(trouble)}") from trouble
    finally:
        admin.close()


def find_topics(admin: KafkaAdminClient, names: Sequence[str]) -> dict[str, TopicFound]:
    """The topics of these names that exist."""
    described = {
        one["name"]: one for one in admin.describe_topics(sorted(names)) if one["error_code"] == 0
    }
    if not described:
        return {}
    asked = [ConfigResource(ConfigResourceType.TOPIC, name) for name in sorted(described)]
    settings = admin.describe_configs(asked, config_filter="All")["topic"]
    return {
        name: TopicFound(
            name=name,
            partitions=len(one["partitions"]),
            settings={key: str(said["value"]) for key, said in settings[name].items()},
            id=str(one.get("topic_id") or ""),
        )
        for name, one in sorted(described.items())
    }


def create_topics(
    admin: KafkaAdminClient, plans: Iterable[TopicPlan], replication: int
) -> list[dict[str, Any]]:
    """Make what is missing and leave alone what is there; per topic its name and whether it is new.

    `replication` 0: as the cluster's default says.
    """
    rows = []
    for plan in plans:
        wanted = {
            "num_partitions": plan.partitions,
            "replication_factor": replication or -1,
            "configs": dict(plan.settings),
        }
        try:
            admin.create_topics({plan.name: wanted}, wait_for_metadata=True)
            created = True
        except TopicAlreadyExistsError:
            created = False
        rows.append({"topic": plan.name, "table": plan.table, "created": created})
    return rows


def _said(trouble: KafkaError) -> str:
    return str(trouble).split("\n")[0][:400]  # which begins with the name of its kind
