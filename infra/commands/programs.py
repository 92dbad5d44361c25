"""Which commands serve, show and measure?"""

from pathlib import Path
from typing import Annotated

import typer

from replan.infra.commands.terminal import Json, place, print_rows, say


def serve(
    port: Annotated[int, typer.Option(help="Port; 0 picks a free one.")] = 8321,
    host: Annotated[
        str, typer.Option(help="Address; any but this machine's needs a provider of identity.")
    ] = "127.0.0.1",
) -> None:
    """Serve the review page and the HTTP API until Ctrl-C."""
    from replan.infra.running.served import serve_workspace

    serve_workspace(place.root, port, host)


def notify(
    once: Annotated[bool, typer.Option("--once", help="End when nothing is left to tell.")] = False,
    as_json: Json = False,
) -> None:
    """Tell people what waits for them, by the ways of replan.toml, until Ctrl-C."""
    from replan.infra.running.served import notify_people

    done = notify_people(place.root, once=once)
    if as_json:
        print_rows([done])
    else:
        say(", ".join(f"{n} {what}" for what, n in done.items()) or "nothing to tell")


def demo(
    workspace: Annotated[Path, typer.Option(help="Where the demo's workspace is made.")] = Path(
        "demo-workspace"
    ),
    no_serve: Annotated[
        bool, typer.Option("--no-serve", help="End after the table, without the review page.")
    ] = False,
    port: Annotated[int, typer.Option(help="Port of the review page.")] = 8321,
    as_json: Json = False,
) -> None:
    """A year of real sales through the whole loop: learn, sense, plan, act or escalate."""
    from replan.infra.demo.command import run_demo

    run_demo(workspace, serve_pages=not no_serve, port=port, as_json=as_json)


def bench(
    only: Annotated[str | None, typer.Option(help="One row only, by name.")] = None,
    data: Annotated[
        Path | None, typer.Option(help="A folder with data of yours, for the row detection.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Measure on this machine, as ratios within one run."""
    from replan.infra.bench.rows import run_bench

    run_bench(only, as_json=as_json, data=data)
