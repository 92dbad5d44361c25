"""What do the commands do with topics? Make them and judge them, by the settings of a workspace."""

from pathlib import Path
from typing import Any

from replan.findings import Finding
from replan.infra.kafka.admin import create_topics, find_topics, opened_admin
from replan.infra.rules import refuse_to_run
from replan.infra.workspace.folder import open_workspace
from replan.infra.workspace.kafka_settings import connection
from replan.infra.workspace.settings import SETTINGS_FILE, Settings
from replan.streams.topic_check import TopicFound, judge_topics
from replan.streams.topics import TopicPlan, plans


def create_all(root: Path, partitions: int | None) -> tuple[list[dict[str, Any]], list[Finding]]:
    """Per topic whether it was made now, and what is wrong with those that were there."""
    settings = _settings(root)
    wanted = _plans(settings, partitions)
    with opened_admin(connection(settings.kafka, root)) as admin:
        rows = create_topics(admin, wanted, settings.kafka.replication)
        found = find_topics(admin, [plan.name for plan in wanted])
    by_arrival = settings.clock == "database"
    return rows, judge_topics(wanted, found, by_arrival=by_arrival)


def check_all(root: Path) -> list[Finding]:
    """What is wrong with the topics of a workspace."""
    return check_topics(_settings(root), root)


def check_topics(settings: Settings, root: Path) -> list[Finding]:
    """What is wrong with the topics that settings name. SourceAway where no broker answers."""
    return judged_topics(settings, root)[1]


def judged_topics(settings: Settings, root: Path) -> tuple[dict[str, TopicFound], list[Finding]]:
    """The topics that settings name as far as they are there, and what is wrong with them."""
    wanted = _plans(settings, None)
    with opened_admin(connection(settings.kafka, root)) as admin:
        found = find_topics(admin, [plan.name for plan in wanted])
    return found, judge_topics(wanted, found, by_arrival=settings.clock == "database")


def _settings(root: Path) -> Settings:
    workspace = open_workspace(root)
    refuse_to_run([f for f in workspace.findings if f.file == SETTINGS_FILE])
    return workspace.settings


def _plans(settings: Settings, partitions: int | None) -> tuple[TopicPlan, ...]:
    kafka = settings.kafka
    return plans(kafka.names, partitions or kafka.partitions, kafka.retention)
