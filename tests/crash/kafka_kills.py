"""Kills workers, broker and database of runs over Kafka and PostgreSQL, and compares with a run
over files that nobody disturbed.

Prints one JSON line. `lost`: decisions, actions, applied events and lines that the undisturbed run
has and a killed one lacks; `doubled`: decisions, actions and events that it has more of, and
commands that went out under two keys. Lines may come twice on their way out, as promised.

    python -m tests.crash.kafka_kills 200
"""

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import make_url

from replan.infra.dev import broker as dev_broker
from replan.infra.dev import database as dev_database
from replan.infra.running.topics import create_all
from tests.broker.kafka_world import lines, produce, seen_over_kafka, write_kafka_world
from tests.busy_world import write_busy_world
from tests.crash.lives import seen

REPLAN = str(Path(sys.executable).with_name("replan"))
MOST_WORKERS = 4
KILLS_A_WORLD = 7
LONGEST_S = 6.0
LEASE_RUNS_OUT_S = 14.0
"""How long a worker is paused, so that another has taken its place when it wakes up."""

FAULTS = ("worker",) * 7 + ("zombie", "broker", "database")


@dataclass(slots=True)
class Servers:
    """A broker and a database of one's own, to be killed and started again."""

    folder: Path
    made: int = 0
    bootstrap: str = ""
    database: str = ""

    def start(self) -> None:
        """Start what does not run; both come back with what they held."""
        self.bootstrap = dev_broker.start(self.folder / "broker")
        self.database = dev_database.start(self.folder / "database")

    def kill_broker(self) -> None:
        """End the broker at once and start it again."""
        broker = dev_broker.found(self.folder / "broker")
        assert broker is not None
        os.kill(broker.pid, signal.SIGKILL)
        self.start()

    def kill_database(self) -> None:
        """Crash the database and start it again."""
        dev_database.stop(self.folder / "database", at_once=True)
        self.start()

    def stop(self) -> None:
        """Stop both for good."""
        dev_broker.stop(self.folder / "broker")
        dev_database.remove(self.folder / "database")

    def new_ledger(self) -> str:
        """The URL of an empty database."""
        self.made += 1
        name = f"killed_{self.made}"
        url = make_url(self.database).set(drivername="postgresql+psycopg")
        engine = sa.create_engine(url, isolation_level="AUTOCOMMIT")
        with engine.connect() as conn:
            conn.exec_driver_sql(f"CREATE DATABASE {name}")
        engine.dispose()
        return make_url(self.database).set(database=name).render_as_string(hide_password=False)


@dataclass(slots=True)
class Workers:
    """Processes that run one workspace to its end, started anew as they are killed."""

    root: Path
    count: int
    running: list[subprocess.Popen[bytes]] = field(default_factory=list)
    finished: bool = False

    def fill(self) -> None:
        """Start as many as are missing; one that came to the end is not replaced."""
        for worker in list(self.running):
            if worker.poll() is not None:
                self.running.remove(worker)
                self.finished |= worker.returncode == 0
        while len(self.running) < self.count and not self.finished:
            command = [REPLAN, "-C", str(self.root), "run", "--until-end"]
            with (self.root / "workers.log").open("ab") as log:
                self.running.append(subprocess.Popen(command, stdout=log, stderr=log))

    def kill(self, rng: random.Random) -> None:
        """End one of them at once."""
        worker = rng.choice(self.running)
        worker.kill()
        worker.wait()

    def pause(self, rng: random.Random) -> None:
        """Stop one of them for longer than its lease, and let it go on."""
        worker = rng.choice(self.running)
        worker.send_signal(signal.SIGSTOP)
        time.sleep(LEASE_RUNS_OUT_S)
        worker.send_signal(signal.SIGCONT)

    def end(self, patience_s: float) -> None:
        """Let them come to the end by themselves."""
        until = time.monotonic() + patience_s
        while not self.finished or self.running:
            self.fill()
            if time.monotonic() > until:
                tail = (self.root / "workers.log").read_text(errors="replace")[-3000:]
                raise AssertionError(f"workers of {self.root} do not come to an end:\n{tail}")
            time.sleep(0.2)


