"""How is another decision table looked at before it is published? Its difference, and its trial on
the cases of the ledger.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from replan.authority_table import AuthorityTable
from replan.currencies import money_text
from replan.decision import option_json
from replan.desk_state import Policy
from replan.effects import Proposal
from replan.errors import NotSo
from replan.findings import finding_text
from replan.infra.desk.policy import kept_policy
from replan.infra.ledger.store import Ledger
from replan.infra.workspace.authority_file import LoadedAuthority, load_authority
from replan.infra.workspace.folder import Workspace
from replan.planning import JointChooser, Option
from replan.records import proposal_from_json
from replan.table_change import changes
from replan.table_reach import reach
from replan.table_trial import Recorded, trial_row, trial_summary, tried
from replan.units import DecisionId


@dataclass(frozen=True, slots=True, kw_only=True)
class TwoTables:
    """The table in force and the one that is looked at."""

    old: AuthorityTable
    new: AuthorityTable


def two_tables(workspace: Workspace, file: Path, now: datetime | None) -> TwoTables:
    """The workspace's table in force at the clock (before any: its newest version) and the newest
    version of a file. NotSo where one of them is refused.
    """
    settings = workspace.settings
    other = load_authority(
        file.resolve().parent,
        workspace.known,
        currency=settings.currency,
        policy_zone=settings.timezone,
        file=file.name,
    )
    standing = None if now is None else workspace.authority.in_force(now).table
    return TwoTables(old=standing or _newest(workspace.authority), new=_newest(other))


def _newest(loaded: LoadedAuthority) -> AuthorityTable:
    if not loaded.tables:
        wrong = [finding_text(f) for f in loaded.findings if f.severity == "error"]
        raise NotSo("\n".join(wrong) or loaded.reason or "there is no table")
    return max(loaded.tables, key=lambda table: table.version)


def difference(workspace: Workspace, tables: TwoTables) -> Iterator[dict[str, Any]]:
    """Every change, and every group of cases that gain or lose authority."""
    for change in changes(tables.old, tables.new):
        yield change.json()
    for one in reach(tables.old, tables.new, workspace.known):
        yield one.json()


def trial(
    ledger: Ledger, tables: TwoTables, chooser: JointChooser, since: timedelta | None
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The recorded plans under both tables, and the sum of it; `since`: only those decided within
    that long before the clock.
    """
    clock = ledger.clock()
    first = None if since is None or clock is None else clock - since
    cases = [c for c in _recorded(ledger, chooser) if first is None or c.at >= first]
    moves = ledger.reservations()
    was, would = (tried(cases, table, moves) for table in (tables.old, tables.new))
    rows = [trial_row(c, was[c.decision_id], would[c.decision_id]) for c in cases]
    return rows, trial_summary(rows)


def _recorded(ledger: Ledger, chooser: JointChooser) -> Iterator[Recorded]:
    """Every plan that would carry something out, as it was decided first, by time and id."""
    policies: dict[str, Policy] = {}
    for now in ledger.decisions():
        made, inputs = ledger.decision_made(now["decision_id"], 1)
        if "proposal" not in inputs or made.body["chosen"] == "none":
            continue
        proposal = proposal_from_json(inputs["proposal"])
        option = _chosen(made.body, proposal)
        if option is None:
            continue
        named = ledger.desk_policy(made.group, made.seq)
        key = str(sorted(named.items(), key=str))
        if key not in policies:
            policies[key] = kept_policy(ledger, named, chooser)
        yield Recorded(
            decision_id=DecisionId(made.decision_id),
            at=datetime.fromisoformat(made.body["decided_at"]),
            proposal=proposal,
            option=option,
            policy=policies[key],
            ended=now["state"],
            worth_minor=_worth(now),
        )


def _worth(body: Mapping[str, Any]) -> int | None:
    """What the recommended plan would have saved, once that is known."""
    if "result" not in body:
        return None
    cost = body["result"]["cost_minor"]
    return None if cost["recommended"] is None else int(cost["none"] - cost["recommended"])


def _chosen(body: Mapping[str, Any], proposal: Proposal) -> Option | None:
    """The option as planned; None where the plan was made in the joint choice and is not on
    record as one of the answer's.
    """
    published = next(o for o in body["options"] if o["name"] == body["chosen"])
    for option in proposal.answer.options:
        plain = option_json(option, DecisionId(body["decision_id"]), proposal.problem.first_day)
        if plain == published:
            return option
    return None


def trial_text(summary: Mapping[str, Any], currency: str, since: timedelta | None) -> list[str]:
    """The sum of a trial in sentences."""
    span = "all" if since is None else f"the last {since.days} days'"
    plans = "1 plan" if summary["cases"] == 1 else f"{summary['cases']} plans"
    lines = [f"{plans} of {span} cases judged under both tables"]
    for name, verb in (("more", "would have run as well"), ("fewer", "would not have run")):
        for part in summary[name]:
            ended = ", ".join(f"{n} {state}" for state, n in part["ended"].items())
            value = money_text(part["value_minor"], currency)
            worth = ""
            if part["known"]:
                saved = money_text(part["worth_minor"], currency)
                worth = f"; on the demand that came worth {saved} ({part['known']} known)"
            lines.append(f"{part['rule_id']}: {part['cases']} {verb}, {value}; now {ended}{worth}")
    if not summary["more"] and not summary["fewer"]:
        lines.append("no case would have come out differently")
    return lines
