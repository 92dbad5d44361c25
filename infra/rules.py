"""How is decided, by the files of a workspace? Its ledger, the rules of sense, the desk's policy.

Every command comes through here, so nothing is loaded that only a run needs.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from replan.authority_table import AuthorityTable
from replan.canonical import digest
from replan.errors import NotSo
from replan.findings import Finding, finding_text
from replan.infra.desk.policy import PolicySource
from replan.infra.ledger.store import Ledger
from replan.infra.workspace.authority_file import AUTHORITY_FILE
from replan.infra.workspace.folder import Workspace
from replan.infra.workspace.secret_values import LEDGER_PASSWORD, secret
from replan.infra.workspace.settings import Plan, Settings
from replan.infra.workspace.signatures import SIGNATURE
from replan.planning import Carried, ItemChoices, JointChooser, Option, PlanningProblem
from replan.state import SenseRules
from replan.stops import STOP_FILE
from replan.units import ItemId, Units

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


class _Chooser:
    """The joint chooser, loaded with its solver when a desk first asks it: most commands never
    do.
    """

    def choose(
        self, proposals: tuple[ItemChoices, ...], capacity: Mapping[Carried, Units | None]
    ) -> dict[ItemId, str]:
        """Item → option name."""
        return self._loaded.choose(proposals, capacity)

    def further(
        self,
        problems: Mapping[ItemId, PlanningProblem],
        proposals: tuple[ItemChoices, ...],
        capacity: Mapping[Carried, Units | None],
    ) -> dict[ItemId, tuple[Option, ...]]:
        """New plans by item."""
        return self._loaded.further(problems, proposals, capacity)

    @cached_property
    def _loaded(self) -> JointChooser:
        from replan.solver.columns import AskingPlanner
        from replan.solver.planner import MilpPlanner

        return AskingPlanner(MilpPlanner())


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
        chooser=_Chooser(),
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
