"""Are topics that would lose events refused?"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

import pytest

from replan.streams.topic_check import TopicFound, judge_topics
from replan.streams.topics import TopicNames, TopicPlan, plans

PLANS = plans(TopicNames(), partitions=4, retention=None)
DAY_MS = 86_400_000


def as_planned(plan: TopicPlan) -> TopicFound:
    stamp = {"message.timestamp.type": "CreateTime", "retention.ms": "-1"}
    return TopicFound(
        name=plan.name,
        partitions=plan.partitions,
        settings=stamp | dict(plan.settings),
    )


FOUND = {plan.name: as_planned(plan) for plan in PLANS}


def with_pos(partitions: int = 4, **settings: str) -> dict[str, TopicFound]:
    changed = {key.replace("_", "."): value for key, value in settings.items()}
    pos = FOUND["replan.pos"]
    pos = replace(pos, partitions=partitions, settings={**pos.settings, **changed})
    return FOUND | {"replan.pos": pos}


def told(found: Mapping[str, TopicFound], *, by_arrival: bool = True) -> list[tuple[str, str]]:
    return [(f.severity, f.rule) for f in judge_topics(PLANS, found, by_arrival=by_arrival)]


def test_topics_as_they_are_made_have_nothing_wrong() -> None:
    assert told(FOUND) == []


def test_every_missing_topic_is_named() -> None:
    found = {n: t for n, t in FOUND.items() if n not in ("replan.pos", "replan.dlq")}
    wrong = judge_topics(PLANS, found, by_arrival=True)
    assert [(f.rule, f.message.split()[1]) for f in wrong] == [
        ("missing", "replan.pos"),
        ("missing", "replan.dlq"),
    ]


@pytest.mark.parametrize("partitions", [2, 8])
def test_another_number_of_partitions_is_told_and_borne(partitions: int) -> None:
    assert told(with_pos(partitions)) == [("warning", "partitions")]


def test_a_compacted_input_would_lose_events_one_by_one() -> None:
    assert told(with_pos(cleanup_policy="compact")) == [("error", "cleanup.policy")]


def test_events_that_are_deleted_within_a_week_are_refused() -> None:
    assert told(with_pos(retention_ms=str(6 * DAY_MS))) == [("error", "retention.ms")]


def test_events_that_are_kept_for_less_than_promised_are_told() -> None:
    assert told(with_pos(retention_ms=str(30 * DAY_MS))) == [("warning", "retention.ms")]


def test_events_that_are_kept_as_long_as_promised_are_fine() -> None:
    promised = plans(TopicNames(), partitions=4, retention=timedelta(days=30))
    found = {plan.name: as_planned(plan) for plan in promised}
    assert judge_topics(promised, found, by_arrival=True) == []


def test_a_producers_stamp_is_refused_where_arrival_counts() -> None:
    found = with_pos(message_timestamp_type="CreateTime")
    assert told(found, by_arrival=True) == [("error", "message.timestamp.type")]
    assert told(found, by_arrival=False) == [("warning", "message.timestamp.type")]


def test_a_producers_stamp_is_refused_where_old_records_are_deleted_by_it() -> None:
    found = with_pos(message_timestamp_type="CreateTime", retention_ms=str(30 * DAY_MS))
    assert ("error", "message.timestamp.type") in told(found, by_arrival=False)
