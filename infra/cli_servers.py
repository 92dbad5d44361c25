"""Which commands concern the servers around replan? A broker and database for development."""

import sys

import typer

from replan.infra.terminal import Json, place, print_rows, say

dev = typer.Typer(
    no_args_is_help=True,
    help="A local broker and database for development: real ones, started by pip alone.",
)


@dev.command()
def up(as_json: Json = False) -> None:
    """Start them, and print what to put into replan.toml to use them."""
    from replan.infra import dev_servers

    rows = dev_servers.up(place.root)
    if as_json:
        print_rows(rows)
    else:
        say("running; replan.toml uses them with")
        sys.stdout.write(dev_servers.settings(place.root))


@dev.command()
def down(as_json: Json = False) -> None:
    """Stop them; what they held stays for the next start."""
    from replan.infra import dev_servers

    rows = dev_servers.down(place.root)
    print_rows(rows) if as_json else say("stopped")


@dev.command()
def status(as_json: Json = False) -> None:
    """Which of them run, and where."""
    from replan.infra import dev_servers

    rows = dev_servers.status(place.root)
    if as_json:
        print_rows(rows)
    for row in () if as_json else rows:
        sys.stdout.write(f"{row['server']}: {row['address'] or 'does not run'}\n")
