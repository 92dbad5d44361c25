"""Which adapter answers which port? The one place where they meet: a workspace becomes a run or an
office.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from replan.authority_table import AuthorityTable
from replan.canonical import digest
from replan.errors import NotSo, UsageError
from replan.findings import Finding, finding_text
from replan.infra.desk.policy import PolicySource
from replan.infra.engine.loop import Engine, Progress, RunRules
from replan.infra.engine.segments import Segments, SegmentSource
from replan.infra.engine.sending import SendingRules
from replan.infra.erp.reference import ReferenceErp
from replan.infra.executors.execution import AnsweredElsewhere, Executor, FileExecutor
from replan.infra.executors.signing import Seal
from replan.infra.executors.webhooks import Webhooks, WebTarget
from replan.infra.ledger.store import Ledger
from replan.infra.out_files import OutFiles
from replan.infra.outlets import OpensOutlet
from replan.infra.planners.planting import plant_if_due
from replan.infra.process.run_lock import only_run
from replan.infra.process.watching import TickTold, TimedPlanner, Watcher
from replan.infra.proof.checkpoints import Checkpoints
from replan.infra.workspace.authority_file import AUTHORITY_FILE
from replan.infra.workspace.executor_settings import COMMAND_SECRET, TARGET_TOKEN
from replan.infra.workspace.folder import Workspace
from replan.infra.workspace.kafka_settings import connection
from replan.infra.workspace.secret_values import LEDGER_PASSWORD, secret
from replan.infra.workspace.settings import Plan, RunMode, Settings
from replan.infra.workspace.signatures import SIGNATURE
from replan.models.fitting import StatsforecastFitter
from replan.models.registry import live_forecasters
from replan.network import Network
from replan.sensing import Sensing
from replan.solver.columns import AskingPlanner
from replan.solver.planner import MilpPlanner
from replan.solver.pool import PooledPlanner, new_pool
from replan.state import SenseRules
from replan.stops import STOP_FILE
from replan.units import ItemId, SiteId, Units

_SHAPING: Any = {
    **dict.fromkeys(("timezone", "currency", "time", "ticks", "bands", "models"), True),
    "plan": set(Plan.model_fields) - {"max_batch"},
}
"""The settings that shape a decision, and so are named in it. Batches, workers, snapshots, places
are not among them: the same log gives the same decisions whatever they are.
"""


class AuthorityOnDisk:
    """The table in force at an instant; the file is read and proved again when it has changed."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._seen = self._stamp()
        self._loaded = workspace.authority

    def __call__(self, now: datetime) -> tuple[AuthorityTable | None, str | None]:
        """The table, or the code of why there is none."""
        stamp = self._stamp()
        if stamp != self._seen:
            self._seen, self._loaded = stamp, self._workspace.reload_authority()
        standing = self._loaded.in_force(now)
        return standing.table, standing.code

    def signature(self, table_hash: str) -> str | None:
        """How the table of a hash was signed; None where it need not be."""
        return self._loaded.signed.get(table_hash)

    def _stamp(self) -> tuple[tuple[int, int, int] | None, ...]:
        names = (AUTHORITY_FILE, AUTHORITY_FILE + SIGNATURE, self._workspace.settings.security.keys)
        return tuple(_stamp_of(self._workspace.root / name) for name in names)


def _stamp_of(file: Path) -> tuple[int, int, int] | None:
    try:
        there = file.stat()
    except OSError:
        return None
    return there.st_mtime_ns, there.st_size, there.st_ino


def sense_rules(settings: Settings) -> SenseRules:
    """The settings that shape what sense does."""
    return SenseRules(
        lateness=settings.time.lateness,
        day_closes_at=settings.time.day_closes_at,
        horizon_days=settings.plan.horizon_days,
        min_value_minor=settings.plan.min_value_minor,
        min_days=settings.models.min_days,
        refit=settings.models.refit,
        decide_from=settings.decides_from,
        false_alarms_per_1000=settings.bands.false_alarms_per_1000_series_days,
        scenarios=settings.plan.scenarios,
        held_out=settings.plan.held_out,
        history_days=settings.models.history_days,
        novel_days=settings.models.novel_days or settings.models.min_days,
    )


def policy_source(workspace: Workspace, mode: str) -> PolicySource:
    """How the desk of this workspace decides, in a mode."""
    settings = workspace.settings
    on_disk = AuthorityOnDisk(workspace)
    return PolicySource(
        authority_at=on_disk,
        signature_of=on_disk.signature,
        people=workspace.people,
        network=workspace.network,
        mode=mode,
        change_cost_minor=settings.plan.change_cost_minor,
        alerts_per_day=settings.attention.alerts_per_day,
        currency=settings.currency,
        chooser=AskingPlanner(MilpPlanner()),
        settings_sha=digest(_shaping(settings)),
        stop_file=workspace.root / STOP_FILE,
        zone=ZoneInfo(settings.timezone),
    )


def _shaping(settings: Settings) -> dict[str, Any]:
    plain = settings.model_dump(mode="json", include=_SHAPING)
    if settings.clock == "log":
        # Said or understood, it is the same clock.
        plain["time"]["clock"] = "auto"
    return plain


def open_ledger(workspace: Workspace) -> Ledger:
    """The ledger of a workspace."""
    settings = workspace.settings
    return Ledger.open(
        settings.ledger.url,
        workspace.root,
        password=secret(LEDGER_PASSWORD),
        by_time=settings.clock == "database",
    )


