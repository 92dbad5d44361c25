"""A ledger's place in each database: one file a test, or one database of this session's server."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import make_url

from replan.infra import dev_database, ledger_database
from replan.infra.ledger_store import Ledger
from tests.ledger_builders import new_ledger

_TEMPLATE = "empty_ledger"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a ledger is kept, and a way to it that does not go through the ledger."""

    url: str
    root: Path

    @property
    def kind(self) -> str:
        return make_url(self.url).get_backend_name()

    def open(self, **options: Any) -> Ledger:
        return Ledger.open(self.url, self.root, **{"busy_seconds": 0.05, **options})

    @contextmanager
    def connected(self) -> Iterator[sa.Connection]:
        engine = ledger_database.open_engine(self.url, self.root, 0.05)
        try:
            with engine.begin() as conn:
                yield conn
        finally:
            engine.dispose()

    def rows(self, query: str) -> list[dict[str, Any]]:
        with self.connected() as conn:
            return [dict(row._mapping) for row in conn.exec_driver_sql(query)]

    def run(self, statement: str, values: Mapping[str, Any] | None = None) -> int:
        """Rows that one statement changed; names in it stand as `:name`."""
        with self.connected() as conn:
            return conn.execute(sa.text(statement), values or {}).rowcount


class Server:
    """A PostgreSQL server of this test session, started when first asked for."""

    def __init__(self) -> None:
        self.folder = Path(mkdtemp(prefix="replan-tests-"))
        self.folder.chmod(0o755)
        self.url = dev_database.start(self.folder)
        self._made = 0
        self.database(_TEMPLATE)
        Ledger.open(self._url_of(_TEMPLATE), self.folder).close()

    def close(self) -> None:
        dev_database.remove(self.folder)
        self.folder.rmdir()

    def database(self, name: str = "", *, template: str = "template1") -> str:
        """The URL of a new database."""
        self._made += 1
        name = name or f"ledger_{self._made}"
        engine = sa.create_engine(self._url_of("postgres"), isolation_level="AUTOCOMMIT")
        with engine.connect() as conn:
            conn.exec_driver_sql(f"CREATE DATABASE {name} TEMPLATE {template}")
        engine.dispose()
        return self._url_of(name)

    def ledger(self) -> str:
        """The URL of a new database with an empty ledger in it."""
        return self.database(template=_TEMPLATE)

    def _url_of(self, name: str) -> str:
        url = make_url(self.url).set(drivername="postgresql+psycopg", database=name)
        return url.render_as_string(hide_password=False)


@cache
def server() -> Server:
    """The server of this process; the session's fixture `postgresql` ends it."""
    return Server()


def new_place(kind: str, folder: Path) -> Place:
    """A place with an empty ledger in it."""
    if kind == "sqlite":
        new_ledger(folder).close()
        return Place(url="sqlite:///ledger.db", root=folder)
    return Place(url=server().ledger(), root=folder)
