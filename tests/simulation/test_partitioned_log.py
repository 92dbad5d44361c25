"""A log of any number of partitions decides as the same events in a file do, and so does a run
that was cut off at any moment and went on elsewhere.
"""

import json
import random
import re
import shutil
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from replan.errors import DataLost, NotSo
from replan.infra.engine.timers import MinuteTimers
from replan.infra.kafka.lost_records import accept, found
from replan.infra.kafka.segments import DatabaseClockMarks, LogClockMarks, LogSegments
from replan.infra.rules import open_ledger
from replan.infra.running.run import run_workspace
from replan.infra.wiring import file_ends, opened_engine
from replan.infra.workspace.folder import open_workspace
from replan.streams.log_slices import Partition, Read
from tests.busy_world import arrival_of, busy_lines, shuffled, write_busy_world
from tests.crash.lives import seen
from tests.simulation.fake_log import TOPICS, FakeLog, LiveLog, spread

MADE_FIRST = {topic: f"{topic}, made first" for topic in TOPICS}
SAME = ("clock", "decisions", "decisions_digest", "state_digest", "actions", "sent")
INSIDE_THE_BOUND = timedelta(hours=40)


class Cut(BaseException):
    """The process is gone at this point."""


def lines() -> list[str]:
    """The busy world's lines that say when they arrived: others stand with a line before them,
    which partitions do not keep.
    """
    return [line for line in busy_lines() if arrival_of(line) is not None]


def run_on(
    root: Path,
    log: FakeLog,
    *,
    cut_after: int | None = None,
    topics: Mapping[str, str] | None = None,
) -> bool:
    """Run a workspace over a log to its end; False if it was cut off after so many questions to the
    ledger. `topics`: the ids that the cluster gave its topics.
    """
    workspace = open_workspace(root)
    ledger = open_ledger(workspace)
    begin = ledger.transaction
    begun = 0

    def transaction() -> Any:
        nonlocal begun
        begun += 1
        if begun == cut_after:
            raise Cut
        return begin()

    ledger.transaction = transaction  # type: ignore[method-assign]
    time = workspace.settings.time
    segments = LogSegments(
        ledger,
        log,
        LogClockMarks(time.lateness),
        until_end=True,
        max_jump=time.max_jump,
        slice_records=50,
        topics=topics,
    )
    ends = replace(file_ends(workspace, ledger), segments=segments)
    try:
        with suppress(Cut), opened_engine(workspace, ledger, "live", ends=ends) as engine:
            engine.run_until_end()
            return True
        return False
    finally:
        ledger.close()


