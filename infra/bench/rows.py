"""How fast, how large, and against what? The rows of `replan bench`.

Each row measures things side by side in one run, so that its ratios mean something elsewhere too.
The absolute figures are of one machine at one moment.
"""

import json
import os
import platform
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.table import Table

from replan.errors import UsageError
from replan.infra.bench import detection as bench_detection
from replan.infra.bench import fold as bench_fold
from replan.infra.bench import latency as bench_latency
from replan.infra.bench import live as bench_live
from replan.infra.bench import restart as bench_restart
from replan.infra.bench import run as bench_run
from replan.infra.bench import solver as bench_solver
from replan.infra.bench import transport as bench_transport
from replan.infra.bench.measure import Measure, four_digits

Row = Callable[[], list[Measure]]

ROWS: Mapping[str, Row] = {
    "core": bench_fold.core,
    "growth": bench_fold.growth,
    "live": bench_live.live,
    "solver": bench_solver.solver,
    "state": bench_run.state,
    "demo": bench_run.demo,
}
"""In the order in which they run; the demo takes longest."""

BY_NAME_ONLY: Mapping[str, Row] = {
    "live-100k": bench_live.live_100k,
    "restart": bench_restart.restart,
    "latency": bench_latency.latency,
    "transport": bench_transport.transport,
}
"""Rows that run only when they are asked for: two take long, one starts a broker and installs what
it compares with.
"""

READ_AS = (
    "Read the ratios: each compares two things of this run. The values are of this machine "
    "({machine}) at this moment; they are processor time unless called wall time."
)
WIDE = 120
"""Columns where the table goes to a file or a pipe."""


def run_bench(only: str | None, *, as_json: bool, data: Path | None = None) -> None:
    """Measure all rows, or one by name, and print each as soon as it is known. `data`: a folder
    with data of yours, for rows that need one.

    UsageError for a row that does not exist.
    """
    on_data: Mapping[str, Row] = {"detection": partial(bench_detection.detection, data)}
    rows = {**ROWS, **BY_NAME_ONLY, **on_data}
    if only is not None and only not in rows:
        raise UsageError(f"row {only!r} is not one of {', '.join(rows)}")
    print_rows(ROWS if only is None else {only: rows[only]}, as_json=as_json)


def print_rows(rows: Mapping[str, Row], *, as_json: bool) -> None:
    """Measure these rows, one after the other."""
    say = Console(stderr=True, highlight=False)
    if not as_json:
        _console().print(READ_AS.format(machine=_machine()))
    for name, measures in rows.items():
        with say.status(f"measuring {name} …"):
            found = measures()
        if as_json:
            for measure in found:
                sys.stdout.write(json.dumps(measure.json(), ensure_ascii=False) + "\n")
            sys.stdout.flush()
        else:
            _show(name, found)


def _show(name: str, found: list[Measure]) -> None:
    table = Table(title=name, box=None, header_style="bold", title_justify="left")
    table.add_column("measure")
    table.add_column("value", justify="right")
    table.add_column("unit")
    table.add_column("ratio", justify="right")
    table.add_column("against")
    for measure in found:
        table.add_row(
            measure.measure,
            _figure(measure.value),
            measure.unit,
            "" if measure.ratio is None else _figure(measure.ratio),
            measure.against or "",
        )
    console = _console()
    console.print()
    console.print(table)


def _console() -> Console:
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = WIDE
    return console


def _figure(value: float) -> str:
    rounded = four_digits(value)
    return f"{rounded:,.0f}" if abs(rounded) >= 1_000 else f"{rounded:g}"


def _machine() -> str:
    python = platform.python_version()
    return f"{platform.machine()}, {os.cpu_count()} processors, Python {python}"
