"""Are topics that would lose events refused, and is what was lost found?"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

import pytest

from replan.streams.log_slices import Partition
from replan.streams.topic_check import Gap, TopicFound, gaps, judge_topics
from replan.streams.topics import TopicNames, TopicPlan, plans

PLANS = plans(TopicNames(), partitions=4, retention=None)
DAY_MS = 86_400_000


def as_planned(plan: TopicPlan) -> TopicFound:
    stamp = {"message.timestamp.type": "CreateTime", "retention.ms": "-1"}
    return TopicFound(
        name=plan.name,
        topic_id=plan.table,
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


P0 = Partition("replan.pos", 0)


def lost(
    stood: int, begin: int, end: int, known: str = "pos", found: Mapping[str, TopicFound] = FOUND
) -> list[Gap]:
    return gaps({P0: stood}, {"replan.pos": known}, found, {P0: begin}, {P0: end})


def test_a_log_that_goes_on_where_it_was_left_has_no_gap() -> None:
    assert lost(10, begin=3, end=10) == []


def test_records_that_were_deleted_before_they_were_read_are_a_gap() -> None:
    assert lost(10, begin=15, end=20) == [Gap(P0, "retention", 10, 15)]


def test_a_log_that_ends_before_where_it_was_read_was_made_anew() -> None:
    assert lost(10, begin=0, end=4) == [Gap(P0, "recreated", 10, 4)]


def test_a_topic_with_another_id_was_made_anew_however_long_it_is() -> None:
    assert lost(10, begin=0, end=40, known="another") == [Gap(P0, "recreated", 10, 40)]


def test_a_topic_that_is_gone_is_a_gap() -> None:
    assert lost(10, begin=0, end=10, found={}) == [Gap(P0, "missing", 10, 10)]
