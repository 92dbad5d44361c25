"""Where can a test keep a ledger? In a file of its own, or in the server of this session."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import make_url

from replan.infra.dev import database as dev_database
from replan.infra.ledger import database as ledger_database
from replan.infra.ledger import schema as ledger_schema
from replan.infra.ledger.store import Ledger
from tests.ledger_builders import new_ledger


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
    """A PostgreSQL server of this test session."""

    def __init__(self) -> None:
        self.folder = Path(mkdtemp(prefix="replan-tests-"))
        # For the user that it runs as where tests run as root.
        self.folder.chmod(0o755)
        self.url = dev_database.start(self.folder)
        self._made = 0
        self._emptied = self.database()
        Ledger.open(self._emptied, self.folder).close()

    def close(self) -> None:
        dev_database.remove(self.folder)
        self.folder.rmdir()

    def database(self) -> str:
        """The URL of a new database with nothing in it."""
        self._made += 1
        name = f"ledger_{self._made}"
        with self.connected() as conn:
            conn.exec_driver_sql(f"CREATE DATABASE {name}")
        return self._url_of(name)

    def copy_of(self, url: str) -> str:
        """The URL of a new database with what that one holds; nobody may be connected to it."""
        self._made += 1
        name = f"ledger_{self._made}"
        with self.connected() as conn:
            conn.exec_driver_sql(f"CREATE DATABASE {name} TEMPLATE {make_url(url).database}")
        return self._url_of(name)

    def empty_ledger(self) -> str:
        """The URL of a ledger with nothing in it: always the same one, emptied, which is quicker
        than to make one.
        """
        engine = sa.create_engine(self._emptied)
        with engine.begin() as conn:
            # Without triggers and foreign keys; emptying so few rows is quicker than TRUNCATE.
            conn.exec_driver_sql("SET LOCAL session_replication_role = replica")
            names = [table.name for table in ledger_schema.metadata.sorted_tables]
            conn.exec_driver_sql(
                "; ".join(f"DELETE FROM {name}" for name in names if name != "control")
                + "; DELETE FROM control WHERE key <> 'views'"
                + "; SELECT setval('dlq_n_seq', 1, false), setval('publication_n_seq', 1, false)"
            )
        engine.dispose()
        return self._emptied

    @contextmanager
    def connected(self) -> Iterator[sa.Connection]:
        """As the one who runs the server."""
        engine = sa.create_engine(self._url_of("postgres"), isolation_level="AUTOCOMMIT")
        with engine.connect() as conn:
            yield conn
        engine.dispose()

    @contextmanager
    def changed(self, setting: str, value: str) -> Iterator[None]:
        """A parameter of the server set otherwise for a while."""
        with self.connected() as conn:
            conn.exec_driver_sql(f"ALTER SYSTEM SET {setting} = {value}")
            self._reload(conn, setting, value)
            yield
            conn.exec_driver_sql(f"ALTER SYSTEM RESET {setting}")
            self._reload(conn, setting, "on")

    def _reload(self, conn: sa.Connection, setting: str, value: str) -> None:
        conn.exec_driver_sql("SELECT pg_reload_conf()")
        while conn.exec_driver_sql(f"SHOW {setting}").scalar_one() != value:
            pass

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
    return Place(url=server().empty_ledger(), root=folder)
