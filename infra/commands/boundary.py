"""What can a process owner ask and do from a terminal? Shadow report, the boundary, the record."""

import sys
from typing import Annotated

import typer

from replan.infra.commands.terminal import Json, place, print_rows


def shadow(
    days: Annotated[
        int | None, typer.Option(help="Only plans of so many days before the clock.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Plans that were only played beside what people did: day by day, then over all days."""
    from replan.infra.running import workspace_shadow
    from replan.infra.shadow_report import shadow_lines

    rows = workspace_shadow(place.root, days)
    if as_json:
        print_rows(rows)
    else:
        sys.stdout.write("\n".join(shadow_lines(rows)) + "\n")
