"""Is what a team wrote right, and what would it change? Decision tables and files of events."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

from replan.errors import UsageError
from replan.findings import Finding
from replan.infra.boundary.table_proof import searched
from replan.infra.boundary.table_trials import difference, trial, trial_text, two_tables
from replan.infra.running.events_kit import check
from replan.infra.running.known_by_now import known_by_now
from replan.infra.running.opened import opened_office
from replan.infra.workspace.authority_file import AUTHORITY_FILE, load_authority
from replan.infra.workspace.folder import open_workspace
from replan.solver.columns import AskingPlanner
from replan.solver.planner import MilpPlanner


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
