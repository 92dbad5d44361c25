"""What would have been decided under another table, network or model? The log is run twice aside.

Once as the workspace is and once with the change, each from the first event in a folder of its own,
in shadow: nothing leaves, no executor is asked, and both see the same log. What people answered is
in neither, so that the change alone makes the difference.
"""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from replan.errors import NotSo, UsageError
from replan.findings import finding_text
from replan.infra.rules import open_ledger
from replan.infra.wiring import opened_engine
from replan.infra.workspace.authority_file import AUTHORITY_FILE
from replan.infra.workspace.folder import Workspace, open_workspace
from replan.infra.workspace.settings import Audit, Security
from replan.infra.workspace.settings import Ledger as LedgerSettings
from replan.models.registry import forecaster

CHANGES: Final = ("table", "network", "model")
TOLD: Final = ("decision_id", "state", "chosen", "value_minor", "rule_id", "confidence")
"""What is compared of a decision."""

Row = dict[str, Any]


def run_otherwise(root: Path, changes: Mapping[str, str]) -> Iterator[Row]:
    """Each trouble of the log, with what was and what would have been decided of it, by when; None
    on the side that saw none. UsageError for a change that cannot be meant, NotSo where the log is
    not in files or a changed file is wrong.
    """
    workspace = open_workspace(root)
    if workspace.settings.source.kind != "file":
        raise NotSo("only a log in event files can be run again aside; this one is on Kafka")
    for name in changes:
        if name not in CHANGES:
            raise UsageError(f"what-if {name!r} is not one of {', '.join(CHANGES)}")
    if "model" in changes:
        forecaster(changes["model"])
    if "table" in changes and not Path(changes["table"]).is_file():
        raise UsageError(f"{changes['table']}: there is no such table")
    if "network" in changes and not Path(changes["network"]).is_dir():
        raise UsageError(f"{changes['network']}: there is no such folder of network files")
    was, would = (_decided(workspace, asked) for asked in ({}, changes))

    def when(episode: str) -> tuple[str, str]:
        return str((was.get(episode) or would[episode])["decided_at"]), episode

    for episode in sorted({*was, *would}, key=when):
        sides = [was.get(episode), would.get(episode)]
        known = sides[0] or sides[1]
        assert known is not None, "an episode is known from one of the two"
        told = [None if s is None else {name: s[name] for name in TOLD} for s in sides]
        yield {
            "decided_at": known["decided_at"],
            "item": known["item"],
            "site": known["site"],
            "category": known["category"],
            "was": told[0],
            "would": told[1],
            "changed": told[0] != told[1],
        }


def _decided(workspace: Workspace, changes: Mapping[str, str]) -> dict[str, Row]:
    """The first decision of each trouble, by its episode, when the log is run from its start."""
    with TemporaryDirectory(prefix="replan-what-if-") as folder:
        root = Path(folder) / "workspace"
        _copied(workspace.root, root, changes)
        copy = open_workspace(root)
        wrong = [f for f in copy.findings if f.severity == "error" and _is_of(f.file, changes)]
        if wrong:
            raise NotSo("\n".join(finding_text(finding) for finding in wrong))
        settings = copy.settings.model_copy(
            update={
                "ledger": LedgerSettings(),
                "audit": Audit(),
                "executor": copy.settings.executor.model_copy(update={"kind": "file"}),
                # What is only tried needs nobody's signature.
                "security": Security(),
            }
        )
        if "model" in changes:
            names = tuple(sorted({*settings.models.candidates, changes["model"]}))
            models = settings.models.model_copy(update={"candidates": names})
            settings = settings.model_copy(update={"models": models})
        copy = replace(copy, settings=settings)
        copy = replace(copy, authority=copy.reload_authority())
        with closing(open_ledger(copy)) as ledger:
            with opened_engine(copy, ledger, "shadow") as engine:
                engine.run_until_end()
            found: dict[str, Row] = {}
            for body in ledger.decisions():
                found.setdefault(str(body["episode"]), dict(body))
            return found


def _is_of(file: str, changes: Mapping[str, str]) -> bool:
    return (file == AUTHORITY_FILE and "table" in changes) or (
        file.startswith("network/") and "network" in changes
    )


def _copied(source: Path, root: Path, changes: Mapping[str, str]) -> None:
    """The workspace without its ledger and what it wrote, with the changed files in place."""

    def left_out(folder: str, names: list[str]) -> list[str]:
        written = {"out"} if Path(folder) == source else set()
        return [n for n in names if n[0] == "." or ".db" in Path(n).suffixes or n in written]

    shutil.copytree(source, root, ignore=left_out, symlinks=True)
    if "table" in changes:
        shutil.copyfile(changes["table"], root / AUTHORITY_FILE)
    if "network" in changes:
        shutil.copytree(changes["network"], root / "network", dirs_exist_ok=True)


def told_otherwise(rows: list[Row]) -> Iterator[str]:
    """What changed, a trouble a line, and the sum of it."""
    for row in rows:
        if row["changed"]:
            was, would = (_side(row[name]) for name in ("was", "would"))
            yield f"{row['decided_at']}  {row['item']}, {row['category']}: {was} → {would}"
    changed = sum(row["changed"] for row in rows)
    yield f"{changed} of {len(rows)} troubles would have been decided otherwise"


def _side(told: Row | None) -> str:
    if told is None:
        return "no trouble"
    row = "no row" if told["rule_id"] is None else f"row {told['rule_id']}"
    return f"{told['state']} by {row}, {told['chosen']}, {told['value_minor']} minor units"
