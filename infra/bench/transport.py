"""What does an event cost on its way through Kafka, beside loops and frameworks that do less?

Every contender reads the same sales from the same broker: a bare loop that parses and adds up, a
plain Faust agent, Quix Streams and Bytewax with state; `replan run` with everything (reading twice
by way of the blocks, judging, answering each event, folding, ticks, committing to the ledger); and
the part of it that the others do too, carrying events from the topics to the engine, decoded.
Counted is the processor time of all processes of a contender, on few and on many events: the
difference is what events cost, without what starting costs. The others are installed, pinned, into
an environment of their own for the time of the measure.
"""

import gzip
import json
import shutil
import subprocess
import sys
import tempfile
import venv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from replan.errors import NotSo, UsageError
from replan.infra.bench import carried as bench_carried
from replan.infra.bench.measure import Measure
from replan.infra.bench.run import Ended, ended
from replan.infra.demo.world import build_demo_workspace
from replan.infra.dev import broker as dev_broker
from replan.infra.kafka.producer import OutRecord, TopicProducer
from replan.infra.running.topics import create_all
from replan.infra.workspace.folder import open_workspace
from replan.infra.workspace.kafka_settings import connection
from replan.infra.workspace.settings import SETTINGS_FILE

RIVALS = Path(__file__).parent.parent / "defaults" / "bench"
BARE = "bare aiokafka loop"
OTHERS = {
    "aiokafka_loop.py": BARE,
    "faust_agent.py": "plain Faust agent",
    "quix_state.py": "Quix Streams with state",
    "bytewax_state.py": "Bytewax with state",
}
BEGINS = date(2017, 1, 1)
PACKED = 50
"""Events a record where a producer packs them."""
COMMAND = "from replan.infra.cli import main; main()"


@dataclass(frozen=True, slots=True, kw_only=True)
class Log:
    """A workspace whose events stand in topics: how many, and the topic of the sales."""

    root: Path
    events: int
    topic: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Slope:
    """What few and many events cost: processor seconds, bytes at the peak, seconds to come back."""

    few: Ended
    many: Ended
    events: int

    @property
    def per_event(self) -> float:
        """Processor microseconds."""
        return (self.many.processor_seconds - self.few.processor_seconds) / self.events * 1e6


def transport(
    *,
    few_days: int = 7,
    many_days: int = 77,
    packs: Sequence[int] = (1, PACKED),
    others: Sequence[str] = tuple(OTHERS),
    broker: str | None = None,
) -> list[Measure]:
    """Processor time an event of every contender, ours for so many events a record; restart and
    memory of ours by length of log. `broker`: `host:port` of one that runs; None: one of its own.

    NotSo where no broker can be started.
    """
    with tempfile.TemporaryDirectory(prefix="replan-bench-") as folder:
        home = Path(folder)
        if broker is not None:
            return list(_measured(home, broker, (few_days, many_days), packs, others))
        try:
            own = dev_broker.start(home / "broker")
        except UsageError as missing:
            raise NotSo(f"the row transport needs a broker of its own: {missing}") from missing
        try:
            return list(_measured(home, own, (few_days, many_days), packs, others))
        finally:
            dev_broker.stop(home / "broker")


def _measured(
    home: Path, broker: str, days: tuple[int, int], packs: Sequence[int], others: Sequence[str]
) -> Iterator[Measure]:
    logs = {
        pack: [_log(home / f"{length}-days-by-{pack}", broker, length, pack) for length in days]
        for pack in packs
    }
    few, many = logs[packs[0]]
    between = many.events - few.events
    cost: dict[str, float] = {}
    if others:
        python = _environment(home / "others")
        for script in others:
            ask = [python, str(RIVALS / script), broker]
            ends = [ended([*ask, log.topic, str(log.events)]) for log in (few, many)]
            cost[OTHERS[script]] = Slope(few=ends[0], many=ends[1], events=between).per_event
    whole: dict[int, Slope] = {}
    for pack, (short, long) in logs.items():
        name = "an event a record" if pack == 1 else f"{pack} events a record"
        carried = Slope(few=_carried(short), many=_carried(long), events=between)
        whole[pack] = Slope(few=_run(short), many=_run(long), events=between)
        cost[f"replan, carried and decoded, {name}"] = carried.per_event
        cost[f"replan, whole run, {name}"] = whole[pack].per_event
    for name, microseconds in cost.items():
        is_first = name == BARE or BARE not in cost
        yield _measure(name, microseconds, "µs/event", *(() if is_first else (BARE, cost[BARE])))
    size = f"{few.events} events"
    again = [_run(log).processor_seconds for log in (few, many)]
    yield _measure(f"coming back after {size}", again[0], "s")
    yield _measure(f"coming back after {many.events} events", again[1], "s", size, again[0])
    ends = [whole[packs[0]].few, whole[packs[0]].many]
    peaks = [end.peak_bytes / 2**20 for end in ends]
    yield _measure(f"peak memory, {size}", peaks[0], "MiB")
    yield _measure(f"peak memory, {many.events} events", peaks[1], "MiB", size, peaks[0])