def kill_at_random(kills: int, folder: Path, *, seed: int) -> dict[str, Any]:
    """As printed."""
    rng = random.Random(seed)
    report: dict[str, Any] = {"kills": 0, "lost": 0, "doubled": 0, "digest_equal": True}
    report["faults"] = Counter[str]()
    undisturbed = write_busy_world(folder / "undisturbed", events=lines())
    subprocess.run([REPLAN, "-C", str(undisturbed), "run", "--until-end"], check=True)
    expected = seen(undisturbed, replay=True)
    servers = Servers(folder / "servers")
    servers.folder.mkdir()
    servers.folder.chmod(0o755)
    servers.start()
    try:
        world = 0
        while report["kills"] < kills:
            world += 1
            prefix = f"w{world}."
            root = write_kafka_world(
                folder / f"world-{world}", servers.bootstrap, prefix, servers.new_ledger()
            )
            create_all(root, None)
            produce(root)
            workers = Workers(root, rng.choice((1, 2, MOST_WORKERS)))
            _disturb(workers, servers, rng, report, kills)
            workers.end(patience_s=300)
            _compare(expected, seen_over_kafka(root, replay=True), report)
    finally:
        servers.stop()
    return report


def _disturb(
    workers: Workers,
    servers: Servers,
    rng: random.Random,
    report: dict[str, Any],
    kills: int,
) -> None:
    """Kill what comes into question until enough was killed in this world, or it came to its
    end.
    """
    faults: dict[str, Callable[[], None]] = {
        "worker": lambda: workers.kill(rng),
        "zombie": lambda: workers.pause(rng),
        "broker": servers.kill_broker,
        "database": servers.kill_database,
    }
    for _ in range(min(KILLS_A_WORLD, kills - report["kills"])):
        workers.fill()
        time.sleep(rng.uniform(0, LONGEST_S))
        # More workers now, or fewer: the log is shared out anew.
        workers.count = rng.choice((1, 2, MOST_WORKERS))
        workers.fill()
        if not workers.running:
            return
        name = rng.choice(FAULTS)
        faults[name]()
        report["kills"] += 1
        report["faults"][name] += 1


def _compare(expected: dict[str, Any], found: dict[str, Any], report: dict[str, Any]) -> None:
    wanted, there = _things(expected), _things(found)
    report["lost"] += (wanted - there).total()
    report["doubled"] += (there - wanted).total()
    for name, whole in expected["out"].items():
        there_too = {_unplaced(line) for line in found["out"].get(name, ())}
        report["lost"] += len({_unplaced(line) for line in whole} - there_too)
    report["doubled"] += len(set(found["sent"]) - set(expected["sent"]))
    names = ("clock", "events", "state_digest", "decisions_digest", "replayed", "audit")
    report["digest_equal"] &= all(expected[name] == found[name] for name in names)


def _unplaced(line: str) -> str:
    """A line without the place of its event, which is a line of a file in one and an offset of a
    topic in the other.
    """
    return json.dumps({name: said for name, said in json.loads(line).items() if name != "place"})


def _things(found: dict[str, Any]) -> Counter[str]:
    things = Counter(f"action {action}" for action in found["actions"])
    things += Counter(f"decision {decision}" for decision in found["decisions"])
    things += Counter({f"events {name}": n for name, n in found["events"].items()})
    return things


def main() -> None:
    """Kill as often as the command line says and print what came of it."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        report = kill_at_random(int(sys.argv[1]), Path(folder), seed=random.randrange(2**32))
    print(json.dumps(report))
    sound = report["digest_equal"] and not report["lost"] and not report["doubled"]
    sys.exit(0 if sound else 1)


if __name__ == "__main__":
    main()
