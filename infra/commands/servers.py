"""Which commands concern the servers around replan? A broker and database of one's own, topics."""

import sys
from typing import Annotated

import typer

from replan.findings import finding_text, has_errors
from replan.infra.commands.terminal import NOT_SO, Json, place, print_rows, report, say

dev = typer.Typer(
    no_args_is_help=True,
    help="A local broker and database for development: real ones, started by pip alone.",
)


@dev.command()
def up(as_json: Json = False) -> None:
    """Start them, and print what to put into replan.toml to use them."""
    from replan.infra.dev import servers as dev_servers

    rows = dev_servers.up(place.root)
    if as_json:
        print_rows(rows)
    else:
        say("running; replan.toml uses them with")
        sys.stdout.write(dev_servers.settings(place.root))


@dev.command()
def down(as_json: Json = False) -> None:
    """Stop them; what they held stays for the next start."""
    from replan.infra.dev import servers as dev_servers

    rows = dev_servers.down(place.root)
    print_rows(rows) if as_json else say("stopped")


@dev.command()
def status(as_json: Json = False) -> None:
    """Which of them run, and where."""
    from replan.infra.dev import servers as dev_servers

    rows = dev_servers.status(place.root)
    if as_json:
        print_rows(rows)
    for row in () if as_json else rows:
        sys.stdout.write(f"{row['server']}: {row['address'] or 'does not run'}\n")


@dev.command()
def erp(
    until_end: Annotated[
        bool, typer.Option("--until-end", help="Stop where the commands end.")
    ] = False,
    refuse: Annotated[int, typer.Option(help="Percent of commands that are refused.")] = 0,
    silent: Annotated[int, typer.Option(help="Percent that are never answered.")] = 0,
    twice: Annotated[int, typer.Option(help="Percent that are answered twice.")] = 0,
    as_json: Json = False,
) -> None:
    """Carry out what stands on the topic of commands, and fail as asked."""
    from replan.infra.dev.erp import Faults, carry_out
    from replan.infra.running.over_kafka import Stopping
    from replan.infra.workspace.folder import open_workspace

    faults = Faults(refuse=refuse, silent=silent, twice=twice)
    stopping = Stopping()
    with stopping.heard():
        done = carry_out(
            open_workspace(place.root), faults, until_end=until_end, goes_on=lambda: not stopping
        )
    if as_json:
        print_rows([done])
    else:
        say(", ".join(f"{name}: {n}" for name, n in done.items()) or "no commands")


topics = typer.Typer(no_args_is_help=True, help="The topics of a Kafka cluster.")


@topics.command()
def create(
    partitions: Annotated[
        int | None, typer.Option(help="Partitions of each; else as in replan.toml.", min=1)
    ] = None,
    as_json: Json = False,
) -> None:
    """Make the topics that are missing; what is there is left alone and judged."""
    from replan.infra.running.topics import create_all

    rows, found = create_all(place.root, partitions)
    if as_json:
        print_rows(rows)
    else:
        for row in rows:
            sys.stdout.write(f"{row['topic']}: {'made' if row['created'] else 'was there'}\n")
    for finding in found:
        say(finding_text(finding))
    if has_errors(found):
        raise typer.Exit(NOT_SO)


@topics.command("check")
def check_topics(as_json: Json = False) -> None:
    """Judge the topics: would any of them lose events, is one missing?"""
    from replan.infra.running.topics import check_all

    report(check_all(place.root), as_json)


def accept_gap(
    partition: Annotated[str, typer.Argument(help="As `run` names it, such as replan.pos-0.")],
    login: Annotated[str, typer.Option("--as", help="Who says so; needs the role operator.")],
    reason: Annotated[str, typer.Option(help="What happened to these records.")],
    as_json: Json = False,
) -> None:
    """Declare records lost that a topic no longer has; a second operator must say so too."""
    from replan.infra.kafka.lost_records import accept
    from replan.infra.running.opened import opened_office

    with opened_office(place.root) as desk:
        desk.needs_people()
        said = accept(
            desk.ledger,
            desk.workspace.people,
            partition,
            login=login,
            reason=reason,
            at=desk.ledger.clock() or desk.ledger.now(),
        )
    if as_json:
        print_rows([{"partition": partition, "result": said}])
    elif said == "asked":
        say(f"{partition}: declared by {login}; another operator has to declare it too")
    else:
        say(f"{partition}: the loss is accepted; the next run reads on from what is there")
