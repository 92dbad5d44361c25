"""What do the commands tell of how it went? Measures, the shadow report, the technical file."""

from datetime import timedelta
from pathlib import Path
from typing import Any

from replan.errors import UsageError
from replan.infra.boundary.shadow_report import shadow_rows
from replan.infra.kpi import Effort, kpi
from replan.infra.planners.planting import checks_told
from replan.infra.rules import policy_source
from replan.infra.running.opened import opened_office


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


def technical_file_of(root: Path) -> str:
    """The technical file of a workspace, as Markdown."""
    from replan.infra.boundary.technical_file import technical_file

    with opened_office(root) as desk:
        policies = policy_source(desk.workspace, desk.mode)
        return technical_file(desk.workspace, desk.ledger, policies, desk.mode)
