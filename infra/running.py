"""What do the commands do with a workspace? Open it, run it, ask it, check it, serve it."""

import gzip
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, get_args

from rich.console import Console
from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar

from replan.errors import LedgerBusy, NotSo, ReplanError, UsageError
from replan.findings import Finding, finding_text, folded
from replan.infra.boundary.incidents import IncidentDesk
from replan.infra.boundary.moves import Boundary
from replan.infra.boundary.shadow_report import shadow_rows
from replan.infra.boundary.table_proof import searched
from replan.infra.boundary.table_trials import difference, trial, trial_text, two_tables
from replan.infra.engine.loop import Progress
from replan.infra.events_kit import check
from replan.infra.known_by_now import known_by_now, stated_grants, stated_network
from replan.infra.kpi import Effort, kpi
from replan.infra.ledger.rows import AuditReport
from replan.infra.ledger.standing import MODE
from replan.infra.ledger.store import Ledger
from replan.infra.notify.command import tell_on, tell_once, ways_of
from replan.infra.planners.office import Office
from replan.infra.planners.plain_text import stopped_text
from replan.infra.planners.planting import checks_told
from replan.infra.process.garbage import seldom_collected
from replan.infra.process.logs import logging_to_stderr
from replan.infra.process.patience import Patience
from replan.infra.proof.anchors import Anchored, add_anchor, verify_anchored
from replan.infra.proof.replay_run import replay
from replan.infra.wiring import open_ledger, opened_engine, policy_source, refuse_to_run
from replan.infra.workspace.authority_file import AUTHORITY_FILE, load_authority
from replan.infra.workspace.folder import Workspace, open_workspace
from replan.infra.workspace.people_file import PLANNERS_FILE
from replan.infra.workspace.settings import SETTINGS_FILE, RunMode, Source
from replan.promotion import Gate
from replan.replay import Compared
from replan.solver.columns import AskingPlanner
from replan.solver.planner import MilpPlanner
from replan.solver.pool import PooledPlanner
from replan.streams.codec import MAX_RECORD_BYTES
from replan.units import instant_text

