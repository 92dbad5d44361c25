"""What do the commands prove of a workspace? Decide again, verify the chain, restore a backup."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from replan.errors import ReplanError
from replan.infra.desk.incident_record import CHAIN_BREAK
from replan.infra.desk.incident_watch import notice
from replan.infra.desk.incidents_due import open_due
from replan.infra.desk.stop_switch import StopSwitch
from replan.infra.ledger.rows import AuditReport
from replan.infra.ledger.standing import MODE
from replan.infra.ledger.store import Ledger
from replan.infra.proof.anchors import Anchored, add_anchor, verify_anchored
from replan.infra.proof.replay_run import replay
from replan.infra.rules import open_ledger, policy_source
from replan.infra.running.opened import opened_office
from replan.infra.workspace.folder import Workspace, open_workspace
from replan.replay import Compared
from replan.solver.columns import AskingPlanner
from replan.solver.pool import PooledPlanner
from replan.units import instant_text


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


def verify_workspace(root: Path) -> AuditReport:
    """The audit chain, verified."""
    workspace = open_workspace(root)
    ledger = open_ledger(workspace)
    try:
        report = ledger.verify_audit()
        _suspended_if_broken(workspace, ledger, report)
        # Whoever may only read verifies too; a damaged ledger takes no note.
        with suppress(ReplanError), ledger.transaction() as write:
            write.set_control("checked_at", instant_text(ledger.now()))
            write.set_control("check_held", report.ok)
        return report
    finally:
        ledger.close()


def verify_with_anchors(root: Path, file: Path, public: str | None = None) -> Anchored:
    """The audit chain, verified against checkpoints kept elsewhere too; with a key, signed ones."""
    workspace = open_workspace(root)
    ledger = open_ledger(workspace)
    try:
        held = verify_anchored(ledger, file, public)
        _suspended_if_broken(workspace, ledger, held.report)
        return held
    finally:
        ledger.close()


def _suspended_if_broken(workspace: Workspace, ledger: Ledger, report: AuditReport) -> None:
    """A record that no longer holds is an incident, and nothing is carried out on it."""
    bad = report.first_bad
    if bad is None:
        return
    # Whoever may only read verifies too, and what is broken may be broken in any way: the report
    # comes first, and where nothing can be stored a person has to stop.
    with suppress(Exception):
        with ledger.transaction() as write:
            notice(write, CHAIN_BREAK, None, f"row {bad.seq} of {bad.writer}: {bad.reason}")
        mode = str(ledger.control(MODE) or workspace.settings.mode)
        open_due(ledger, StopSwitch(ledger, policy_source(workspace, mode)))


def anchor_workspace(root: Path, file: Path) -> dict[str, Any]:
    """One checkpoint more in a file."""
    ledger = open_ledger(open_workspace(root))
    try:
        return add_anchor(ledger, file)
    finally:
        ledger.close()
