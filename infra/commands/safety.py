"""Which commands stop what is carried out, let it go on, and rehearse that?"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from replan.infra.commands.terminal import NOT_SO, Json, place, print_rows, say

Scope = Annotated[
    str | None,
    typer.Option(
        help="KEY=VALUE with region, site, item, category, supplier, action or model; else all."
    ),
]


def stop(
    login: Annotated[str, typer.Option("--as", help="Who stops: a login with role operator.")],
    reason: Annotated[str, typer.Option(help="Why, in a few words.")],
    scope: Scope = None,
    as_json: Json = False,
) -> None:
    """Stop: nothing is carried out from now on, everything or within a scope."""
    _switch("stop", scope, login, reason, as_json)


def resume(
    login: Annotated[
        str, typer.Option("--as", help="Who lets go on: another operator than the one who stopped.")
    ],
    reason: Annotated[str, typer.Option(help="Why, in a few words.")],
    scope: Scope = None,
    as_json: Json = False,
) -> None:
    """Let go on what was stopped under this scope. Nothing fires by itself afterwards."""
    _switch("resume", scope, login, reason, as_json)


def _switch(verb: str, scope: str | None, login: str, reason: str, as_json: bool) -> None:
    from replan.infra.planners.plain_text import moved_text
    from replan.infra.running.opened import opened_office

    with opened_office(place.root) as desk:
        desk.needs_people()
        move = desk.office.switch.stop if verb == "stop" else desk.office.switch.resume
        moved = move(scope, login=login, reason=reason)
    if as_json:
        print_rows([moved.json()])
    else:
        say(moved_text(moved.json()))
    if moved.code is not None:
        raise typer.Exit(NOT_SO)


drill = typer.Typer(no_args_is_help=True, help="Rehearse what must work on the day.")


@drill.command("stop")
def drill_stop(
    login: Annotated[str, typer.Option("--as", help="The operator who stops.")],
    other: Annotated[str, typer.Option("--and", help="The operator who lets go.")],
    as_json: Json = False,
) -> None:
    """Stop everything and let go again, as two people; on record."""
    from replan.infra.drills import brake_and_proof as drills
    from replan.infra.running.opened import opened_office

    with opened_office(place.root) as desk:
        desk.needs_people()
        told = drills.drill_stop(desk.ledger, desk.office.switch, login, other)
    _drilled(told, as_json)


@drill.command("evidence")
def drill_evidence(as_json: Json = False) -> None:
    """Prove the newest decision to a Python that knows nothing of us; on record."""
    from replan.infra.drills import brake_and_proof as drills
    from replan.infra.running.opened import opened_office

    with opened_office(place.root) as desk:
        told = drills.drill_evidence(desk.ledger)
    _drilled(told, as_json)


@drill.command("restore")
def drill_restore(
    backup: Annotated[
        Path | None,
        typer.Option("--from", help="A backup of the SQLite ledger; else one is made now."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Restore a backup aside, verify it, decide and believe everything again; on record."""
    from replan.infra.running.proved import restore_rehearsed

    copy = None if backup is None else place.of(backup)
    _drilled(restore_rehearsed(place.root, copy), as_json)


def _drilled(told: Mapping[str, Any], as_json: bool) -> None:
    if as_json:
        print_rows([told])
    else:
        for step, held in told["steps"].items():
            say(f"{'yes' if held else 'NO '} {step}")
    if not told["ok"]:
        raise typer.Exit(NOT_SO)
