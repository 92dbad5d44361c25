"""How does a workspace run to its end, or on and on? What is asked before, and told after."""

import gzip
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import datetime
from pathlib import Path
from typing import Any, get_args

from rich.console import Console
from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar

from replan.errors import LedgerBusy, UsageError
from replan.findings import finding_text, folded
from replan.infra.engine.loop import Progress
from replan.infra.ledger.standing import MODE
from replan.infra.ledger.store import Ledger
from replan.infra.notify.command import tell_once, ways_of
from replan.infra.planners.office import Office
from replan.infra.planners.plain_text import stopped_text
from replan.infra.process.garbage import seldom_collected
from replan.infra.process.logs import logging_to_stderr
from replan.infra.process.patience import Patience
from replan.infra.rules import open_ledger, policy_source, refuse_to_run
from replan.infra.running.opened import SOURCE, reading_from
from replan.infra.wiring import opened_engine
from replan.infra.workspace.authority_file import AUTHORITY_FILE
from replan.infra.workspace.folder import Workspace, open_workspace
from replan.infra.workspace.settings import RunMode
from replan.streams.codec import MAX_RECORD_BYTES


def run_workspace(
    root: Path, *, source: str | None, until_end: bool, mode: str | None
) -> dict[str, Any]:
    """Run until the end of the source; the status afterwards. NotSo with the reasons that forbid
    the run.
    """
    workspace = open_workspace(root)
    if mode is not None and mode not in get_args(RunMode):
        raise UsageError(f"mode {mode!r} is not one of {', '.join(get_args(RunMode))}")
    if source is not None:
        workspace = reading_from(workspace, source)
    from_files = workspace.settings.source.kind == "file"
    if from_files and not until_end:
        raise UsageError("the file source is read to its end: add --until-end")
    chosen: RunMode = mode or workspace.settings.mode  # type: ignore[assignment]
    refuse_to_run(workspace.stopping(chosen, _log_begins(workspace.events)))
    ways = ways_of(workspace.settings.notify, chosen)
    ledger = _ledger_at_last(workspace)
    try:
        _warn(workspace)

        def begin(mine: Ledger) -> None:
            with mine.transaction() as write:
                write.set_control(MODE, chosen)
                write.set_control(SOURCE, workspace.settings.source.kind)

        # A bar would stand between the log lines of a run that does not end.
        with seldom_collected(), progress_bar() if until_end else nullcontext(_unseen) as watch:
            if from_files:
                with opened_engine(workspace, ledger, chosen, watch) as engine:
                    begin(ledger)
                    engine.run_until_end()
            else:
                from replan.infra.running.over_kafka import run_on_kafka

                with logging_to_stderr(workspace.secrets, as_json=not until_end):
                    run_on_kafka(
                        workspace, ledger, chosen, until_end=until_end, begin=begin, watch=watch
                    )
        tell_once(ledger, workspace.settings.notify, workspace.settings.zone, ways)
        status = Office(ledger, policy_source(workspace, chosen)).status(chosen)
    finally:
        ledger.close()
    if status["stopped"]:
        sys.stderr.write("STOPPED: " + stopped_text(status) + "; what would have run escalates\n")
    if not status["authority"]["in_force"] and workspace.authority.reason is None:
        sys.stderr.write(
            f"NO AUTHORITY TABLE at {status['clock']} ({status['authority']['reason']}): "
            "everything escalates\n"
        )
    return status


def _ledger_at_last(workspace: Workspace) -> Ledger:
    """The ledger, once others that start at the same moment let it be opened."""
    patience = Patience()
    while True:
        try:
            return open_ledger(workspace)
        except LedgerBusy as busy:
            patience.wait(busy)


def _log_begins(events: Path) -> datetime | None:
    """About when the event files begin, by their first lines; None where none can be read.

    A risk record that was over by then must not let a first run start, when no clock stands yet.
    """
    found = []
    for path in sorted(events.glob("*.jsonl*")) if events.is_dir() else ():
        opened = gzip.open if path.suffix == ".gz" else open
        try:
            with opened(path, "rb") as lines:
                first = json.loads(lines.readline(MAX_RECORD_BYTES))
            head = first[0] if isinstance(first, list) else first
            found.append(datetime.fromisoformat(head.get("recordedtime") or head["time"]))
        except (OSError, EOFError, ValueError, LookupError, TypeError, AttributeError):
            continue
    return min((at for at in found if at.tzinfo is not None), default=None)


def _warn(workspace: Workspace) -> None:
    """Say loudly what narrows this run without stopping it."""
    for finding in folded(workspace.findings):
        if finding.severity == "error" or finding.file == AUTHORITY_FILE:
            sys.stderr.write(finding_text(finding) + "\n")
    if workspace.authority.reason is not None:
        sys.stderr.write(
            f"NO AUTHORITY TABLE, everything escalates: {workspace.authority.reason}\n"
        )


def _unseen(_: Progress) -> None:
    """Nobody watches."""


@contextmanager
def progress_bar() -> Iterator[Any]:
    """A bar on stderr that follows a run by its clock."""
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed}/{task.total} events"),
        TimeElapsedColumn(),
    )
    with Bar(*columns, console=console, transient=True) as bar:
        task = bar.add_task("reading events", total=None)

        def watch(now: Progress) -> None:
            clock = "" if now.clock is None else f"{now.clock:%Y-%m-%d %H:%M}"
            bar.update(task, description=clock, completed=now.done, total=now.total)

        yield watch
