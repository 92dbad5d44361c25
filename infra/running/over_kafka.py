"""How does a run over Kafka go on for months? It waits its turn, holds a lease, and starts anew.

Any number of processes may run one workspace. Each brings an ingest worker; one at a time holds the
lease of the engine, the others stand by. A broker or database that is away is waited for.
"""

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from datetime import timedelta
from typing import Final

from replan.errors import DataLost, LeaseLost, LedgerBusy, ReplanError, SourceAway
from replan.infra.engine.loop import Progress
from replan.infra.engine.timers import MinuteTimers
from replan.infra.kafka.ingest_child import ingest_beside
from replan.infra.kafka.log import KafkaLog
from replan.infra.kafka.lost_records import found
from replan.infra.kafka.outlet import TopicOutlet, opened_producers
from replan.infra.kafka.segments import DatabaseClockMarks, LogClockMarks, LogSegments
from replan.infra.kafka.watched_log import WatchedLog
from replan.infra.ledger.store import Lease, Ledger
from replan.infra.process.ending import ended_by_signal
from replan.infra.process.health_port import observed
from replan.infra.process.logs import tell
from replan.infra.process.metrics import Observer
from replan.infra.rules import refuse_to_run
from replan.infra.running.topics import judged_topics
from replan.infra.wiring import Ends, opened_engine
from replan.infra.workspace.folder import Workspace
from replan.infra.workspace.kafka_settings import connection
from replan.infra.workspace.settings import RunMode
from replan.streams.topics import FACTS

ENGINE: Final = "engine"
"""The role of the one process that folds."""

LEASE: Final = timedelta(seconds=10)
RENEWALS: Final = 3
"""How often the lease is renewed within its time."""

MOST_ATTEMPTS: Final = 3
"""How often a run that is to come to an end waits for what is away; any other goes on waiting."""

STANDBY_S: Final = 1.0
LONGEST_WAIT_S: Final = 30.0


class Stopping:
    """Whether the process was asked to end. SIGTERM and SIGINT ask once; the slice in hand is
    finished first.
    """

    def __init__(self) -> None:
        self._asked = threading.Event()

    def __bool__(self) -> bool:
        return self._asked.is_set()

    def ask(self) -> None:
        """End when the slice in hand is done."""
        self._asked.set()

    def wait(self, seconds: float) -> bool:
        """Let time pass; True at once when the process is asked to end."""
        return self._asked.wait(seconds)

    @contextmanager
    def heard(self) -> Iterator[None]:
        """Inside the block the signals ask."""
        with ended_by_signal(self.ask):
            yield


def run_on_kafka(
    workspace: Workspace,
    ledger: Ledger,
    mode: RunMode,
    *,
    until_end: bool,
    begin: Callable[[Ledger], None],
    watch: Callable[[Progress], None] = lambda _: None,
) -> None:
    """Run until asked to end, or to where the topics end when it begins. `begin` is told each time
    that this process became the one that folds.

    Raises NotSo for topics that are not as they must be and for records that are gone.
    """
    stopping = Stopping()
    owner = f"{socket.gethostname()}:{os.getpid()}"
    attempts = 0
    with (
        stopping.heard(),
        observed(workspace.settings.observe, ledger.standing) as observer,
        ingest_beside(workspace.root),
    ):
        tell("started", owner=owner, mode=mode)
        while not stopping:
            began = time.monotonic()
            try:
                epoch = _lease_taken(ledger, owner)
                if epoch is None:
                    stopping.wait(STANDBY_S)
                    continue
                with _held(ledger, epoch), observer.folding(epoch):
                    mine = ledger.under(Lease(role=ENGINE, epoch=epoch, ttl=LEASE))
                    begin(mine)
                    _fold(workspace, mine, mode, until_end, stopping, watch, observer)
                if until_end:
                    return
            except LeaseLost as lost:
                # Another process goes on; this one stands by.
                observer.trouble(lost)
                stopping.wait(STANDBY_S)
            except (SourceAway, LedgerBusy) as away:
                is_new = time.monotonic() - began > LONGEST_WAIT_S
                attempts = 1 if is_new else attempts + 1
                if until_end and attempts > MOST_ATTEMPTS:
                    raise
                observer.trouble(away)
                stopping.wait(min(LONGEST_WAIT_S, 0.5 * 2 ** min(attempts, 6)))
        tell("ended", owner=owner)


def _fold(
    workspace: Workspace,
    ledger: Ledger,
    mode: RunMode,
    until_end: bool,
    stopping: Stopping,
    watch: Callable[[Progress], None],
    observer: Observer,
) -> None:
    settings = workspace.settings
    topics, findings = judged_topics(settings, workspace.root)
    refuse_to_run([finding for finding in findings if finding.severity == "error"])
    by_time = settings.clock == "database"
    names = settings.kafka.names
    reached = connection(settings.kafka, workspace.root)
    with (
        KafkaLog(reached.for_kafka_python(), names.inputs, names.of(FACTS), stamped=by_time) as log,
        opened_producers(reached.for_aiokafka(), shadow=mode == "shadow") as (told, commands),
    ):
        timers = MinuteTimers(ledger)
        segments = LogSegments(
            ledger,
            WatchedLog(log, observer.log_ends),
            DatabaseClockMarks(ledger.now, settings.ticks.max_wait)
            if by_time
            else LogClockMarks(settings.time.lateness),
            until_end=until_end,
            topics={name: one.id for name, one in topics.items() if one.id},
            max_jump=timedelta.max if by_time else settings.time.max_jump,
            every=settings.ticks.planning if by_time else None,
            goes_on=lambda: not stopping,
            wakes=(lambda at: bool(timers.due(at))) if by_time else (lambda _: False),
        )
        ends = Ends(
            segments=segments,
            outlet=lambda: TopicOutlet(ledger, names, told, commands),
            alone=nullcontext(),
        )
        with opened_engine(workspace, ledger, mode, watch, ends=ends, watcher=observer) as engine:
            try:
                engine.run_until_end()
            except DataLost as loss:
                found(ledger, loss, ledger.clock() or ledger.now())
                raise


def _lease_taken(ledger: Ledger, owner: str) -> int | None:
    """The epoch of the lease if it could be taken; whoever stands by only reads."""
    lease = ledger.lease(ENGINE)
    if lease is not None and lease.until > ledger.now():
        if not _is_gone(lease.owner):
            return None
        ledger.release_lease(ENGINE, lease.epoch)
    return ledger.take_lease(ENGINE, owner, LEASE)


def _is_gone(owner: str) -> bool:
    """Whether the owner was a process of this machine and is no more."""
    host, _, process = owner.rpartition(":")
    if host != socket.gethostname():
        return False
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return True
    except (PermissionError, ValueError):
        return False
    return False


@contextmanager
def _held(ledger: Ledger, epoch: int) -> Iterator[None]:
    """Renew the lease while the block runs, and give it back at its end."""
    over = threading.Event()

    def renew() -> None:
        while not over.wait(LEASE.total_seconds() / RENEWALS):
            # Whoever lost it learns so at the next transaction.
            with suppress(ReplanError), ledger.transaction() as write:
                write.hold_lease(ENGINE, epoch, LEASE)

    thread = threading.Thread(target=renew, name="lease", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        with suppress(ReplanError):
            ledger.release_lease(ENGINE, epoch)
