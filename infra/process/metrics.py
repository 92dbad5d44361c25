"""What do monitors see? Counts of the ledger, and what a running engine does, for Prometheus.

Any process may show the ledger's numbers, and they are the same everywhere. What only the engine at
work knows (how far the broker's log goes, how long solving takes) it tells an `Observer`, and the
process that it runs in shows that too. Nothing here is ever read back by a decision.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from replan.errors import ReplanError, SourceAway
from replan.infra.ledger.standing import Standing
from replan.infra.process.logs import tell
from replan.infra.process.watching import TickTold
from replan.planning import Answer
from replan.streams.log_slices import Partition
from replan.units import instant_text

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

FRESH_S: Final = 2.0
"""However often it is asked, the ledger is not counted again sooner."""

HOURS: Final = 3600.0
DELAYS: Final = (60.0, 300.0, 900.0, *(h * HOURS for h in (1, 2, 6, 12, 24, 72)))
SECONDS: Final = (0.01, 0.05, 0.1, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0)

Places = Mapping[Partition, int]


class LedgerMetrics(Collector):
    """The ledger's numbers as metrics. A ledger that is away shows as `replan_ledger_up 0`, without
    the rest.
    """

    def __init__(
        self,
        standing: Callable[[], Standing],
        ends: Callable[[], Places] = dict,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._standing = standing
        self._ends = ends
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._seen: tuple[float, Standing | None] | None = None

    def is_up(self) -> bool:
        """Whether the ledger answers."""
        return self._counted() is not None

    def collect(self) -> Iterable[Metric]:
        """What Prometheus is told."""
        now = self._counted()
        yield _gauge("replan_ledger_up", "1 while the ledger answers", now is not None)
        if now is None:
            return
        yield _total("replan_events", "Events by what became of them", "status", now.events)
        yield _total("replan_dead_letters", "Events not applied, by reason", "code", now.letters)
        yield CounterMetricFamily(
            "replan_tombstones", "Records without a value", value=now.tombstones
        )
        yield _each("replan_decisions", "Decisions by state", "state", now.decisions)
        yield _each("replan_actions", "Actions by state", "state", now.actions)
        yield _each("replan_outbox_commands", "Outbox rows by state", "state", now.commands)
        yield _each("replan_alarms_open", "Alarms that stand, by kind", "kind", now.alarms)
        yield _gauge("replan_unpublished_lines", "Lines that wait for their way out", now.waiting)
        yield _gauge("replan_stopped_scopes", "Scopes that are stopped now", now.stopped)
        if now.mode is not None:
            yield _each("replan_mode", "1 for the mode of the newest run", "mode", {now.mode: 1})
        yield from _instant("replan_clock", "Where the engine's clock stands", now.clock)
        yield from _instant("replan_last_tick", "The newest tick that is closed", now.last_tick)
        yield _leases(now)
        yield from _log(now.read_to, self._ends())

    def _counted(self) -> Standing | None:
        with self._lock:
            at = self._monotonic()
            if self._seen is None or at - self._seen[0] >= FRESH_S:
                try:
                    self._seen = (at, self._standing())
                except ReplanError:
                    self._seen = (at, None)
            return self._seen[1]


class Observer:
    """What a process with an engine in it can tell of itself; any of its threads may tell it."""

    def __init__(self, standing: Callable[[], Standing]) -> None:
        self._registry = CollectorRegistry()
        self._ends: Places = {}
        self._away: str | None = None
        self._ledger = LedgerMetrics(standing, lambda: self._ends)
        self._registry.register(self._ledger)
        made: Any = {"registry": self._registry}
        self._is_active = Gauge(
            "replan_engine_active", "1 while this process is the one that folds", **made
        )
        self._source_up = Gauge("replan_source_up", "1 unless the broker is away", **made)
        self._source_up.set(1)
        self._ticks = Histogram(
            "replan_tick_seconds", "How long planning ticks took", buckets=SECONDS, **made
        )
        self._solves = Histogram(
            "replan_solver_seconds", "How long asking the planner took", buckets=SECONDS, **made
        )
        self._problems = Counter(
            "replan_problems", "Planning problems by how they were answered", ["outcome"], **made
        )
        self._delays = Histogram(
            "replan_decision_delay_seconds",
            "From the newest event that a decision cites to the decision, by the engine's clock",
            buckets=DELAYS,
            **made,
        )

    @contextmanager
    def folding(self, epoch: int) -> Iterator[None]:
        """Inside the block this process is the one that folds; the others stand by."""
        tell("lease_taken", epoch=epoch)
        self._is_active.set(1)
        try:
            yield
        finally:
            self._is_active.set(0)
            tell("lease_over", epoch=epoch)

    def trouble(self, why: ReplanError) -> None:
        """It cannot go on for a while, and tries again."""
        if isinstance(why, SourceAway):
            self.source(str(why))
        tell("waiting", logging.WARNING, why=str(why))

    def ticked(self, tick: TickTold) -> None:
        """A planning tick was stored."""
        self._ticks.observe(tick.seconds)
        tell(
            "tick",
            tick=instant_text(tick.at),
            decisions=len(tick.made),
            elapsed_ms=round(1000 * tick.seconds),
        )
        for body in tick.made:
            if body["version"] == 1 and body["event_time"] is not None:
                decided, told = (
                    datetime.fromisoformat(body[name]) for name in ("decided_at", "event_time")
                )
                self._delays.observe(max(0.0, (decided - told).total_seconds()))

    def solved(self, seconds: float, answers: Sequence[Answer]) -> None:
        """The planner answered."""
        self._solves.observe(seconds)
        for answer in answers:
            self._problems.labels(answer.outcome).inc()

    def log_ends(self, ends: Places) -> None:
        """How far the log goes: the broker answered."""
        self._ends = dict(ends)
        self.source(None)

    def source(self, away: str | None) -> None:
        """The broker is away, and why; None: it is there."""
        self._away = away
        self._source_up.set(away is None)

    def not_ready(self) -> list[str]:
        """Why this process cannot do its work now; empty: it can."""
        reasons = [] if self._ledger.is_up() else ["the ledger does not answer"]
        return reasons if self._away is None else [*reasons, self._away]

    def text(self) -> bytes:
        """Everything in the format of Prometheus."""
        return generate_latest(self._registry)


def ledger_text(standing: Callable[[], Standing]) -> Callable[[], bytes]:
    """For a process without an engine: the ledger's numbers in the format of Prometheus."""
    registry = CollectorRegistry()
    registry.register(LedgerMetrics(standing))
    return lambda: generate_latest(registry)


