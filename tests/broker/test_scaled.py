"""One log decides alike while workers come and go in the middle of it, and while it is written."""

import itertools
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from kafka import KafkaProducer

from replan.infra.ledger.store import Ledger
from replan.infra.rules import open_ledger
from replan.infra.running.run import run_workspace
from replan.infra.running.topics import create_all
from replan.infra.workspace.folder import open_workspace
from replan.infra.workspace.kafka_settings import connection
from tests.broker.kafka_world import lines, only_same, seen_over_kafka, write_kafka_world
from tests.busy_world import write_busy_world
from tests.crash.lives import seen
from tests.databases import server

REPLAN = str(Path(sys.executable).with_name("replan"))

PATIENCE_S = 300.0


class Crowd:
    """The processes of one workspace; any of them may fold."""

    def __init__(self, root: Path, ledger: Ledger) -> None:
        self._root = root
        self._ledger = ledger
        self._there: list[subprocess.Popen[bytes]] = []

    def grow(self, to: int) -> None:
        """Start so many as are missing."""
        while len(self._there) < to:
            with (self._root / "workers.log").open("ab") as log:
                command = [REPLAN, "-C", str(self._root), "run"]
                self._there.append(subprocess.Popen(command, stdout=log, stderr=log))

    def kill_the_one_that_folds(self) -> None:
        """As a power cut would."""
        self._end(signal.SIGKILL, self._folding())

    def ask_the_one_that_folds_to_end(self) -> None:
        """In order, as a supervisor does."""
        assert self._end(signal.SIGTERM, self._folding()) == 0, self.said()

    def disband(self) -> None:
        """All end in order."""
        for worker in list(self._there):
            assert self._end(signal.SIGTERM, worker) == 0, self.said()

    def abandon(self) -> None:
        """Whoever is left when a test failed."""
        for worker in self._there:
            worker.kill()
            worker.wait()

    def said(self) -> str:
        """The end of what they wrote."""
        return (self._root / "workers.log").read_text(errors="replace")[-3000:]

    def wait(self, done: Callable[[], bool]) -> None:
        """Until that holds; all of them must go on living meanwhile."""
        until = time.monotonic() + PATIENCE_S
        while not done():
            assert all(worker.poll() is None for worker in self._there), self.said()
            assert time.monotonic() < until, self.said()
            time.sleep(0.1)

    def _folding(self) -> subprocess.Popen[bytes]:
        found: list[subprocess.Popen[bytes]] = []

        def is_known() -> bool:
            lease = self._ledger.lease("engine")
            owner = "" if lease is None else lease.owner.rpartition(":")[2]
            found[:] = [one for one in self._there if str(one.pid) == owner]
            return bool(found)

        self.wait(is_known)
        return found[0]

    def _end(self, how: signal.Signals, worker: subprocess.Popen[bytes]) -> int:
        self._there.remove(worker)
        os.kill(worker.pid, how)
        return worker.wait(timeout=PATIENCE_S)


def test_one_worker_then_four_then_two_decide_as_one_run_over_files_does(
    postgresql: None, broker: str, prefix: str, tmp_path: Path
) -> None:
    by_file = write_busy_world(tmp_path / "file", events=lines())
    run_workspace(by_file, source=None, until_end=True, mode=None)

    root = write_kafka_world(tmp_path / "world", broker, prefix, server().database(), partitions=1)
    create_all(root, None)
    ledger = open_ledger(open_workspace(root))
    crowd = Crowd(root, ledger)
    whole = lines()
    produced = 0

    def write_up_to(share: float) -> None:
        nonlocal produced
        end = round(share * len(whole))
        produce_everywhere(root, whole[produced:end])
        produced = end

    def has_come_to(share: float) -> Callable[[], bool]:
        # What arrived within the lateness of the newest is held back: it may not be complete.
        return lambda: sum(ledger.counts().values()) >= (share - 0.2) * len(whole)

    try:
        crowd.grow(to=1)
        write_up_to(0.3)
        crowd.wait(has_come_to(0.3))
        crowd.grow(to=4)
        write_up_to(0.5)
        crowd.wait(has_come_to(0.5))
        crowd.kill_the_one_that_folds()
        write_up_to(0.7)
        crowd.wait(has_come_to(0.7))
        crowd.ask_the_one_that_folds_to_end()
        write_up_to(1.0)
        crowd.wait(has_come_to(1.0))
        crowd.disband()
        run_workspace(root, source=None, until_end=True, mode=None)
    finally:
        crowd.abandon()
        epochs = ledger.lease("engine")
        ledger.close()
    assert epochs is not None
    assert epochs.epoch >= 4, "one folded first, another after the kill, another after the end"
    assert only_same(seen_over_kafka(root, replay=True)) == only_same(seen(by_file, replay=False))


def produce_everywhere(root: Path, events: Iterable[str]) -> None:
    """Send events to all input topics in turn, so that no partition is silent on the log clock."""
    kafka: Any = open_workspace(root).settings.kafka
    producer = KafkaProducer(**connection(kafka, root).for_kafka_python())
    sent = [
        producer.send(topic, line.encode(), key=json.loads(line)["subject"].encode(), partition=0)
        for line, topic in zip(events, itertools.cycle(kafka.names.inputs), strict=False)
    ]
    producer.flush()
    for one in sent:
        one.get()
    producer.close()