def _measure(
    name: str, value: float, unit: str, against: str | None = None, other: float | None = None
) -> Measure:
    ratio = None if other is None else value / other
    return Measure(
        row="transport", measure=name, value=value, unit=unit, against=against, ratio=ratio
    )


def _log(root: Path, broker: str, days: int, pack: int = 1) -> Log:
    """The demo's first days in topics of their own."""
    build_demo_workspace(root, first_day=BEGINS, last_day=BEGINS + timedelta(days=days - 1))
    lines = _lines(root)
    prefix = f"bench-{root.name}."
    settings = (root / SETTINGS_FILE).read_text(encoding="utf-8")
    over_kafka = settings.replace('kind = "file"\n', 'kind = "kafka"\n', 1)
    over_kafka = over_kafka.replace('clock = "auto"', 'clock = "log"')
    over_kafka = over_kafka.replace("reference_erp = true", "reference_erp = false")
    # One fit, in both lengths of log: what is measured is the way of an event.
    over_kafka = over_kafka.replace('refit = "42d"', 'refit = "365d"')
    over_kafka += f'\n[kafka]\nbootstrap = "{broker}"\nprefix = "{prefix}"\npartitions = 4\n'
    (root / SETTINGS_FILE).write_text(over_kafka, encoding="utf-8")
    create_all(root, None)
    kafka = open_workspace(root).settings.kafka
    topic = kafka.names.of("pos")
    producer = TopicProducer(connection(kafka, root).for_aiokafka())
    for first in range(0, len(lines), 5_000):
        producer.send(list(_records(topic, lines[first : first + 5_000], pack))).result()
    producer.close()
    return Log(root=root, events=len(lines), topic=topic)


def _records(topic: str, lines: Sequence[bytes], pack: int) -> Iterator[OutRecord]:
    """The events as records, keyed by what they are about, or so many in each."""
    for first in range(0, len(lines), pack):
        few = lines[first : first + pack]
        key = str(json.loads(few[0])["subject"]).encode()
        value = few[0] if pack == 1 else b"[" + b",".join(few) + b"]"
        yield OutRecord(topic=topic, key=key, value=value, headers=())


def _lines(root: Path) -> list[bytes]:
    """What the tills reported, in order of arrival."""
    found: list[bytes] = []
    for path in sorted((root / "events").glob("pos-*.jsonl.gz")):
        found += gzip.decompress(path.read_bytes()).splitlines()
    return found


def _run(log: Log) -> Ended:
    return ended(
        [sys.executable, "-c", COMMAND, "-C", str(log.root), "run", "--until-end", "--json"]
    )


def _carried(log: Log) -> Ended:
    """What carrying takes, by a group of consumers of its own; NotSo where events did not come."""
    aside = log.root.with_name(f"{log.root.name}-carried")
    shutil.copytree(log.root, aside, ignore=shutil.ignore_patterns("events"))
    (aside / "events").mkdir()
    with (aside / SETTINGS_FILE).open("a", encoding="utf-8") as settings:
        # The settings end with the section of Kafka.
        settings.write('group = "carried"\n')
    found = ended([sys.executable, "-m", bench_carried.__name__, str(aside)])
    if int(found.said) != log.events:
        raise NotSo(f"{found.said.strip()} of {log.events} events were carried")
    return found


def _environment(folder: Path) -> str:
    """The Python of an environment with the others in it; NotSo where it cannot be made."""
    venv.create(folder, with_pip=True)
    python = str(folder / "bin" / "python")
    said = subprocess.run(
        [python, "-m", "pip", "install", "-q", "-r", str(RIVALS / "requirements.txt")],
        capture_output=True,
        text=True,
        check=False,
    )
    if said.returncode != 0:
        raise NotSo(f"what is compared with cannot be installed: {said.stderr.strip()}")
    return python
