"""Which commands concern dashboards? Built as files, checked, pushed to a Grafana elsewhere."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from replan.infra.commands.terminal import NOT_SO, Json, print_rows, say

grafana = typer.Typer(
    no_args_is_help=True, help="Dashboards: their files, their rules, a Grafana elsewhere."
)


@grafana.command()
def build(
    folder: Annotated[
        Path | None, typer.Argument(help="Where to write; else where the package keeps them.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Write the dashboards as JSON files for provisioning."""
    from replan.infra.grafana import boards

    place = boards.FOLDER if folder is None else folder
    place.mkdir(parents=True, exist_ok=True)
    changed = boards.build(place)
    if as_json:
        print_rows({"file": str(file)} for file in changed)
    for file in () if as_json else changed:
        sys.stdout.write(f"{file}\n")
    if not changed:
        say("nothing to change")


@grafana.command()
def lint(
    folder: Annotated[
        Path | None, typer.Argument(help="Where the files are; else those of the package.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Judge dashboard files: would Grafana read them, could a planner use them?"""
    from replan.infra.grafana import boards
    from replan.infra.grafana.lint import lint as judge

    faults = judge(boards.kept(boards.FOLDER if folder is None else folder))
    if as_json:
        print_rows(fault.json() for fault in faults)
    for fault in () if as_json else faults:
        sys.stdout.write(f"{fault.board}: {fault.place}: {fault.text} [{fault.rule}]\n")
    if faults:
        raise typer.Exit(NOT_SO)
    say("nothing wrong")