def _gauge(name: str, help_text: str, value: float) -> Metric:
    return GaugeMetricFamily(name, help_text, value=float(value))


def _each(name: str, help_text: str, label: str, counts: Mapping[str, int]) -> Metric:
    family = GaugeMetricFamily(name, help_text, labels=[label])
    for word, n in sorted(counts.items()):
        family.add_metric([word], n)
    return family


def _total(name: str, help_text: str, label: str, counts: Mapping[str, int]) -> Metric:
    family = CounterMetricFamily(name, help_text, labels=[label])
    for word, n in sorted(counts.items()):
        family.add_metric([word], n)
    return family


def _instant(name: str, help_text: str, at: datetime | None) -> Iterable[Metric]:
    if at is not None:
        yield _gauge(f"{name}_timestamp_seconds", f"{help_text}, in Unix time", at.timestamp())


def _leases(now: Standing) -> Metric:
    family = GaugeMetricFamily(
        "replan_lease_held", "1 while a lease holds, by role and holder", labels=["role", "owner"]
    )
    for lease in now.leases:
        family.add_metric([lease.role, lease.owner], float(lease.until > now.now))
    return family


def _log(read_to: Places, ends: Places) -> Iterable[Metric]:
    labels = ["topic", "partition"]
    read = GaugeMetricFamily("replan_log_next_offset", "The offset to be read next", labels=labels)
    end = GaugeMetricFamily("replan_log_end_offset", "Where the log ended lately", labels=labels)
    lag = GaugeMetricFamily("replan_lag_records", "Records that wait to be read", labels=labels)
    for partition in sorted({*read_to, *ends}):
        words = [partition.topic, str(partition.number)]
        if partition in read_to:
            read.add_metric(words, read_to[partition])
        if partition in ends:
            end.add_metric(words, ends[partition])
            # Offsets begin at 0, so before anything was read all of them wait.
            waiting = ends[partition] - read_to.get(partition, 0)
            lag.add_metric(words, max(0, waiting))
    return read, end, lag
