"""Are the topics as they must be? Judged by what was found.

An error would lose events, so nothing is read before it is mended; a warning is told and borne.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta

from replan.findings import Finding, Severity
from replan.streams.topics import APPEND_TIME, FOR_EVER, INPUTS, MASTERS, MIN_RETENTION, TopicPlan


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicFound:
    """A topic as the cluster has it; `id`: what it was given when it was made."""

    name: str
    partitions: int
    settings: Mapping[str, str]
    id: str = ""


def judge_topics(
    plans: Iterable[TopicPlan], found: Mapping[str, TopicFound], *, by_arrival: bool
) -> list[Finding]:
    """What is wrong with the topics: an error would lose events or stop the run, a warning not.

    `by_arrival`: whether the time at which the broker took a record counts (database clock).
    """
    findings = []
    for plan in plans:
        there = found.get(plan.name)
        if there is None:
            findings.append(_finding(plan, "missing", None, "does not exist: replan topics create"))
        else:
            findings += _judge(plan, there, by_arrival=by_arrival)
    return findings


def _judge(plan: TopicPlan, there: TopicFound, *, by_arrival: bool) -> Iterator[Finding]:
    if there.partitions != plan.partitions:
        text = (
            f"has {there.partitions} partitions, the settings say {plan.partitions}; all of them "
            "are read, and no result depends on their number"
        )
        yield _finding(plan, "partitions", str(there.partitions), text, severity="warning")
    if plan.table not in INPUTS:
        return
    policies = there.settings["cleanup.policy"].split(",")
    if plan.table != MASTERS and policies != ["delete"]:
        written = ",".join(policies)
        text = f"has cleanup.policy {written}, so events would vanish one by one: it must be delete"
        yield _finding(plan, "cleanup.policy", written, text)
    is_deleted = "delete" in policies and there.settings["retention.ms"] != FOR_EVER
    if is_deleted:
        yield from _judge_retention(plan, there.settings["retention.ms"])
    stamp = there.settings["message.timestamp.type"]
    if stamp != APPEND_TIME:
        # Where nothing is deleted by time and the log clock counts, the stamp decides nothing.
        yield _finding(
            plan,
            "message.timestamp.type",
            stamp,
            f"has message.timestamp.type {stamp}; with {APPEND_TIME} a record's time is when it "
            "arrived, whatever its producer says",
            severity="error" if by_arrival or is_deleted else "warning",
        )


def _judge_retention(plan: TopicPlan, kept_ms: str) -> Iterator[Finding]:
    kept = timedelta(milliseconds=int(kept_ms))
    if kept < MIN_RETENTION:
        text = f"has retention.ms {kept_ms}, less than the {MIN_RETENTION.days}d that inputs keep"
        yield _finding(plan, "retention.ms", kept_ms, text)
    elif plan.retention is None or kept < plan.retention:
        promised = "for ever" if plan.retention is None else f"for {plan.retention.days}d"
        text = f"has retention.ms {kept_ms}, the settings promise to keep events {promised}"
        yield _finding(plan, "retention.ms", kept_ms, text, severity="warning")


def _finding(
    plan: TopicPlan, rule: str, value: str | None, text: str, severity: Severity = "error"
) -> Finding:
    return Finding(
        severity=severity,
        file="kafka",
        line=None,
        value=value,
        rule=rule,
        message=f"topic {plan.name} {text}",
    )
