"""What can be done from a terminal? The commands, and what becomes of what goes wrong in one."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from replan.errors import BrokenPromise, LedgerBusy, NotSo, SourceAway, UsageError
from replan.infra.commands import (
    authority,
    boundary,
    cases,
    events,
    grafana,
    incident,
    programs,
    records,
    safety,
    servers,
    signing,
    tokens,
    workspaces,
)
from replan.infra.commands.terminal import NOT_SO, place, say

BAD_USE, CRASHED, BUSY = 2, 70, 75

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
for command in (
    workspaces.init,
    workspaces.check,
    workspaces.run,
    workspaces.status,
    cases.decisions,
    cases.show,
    cases.explain,
    cases.verdict,
    cases.approve,
    cases.opened,
    safety.stop,
    safety.resume,
    records.replay,
    records.evidence,
    cases.kpi,
    cases.labels,
    boundary.shadow,
    boundary.promote,
    boundary.demote,
    programs.serve,
    programs.notify,
    programs.demo,
    programs.bench,
    servers.accept_gap,
):
    app.command()(command)
app.command("technical-file")(records.technical_file)
for name, group in (
    ("authority", authority.authority),
    ("events", events.events),
    ("audit", records.audit),
    ("drill", safety.drill),
    ("incident", incident.incident),
    ("sign", signing.signing),
    ("dev", servers.dev),
    ("token", tokens.tokens),
    ("topics", servers.topics),
    ("grafana", grafana.grafana),
):
    app.add_typer(group, name=name)


@app.callback()
def main_options(
    folder: Annotated[
        Path, typer.Option("-C", help="The workspace; else the current folder.", show_default=False)
    ] = Path(),
) -> None:
    """Senses demand, plans against shortage, acts within written authority and explains itself."""
    place.root = folder


def main() -> None:
    """Run a command and turn what went wrong into a message and an exit code."""
    try:
        app()
    except UsageError as wrong:
        say(str(wrong))
        sys.exit(BAD_USE)
    except NotSo as wrong:
        say(str(wrong))
        sys.exit(NOT_SO)
    except (LedgerBusy, SourceAway) as wrong:
        say(str(wrong))
        sys.exit(BUSY)
    except BrokenPromise as wrong:
        say(f"stopped, because something that must hold does not: {wrong}")
        sys.exit(CRASHED)
