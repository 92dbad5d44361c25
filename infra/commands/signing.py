"""Which commands sign, so that an outsider can check who answers for a table or a risk record?"""

from pathlib import Path
from typing import Annotated

import typer

from replan.infra.commands.terminal import Json, place, print_rows, say

signing = typer.Typer(no_args_is_help=True, help="Sign the authority table and the risk record.")

As = Annotated[str, typer.Option("--as", help="Who signs: a login of planners.yaml.")]
Key = Annotated[Path, typer.Option(help="The private key of that login, a PEM file.")]


@signing.command("key")
def sign_key(
    file: Annotated[Path, typer.Argument(help="Where the private key is written.")],
    as_json: Json = False,
) -> None:
    """Make a private key in a new file, and print the public one."""
    from replan.infra.running.signed import new_key

    key = new_key(place.of(file))
    if as_json:
        print_rows([{"file": str(place.of(file)), "public": key.public}])
    else:
        say(f"{place.of(file)}: the private key; keep it to yourself. The public one:")
        say(key.public)


@signing.command("table")
def sign_table(
    login: As,
    key: Key,
    file: Annotated[Path | None, typer.Argument(help="A table; else the workspace's.")] = None,
    as_json: Json = False,
) -> None:
    """Sign what this login approved of a file of tables."""
    from replan.infra.running.signed import sign_tables, signature_file
    from replan.infra.workspace.authority_file import AUTHORITY_FILE

    table = place.of(Path(AUTHORITY_FILE) if file is None else file)
    hashes = sign_tables(place.root, table, login, place.of(key))
    _signed(signature_file(table), login, hashes, as_json)


@signing.command("risk-record")
def sign_risk(login: As, key: Key, as_json: Json = False) -> None:
    """Sign the risk record of the workspace, as the login that it names."""
    from replan.infra.running.signed import sign_risk_record, signature_file
    from replan.infra.workspace.people_file import RISK_FILE

    content = sign_risk_record(place.root, login, place.of(key))
    _signed(signature_file(place.root / RISK_FILE), login, [content], as_json)


def _signed(file: Path, login: str, hashes: list[str], as_json: bool) -> None:
    if as_json:
        print_rows([{"file": str(file), "login": login, "hash": one} for one in hashes])
    for one in () if as_json else hashes:
        say(f"{file}: {login} signed {one}")
