"""What can be done from a terminal? The commands; each is a few lines around the part that does
it.
"""

import json
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from replan.errors import BrokenPromise, LedgerBusy, NotSo, SourceAway, UsageError
from replan.findings import finding_json, finding_text, folded, has_errors
from replan.infra.cli_servers import accept_gap, dev, topics
from replan.infra.terminal import Json
from replan.infra.terminal import place as _place
from replan.infra.terminal import print_rows as _print
from replan.infra.terminal import say as _say

OK, NOT_SO, BAD_USE, CRASHED, BUSY = 0, 1, 2, 70, 75

WIDE = 200
"""Columns of a table that goes to a file or a pipe."""

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
authority = typer.Typer(no_args_is_help=True, help="The decision table: what may run by itself.")
events = typer.Typer(
    no_args_is_help=True, help="For producers: judge events offline, print schemas."
)
audit = typer.Typer(no_args_is_help=True, help="The hash chain over all records.")
app.add_typer(authority, name="authority")
app.add_typer(events, name="events")
app.add_typer(audit, name="audit")
drill = typer.Typer(no_args_is_help=True, help="Rehearse what must work on the day.")
app.add_typer(drill, name="drill")
app.add_typer(dev, name="dev")
app.add_typer(topics, name="topics")
app.command("accept-gap")(accept_gap)

Dir = Annotated[Path | None, typer.Argument(help="The workspace; the current folder by default.")]


@app.callback()
def main_options(
    folder: Annotated[
        Path, typer.Option("-C", help="The workspace; else the current folder.", show_default=False)
    ] = Path(),
) -> None:
    """Senses demand, plans against shortage, acts within written authority and explains itself."""
    _place.root = folder


def main() -> None:
    """Run a command and turn what went wrong into a message and an exit code."""
    try:
        app()
    except UsageError as wrong:
        _say(str(wrong))
        sys.exit(BAD_USE)
    except NotSo as wrong:
        _say(str(wrong))
        sys.exit(NOT_SO)
    except (LedgerBusy, SourceAway) as wrong:
        _say(str(wrong))
        sys.exit(BUSY)
    except BrokenPromise as wrong:
        _say(f"stopped, because something that must hold does not: {wrong}")
        sys.exit(CRASHED)


def _table(rows: list[Mapping[str, Any]], columns: Mapping[str, Callable[[Any], str]]) -> None:
    """The first column is an id and stays whole, so that it can be copied."""
    table = Table(box=None, header_style="bold")
    for n, name in enumerate(columns):
        table.add_column(name, overflow="fold", no_wrap=n == 0)
    for row in rows:
        table.add_row(*(Text(show(row)) for show in columns.values()))
    console = Console()
    if not console.is_terminal:
        console.width = WIDE
    console.print(table)


@app.command()
def init(
    folder: Dir = None,
    template: Annotated[str, typer.Option(help="Name of the template.")] = "grocery",
    as_json: Json = False,
) -> None:
    """Write a new workspace into a new or empty folder."""
    from replan.infra.workspace import init_workspace

    root = folder or _place.root
    init_workspace(root, template)
    _print([{"workspace": str(root), "template": template}]) if as_json else _say(
        f"{root}: written from template {template}; next: replan check {root}"
    )


@app.command()
def check(folder: Dir = None, as_json: Json = False) -> None:
    """Judge a workspace: file, line, value and rule of everything wrong."""
    from replan.infra.workspace import check_workspace

    found = check_workspace(folder or _place.root)
    _report(found if as_json else folded(found), as_json)


def _report(findings: Iterable[Any], as_json: bool) -> None:
    found = list(findings)
    if as_json:
        _print(finding_json(f) for f in found)
    else:
        for f in found:
            sys.stdout.write(finding_text(f) + "\n")
            if f.counterexample is not None:
                sys.stdout.write(f"    for example: {json.dumps(dict(f.counterexample))}\n")
        if not found:
            sys.stdout.write("nothing wrong\n")
    if has_errors(found):
        raise typer.Exit(NOT_SO)


