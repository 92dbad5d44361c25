"""Which commands concern programs that speak for somebody? Personal tokens."""

import sys
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from replan.infra.commands.terminal import Json, place, print_rows, say
from replan.units import instant_text

if TYPE_CHECKING:
    from replan.infra.ledger.doors import TokenRow

tokens = typer.Typer(no_args_is_help=True, help="Tokens with which programs speak for a login.")


@tokens.command()
def create(
    login: Annotated[str, typer.Argument(help="For whom, as in planners.yaml.")],
    days: Annotated[int, typer.Option(help="How long it holds.", min=1, max=366)] = 90,
    as_json: Json = False,
) -> None:
    """Make one and print it, once."""
    from replan.errors import UsageError
    from replan.infra.identity.tokens import Tokens
    from replan.infra.running.opened import opened_office

    with opened_office(place.root) as desk:
        desk.needs_people()
        planner = desk.workspace.people.get(login)
        if planner is None or not planner.active:
            raise UsageError(f"login {login!r} is no active login of planners.yaml")
        token, row = Tokens(desk.ledger).make(login, timedelta(days=days))
    if as_json:
        print_rows([_shown(row) | {"token": token}])
    else:
        say(f"for {login} until {_to_the_second(row.ends)}; it is not shown again")
        sys.stdout.write(token + "\n")


@tokens.command("list")
def list_tokens(as_json: Json = False) -> None:
    """Every token there is or was, without its secret."""
    from replan.infra.identity.tokens import Tokens
    from replan.infra.running.opened import opened_office

    with opened_office(place.root) as desk:
        rows = Tokens(desk.ledger).all()
    if as_json:
        print_rows(_shown(row) for row in rows)
    for row in () if as_json else rows:
        ended = "" if row.revoked_at is None else f", revoked {_to_the_second(row.revoked_at)}"
        sys.stdout.write(f"{row.token_id}  {row.login}  until {_to_the_second(row.ends)}{ended}\n")


@tokens.command()
def revoke(
    token_id: Annotated[str, typer.Argument(metavar="ID", help="As `token list` names it.")],
    as_json: Json = False,
) -> None:
    """End one at once."""
    from replan.infra.identity.tokens import Tokens
    from replan.infra.running.opened import opened_office

    with opened_office(place.root) as desk:
        row = Tokens(desk.ledger).revoke(token_id)
    if as_json:
        print_rows([_shown(row)])
    else:
        say(f"token {token_id} of {row.login} holds no longer")


def _to_the_second(at: datetime) -> str:
    return instant_text(at.replace(microsecond=0))


def _shown(row: "TokenRow") -> dict[str, Any]:
    ended = row.revoked_at
    return {
        "token_id": row.token_id,
        "login": row.login,
        "made_at": instant_text(row.made_at),
        "ends": instant_text(row.ends),
        "revoked_at": None if ended is None else instant_text(ended),
    }
