"""What does one need beside replan to try Kafka and PostgreSQL? A broker and a database.

For development and tests: one node each, on the loopback interface, started by pip alone, with
everything they keep in one folder. In production the settings name real ones.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from replan.infra.dev import broker as dev_broker
from replan.infra.dev import database as dev_database

FOLDER = ".dev-servers"
"""Where they keep their data, below the workspace."""


class Server(NamedTuple):
    """One kind of server: its name, how it starts (with its address), stops, and is looked up."""

    name: str
    start: Callable[[Path], str]
    stop: Callable[[Path], object]
    address: Callable[[Path], str | None]
    settings: Callable[[str], str]
    """What replan.toml says to use it, from its address."""


def _broker_address(folder: Path) -> str | None:
    broker = dev_broker.found(folder.resolve())
    return broker.bootstrap if broker is not None and broker.is_alive else None


SERVERS = (
    Server(
        "broker",
        dev_broker.start,
        dev_broker.stop,
        _broker_address,
        lambda address: f'[kafka]\nbootstrap = "{address}"\n',
    ),
    Server(
        "database",
        dev_database.start,
        dev_database.stop,
        dev_database.running,
        lambda address: f'[ledger]\nurl = "{address}"\n',
    ),
)


def up(root: Path) -> list[dict[str, Any]]:
    """Start every server that does not run yet; what stands then."""
    for server in SERVERS:
        server.start(_folder(root, server))
    return status(root)


def down(root: Path) -> list[dict[str, Any]]:
    """Stop every server; what stands then. What they held stays and is there again after `up`."""
    for server in reversed(SERVERS):
        server.stop(_folder(root, server))
    return status(root)


def status(root: Path) -> list[dict[str, Any]]:
    """Per server its name, whether it runs, its address (null: it does not run), its folder."""
    rows = []
    for server in SERVERS:
        folder = _folder(root, server)
        address = server.address(folder)
        rows.append(
            {
                "server": server.name,
                "running": address is not None,
                "address": address,
                "folder": str(folder),
            }
        )
    return rows


def settings(root: Path) -> str:
    """The lines of replan.toml by which a workspace uses the servers that run."""
    found = ((server, server.address(_folder(root, server))) for server in SERVERS)
    return "".join(server.settings(address) for server, address in found if address is not None)


def _folder(root: Path, server: Server) -> Path:
    return root.resolve() / FOLDER / server.name