@app.command()
def run(
    source: Annotated[
        str | None, typer.Option(help="file or kafka; else as in replan.toml.")
    ] = None,
    until_end: Annotated[
        bool,
        typer.Option("--until-end", help="End when all events are read and their ticks have run."),
    ] = False,
    mode: Annotated[
        str | None, typer.Option(help="live, recommend or shadow; else as in replan.toml.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Read what is new in the event files or topics, run the ticks that came due, send, take
    answers in.
    """
    from replan.infra.running import run_workspace

    status = run_workspace(_place.root, source=source, until_end=until_end, mode=mode)
    if as_json:
        _print([status])
    else:
        _say(f"clock {status['clock']}, decisions {status['decisions_digest']}")


@app.command()
def status(as_json: Json = False) -> None:
    """Clock, mode, authority, event counts and digests."""
    from replan.infra.plain_text import status_text
    from replan.infra.running import opened_office

    with opened_office(_place.root) as desk:
        row = desk.office.status(desk.mode)
    if as_json:
        _print([row])
    else:
        sys.stdout.write(status_text(row) + "\n")


@app.command()
def decisions(
    state: Annotated[
        str | None, typer.Option(help="Only in this state, such as escalated.")
    ] = None,
    item: Annotated[str | None, typer.Option(help="Only of this item.")] = None,
    since: Annotated[
        str | None, typer.Option(help="Decided at or after this instant: 2026-05-03T00:00:00Z.")
    ] = None,
    as_json: Json = False,
) -> None:
    """List decisions, each in its newest version."""
    from replan.explain import SINCE as STATES
    from replan.infra.running import opened_office

    if state is not None and state not in STATES:
        raise UsageError(f"state {state!r} is not one of {', '.join(STATES)}")
    with opened_office(_place.root) as desk:
        rows = desk.office.decisions(state, item, _instant(since))
    if as_json:
        _print(rows)
    else:
        _table(list(rows), DECISION_COLUMNS)


DECISION_COLUMNS: Mapping[str, Callable[[Any], str]] = {
    "decision": lambda r: r["decision_id"],
    "decided": lambda r: r["decided_at"][:16],
    "item": lambda r: r["item"],
    "site": lambda r: r["site"] or "",
    "category": lambda r: r["category"],
    "chosen": lambda r: r["chosen"],
    "state": lambda r: r["state"],
    "value": lambda r: f"{r['value_minor'] / 100:.2f} {r['currency']}",
    "why": lambda r: "" if r["why_escalated"] is None else r["why_escalated"]["code"],
}


def _instant(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{text!r} is not an instant such as 2026-05-03T00:00:00Z") from None
    if at.tzinfo is None:
        raise UsageError(f"{text!r} has no zone; write 2026-05-03T00:00:00Z")
    return at


@app.command()
def show(decision_id: str, as_json: Json = False) -> None:
    """The brief of a decision; with --json the whole decision."""
    from replan.infra.plain_text import decision_text
    from replan.infra.running import opened_office

    with opened_office(_place.root) as desk:
        file = desk.ledger.decision(decision_id)
    if as_json:
        _print([file.body])
    else:
        sys.stdout.write(decision_text(file) + "\n")


@app.command()
def explain(decision_id: str, as_json: Json = False) -> None:
    """Why a decision came out as it did, in words."""
    from replan.explain import explain as in_words
    from replan.infra.running import opened_office

    with opened_office(_place.root) as desk:
        body = desk.office.decision(decision_id)
        _, inputs = desk.ledger.decision_made(decision_id, 1)
        text = in_words(body, inputs)
    if as_json:
        _print([{"decision_id": decision_id, "text": text}])
    else:
        sys.stdout.write(text + "\n")


@app.command()
def verdict(
    decision_id: str,
    answer: Annotated[
        str,
        typer.Argument(metavar="VERDICT", help="approve, modify, reject, ask, defer or takeover"),
    ],
    login: Annotated[str, typer.Option("--as", help="Who answers: a login of planners.yaml.")],
    reason: Annotated[
        str,
        typer.Option(
            help="Why: data_wrong, known_event, supplier_info, capacity_cutoff, customer_priority, "
            "cost_not_justified, better_alternative, policy or other."
        ),
    ],
    option: Annotated[
        str | None, typer.Option(help="The option; else the recommended one.")
    ] = None,
    qty: Annotated[
        str | None, typer.Option(help="modify: how much the whole plan carries, in base units.")
    ] = None,
    ship_on: Annotated[
        str | None, typer.Option("--date", help="modify: the day on which all of it leaves.")
    ] = None,
    source: Annotated[
        str | None, typer.Option(help="modify: the site that all of it comes from.")
    ] = None,
    transport: Annotated[
        str | None, typer.Option("--mode", help="modify: the means of transport, as in lanes.csv.")
    ] = None,
    to: Annotated[
        str | None, typer.Option(help="ask: who is asked; else whoever the goods come from.")
    ] = None,
    note: Annotated[
        str, typer.Option(help="Free words, with ask the question; needed with the reason other.")
    ] = "",
    version: Annotated[
        int | None, typer.Option(help="Answer only if this is still the version.")
    ] = None,
    confirm: Annotated[
        bool, typer.Option("--confirm", help="Approve although things have changed since.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Answer a decision that waits for a person."""
    from replan.infra.running import opened_office
    from replan.infra.wishes import Wish, day_wished, quantity_wished

    wish = Wish(
        qty=quantity_wished(qty),
        ship_on=day_wished(ship_on),
        source=source,
        transport=transport,
        to=to,
    )
    with opened_office(_place.root) as desk:
        desk.needs_people()
        result = desk.office.verdict(
            decision_id,
            answer,
            login=login,
            chip=reason,
            note=note,
            option=option,
            version=version,
            confirm=confirm,
            wish=wish,
        )
    if as_json:
        _print([result.json()])
    else:
        code = "" if result.code is None else f" ({result.code})"
        _say(f"{decision_id}: {answer} {result.result}{code}, now {result.state}")
        if result.diff is not None:
            said = "changed" if result.result == "accepted" else "because"
            _say(f"    {said}: {json.dumps(dict(result.diff))}")
    if result.result == "refused":
        raise typer.Exit(NOT_SO)


Scope = Annotated[
    str | None,
    typer.Option(
        help="KEY=VALUE with region, site, item, category, supplier, action or model; else all."
    ),
]


@app.command()
def stop(
    login: Annotated[str, typer.Option("--as", help="Who stops: a login with role operator.")],
    reason: Annotated[str, typer.Option(help="Why, in a few words.")],
    scope: Scope = None,
    as_json: Json = False,
) -> None:
    """Stop: nothing is carried out from now on, everything or within a scope."""
    _switch("stop", scope, login, reason, as_json)


@app.command()
def resume(
    login: Annotated[
        str, typer.Option("--as", help="Who lets go on: another operator than the one who stopped.")
    ],
    reason: Annotated[str, typer.Option(help="Why, in a few words.")],
    scope: Scope = None,
    as_json: Json = False,
) -> None:
    """Let go on what was stopped under this scope. Nothing fires by itself afterwards."""
    _switch("resume", scope, login, reason, as_json)


def _switch(verb: str, scope: str | None, login: str, reason: str, as_json: bool) -> None:
    from replan.infra.plain_text import moved_text
    from replan.infra.running import opened_office

    with opened_office(_place.root) as desk:
        desk.needs_people()
        move = desk.office.switch.stop if verb == "stop" else desk.office.switch.resume
        moved = move(scope, login=login, reason=reason)
    if as_json:
        _print([moved.json()])
    else:
        _say(moved_text(moved.json()))
    if moved.code is not None:
        raise typer.Exit(NOT_SO)


@authority.command("check")
def authority_check(
    file: Annotated[Path | None, typer.Argument(help="A table; else the workspace's.")] = None,
    as_json: Json = False,
) -> None:
    """Prove a decision table: one row per case, never more autonomy for more value or less data."""
    from replan.infra.running import check_authority

    _report(check_authority(_place.root, file), as_json)


@authority.command("diff")
def authority_diff(file: Path, as_json: Json = False) -> None:
    """What another table changes: every member in words, and which cases gain or lose authority."""
    from replan.infra.running import diff_tables

    rows = diff_tables(_place.root, file)
    if as_json:
        _print(rows)
        return
    for row in rows:
        mark = {"wider": "+ ", "narrower": "- ", None: "  "}[row["direction"]]
        sys.stdout.write(mark + row["text"] + "\n")
    if not rows:
        sys.stdout.write("the tables say the same\n")


@authority.command("simulate")
def authority_simulate(
    file: Path,
    days: Annotated[
        int | None, typer.Option(help="Only plans decided within so many days before the clock.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Put the recorded plans before another table: what would have run, and how it turned out."""
    from replan.infra.running import try_table

    rows, summary, lines = try_table(_place.root, file, days)
    if as_json:
        _print([*rows, {"summary": summary}])
    else:
        sys.stdout.write("\n".join(lines) + "\n")


@events.command("check")
def events_check(file: Path, as_json: Json = False) -> None:
    """Judge a file of events offline, with the verdicts a run would give."""
    from replan.infra.events_kit import VERDICTS_OF_FAILURE, summary
    from replan.infra.running import check_events

    failed = False
    counts: Counter[str] = Counter()
    for row in check_events(_place.root, file):
        failed |= row["status"] in VERDICTS_OF_FAILURE
        counts[row["status"]] += 1
        if as_json:
            _print([row])
        elif row["code"] is not None:
            sys.stdout.write(
                f"{file}:{row['line']}: {row['status']} {row['code']} {row['pointer'] or ''}\n"
            )
    if not as_json:
        sys.stdout.write(f"{file}: {summary(counts)}\n")
    if failed:
        raise typer.Exit(NOT_SO)


@events.command("schema")
def events_schema(
    kind: Annotated[str | None, typer.Argument(metavar="TYPE", help="Such as pos.sale.v1.")] = None,
    as_json: Json = False,
) -> None:
    """JSON Schemas of the events, one or all."""
    from replan.infra.events_kit import schemas

    for schema in schemas(kind):
        _print([schema]) if as_json else sys.stdout.write(json.dumps(schema, indent=2) + "\n")


@app.command()
def replay(
    decision_id: Annotated[str | None, typer.Argument(metavar="ID")] = None,
    everything: Annotated[bool, typer.Option("--all", help="All decisions.")] = False,
    as_json: Json = False,
) -> None:
    """Decide again from the record and compare byte for byte."""
    from replan.infra.running import replay_workspace

    if (decision_id is None) != everything:
        raise UsageError("name one decision, or --all")
    total, wrong = 0, 0
    for compared in replay_workspace(_place.root, decision_id):
        total, wrong = total + 1, wrong + (not compared.equal)
        row = {
            "decision_id": compared.decision_id,
            "version": compared.version,
            "equal": compared.equal,
            "first_difference": compared.first_difference,
        }
        if as_json:
            _print([row])
        elif not compared.equal:
            sys.stdout.write(
                f"{compared.decision_id}: differs at {compared.first_difference or '/'}\n"
            )
    if not as_json:
        _say(f"{total - wrong} of {total} decisions are byte-equal")
    if wrong:
        raise typer.Exit(NOT_SO)


@audit.command("verify")
def audit_verify(
    anchors: Annotated[
        Path | None, typer.Option(help="Checkpoints kept outside the ledger, by audit anchor.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Walk the hash chain and compare every record with it: was anything changed afterwards?"""
    from replan.infra.running import verify_with_anchors, verify_workspace

    held = None if anchors is None else verify_with_anchors(_place.root, anchors)
    report = verify_workspace(_place.root) if held is None else held.report
    bad = report.first_bad
    if as_json:
        first = None if bad is None else {"writer": bad.writer, "seq": bad.seq}
        row: dict[str, Any] = {"ok": report.ok, "rows": report.rows, "first_bad": first}
        _print([row if held is None else {**row, "uncovered": held.uncovered}])
    elif bad is None:
        said = "" if held is None else f", {held.uncovered} of them after the last checkpoint"
        _say(f"{report.rows} rows hold{said}")
    else:
        _say(f"first bad row: writer {bad.writer}, seq {bad.seq}: {bad.reason}")
    if not report.ok:
        raise typer.Exit(NOT_SO)


@audit.command("anchor")
def audit_anchor(
    file: Annotated[Path, typer.Argument(help="Where checkpoints are kept; not on this machine.")],
    as_json: Json = False,
) -> None:
    """Append a checkpoint of every chain to a file that lies outside the ledger."""
    from replan.infra.running import anchor_workspace

    line = anchor_workspace(_place.root, file)
    if as_json:
        _print([line])
    else:
        rows = sum(seq for seq, _ in line["heads"].values())
        sealed = "sealed" if line["seal"] else "not sealed: no key is given"
        _say(f"{file}: a checkpoint of {rows} rows, {sealed}")


@app.command()
def evidence(
    name: Annotated[str, typer.Argument(metavar="ID", help="A decision or an action.")],
    file: Annotated[Path, typer.Option("-o", help="Where the pack is written, such as pack.zip.")],
    as_json: Json = False,
) -> None:
    """One decision with its proof, in a file that checks itself: python FILE."""
    from replan.infra.evidence import write_evidence
    from replan.infra.running import opened_office

    with opened_office(_place.root) as desk:
        said = write_evidence(desk.ledger, name, file)
    if as_json:
        _print([said])
    else:
        _say(f"{file}: {said['rows']} rows of evidence; check it with: python {file}")
        for fault in said["faults"]:
            _say(f"WRONG: {fault}")
    if said["faults"]:
        raise typer.Exit(NOT_SO)


@drill.command("stop")
def drill_stop(
    login: Annotated[str, typer.Option("--as", help="The operator who stops.")],
    other: Annotated[str, typer.Option("--and", help="The operator who lets go.")],
    as_json: Json = False,
) -> None:
    """Stop everything and let go again, as two people; on record."""
    from replan.infra import drills
    from replan.infra.running import opened_office

    with opened_office(_place.root) as desk:
        desk.needs_people()
        told = drills.drill_stop(desk.ledger, desk.office.switch, login, other)
    _drilled(told, as_json)


@drill.command("evidence")
def drill_evidence(as_json: Json = False) -> None:
    """Prove the newest decision to a Python that knows nothing of us; on record."""
    from replan.infra import drills
    from replan.infra.running import opened_office

    with opened_office(_place.root) as desk:
        told = drills.drill_evidence(desk.ledger)
    _drilled(told, as_json)


def _drilled(told: Mapping[str, Any], as_json: bool) -> None:
    if as_json:
        _print([told])
    else:
        for step, held in told["steps"].items():
            _say(f"{'yes' if held else 'NO '} {step}")
    if not told["ok"]:
        raise typer.Exit(NOT_SO)


@app.command()
def kpi(
    days: Annotated[
        int | None, typer.Option(help="Only decisions of so many days before the clock.")
    ] = None,
    manual_minutes: Annotated[
        int, typer.Option(min=0, help="Minutes an exception took by hand.")
    ] = 25,
    review_minutes: Annotated[int, typer.Option(min=0, help="Minutes a review takes.")] = 8,
    hourly_cost: Annotated[
        int | None, typer.Option(min=0, help="What an hour costs, whole units of currency.")
    ] = None,
    as_json: Json = False,
) -> None:
    """The six measures, from the ledger: volume, autonomous, reviewed, errors, cycle, cost."""
    from replan.infra.kpi import Effort, kpi_text
    from replan.infra.running import workspace_kpi

    effort = Effort(
        manual_minutes=manual_minutes, review_minutes=review_minutes, hourly_cost=hourly_cost
    )
    row, currency = workspace_kpi(_place.root, days, effort)
    if as_json:
        _print([row])
    else:
        sys.stdout.write(kpi_text(row, currency) + "\n")


@app.command()
def serve(
    port: Annotated[int, typer.Option(help="Port on 127.0.0.1; 0 picks a free one.")] = 8321,
) -> None:
    """Serve the review page and the HTTP API on 127.0.0.1 until Ctrl-C."""
    from replan.infra.running import serve_workspace

    serve_workspace(_place.root, port)


@app.command()
def demo(
    workspace: Annotated[Path, typer.Option(help="Where the demo's workspace is made.")] = Path(
        "demo-workspace"
    ),
    no_serve: Annotated[
        bool, typer.Option("--no-serve", help="End after the table, without the review page.")
    ] = False,
    port: Annotated[int, typer.Option(help="Port of the review page.")] = 8321,
    as_json: Json = False,
) -> None:
    """A year of real sales through the whole loop: learn, sense, plan, act or escalate."""
    from replan.infra.demo.command import run_demo

    run_demo(workspace, serve_pages=not no_serve, port=port, as_json=as_json)


@app.command()
def bench(
    only: Annotated[str | None, typer.Option(help="One row only, by name.")] = None,
    data: Annotated[
        Path | None, typer.Option(help="A folder with data of yours, for the row detection.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Measure on this machine, as ratios within one run."""
    from replan.infra.bench.rows import run_bench

    run_bench(only, as_json=as_json, data=data)
