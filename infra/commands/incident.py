"""Which commands are about what went wrong?"""

import sys
from typing import Annotated

import typer

from replan.infra.commands.terminal import Json, place, print_rows, say

incident = typer.Typer(no_args_is_help=True, help="What went wrong, and who answers for it.")

As = Annotated[str, typer.Option("--as", help="A login of planners.yaml.")]


@incident.command("open")
def incident_open(
    kind: Annotated[str, typer.Argument(help="wrong_action, unauthorised_access, … or other.")],
    login: As,
    reason: Annotated[str, typer.Option(help="What happened, in a few words.")],
    scope: Annotated[
        str | None, typer.Option(help="KEY=VALUE, as for stop; else everything.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Open an incident, and stop what it is about."""

    from replan.infra.boundary.incident_desk import incident_text
    from replan.infra.running.opened import opened_incidents

    with opened_incidents(place.root) as desk:
        row = desk.open(kind, scope, login=login, reason=reason).json()
    print_rows([row]) if as_json else say(incident_text(row))


@incident.command("close")
def incident_close(
    incident_id: str,
    login: As,
    finding: Annotated[str, typer.Option(help="What was found, in a few words.")],
    as_json: Json = False,
) -> None:
    """Say what was found, as somebody else than who opened it."""

    from replan.infra.boundary.incident_desk import incident_text
    from replan.infra.running.opened import opened_incidents

    with opened_incidents(place.root) as desk:
        row = desk.close(incident_id, login=login, finding=finding).json()
    print_rows([row]) if as_json else say(incident_text(row))


@incident.command("list")
def incident_list(as_json: Json = False) -> None:
    """All incidents, the oldest first."""

    from replan.infra.boundary.incident_desk import incident_text
    from replan.infra.desk.incident_record import incidents
    from replan.infra.running.opened import opened_office

    with opened_office(place.root) as desk:
        rows = [one.json() for one in incidents(desk.ledger)]
    if as_json:
        print_rows(rows)
    else:
        sys.stdout.write("\n".join(map(incident_text, rows)) + "\n" if rows else "none\n")


@incident.command("show")
def incident_show(incident_id: str, as_json: Json = False) -> None:
    """One incident with its timeline."""
    from replan.infra.boundary.incident_desk import incident_text, step_text
    from replan.infra.running.opened import opened_incidents

    with opened_incidents(place.root) as desk:
        row = desk.timeline(incident_id)
    if as_json:
        print_rows([row])
        return
    sys.stdout.write(incident_text(row) + "\n")
    for step in row["timeline"]:
        sys.stdout.write(f"    {step_text(step)}\n")
