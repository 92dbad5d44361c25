"""What can a process owner ask and do from a terminal? Shadow report, the boundary, the record."""

import sys
from typing import Annotated

import typer

from replan.infra.commands.terminal import NOT_SO, Json, place, print_rows, say


def shadow(
    days: Annotated[
        int | None, typer.Option(help="Only plans of so many days before the clock.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Plans that were only played beside what people did: day by day, then over all days."""
    from replan.infra.boundary.shadow_report import shadow_lines
    from replan.infra.running.figures import workspace_shadow

    rows = workspace_shadow(place.root, days)
    if as_json:
        print_rows(rows)
    else:
        sys.stdout.write("\n".join(shadow_lines(rows)) + "\n")


def promote(
    scope: Annotated[
        str, typer.Argument(metavar="CATEGORY", help="A category, or region=NAME, model=NAME.")
    ],
    login: Annotated[str, typer.Option("--as", help="Who asks for it, or agrees.")],
    as_json: Json = False,
) -> None:
    """Let a category go one step further, on evidence: one person asks, a second one agrees."""
    from replan.infra.boundary.moves import moved_text
    from replan.infra.running.opened import opened_boundary

    with opened_boundary(place.root) as boundary:
        told = boundary.promote(scope, login=login).json()
    print_rows([told]) if as_json else say(moved_text(told))
    if told["code"] is not None:
        raise typer.Exit(NOT_SO)


def demote(
    scope: Annotated[
        str, typer.Argument(metavar="CATEGORY", help="A category, or region=NAME, model=NAME.")
    ],
    login: Annotated[str, typer.Option("--as", help="A process owner or an operator.")],
    reason: Annotated[str, typer.Option(help="Why, in a few words.")],
    to: Annotated[str, typer.Option(help="spot_check, recommend or shadow.")] = "recommend",
    as_json: Json = False,
) -> None:
    """Put a category, region or model down at once."""
    from replan.infra.boundary.moves import moved_text
    from replan.infra.running.opened import opened_boundary

    with opened_boundary(place.root) as boundary:
        told = boundary.demote(scope, to=to, login=login, reason=reason).json()
    print_rows([told]) if as_json else say(moved_text(told))
    if told["code"] is not None:
        raise typer.Exit(NOT_SO)
