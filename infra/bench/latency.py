"""How long does an event wait until the ledger has it, and until it was decided upon?

`replan run` over a real broker and a real PostgreSQL, on the clock of the database, by which the
times here are taken too. First as many sales as it can take, which gives the peak; then a steady
stream of half of that. A sale is in the ledger with the batch that took it; it is decided upon once
the planning tick that it belongs to is stored. Most of that is waiting for the tick, which
`ticks.planning` says, so the tick's own time is told apart. Nothing is worth a plan here.
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import numpy as np

from replan.errors import NotSo, UsageError
from replan.infra.bench.measure import Measure
from replan.infra.bench.restart import made_up_sale, write_workspace
from replan.infra.dev import broker as dev_broker
from replan.infra.dev import database as dev_database
from replan.infra.kafka.producer import OutRecord, TopicProducer
from replan.infra.ledger.store import Ledger
from replan.infra.rules import open_ledger
from replan.infra.running.topics import create_all
from replan.infra.workspace.folder import open_workspace
from replan.infra.workspace.kafka_settings import connection
from replan.infra.workspace.settings import SETTINGS_FILE

PLANNING: Final = timedelta(minutes=1)
BACKLOG: Final = 30_000
STEADY_S: Final = 150.0
STEP_S: Final = 0.1
"""So often a few sales are sent, and the ledger is asked how far it is."""

TOGETHER: Final = 5_000

PATIENCE_S: Final = 600.0
COMMAND: Final = "from replan.infra.cli import main; main()"


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What the ledger said at an instant: sales taken in all, and the newest tick stored."""

    at: datetime
    taken: int
    tick: datetime | None


def latency(*, backlog: int = BACKLOG, steady_s: float = STEADY_S) -> list[Measure]:
    """Sales a second at the peak; seconds from sale to ledger and to decision at half of it.

    NotSo where no broker or database can be started.
    """
    with tempfile.TemporaryDirectory(prefix="replan-bench-") as folder:
        home = Path(folder)
        try:
            broker = dev_broker.start(home / "broker")
        except UsageError as missing:
            raise NotSo(f"the row latency needs a broker of its own: {missing}") from missing
        try:
            url = dev_database.start(home / "database")
            try:
                return _measured(_workspace(home / "workspace", broker, url), backlog, steady_s)
            finally:
                dev_database.remove(home / "database")
        finally:
            dev_broker.stop(home / "broker")


def _workspace(root: Path, broker: str, url: str) -> Path:
    write_workspace(root)
    settings = (root / SETTINGS_FILE).read_text(encoding="utf-8")
    settings = settings.replace("[time]", '[time]\nclock = "database"')
    settings = settings.replace('planning = "24h"', f'planning = "{PLANNING.seconds // 60}m"')
    settings += f'[ledger]\nurl = "{url}"\n[source]\nkind = "kafka"\n'
    settings += f'[kafka]\nbootstrap = "{broker}"\npartitions = 4\n'
    (root / SETTINGS_FILE).write_text(settings, encoding="utf-8")
    create_all(root, None)
    return root


def _measured(root: Path, backlog: int, steady_s: float) -> list[Measure]:
    workspace = open_workspace(root)
    kafka = workspace.settings.kafka
    topic = kafka.names.of("pos")
    producer = TopicProducer(connection(kafka, root).for_aiokafka())
    with closing(open_ledger(workspace)) as ledger, closing(producer), _running(root) as alive:

        def send(first: int, count: int) -> None:
            at = ledger.now()
            for begin in range(first, first + count, TOGETHER):
                few = range(begin, min(begin + TOGETHER, first + count))
                producer.send([_record(topic, n, at) for n in few]).result()

        # The first sales show that it reads, and are not counted.
        send(0, 1)
        _wait(alive, lambda: _taken(ledger) >= 1)
        begun = ledger.now()
        send(1, backlog)
        _wait(alive, lambda: _taken(ledger) >= 1 + backlog)
        peak = backlog / (ledger.now() - begun).total_seconds()
        sent, seen = _steady(ledger, send, 1 + backlog, peak / 2, steady_s)

        def is_over() -> bool:
            seen.append(_seen(ledger))
            return _covers(seen[-1], sent[-1])

        _wait(alive, is_over)
    taken = _delays(sent, [(one.taken, one.at) for one in seen])
    decided = _decision_delays(sent, seen)
    half = f"at {peak / 2:.0f} sales a second"
    figures = [
        ("peak", peak, "sales/s"),
        *((f"sale to ledger, p{p}, {half}", float(np.percentile(taken, p)), "s") for p in (50, 95)),
        *(
            (f"sale to decision, p{p}, {half}", float(np.percentile(decided, p)), "s")
            for p in (50, 95)
        ),
    ]
    found = [Measure(row="latency", measure=n, value=v, unit=u) for n, v, u in figures]
    late = _tick_delays(seen)
    against = "time between two ticks"
    found += [
        Measure(
            row="latency",
            measure=f"tick due to tick stored, p{p}",
            value=float(np.percentile(late, p)),
            unit="s",
            against=against,
            ratio=float(np.percentile(late, p)) / PLANNING.total_seconds(),
        )
        for p in (50, 95)
    ]
    return found


