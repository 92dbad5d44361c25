"""How do the dashboards come to a Grafana that reads no files of ours? They are pushed.

What is there already and equal is left alone, so it may run after every release.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from replan.errors import NotSo
from replan.infra.grafana.adapter import Grafana
from replan.infra.grafana.model import LEDGER
from replan.infra.grafana.wording import BROKER

FOLDER_UID: Final = "replan"
FOLDER_TITLE: Final = "replan"
READER: Final = "grafana_ro"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pushed:
    """One thing that is to stand there: `kind` (folder, datasource, dashboard), uid, whether it had
    to change.
    """

    kind: str
    uid: str
    changed: bool

    def json(self) -> dict[str, Any]:
        """As printed."""
        return {"kind": self.kind, "uid": self.uid, "changed": self.changed}


def ledger_source(address: str, database: str, password: str, sslmode: str) -> dict[str, Any]:
    """The data source of the ledger's views; `address` is `host:port`."""
    return {
        "name": "Replan DB",
        "uid": LEDGER["uid"],
        "type": LEDGER["type"],
        "access": "proxy",
        "url": address,
        "user": READER,
        # Newer versions read it below, older ones here.
        "database": database,
        "jsonData": {"database": database, "sslmode": sslmode, "postgresVersion": 1500},
        "secureJsonData": {"password": password},
    }


def broker_source(url: str, key: str) -> dict[str, Any]:
    """The data source through which planners come to the review page: of a type that lets nobody
    send anything but GET.
    """
    return {
        "name": "Replan review",
        "uid": BROKER,
        "type": "prometheus",
        "access": "proxy",
        "url": url,
        "jsonData": {"httpHeaderName1": "X-Replan-Broker-Key"},
        "secureJsonData": {"httpHeaderValue1": key},
    }


def push(
    grafana: Grafana,
    boards: Mapping[str, Mapping[str, Any]],
    sources: tuple[Mapping[str, Any], ...] = (),
    *,
    folder_uid: str = FOLDER_UID,
) -> Iterator[Pushed]:
    """Put folder, data sources and dashboards there, one after the other. NotSo for a Grafana that
    is too old, or that lacks the data source of the ledger and is given none.
    """
    grafana.version()
    for source in sources:
        changed = grafana.ensure_datasource(source)
        yield Pushed(kind="datasource", uid=source["uid"], changed=changed)
    if not grafana.has_datasource(LEDGER["uid"]):
        raise NotSo(
            f"Grafana {grafana.url}: has no data source {LEDGER['uid']!r}, which the dashboards "
            "ask; name the ledger's server (--ledger HOST:PORT), or make it by hand"
        )
    changed = grafana.ensure_folder(folder_uid, FOLDER_TITLE)
    yield Pushed(kind="folder", uid=folder_uid, changed=changed)
    for _, board in sorted(boards.items()):
        changed = grafana.push_dashboard(board, folder_uid)
        yield Pushed(kind="dashboard", uid=board["uid"], changed=changed)