@pytest.fixture(scope="module")
def by_file(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    root = write_busy_world(tmp_path_factory.mktemp("file") / "world", events=lines())
    run_workspace(root, source=None, until_end=True, mode=None)
    return only_same(seen(root, replay=False))


def only_same(found: dict[str, Any]) -> dict[str, Any]:
    return {name: found[name] for name in SAME}


def no_files(root: Path) -> Path:
    return write_busy_world(root, events=())


@pytest.mark.parametrize("partitions", [1, pytest.param(3, marks=pytest.mark.slow)])
def test_a_log_of_any_partitions_decides_as_a_file_does(
    by_file: dict[str, Any], tmp_path: Path, partitions: int
) -> None:
    root = no_files(tmp_path / "world")
    shuffled_lines = shuffled(lines(), seed=partitions, reach=INSIDE_THE_BOUND)
    log = FakeLog(spread(shuffled_lines, partitions=partitions, seed=partitions), seed=partitions)
    assert run_on(root, log)
    assert by_file["sent"], "the world must act"
    assert only_same(seen(root, replay=True)) == by_file


def test_partitions_that_begin_with_something_unreadable_neither_stop_nor_hold_back_the_others(
    by_file: dict[str, Any], tmp_path: Path
) -> None:
    root = no_files(tmp_path / "world")
    records = spread(lines(), partitions=2, seed=3)
    poisoned = {partition: [b"{ no", *found] for partition, found in records.items()}
    assert run_on(root, FakeLog(poisoned, seed=3))
    assert only_same(seen(root, replay=False)) == by_file


def cuts() -> Iterator[int]:
    rng = random.Random(7)
    while True:
        yield rng.randint(2, 20)


@pytest.mark.slow
def test_a_run_that_is_cut_off_again_and_again_decides_the_same(
    by_file: dict[str, Any], tmp_path: Path
) -> None:
    root = no_files(tmp_path / "world")
    records = spread(lines(), partitions=2, seed=3)
    died = 0
    for n, after in enumerate(cuts()):
        # Another process each time, and the log hands its records over differently.
        log = FakeLog(records, seed=n)
        if run_on(root, log, cut_after=after):
            break
        died += 1
    assert died > 5, "it must have been cut off"
    assert log.read_again > 0, "what was judged since the snapshot is read again"
    assert only_same(seen(root, replay=True)) == by_file


@pytest.mark.slow
def test_a_log_that_grows_is_gone_on_with(by_file: dict[str, Any], tmp_path: Path) -> None:
    root = no_files(tmp_path / "world")
    whole = spread(lines(), partitions=2, seed=5)
    half = {partition: found[: len(found) // 2] for partition, found in whole.items()}
    assert run_on(root, FakeLog(half, seed=1))
    assert run_on(root, FakeLog(whole, seed=2))
    found = seen(root, replay=True)
    assert sum(found["events"].values()) == len(lines())


def test_on_the_clock_of_the_database_ticks_come_by_time(
    by_file: dict[str, Any], tmp_path: Path
) -> None:
    root = no_files(tmp_path / "world")
    settings = root / "replan.toml"
    settings.write_text(settings.read_text().replace("[time]", '[time]\nclock = "database"'))
    workspace = open_workspace(root)
    ledger = open_ledger(workspace)
    first, last = (arrival_of(lines()[n]) for n in (0, -1))
    assert first is not None
    assert last is not None
    records = spread(lines(), partitions=2, seed=8)
    log = LiveLog(records, seed=8, begins=first, step=timedelta(hours=1))
    segments = LogSegments(
        ledger,
        log,
        DatabaseClockMarks(lambda: log.now),
        until_end=False,
        max_jump=timedelta.max,
        every=workspace.settings.ticks.planning,
        goes_on=lambda: log.now <= last,
    )
    ends = replace(file_ends(workspace, ledger), segments=segments)
    with opened_engine(workspace, ledger, "live", ends=ends) as engine:
        engine.run_until_end()
    ledger.close()
    assert [i for i, _ in seen(root, replay=True)["decisions"]] == [
        i for i, _ in by_file["decisions"]
    ]


@pytest.mark.slow
def test_on_the_clock_of_the_database_a_deadline_passes_between_two_ticks(tmp_path: Path) -> None:
    """A4: there timers also fire once a minute."""
    root = no_files(tmp_path / "world")
    settings = root / "replan.toml"
    told = settings.read_text().replace("[time]", '[time]\nclock = "database"')
    settings.write_text(re.sub('planning = ".*"', 'planning = "24h"', told))
    workspace = open_workspace(root)
    ledger = open_ledger(workspace)
    first, last = (arrival_of(lines()[n]) for n in (0, -1))
    assert first is not None
    assert last is not None
    log = LiveLog(
        spread(lines(), partitions=1, seed=8), seed=8, begins=first, step=timedelta(hours=1)
    )
    timers = MinuteTimers(ledger)
    segments = LogSegments(
        ledger,
        log,
        DatabaseClockMarks(lambda: log.now),
        until_end=False,
        max_jump=timedelta.max,
        every=workspace.settings.ticks.planning,
        goes_on=lambda: log.now <= last + timedelta(days=4),
        wakes=lambda at: bool(timers.due(at)),
    )
    ends = replace(file_ends(workspace, ledger), segments=segments)
    with opened_engine(workspace, ledger, "live", ends=ends) as engine:
        engine.run_until_end()
    ledger.close()
    with sqlite3.connect(root / "ledger.db") as rows:
        moves = [json.loads(body) for (body,) in rows.execute("select body from decision_move")]
    over = [move for move in moves if move["changes"].get("state") == "expired"]
    moments = [datetime.fromisoformat(move["at"]) for move in over]
    assert [at for at in moments if (at.hour, at.minute) != (0, 0)]
    assert seen(root, replay=True)


@pytest.fixture
def half_read(tmp_path: Path) -> tuple[Path, dict[Partition, list[bytes]]]:
    """A workspace that has read ten records of each topic, and all the records."""
    root = no_files(tmp_path / "world")
    with (root / "planners.yaml").open("a") as planners:
        for login in ("op-1", "op-2"):
            planners.write(
                f"- {{login: {login}, roles: [operator], regions: ['*'], limit_minor: 0, "
                "delegate_to: null, active: true}\n"
            )
    whole = spread(lines(), partitions=1, seed=5)
    assert run_on(
        root, FakeLog({p: found[:10] for p, found in whole.items()}, seed=1), topics=MADE_FIRST
    )
    return root, whole


def test_records_that_were_not_read_and_are_gone_stop_the_engine_until_two_people_say_so(
    half_read: tuple[Path, dict[Partition, list[bytes]]],
) -> None:
    root, whole = half_read
    log = FakeLog(whole, seed=2)
    log.lost[Partition("pos", 0)] = 13
    with pytest.raises(DataLost, match=r"pos-0: offsets 10 to 12 were not read") as loss:
        run_on(root, log)
    workspace = open_workspace(root)
    ledger = open_ledger(workspace)
    at = ledger.clock()
    assert at is not None
    found(ledger, loss.value, at)
    found(ledger, loss.value, at)

    def accepted_by(login: str) -> str:
        reason = "the disk was full"
        return accept(ledger, workspace.people, "pos-0", login=login, reason=reason, at=at)

    assert [(a.kind, a.scope.source, a.closed_at) for a in ledger.alarms()] == [
        ("data_loss", "pos-0", None)
    ]
    assert accepted_by("op-1") == "asked"
    with pytest.raises(NotSo, match="same_approver: op-1"):
        accepted_by("op-1")
    with pytest.raises(DataLost):
        run_on(root, log)
    assert accepted_by("op-2") == "accepted"
    assert [a.closed_at for a in ledger.alarms()] == [at]
    assert ledger.verify_audit().ok
    ledger.close()
    assert run_on(root, log)
    assert sum(seen(root, replay=True)["events"].values()) == len(lines()) - 3


def accept_loss(root: Path, log: FakeLog) -> None:
    """Run into a loss, and let two operators declare it."""
    with pytest.raises(DataLost) as loss:
        run_on(root, log, topics=MADE_FIRST)
    workspace = open_workspace(root)
    ledger = open_ledger(workspace)
    at = ledger.clock()
    assert at is not None
    found(ledger, loss.value, at)
    for login in ("op-1", "op-2"):
        accept(ledger, workspace.people, "pos-0", login=login, reason="the disk was full", at=at)
    ledger.close()


def held(root: Path) -> list[dict[str, Any]]:
    """What is on hold by the newest snapshot."""
    ledger = open_ledger(open_workspace(root))
    snapshot = ledger.latest_snapshot()
    ledger.close()
    assert snapshot is not None
    header = snapshot.body.partition(b"\0")[0].partition(b"\n")[2]
    plain = json.loads(header)
    return [hold for hold in plain["holds"]["holds"] if hold["kind"] == "feed"]


def test_who_spoke_where_records_were_lost_is_on_hold_for_a_day(
    half_read: tuple[Path, dict[Partition, list[bytes]]],
) -> None:
    root, whole = half_read
    spoke = sorted({json.loads(line)["source"] for line in whole[Partition("pos", 0)][:10]})
    log = FakeLog({p: found[:15] for p, found in whole.items()}, seed=2)
    log.lost[Partition("pos", 0)] = 13
    accept_loss(root, log)
    assert held(root) == []
    assert run_on(root, log, topics=MADE_FIRST)
    assert [hold["name"] for hold in held(root)] == spoke
    assert "offsets 10 to 12 of pos-0 were lost" in held(root)[0]["text"]
    assert run_on(
        root, FakeLog({p: found[:60] for p, found in whole.items()}, seed=3), topics=MADE_FIRST
    )
    assert held(root) == [], "a day later machines may act again"


def test_a_run_that_is_cut_off_after_a_loss_believes_what_one_that_is_not_does(
    half_read: tuple[Path, dict[Partition, list[bytes]]], tmp_path: Path
) -> None:
    root, whole = half_read
    log = FakeLog({p: found[:40] for p, found in whole.items()}, seed=2)
    log.lost[Partition("pos", 0)] = 13
    accept_loss(root, log)
    copied = shutil.copytree(root, tmp_path / "copied")
    assert run_on(copied, log, topics=MADE_FIRST)
    cut_after = 2
    while not run_on(root, log, cut_after=cut_after, topics=MADE_FIRST):
        cut_after += 1
    assert cut_after > 5, "it must have been cut off at every step"
    assert held(root) == held(copied)
    assert only_same(seen(root, replay=False)) == only_same(seen(copied, replay=False))


def test_a_topic_that_was_made_anew_is_not_taken_for_the_old_one(
    half_read: tuple[Path, dict[Partition, list[bytes]]],
) -> None:
    root, whole = half_read
    fresh = {p: found[:4] if p.topic == "pos" else found for p, found in whole.items()}
    with pytest.raises(DataLost, match=r"pos-0: was read up to offset 10 and the topic was made"):
        run_on(root, FakeLog(fresh, seed=2))


def test_a_topic_made_anew_that_goes_further_than_the_old_one_is_known_by_its_id(
    half_read: tuple[Path, dict[Partition, list[bytes]]],
) -> None:
    root, whole = half_read
    anew = MADE_FIRST | {"pos": "made after"}
    with pytest.raises(DataLost, match=r"pos-0: was read up to offset 10 and the topic") as loss:
        run_on(root, FakeLog(whole, seed=2), topics=anew)
    workspace = open_workspace(root)
    ledger = open_ledger(workspace)
    at = ledger.clock()
    assert at is not None
    found(ledger, loss.value, at)
    for login in ("op-1", "op-2"):
        accept(ledger, workspace.people, "pos-0", login=login, reason="made anew", at=at)
    ledger.close()
    assert run_on(root, FakeLog(whole, seed=2), topics=anew)
    again = sum(seen(root, replay=True)["events"].values()) - len(lines())
    assert again == 10, "what stands in the new topic is read from its beginning"
    with pytest.raises(DataLost):
        run_on(root, FakeLog(whole, seed=2), topics=MADE_FIRST | {"pos": "made once more"})


class MuteLog(LiveLog):
    """A live log with one partition that has records and hands none over."""

    mute = Partition("supply", 0)

    def take(self, partition: Partition, first: int, end: int) -> Sequence[Read]:
        """Nothing of that one."""
        return () if partition == self.mute else super().take(partition, first, end)


def test_a_partition_that_brings_nothing_holds_up_the_ticks_no_longer_than_it_may(
    tmp_path: Path,
) -> None:
    root = no_files(tmp_path / "world")
    settings = root / "replan.toml"
    settings.write_text(settings.read_text().replace("[time]", '[time]\nclock = "database"'))
    workspace = open_workspace(root)
    ledger = open_ledger(workspace)
    first, last = (arrival_of(lines()[n]) for n in (0, -1))
    assert first is not None
    assert last is not None
    records = spread(lines(), partitions=1, seed=8)
    log = MuteLog(records, seed=8, begins=first, step=timedelta(hours=6))
    segments = LogSegments(
        ledger,
        log,
        DatabaseClockMarks(lambda: log.now, workspace.settings.ticks.max_wait),
        until_end=False,
        max_jump=timedelta.max,
        every=workspace.settings.ticks.planning,
        goes_on=lambda: log.now <= last,
    )
    ends = replace(file_ends(workspace, ledger), segments=segments)
    with opened_engine(workspace, ledger, "live", ends=ends) as engine:
        engine.run_until_end()
    clock, newest = ledger.clock(), ledger.newest_segment()
    others = sum(len(found) for partition, found in records.items() if partition != log.mute)
    judged = sum(ledger.counts().values())
    ledger.close()
    assert clock is not None
    assert last - clock < timedelta(days=1), "ticks go on"
    assert judged > 0.9 * others, "and the other partitions are read"
    assert newest is not None
    assert newest.cut is not None
    assert newest.cut.left_out == (log.mute,)
    ranges = {part.partition: part for part in newest.cut.ranges}
    assert ranges[log.mute].end == 0
    assert ranges[log.mute].high is not None
    assert ranges[log.mute].high > 0, "how far it goes is on record, for whoever asks for the lag"
