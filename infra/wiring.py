"""Which adapter answers which port? The one place where they meet: a workspace becomes a run."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from datetime import timedelta

from replan.errors import UsageError
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
from replan.infra.rules import policy_source, refuse_to_run, sense_rules
from replan.infra.workspace.executor_settings import COMMAND_SECRET, TARGET_TOKEN
from replan.infra.workspace.folder import Workspace
from replan.infra.workspace.kafka_settings import connection
from replan.infra.workspace.secret_values import secret
from replan.infra.workspace.settings import RunMode, Settings
from replan.models.fitting import StatsforecastFitter
from replan.models.registry import live_forecasters
from replan.network import Network
from replan.sensing import Sensing
from replan.solver.pool import PooledPlanner, new_pool
from replan.units import ItemId, SiteId, Units


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
