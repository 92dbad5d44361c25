"""What do the commands prove of a workspace? Decide again, verify the chain, restore a backup."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from replan.errors import ReplanError
from replan.infra.ledger.rows import AuditReport
from replan.infra.proof.anchors import Anchored, add_anchor, verify_anchored
from replan.infra.proof.replay_run import replay
from replan.infra.running.opened import opened_office
from replan.infra.wiring import open_ledger
from replan.infra.workspace.folder import open_workspace
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