def refuse_to_run(stopping: Sequence[Finding]) -> None:
    """NotSo that names file, line, value and rule of everything that forbids a run; none: nothing
    happens.
    """
    if stopping:
        raise NotSo("\n".join(finding_text(finding) for finding in stopping))


@dataclass(frozen=True, slots=True, kw_only=True)
class Ends:
    """Where events come from, where lines for others go, and what keeps a second engine away."""

    segments: SegmentSource
    outlet: OpensOutlet
    alone: AbstractContextManager[None]


def file_ends(workspace: Workspace, ledger: Ledger) -> Ends:
    """From the event files to the out files."""
    return Ends(
        segments=Segments(workspace.events, ledger),
        outlet=lambda: OutFiles(workspace.root, ledger),
        alone=only_run(workspace.root),
    )


@contextmanager
def opened_engine(
    workspace: Workspace,
    ledger: Ledger,
    mode: RunMode,
    watch: Callable[[Progress], None] = lambda _: None,
    *,
    ends: Ends | None = None,
    watcher: Watcher | None = None,
) -> Iterator[Engine]:
    """A run of a workspace, with its workers and its executor, all closed at the end; between the
    event files and the out files, or between other `ends`.

    Raises NotSo with the findings that forbid the run, UsageError for a part that is not there yet,
    LedgerBusy while another run of the workspace goes on.
    """
    settings = workspace.settings
    refuse_to_run(workspace.stopping(mode, ledger.clock()))
    if mode == "live":
        ledger.refuse_unsafe()
    if settings.executor.kind == "kafka" and settings.source.kind != "kafka":
        raise UsageError(
            "executor.kind 'kafka': answers come in by the topics, so source.kind must be 'kafka'"
        )
    ends = ends or file_ends(workspace, ledger)
    by_time = settings.clock == "database"
    anchors = settings.audit.anchors
    checkpoints = Checkpoints(ledger, workspace.root / anchors) if anchors else None

    def ticked(told: TickTold) -> None:
        if watcher is not None:
            watcher.ticked(told)
        if checkpoints is not None:
            checkpoints.mind()
        if settings.attention.planted_checks:
            plant_if_due(ledger, told.at, settings.zone, settings.timezone)

    workers = settings.engine.workers
    pool = new_pool(1) if workers else nullcontext(None)
    with (
        ends.alone,
        pool as fits,
        PooledPlanner(workers) as planner,
        _executor(workspace, mode) as executor,
    ):
        yield Engine(
            root=workspace.root,
            ledger=ledger,
            segments=ends.segments,
            sensing=Sensing(
                network=workspace.network,
                rules=sense_rules(settings),
                forecasters=live_forecasters(),
                planner=planner if watcher is None else TimedPlanner(planner, watcher),
            ),
            policies=policy_source(workspace, mode),
            rules=RunRules(
                planning=settings.ticks.planning,
                lateness=settings.time.lateness,
                max_jump=timedelta.max if by_time else settings.time.max_jump,
                batch=settings.plan.max_batch,
                snapshot_ticks=settings.engine.snapshot_ticks,
                goes_by_time=by_time,
            ),
            fitter=StatsforecastFitter(candidates=settings.models.candidates),
            pool=fits,
            executor=executor,
            executor_name="erp" if settings.executor.reference_erp else settings.executor.kind,
            outlet=ends.outlet,
            sending=sending_rules(settings, mode),
            watch=watch,
            ticked=ticked,
        )
        if checkpoints is not None:
            checkpoints.write()


def opening_stock(network: Network) -> dict[tuple[ItemId, SiteId], Units]:
    """What the reference order system starts with: `order_up_to` of each stocking rule."""
    return {key: rule.order_up_to for key, rule in network.stocking.items()}


def sending_rules(settings: Settings, mode: RunMode) -> SendingRules:
    """How commands leave; in shadow there is nobody to call. NotSo for a secret that is none."""
    signs = secret(COMMAND_SECRET)
    rules = SendingRules(
        ack_timeout=settings.executor.ack_timeout,
        seal=None if signs is None else Seal(signs.encode()),
    )
    if settings.executor.kind != "http" or mode == "shadow":
        return rules
    targets = [
        WebTarget(
            name=name,
            url=one.url,
            idempotent=one.idempotent,
            actions=one.actions,
            private=one.private,
            query_url=one.query_url,
            token=secret(TARGET_TOKEN + name.upper()),
        )
        for name, one in sorted(settings.executor.targets.items())
    ]
    return replace(rules, way=lambda _: Webhooks(targets, settings.executor.timeout_seconds))


@contextmanager
def _executor(workspace: Workspace, mode: RunMode) -> Iterator[Executor]:
    settings = workspace.settings
    if settings.executor.kind == "kafka" and settings.clock == "log" and mode != "shadow":
        # Kafka's client takes its time to load, and most runs need none.
        from replan.infra.kafka.answers import TopicAnswers

        options = connection(settings.kafka, workspace.root).for_kafka_python()
        acks = settings.kafka.names.of("acks")
        with TopicAnswers(options, acks, settings.executor.answer_seconds) as answers:
            yield answers
        return
    if settings.executor.kind != "file":
        yield AnsweredElsewhere()
        return
    if not workspace.settings.executor.reference_erp:
        yield FileExecutor()
        return
    with ReferenceErp(
        workspace.root, workspace.network, opening_stock(workspace.network)
    ) as reference_erp:
        yield reference_erp
