"""What does a whole run cost: its state, a restart, the demo's time and memory, its ledger?

Runs take long, so each is measured once; restarts are repeated.
"""

import gzip
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from importlib import import_module
from pathlib import Path

from replan.errors import NotSo
from replan.infra.bench import child as bench_child
from replan.infra.bench.measure import Measure, once, typical
from replan.infra.demo.world import build_demo_workspace
from replan.infra.ledger.rows import packed
from replan.infra.rules import open_ledger
from replan.infra.wiring import opened_engine
from replan.infra.workspace.folder import open_workspace
from replan.infra.workspace.settings import SETTINGS_FILE

DEMO = "from replan.infra.cli import main; main()"
FITS = "statsforecast.models"
LIBRARIES = f"import replan.infra.cli, replan.infra.demo.command, {FITS}"
"""What a run loads before it does anything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """What a child process used until it ended well; memory at its peak, of the largest process
    where it had children of its own.
    """

    wall_seconds: float
    processor_seconds: float
    peak_bytes: int
    said: str


def state(
    *, first_day: date = date(2017, 3, 27), last_day: date = date(2017, 5, 7)
) -> list[Measure]:
    """Bytes of the kept state a series, and how long a restart takes beside the run before it.

    The demo's workspace with some weeks of its events, in a temporary folder and one process.
    """
    with tempfile.TemporaryDirectory(prefix="replan-bench-") as folder:
        root = Path(folder) / "workspace"
        build_demo_workspace(root, first_day=first_day, last_day=last_day)
        settings = (root / SETTINGS_FILE).read_text(encoding="utf-8")
        in_one_process = settings.replace("[engine]\n", "[engine]\nworkers = 0\n")
        (root / SETTINGS_FILE).write_text(in_one_process, encoding="utf-8")
        # Loading the library must not count as running.
        import_module(FITS)
        run_seconds = once(lambda: _run(root))
        # The events are read and every tick has run: what is left is coming back.
        restart_seconds = typical(lambda: _run(root))
        workspace = open_workspace(root)
        series = len(workspace.network.series)
        ledger = open_ledger(workspace)
        try:
            snapshot, clock = ledger.latest_snapshot(), ledger.clock()
            ticks = [row.tick for row in ledger.manifest_since(None) if row.tick is not None]
        finally:
            ledger.close()
        events = _event_bytes(root) / series
    assert snapshot is not None, f"no snapshot in {len(ticks)} ticks: the days are too few"
    assert clock is not None, "a run has a clock"
    kept = len(snapshot.body) / series
    columns = (len(snapshot.body) - snapshot.body.index(b"\0") - 1) / series
    stored = len(packed(snapshot.body)) / series
    again = sum(tick > snapshot.tick for tick in ticks)
    return [
        _bytes("snapshot", kept, "event lines", events),
        _bytes("columns of the panel", columns, "snapshot", kept),
        _bytes("event ids and all else", kept - columns, "snapshot", kept),
        _bytes("snapshot as stored", stored, "snapshot", kept),
        Measure(
            row="state",
            measure="restart",
            value=restart_seconds,
            unit="s",
            against="the run that made it",
            ratio=restart_seconds / run_seconds,
        ),
        Measure(
            row="state",
            measure="ticks folded again",
            value=again,
            unit="ticks",
            against="all ticks",
            ratio=again / len(ticks),
        ),
    ]


def demo(*, first_day: date | None = None, last_day: date | None = None) -> list[Measure]:
    """`replan demo` in a temporary folder as a process of its own; with days given, only those."""
    with tempfile.TemporaryDirectory(prefix="replan-bench-") as folder:
        root = Path(folder) / "workspace"
        if first_day is not None or last_day is not None:
            build_demo_workspace(root, first_day=first_day, last_day=last_day)
        loaded = ended([sys.executable, "-c", LIBRARIES])
        whole = ended(
            [
                *(sys.executable, "-c", DEMO),
                *("demo", "--workspace", str(root), "--no-serve", "--json"),
            ]
        )
        decisions = sum(json.loads(whole.said)["decisions"].values())
        ledger_bytes = sum(path.stat().st_size for path in root.glob("ledger.db*"))
        event_bytes = _event_bytes(root)
    found = [
        Measure(
            row="demo",
            measure="wall time",
            value=whole.wall_seconds,
            unit="s",
            against="processor time of all its processes",
            ratio=whole.wall_seconds / whole.processor_seconds,
        ),
        Measure(
            row="demo",
            measure="peak memory, largest process",
            value=whole.peak_bytes / 2**20,
            unit="MiB",
            against="its libraries alone",
            ratio=whole.peak_bytes / loaded.peak_bytes,
        ),
    ]
    if decisions:
        found.append(
            Measure(
                row="demo",
                measure="ledger",
                value=ledger_bytes / decisions,
                unit="bytes/decision",
                against="event lines",
                ratio=ledger_bytes / event_bytes,
            )
        )
    return found


def ended(command: Sequence[str]) -> Ended:
    """Run a command to its end; NotSo with what it complained of if it ends badly."""
    with tempfile.TemporaryDirectory(prefix="replan-bench-") as folder:
        file = Path(folder) / "figures.json"
        watched = subprocess.run(
            [sys.executable, "-m", bench_child.__name__, str(file), *command],
            capture_output=True,
            text=True,
            check=False,
        )
        figures = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    exit_code = figures.pop("exit_code", watched.returncode)
    if exit_code != 0 or not figures:
        raise NotSo(f"{' '.join(command)} ended with {exit_code}: {watched.stderr}")
    return Ended(**figures, said=watched.stdout)


def _run(root: Path) -> None:
    workspace = open_workspace(root)
    ledger = open_ledger(workspace)
    try:
        with opened_engine(workspace, ledger, workspace.settings.mode) as engine:
            engine.run_until_end()
    finally:
        ledger.close()


def _event_bytes(root: Path) -> int:
    """Size of a workspace's event lines, unpacked."""
    total = 0
    for path in sorted((root / "events").glob("*.jsonl.gz")):
        with gzip.open(path, "rb") as lines:
            total += sum(len(line) for line in lines)
    return total


def _bytes(measure: str, value: float, against: str, compared: float) -> Measure:
    return Measure(
        row="state",
        measure=measure,
        value=value,
        unit="bytes/series",
        against=against,
        ratio=value / compared,
    )
