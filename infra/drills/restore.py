"""Would a backup bring everything back? Restored aside, verified, decided and believed again.

The ledger is copied as its database copies it (or a backup is given), beside a copy of the
workspace. There the chain must hold, every decision must be decided again byte for byte, and a run
over the same events must come to the same belief. The rehearsal runs in mode shadow in a folder of
its own: nothing is sent, and the workspace itself is not touched but for the row that records it.
"""

import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from replan.errors import BrokenPromise, NotSo, UsageError
from replan.infra.drills.brake_and_proof import recorded
from replan.infra.ledger.store import Ledger
from replan.infra.proof.replay_run import replay
from replan.infra.wiring import opened_engine
from replan.infra.workspace.folder import Workspace, open_workspace
from replan.infra.workspace.settings import Audit
from replan.infra.workspace.settings import Ledger as LedgerSettings
from replan.planning import JointChooser, Planner

RESTORED = "restored.db"


def drill_restore(
    workspace: Workspace,
    ledger: Ledger,
    backup: Path | None,
    planner: Planner,
    chooser: JointChooser,
) -> dict[str, Any]:
    """Rehearse it with a backup in a SQLite file, or with one made now. UsageError where the ledger
    is on a server and no backup is given, or there is none at the path.
    """
    if backup is None and ledger.file is None:
        raise UsageError(
            "the ledger is on a server: restore a backup with the server's tools into another "
            "database, and drill in a workspace whose ledger.url names it"
        )
    if backup is not None and not backup.is_file():
        raise UsageError(f"{backup}: there is no such backup")
    steps: dict[str, bool] = {}
    with TemporaryDirectory(prefix="replan-restore-") as folder:
        root = Path(folder) / "workspace"
        _copy(workspace, root)
        source = backup or ledger.file
        assert source is not None, "one of the two was given"
        copied(source, root / RESTORED)
        try:
            restored = Ledger.open(f"sqlite:///{RESTORED}", root, check=True)
        except NotSo:
            steps["the backup opens"] = False
            return recorded(ledger, "restore", steps)
        steps["the backup opens"] = True
        with closing(restored):
            steps["the chain holds"] = restored.verify_audit().ok
            groups = sorted({item.group for item in workspace.network.items.values()})
            again = list(replay(restored, groups, planner, chooser))
            steps["every decision is decided again alike"] = all(one.equal for one in again)
            if backup is None:
                same = restored.decisions_digest() == ledger.decisions_digest()
                steps["no decision is missing"] = same
            if workspace.settings.source.kind == "file":
                steps["the belief is the same again"] = _believes_alike(root, restored)
    return recorded(ledger, "restore", steps, decisions=len(again))


def copied(source: Path, target: Path) -> None:
    """A consistent copy of a SQLite file that may be in use."""
    with closing(sqlite3.connect(source)) as conn, closing(sqlite3.connect(target)) as copy:
        conn.backup(copy)


def _copy(workspace: Workspace, root: Path) -> None:
    """The workspace without its ledger; what other runs left for outlets belongs to it."""

    def left_out(folder: str, names: list[str]) -> list[str]:
        return [n for n in names if n.startswith((".", RESTORED)) or ".db" in Path(n).suffixes]

    shutil.copytree(workspace.root, root, ignore=left_out, symlinks=True)


def _believes_alike(root: Path, restored: Ledger) -> bool:
    """Whether a run over the same events ends in the same belief."""
    copy = open_workspace(root)
    settings = copy.settings.model_copy(
        update={"ledger": LedgerSettings(url=f"sqlite:///{RESTORED}"), "audit": Audit()}
    )
    known = restored.control("state_digest")
    decided = restored.decisions_digest()
    try:
        with opened_engine(replace(copy, settings=settings), restored, "shadow") as engine:
            engine.run_until_end()
            return engine.state_digest == known and restored.decisions_digest() == decided
    except (BrokenPromise, UsageError):
        return False
