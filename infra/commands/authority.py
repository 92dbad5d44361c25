"""Which commands judge a decision table?"""

import sys
from pathlib import Path
from typing import Annotated

import typer

from replan.findings import has_errors
from replan.infra.commands.terminal import NOT_SO, Json, place, print_rows, report

authority = typer.Typer(no_args_is_help=True, help="The decision table: what may run by itself.")


@authority.command("check")
def authority_check(
    file: Annotated[Path | None, typer.Argument(help="A table; else the workspace's.")] = None,
    as_json: Json = False,
) -> None:
    """Prove a decision table: one row per case, never more autonomy for more value or less data."""
    from replan.infra.running.checked import check_authority

    found, holds = check_authority(place.root, None if file is None else place.of(file))
    if not as_json:
        from replan.infra.boundary.table_proof import told

        sys.stdout.write("\n".join(told(found, holds)) + "\n")
        if has_errors(found):
            raise typer.Exit(NOT_SO)
        return
    report(found, as_json)


@authority.command("diff")
def authority_diff(file: Path, as_json: Json = False) -> None:
    """What another table changes: every member in words, and which cases gain or lose authority."""
    from replan.infra.running.checked import diff_tables

    rows = diff_tables(place.root, place.of(file))
    if as_json:
        print_rows(rows)
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
    from replan.infra.running.checked import try_table

    rows, summary, lines = try_table(place.root, place.of(file), days)
    if as_json:
        print_rows([*rows, {"summary": summary}])
    else:
        sys.stdout.write("\n".join(lines) + "\n")


@authority.command("stages")
def authority_stages(as_json: Json = False) -> None:
    """Where each category stands on the ladder, what the table states, and who moved it."""
    from replan.infra.boundary.moves import standing
    from replan.infra.running.opened import opened_boundary

    with opened_boundary(place.root) as boundary:
        rows = standing(boundary.ledger, boundary.policies)
    if as_json:
        print_rows(rows)
        return
    for row in rows:
        moved = row["moved"]
        why = f" ({moved['verb']} by {moved['by']}: {moved['reason']})" if moved else ""
        sys.stdout.write(f"{row['scope']:<28} {row['stage']}{why}\n")


@authority.command("review")
def authority_review(
    login: Annotated[str, typer.Option("--as", help="A process owner.")],
    finding: Annotated[str, typer.Option(help="What was found, in a few words.")],
    as_json: Json = False,
) -> None:
    """Say that the boundary was looked at, and what was found; the quarter begins anew."""
    from replan.infra.boundary.quarterly import reviewed
    from replan.infra.running.opened import opened_office

    with opened_office(place.root) as desk:
        desk.needs_people()
        told = reviewed(desk.ledger, desk.workspace.people, login=login, finding=finding)
    if as_json:
        print_rows([told])
    else:
        sys.stdout.write(
            f"reviewed by {told['login']}; the next review is due {told['next_due']}\n"
        )