Sent = tuple[int, datetime]
"""How many sales were sent in all, and when the last of them was."""


def _steady(
    ledger: Ledger, send: Callable[[int, int], None], first: int, rate: float, seconds: float
) -> tuple[list[Sent], list[Seen]]:
    """Send so many sales a second, and look at the ledger in between."""
    sent: list[Sent] = []
    seen: list[Seen] = []
    begun, count = time.monotonic(), 0
    while (passed := time.monotonic() - begun) < seconds:
        due = round(passed * rate) - count
        if due > 0:
            at = ledger.now()
            send(first + count, due)
            count += due
            sent.append((first + count, at))
        seen.append(_seen(ledger))
        time.sleep(STEP_S)
    return sent, seen


def _seen(ledger: Ledger) -> Seen:
    return Seen(at=ledger.now(), taken=_taken(ledger), tick=ledger.last_tick())


def _taken(ledger: Ledger) -> int:
    return sum(ledger.counts().values())


def _covers(seen: Seen, last: Sent) -> bool:
    return seen.taken >= last[0] and seen.tick is not None and seen.tick >= last[1]


def _delays(sent: Sequence[Sent], reached: Sequence[tuple[int, datetime]]) -> list[float]:
    """Seconds until so many sales were taken, for each time that some were sent."""
    found = []
    for count, at in sent:
        taken_at = next(when for taken, when in reached if taken >= count)
        found.append((taken_at - at).total_seconds())
    return found


def _decision_delays(sent: Sequence[Sent], seen: Sequence[Seen]) -> list[float]:
    """Seconds until a tick at or after the sale was stored, for each time that some were sent."""
    ticked = [one for one in seen if one.tick is not None]
    found = []
    for _, at in sent:
        stored = next(one.at for one in ticked if one.tick is not None and one.tick >= at)
        found.append((stored - at).total_seconds())
    return found


def _tick_delays(seen: Sequence[Seen]) -> list[float]:
    """Seconds from the moment a tick was due until it was first seen as stored."""
    first: dict[datetime, datetime] = {}
    for one in seen[1:]:
        if one.tick is not None and one.tick != seen[0].tick:
            first.setdefault(one.tick, one.at)
    return [(stored - tick).total_seconds() for tick, stored in sorted(first.items())]


def _record(topic: str, n: int, at: datetime) -> OutRecord:
    subject, value = made_up_sale(n, at)
    return OutRecord(topic=topic, key=subject.encode(), value=value, headers=())


@contextmanager
def _running(root: Path) -> Iterator[subprocess.Popen[str]]:
    """`replan run` beside the block."""
    with tempfile.TemporaryFile("w+") as said:
        run = subprocess.Popen(
            [sys.executable, "-c", COMMAND, "-C", str(root), "run"], stderr=said, text=True
        )
        try:
            yield run
        finally:
            run.terminate()
            run.wait()


def _wait(run: subprocess.Popen[str], done: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE_S
    while not done():
        if run.poll() is not None or time.monotonic() > until:
            raise NotSo(f"the run of the row latency ended with {run.poll()} or stands still")
        time.sleep(STEP_S)
