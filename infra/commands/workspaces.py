"""Which commands make, judge and run a workspace?"""

import sys
from pathlib import Path
from typing import Annotated

import typer

from replan.findings import folded
from replan.infra.commands.terminal import Json, place, print_rows, report, say

Dir = Annotated[Path | None, typer.Argument(help="The workspace; the current folder by default.")]


def init(
    folder: Dir = None,
    template: Annotated[str, typer.Option(help="Name of the template.")] = "grocery",
    as_json: Json = False,
) -> None:
    """Write a new workspace into a new or empty folder."""
    from replan.infra.workspace.folder import init_workspace

    root = place.root if folder is None else place.of(folder)
    init_workspace(root, template)
    print_rows([{"workspace": str(root), "template": template}]) if as_json else say(
        f"{root}: written from template {template}; next: replan check {root}"
    )


def check(folder: Dir = None, as_json: Json = False) -> None:
    """Judge a workspace: file, line, value and rule of everything wrong."""
    from replan.infra.workspace.folder import check_workspace

    found = check_workspace(place.root if folder is None else place.of(folder))
    report(found if as_json else folded(found), as_json)


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
    from replan.infra.running.run import run_workspace

    status = run_workspace(place.root, source=source, until_end=until_end, mode=mode)
    if as_json:
        print_rows([status])
    else:
        say(f"clock {status['clock']}, decisions {status['decisions_digest']}")


def status(as_json: Json = False) -> None:
    """Clock, mode, authority, event counts and digests."""
    from replan.infra.planners.plain_text import status_text
    from replan.infra.running.opened import opened_office

    with opened_office(place.root) as desk:
        row = desk.office.status(desk.mode)
    if as_json:
        print_rows([row])
    else:
        sys.stdout.write(status_text(row) + "\n")