SOURCE = "run_source"
"""Under this key the ledger keeps where the newest run took its events from: so goes the clock."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenDesk:
    """A workspace with its ledger and office."""

    workspace: Workspace
    ledger: Ledger
    office: Office
    mode: str

    def needs_people(self) -> None:
        """NotSo where planners.yaml is wrong: nobody can be known by a login then."""
        wrong = [f for f in self.workspace.findings if f.file == PLANNERS_FILE]
        refuse_to_run([f for f in wrong if f.severity == "error"])


@contextmanager
def opened_office(root: Path) -> Iterator[OpenDesk]:
    """The office of a workspace, beside whatever run goes on. UsageError where there is no
    workspace.
    """
    workspace = open_workspace(root)
    if not (root / SETTINGS_FILE).is_file():
        raise UsageError(f"{root} holds no {SETTINGS_FILE}, so it is no workspace; see replan init")
    ledger = open_ledger(workspace)
    source = ledger.control(SOURCE)
    if source is not None and source != workspace.settings.source.kind:
        # The clock is that of the newest run.
        ledger.close()
        workspace = reading_from(workspace, source)
        ledger = open_ledger(workspace)
    try:
        mode = str(ledger.control(MODE) or workspace.settings.mode)
        policies = policy_source(workspace, mode)
        policies.know(stated_network(ledger) or workspace.network, stated_grants(ledger))
        office = Office(ledger, policies)
        yield OpenDesk(workspace=workspace, ledger=ledger, office=office, mode=mode)
    finally:
        ledger.close()


@contextmanager
def opened_boundary(root: Path) -> Iterator[Boundary]:
    """What moves categories, regions and models of a workspace on the ladder."""
    with opened_office(root) as desk:
        desk.needs_people()
        settings, risk = desk.workspace.settings, desk.workspace.risk

        def wrong(now: datetime) -> str | None:
            if risk is None:
                return "there is none, or it cannot be read"
            return risk.why_invalid(desk.workspace.people, now, settings.zone)

        asked = settings.promotion
        gate = Gate(cases=asked.min_cases, days=asked.min_days, agreement=asked.agreement)
        policies = policy_source(desk.workspace, desk.mode)
        policies.know(
            stated_network(desk.ledger) or desk.workspace.network, stated_grants(desk.ledger)
        )
        yield Boundary(ledger=desk.ledger, policies=policies, gate=gate, risk=wrong)


@contextmanager
def opened_incidents(root: Path) -> Iterator[IncidentDesk]:
    """Where incidents of a workspace are opened and closed."""
    with opened_office(root) as desk:
        desk.needs_people()
        yield IncidentDesk(desk.ledger, desk.office.switch, desk.workspace.people)


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
                from replan.infra.kafka_run import run_on_kafka

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


def reading_from(workspace: Workspace, kind: str) -> Workspace:
    """The workspace with another source of events than its settings say. UsageError for one that
    there is not.
    """
    if kind not in ("file", "kafka"):
        raise UsageError(f"source {kind!r} is not one of file, kafka")
    settings = workspace.settings.model_copy(
        update={"source": Source.model_validate({"kind": kind})}
    )
    return replace(workspace, settings=settings)


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


def notify_people(root: Path, *, once: bool) -> dict[str, int]:
    """Tell people what waits for them, in the mode of the newest run; once, or until asked to end.
    NotSo where no way is set.
    """
    with opened_office(root) as desk:
        settings = desk.workspace.settings
        refuse_to_run([f for f in desk.workspace.findings if f.file == SETTINGS_FILE])
        if not settings.notify.ways:
            raise NotSo(f"{SETTINGS_FILE} names no way to tell people: see [notify.ways]")
        ways = ways_of(settings.notify, desk.mode)
        if once:
            return tell_once(desk.ledger, settings.notify, settings.zone, ways)
        with logging_to_stderr(desk.workspace.secrets, as_json=True):
            tell_on(desk.ledger, settings.notify, settings.zone, ways)
    return {}


def _there(file: Path) -> None:
    """A table that is named and not there is no empty one: it was mistyped."""
    if not file.is_file():
        raise UsageError(f"{file}: there is no such table")


def check_authority(root: Path, file: Path | None) -> tuple[list[Finding], bool]:
    """The findings of one file of tables, the workspace's by default, and whether there is a table
    that holds; what intervals prove is also searched for a counterexample.
    """
    workspace = open_workspace(root)
    loaded = workspace.authority
    if file is not None:
        _there(file)
        loaded = load_authority(
            file.resolve().parent,
            workspace.known,
            currency=workspace.settings.currency,
            policy_zone=workspace.settings.timezone,
            file=file.name,
        )
    name = AUTHORITY_FILE if file is None else file.name
    found = [*loaded.findings, *searched(loaded.tables, workspace.known, name)]
    return found, bool(loaded.tables)


def workspace_kpi(root: Path, days: int | None, effort: Effort) -> tuple[dict[str, Any], str]:
    """The measures of the last days (None: all), and the currency they are in."""
    if days is not None and days < 1:
        raise UsageError(f"{days} days: at least one day is looked at")
    with opened_office(root) as desk:
        ledger, clock = desk.ledger, desk.ledger.clock()
        since = None if days is None or clock is None else clock - timedelta(days=days)
        currency = desk.workspace.settings.currency
        decisions, escalated = ledger.decisions(since=since), ledger.escalated_ids()
        told = kpi(decisions, escalated, ledger.verdicts_accepted(), effort, currency)
        checks = {} if clock is None else checks_told(ledger.checks(), clock)
        return told.json() | {"planted_checks": checks}, currency


def workspace_shadow(root: Path, days: int | None) -> list[dict[str, Any]]:
    """The shadow report over the last days (None: all)."""
    if days is not None and days < 1:
        raise UsageError(f"{days} days: at least one day is looked at")
    with opened_office(root) as desk:
        clock = desk.ledger.clock()
        since = None if days is None or clock is None else clock - timedelta(days=days)
        first = None if since is None else since.date().isoformat()
        return shadow_rows(desk.ledger.compared_since(first))


def diff_tables(root: Path, file: Path) -> list[dict[str, Any]]:
    """What the table of a file changes against the one in force."""
    _there(file)
    with opened_office(root) as desk:
        tables = two_tables(desk.workspace, file, desk.ledger.clock())
        return list(difference(desk.workspace, tables))


def try_table(
    root: Path, file: Path, days: int | None
) -> tuple[list[dict[str, Any]], dict[str, Any], list[str]]:
    """The recorded plans under the table of a file: rows, their sum, and the sum in words."""
    if days is not None and days < 1:
        raise UsageError(f"{days} days: at least one day is looked at")
    _there(file)
    since = None if days is None else timedelta(days=days)
    with opened_office(root) as desk:
        tables = two_tables(desk.workspace, file, desk.ledger.clock())
        rows, summary = trial(desk.ledger, tables, AskingPlanner(MilpPlanner()), since)
    return rows, summary, trial_text(summary, tables.new.currency, since)


def check_events(root: Path, file: Path) -> Iterator[dict[str, Any]]:
    """The verdicts on a file of events, by the master data of the workspace, and by what its ledger
    knows to be usual.
    """
    workspace = open_workspace(root)
    settings = workspace.settings
    known = known_by_now(workspace)
    yield from check(
        file,
        network=known.network,
        lateness=settings.time.lateness,
        max_jump=settings.time.max_jump,
        typical_daily=known.typical_daily,
    )


def replay_workspace(root: Path, decision_id: str | None) -> Iterator[Compared]:
    """Decisions decided again."""
    workspace = open_workspace(root)
    ledger = open_ledger(workspace)
    groups = sorted({item.group for item in workspace.network.items.values()})
    try:
        with PooledPlanner(workspace.settings.engine.workers) as planner:
            yield from replay(ledger, groups, planner, AskingPlanner(planner), decision_id)
    finally:
        ledger.close()


def restore_rehearsed(root: Path, backup: Path | None) -> dict[str, Any]:
    """A backup restored aside, and what held of it."""
    from replan.infra.drills.restore import drill_restore

    with (
        opened_office(root) as desk,
        PooledPlanner(desk.workspace.settings.engine.workers) as planner,
    ):
        chooser = AskingPlanner(planner)
        return drill_restore(desk.workspace, desk.ledger, backup, planner, chooser)


def technical_file_of(root: Path) -> str:
    """The technical file of a workspace, as Markdown."""
    from replan.infra.boundary.technical_file import technical_file

    with opened_office(root) as desk:
        policies = policy_source(desk.workspace, desk.mode)
        return technical_file(desk.workspace, desk.ledger, policies, desk.mode)


def verify_workspace(root: Path) -> AuditReport:
    """The audit chain, verified."""
    ledger = open_ledger(open_workspace(root))
    try:
        report = ledger.verify_audit()
        # Whoever may only read verifies too; a damaged ledger takes no note.
        with suppress(ReplanError), ledger.transaction() as write:
            write.set_control("checked_at", instant_text(ledger.now()))
            write.set_control("check_held", report.ok)
        return report
    finally:
        ledger.close()


def verify_with_anchors(root: Path, file: Path) -> Anchored:
    """The audit chain, verified against checkpoints kept elsewhere too."""
    ledger = open_ledger(open_workspace(root))
    try:
        return verify_anchored(ledger, file)
    finally:
        ledger.close()


def anchor_workspace(root: Path, file: Path) -> dict[str, Any]:
    """One checkpoint more in a file."""
    ledger = open_ledger(open_workspace(root))
    try:
        return add_anchor(ledger, file)
    finally:
        ledger.close()


def serve_workspace(root: Path, port: int, host: str) -> None:
    """Serve the review page of a workspace until interrupted."""
    from replan.infra.review.serving import serve

    with opened_office(root) as desk:
        if desk.ledger.clock() is None:
            raise NotSo("nothing has run here yet: replan run --until-end comes first")
        serve(
            desk.office,
            desk.ledger,
            desk.workspace,
            desk.mode,
            port,
            desk.workspace.secrets,
            host,
        )
