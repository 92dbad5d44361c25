"""Which commands concern dashboards? Built as files, checked, pushed to a Grafana elsewhere."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from replan.errors import NotSo
from replan.infra.commands.terminal import NOT_SO, Json, place, print_rows, say

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

    where = boards.FOLDER if folder is None else place.of(folder)
    where.mkdir(parents=True, exist_ok=True)
    changed = boards.build(where)
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

    faults = judge(boards.kept(boards.FOLDER if folder is None else place.of(folder)))
    if as_json:
        print_rows(fault.json() for fault in faults)
    for fault in () if as_json else faults:
        sys.stdout.write(f"{fault.board}: {fault.place}: {fault.text} [{fault.rule}]\n")
    if faults:
        raise typer.Exit(NOT_SO)
    say("nothing wrong")


@grafana.command()
def push(
    url: Annotated[
        str, typer.Option(help="Where it is.", envvar="GRAFANA_URL", show_default=False)
    ],
    folder: Annotated[str, typer.Option(help="Uid of the folder they go to.")] = "replan",
    ledger: Annotated[
        str | None, typer.Option(help="HOST:PORT of the ledger, to make its data source.")
    ] = None,
    database: Annotated[str, typer.Option(help="The ledger's database.")] = "replan",
    sslmode: Annotated[str, typer.Option(help="How Grafana speaks to it.")] = "require",
    review: Annotated[
        str | None, typer.Option(help="Address of the review pages, to make their data source.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Put dashboards, and data sources where named, into a Grafana; again changes nothing."""
    from replan.infra.grafana import boards, pushing
    from replan.infra.grafana.adapter import Grafana
    from replan.infra.workspace.secret_values import secret

    def needed(name: str) -> str:
        found = secret(name)
        if found is None:
            raise NotSo(f"{name}: must be set, or {name}_FILE")
        return found

    sources = []
    if ledger is not None:
        password = needed("REPLAN_GRAFANA_LEDGER_PASSWORD")
        sources.append(pushing.ledger_source(ledger, database, password, sslmode))
    if review is not None:
        address = f"{review.rstrip('/')}/grafana"
        sources.append(pushing.broker_source(address, needed("REPLAN_BROKER_KEY")))
    grafana = Grafana(url, needed("REPLAN_GRAFANA_TOKEN"))
    files = boards.kept(boards.FOLDER)
    for row in pushing.push(grafana, files, tuple(sources), folder_uid=folder):
        if as_json:
            print_rows([row.json()])
        else:
            sys.stdout.write(
                f"{row.kind} {row.uid}: {'put there' if row.changed else 'as it was'}\n"
            )
