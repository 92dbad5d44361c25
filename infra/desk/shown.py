"""What do dashboards show that no decision rests on? Stock to come, models by series, tables in
words.

Rows for the ledger, made from decisions, fits and tables as they are stored; see the views in
`infra/ledger/views.py`.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from replan.authority_table import AuthorityTable
from replan.canonical import canonical_bytes
from replan.desk_state import Policy
from replan.effects import DeskOutcome
from replan.forecasting import PanelFit
from replan.infra.ledger.writer import LedgerWriter
from replan.network import Network
from replan.planning import Action
from replan.planning_record import problem_from_json
from replan.projection import projected
from replan.table_change import row_words
from replan.units import ItemId, SiteId, units_from_decimal

Row = dict[str, Any]

IN_FORCE = "authority_in_force"
"""Under this key the ledger keeps the hash of the table that decided last."""


def show(write: LedgerWriter, outcome: DeskOutcome, policy: Policy, at: datetime) -> None:
    """Keep what dashboards show of a desk transaction: stock to come, and the table it was decided
    under where that is another one than before.
    """
    write.put_projections(projection_rows(outcome, policy.network, at))
    table = policy.table
    in_force = None if table is None else table.hash
    if write.control(IN_FORCE) != in_force:
        write.set_control(IN_FORCE, in_force)
        write.put_authority([] if table is None else authority_rows(table, at))


def projection_rows(outcome: DeskOutcome, network: Network, at: datetime) -> list[Row]:
    """What stock will do with each new plan and without it, at the sites that it touches; for a
    site in two plans the later one.
    """
    found: dict[tuple[str, str], Row] = {}
    for made in outcome.made:
        proposal = made.inputs.get("proposal")
        chosen = _chosen(made.body)
        if proposal is None or not chosen:
            continue
        problem = problem_from_json(proposal["problem"])
        levels = {
            site.site: rule.service_level
            for site in problem.sites
            if (rule := network.stocking.get((problem.item, site.site))) is not None
        }
        actions = tuple(_action(row, problem.first_day) for row in chosen)
        for one in projected(problem, actions, levels):
            found[problem.item, one.site] = {
                "item": problem.item,
                "site": one.site,
                "decision_id": made.decision_id,
                "made_at": at,
                "first_day": one.first_day,
                "safety_stock": one.safety_stock,
                "body": canonical_bytes(one.days).decode(),
            }
    return [row for _, row in sorted(found.items())]


def series_rows(
    fit: PanelFit, series: Sequence[tuple[ItemId, SiteId]], network: Network
) -> list[Row]:
    """Which model a fit gives each series, and where the series belongs."""
    return [
        {
            "item": item,
            "site": site,
            "region": network.sites[site].region,
            "category": network.items[item].category,
            "class": network.items[item].abc,
            "model": fit.models[choice] if choice >= 0 else None,
            "degraded": bool(degraded),
        }
        for (item, site), choice, degraded in zip(
            series, fit.choice.tolist(), fit.degraded.tolist(), strict=True
        )
    ]


def authority_rows(table: AuthorityTable, seen_at: datetime) -> list[Row]:
    """A table as rows for a reader, one for each of its own."""
    return [
        {
            "hash": table.hash,
            "n": n,
            "table_name": table.table,
            "version": table.version,
            "effective_from": table.effective_from,
            "effective_to": table.effective_to,
            "author": table.author,
            "approver": table.approver,
            "seen_at": seen_at,
            "rule_id": rule.rule_id,
            "mode": rule.mode,
            "limit_minor": None if rule.when.value is None else rule.when.value.hi,
            "currency": table.currency,
            "recipient": rule.recipient,
            "text": row_words(rule, table.currency),
        }
        for n, rule in enumerate(sorted(table.rules, key=lambda rule: rule.rule_id))
    ]


def _chosen(body: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """The actions of the option that a decision chose."""
    for option in body.get("options", ()):
        if option["name"] == body["chosen"]:
            actions: Sequence[Mapping[str, Any]] = option["actions"]
            return actions
    return ()


def _action(row: Mapping[str, Any], first_day: date) -> Action:
    """An action as it was published."""

    def day(text: str) -> int:
        return (date.fromisoformat(text) - first_day).days

    called = f"{row['from']}@{row['to']}" if row["kind"] == "buffer_call" else None
    return Action(
        kind=row["kind"],
        item=ItemId(row["item"]),
        origin=row["from"],
        destination=SiteId(row["to"]),
        qty=units_from_decimal(Decimal(str(row["qty"]))),
        ship_day=day(row["ship_on"]),
        arrive_p50=day(row["arrive_on"]["p50"]),
        arrive_p90=day(row["arrive_on"]["p90"]),
        cost_minor=row["cost_minor"],
        ref=called or row["order_id"] or row["lane"],
    )
