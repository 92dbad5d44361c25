"""What is this system, what may it do, and how well does it do it? A file written from the record.

Markdown for whoever has to answer for the use: classification, boundary, oversight, accuracy with
its limits, logging, incidents, and what stands against each hazard with the tests that hold it.
Everything is read from the workspace and its ledger at the clock; nothing is claimed beside it.
"""

import tomllib
from collections.abc import Iterator
from datetime import datetime
from importlib.resources import files
from typing import Any

from replan import __version__
from replan.infra.boundary.moves import standing
from replan.infra.desk.incident_record import incidents
from replan.infra.desk.policy import PolicySource
from replan.infra.kpi import Effort, kpi
from replan.infra.ledger.store import Ledger
from replan.infra.workspace.folder import Workspace
from replan.table_change import row_words


def hazards() -> list[dict[str, Any]]:
    """What could go wrong, the control against it, and the tests of that."""
    content = files("replan.infra").joinpath("defaults/hazards.toml").read_text("utf-8")
    found: list[dict[str, Any]] = tomllib.loads(content)["hazard"]
    return found


def technical_file(workspace: Workspace, ledger: Ledger, policies: PolicySource, mode: str) -> str:
    """The file as Markdown."""
    at = ledger.clock()
    lines = [
        f"# Technical file: {workspace.root.resolve().name}",
        "",
        f"Written from the ledger at {_instant(at)} by replan {__version__}, run in mode {mode}.",
        *_section("Use and classification", _use(workspace, at)),
        *_section("What it may do", _boundary(ledger, policies, at)),
        *_section("Human oversight", _oversight(workspace, ledger)),
        *_section("Accuracy and its limits", _accuracy(workspace, ledger)),
        *_section("How it is going", _measures(workspace, ledger)),
        *_section("Logging", _logging(workspace, ledger)),
        *_section("Incidents", _incidents(ledger)),
        *_section("Hazards, controls, tests", _hazards()),
    ]
    return "\n".join(lines) + "\n"


def _section(title: str, lines: Iterator[str]) -> list[str]:
    return ["", f"## {title}", "", *lines]


def _use(workspace: Workspace, at: datetime | None) -> Iterator[str]:
    risk = workspace.risk
    if risk is None:
        yield "There is no risk record that can be read: live mode is refused."
        return
    why = risk.why_invalid(workspace.people, at, workspace.settings.zone)
    yield f"- classification: {risk.classification}"
    yield f"- intended use: {risk.intended_use}"
    yield from (f"- excluded use: {use}" for use in risk.excluded_use)
    yield f"- rationale: {risk.rationale}"
    if risk.signed_by is None:
        yield "- signed by nobody"
    else:
        yield f"- signed by {risk.signed_by} on {risk.signed_on}, expires on {risk.expires_on}"
    yield f"- now: {'it holds' if why is None else why}"


def _boundary(ledger: Ledger, policies: PolicySource, at: datetime | None) -> Iterator[str]:
    table = None if at is None else policies.authority_at(at)[0]
    if table is None:
        yield "No authority table is in force: everything goes to a person."
    else:
        until = _instant(table.effective_to)
        yield f"Table {table.table}, version {table.version}, in force until {until};"
        yield f"`{table.hash}`; written by {table.author}, approved by {table.approver}. Rows:"
        yield ""
        yield from (f"- {rule.rule_id}: {row_words(rule, table.currency)}" for rule in table.rules)
        yield ""
    yield "Stages:"
    yield ""
    for row in standing(ledger, policies):
        moved = row["moved"]
        why = f", {moved['verb']} by {moved['by']}: {moved['reason']}" if moved else ""
        yield f"- {row['scope']}: {row['stage']}{why}"


def _oversight(workspace: Workspace, ledger: Ledger) -> Iterator[str]:
    for role in workspace.people.active_roles:
        logins = [p.login for p in workspace.people.planners if p.active and role in p.roles]
        yield f"- {role}: {', '.join(logins)}"
    stops = ledger.stops()
    yield from (f"- stopped now: {stop.text}" for stop in stops)
    for drill in ledger.drills():
        held = "held" if drill["ok"] else "DID NOT HOLD"
        took = f", after {drill['took_ms']} ms" if "took_ms" in drill else ""
        yield f"- drill {drill['drill']} at {drill['at']}: {held}{took}"


def _accuracy(workspace: Workspace, ledger: Ledger) -> Iterator[str]:
    told = ledger.forecast_health(workspace.settings.bands.nominal)
    yield f"- closed days with a forecast: {told['days']}"
    yield f"- a band of {100 * told['band']:g} % held {100 * told['coverage']:.1f} % of them"
    yield f"- WAPE of the median: {told['wape']:.3f}"
    open_now = [alarm for alarm in ledger.alarms() if alarm.closed_at is None]
    yield from (f"- open alarm {alarm.kind}: {alarm.text}" for alarm in open_now)


def _measures(workspace: Workspace, ledger: Ledger) -> Iterator[str]:
    told = kpi(
        ledger.decisions(),
        ledger.escalated_ids(),
        ledger.verdicts_accepted(),
        Effort(),
        workspace.settings.currency,
    ).json()
    for name in ("exceptions", "autonomous_rate", "review_rate", "error_rate", "override_rate"):
        yield f"- {name.replace('_', ' ')}: {'none yet' if told[name] is None else told[name]}"


def _logging(workspace: Workspace, ledger: Ledger) -> Iterator[str]:
    report = ledger.verify_audit()
    bad = report.first_bad
    yield f"- audit rows: {report.rows}, " + (
        "the chain holds" if bad is None else f"NOT WHOLE: {bad.writer} {bad.seq}, {bad.reason}"
    )
    anchors = workspace.settings.audit.anchors
    yield f"- checkpoints outside: {anchors or 'none are written by the run'}"
    yield "- nothing is ever deleted from the record; how long it is kept is up to its backups"


def _incidents(ledger: Ledger) -> Iterator[str]:
    known = incidents(ledger)
    if not known:
        yield "None."
    for one in known:
        ended = f"closed by {one.closed_by}: {one.finding}" if one.closed_by else "OPEN"
        yield f"- {one.opened_at} {one.kind} of {one.scope or 'everything'}: {one.text}; {ended}"


def _hazards() -> Iterator[str]:
    yield "| hazard | control | tests |"
    yield "| --- | --- | --- |"
    for row in hazards():
        tests = ", ".join(f"`{name}`" for name in row["tests"])
        yield f"| {row['hazard']} | {row['control']} | {tests} |"


def _instant(at: datetime | None) -> str:
    return "no clock yet" if at is None else at.isoformat().replace("+00:00", "Z")
