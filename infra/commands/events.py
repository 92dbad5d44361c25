"""Which commands help producers of events?"""

import json
import sys
from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from replan.infra.commands.terminal import NOT_SO, Json, place, print_rows

events = typer.Typer(
    no_args_is_help=True, help="For producers: judge events offline, print schemas."
)


@events.command("check")
def events_check(file: Path, as_json: Json = False) -> None:
    """Judge a file of events offline, with the verdicts a run would give."""
    from replan.infra.running.checked import check_events
    from replan.infra.running.events_kit import VERDICTS_OF_FAILURE, summary

    failed = False
    counts: Counter[str] = Counter()
    for row in check_events(place.root, place.of(file)):
        failed |= row["status"] in VERDICTS_OF_FAILURE
        counts[row["status"]] += 1
        if as_json:
            print_rows([row])
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
    from replan.infra.running.events_kit import schemas

    for schema in schemas(kind):
        print_rows([schema]) if as_json else sys.stdout.write(json.dumps(schema, indent=2) + "\n")
