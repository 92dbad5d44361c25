"""How do we talk to the database? Connections, transactions, its errors in our words, its revision.

SQLite runs with a write-ahead log, synchronous=FULL and foreign keys. A writing transaction takes
its lock at BEGIN: one that starts as a reader fails at its first write if another was faster.
"""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import make_url

from replan.canonical import canonical_bytes
from replan.errors import LedgerBroken, LedgerBusy, NotSo, UsageError
from replan.infra.ledger_schema import HEAD, control
from replan.infra.ledger_views import VIEWS_SHA, create_views, drop_views

BUSY_SECONDS: Final = 5.0
BEGIN_ATTEMPTS: Final = 3
"""The database itself waits `BUSY_SECONDS` each time; there is nothing to sleep in between."""

MIGRATIONS: Final = Path(__file__).with_name("migrations")

_AWAY: Final = ("BUSY", "LOCKED", "FULL", "IOERR", "CANTOPEN", "READONLY", "PROTOCOL", "NOMEM")


def open_engine(url: str, root: Path, busy_seconds: float) -> sa.Engine:
    """An engine for a ledger URL; a relative SQLite file lies in `root`. Raises UsageError."""
    try:
        parsed = make_url(url)
    except sa.exc.ArgumentError as error:
        raise UsageError(f"ledger url {url!r} is not a database URL: {error}") from error
    if parsed.get_backend_name() != "sqlite" or not parsed.database or parsed.database[0] == ":":
        raise UsageError(f"ledger url {url!r}: must name a SQLite file, as in sqlite:///ledger.db")
    file = root / parsed.database
    if not file.parent.is_dir():
        raise UsageError(f"ledger url {url!r}: folder {file.parent} does not exist")
    engine = sa.create_engine(
        parsed.set(database=str(file)), connect_args={"timeout": busy_seconds}
    )
    sa.event.listen(engine, "connect", _prepare_sqlite)
    sa.event.listen(engine, "begin", _begin_sqlite)
    return engine


@contextmanager
def reading(engine: sa.Engine) -> Iterator[sa.Connection]:
    """A connection whose statements all see the same committed state."""
    with translated(engine), engine.connect() as conn:
        _begin(conn.execution_options(replan_reads=True))
        yield conn


@contextmanager
def writing(engine: sa.Engine) -> Iterator[sa.Connection]:
    """One writing transaction: committed when the block ends, rolled back when it raises."""
    with translated(engine), engine.connect() as conn:
        _begin(conn)
        yield conn
        conn.commit()


@contextmanager
def translated(engine: sa.Engine) -> Iterator[None]:
    """Database errors in our words: LedgerBusy where trying again is safe, else LedgerBroken."""
    try:
        yield
    except (sa.exc.DBAPIError, sqlite3.Error) as error:
        original = error.orig if isinstance(error, sa.exc.DBAPIError) else error
        name = getattr(original, "sqlite_errorname", "")
        place = engine.url.render_as_string(hide_password=True)
        if any(name.startswith(f"SQLITE_{word}") for word in _AWAY):
            raise LedgerBusy(f"ledger {place}: {original}") from error
        raise LedgerBroken(f"ledger {place}: {original}") from error


def ready(engine: sa.Engine, *, migrate: bool) -> None:
    """Make sure that the schema is the one this code works with.

    An empty database gets it, and an older revision is brought forward if `migrate`. Raises NotSo
    for any other: a newer or unknown revision is never touched.
    """
    with reading(engine) as conn:
        tables = sa.inspect(conn).get_table_names()
        revision = _revision(conn, tables)
        if revision == HEAD and (_views_sha(conn) == VIEWS_SHA or not migrate):
            return
    place = engine.url.database
    if revision is None and tables:
        raise NotSo(f"ledger {place}: holds tables of something else ({tables[0]}, …)")
    if revision is not None and not migrate and revision != HEAD:
        raise NotSo(f"ledger {place}: schema revision is {revision}, this program needs {HEAD}")
    with writing(engine) as conn:
        _migrate(conn, place)


def quick_check(engine: sa.Engine) -> None:
    """Read through the file; raises LedgerBroken for a damaged page."""
    with reading(engine) as conn:
        answer = conn.exec_driver_sql("PRAGMA quick_check(1)").scalar_one()
    if answer != "ok":
        raise LedgerBroken(f"ledger {engine.url.database}: {answer}")


def upsert(
    conn: sa.Connection,
    table: sa.Table,
    rows: Sequence[Mapping[str, Any]],
    update: Sequence[str] | None = None,
) -> None:
    """Insert rows, or where the key stands already set `update` (None: all other columns)."""
    if not rows:
        return
    insert = insert_or(conn, table)
    keys = [column.name for column in table.primary_key]
    names = [name for name in rows[0] if name not in keys] if update is None else update
    if names:
        insert = insert.on_conflict_do_update(
            index_elements=keys, set_={name: insert.excluded[name] for name in names}
        )
    else:
        insert = insert.on_conflict_do_nothing()
    conn.execute(insert, list(rows))


def insert_or(conn: sa.Connection, table: sa.Table) -> Any:
    """An INSERT that knows ON CONFLICT, which SQLAlchemy spells once for each database."""
    dialects = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}
    return dialects[conn.dialect.name](table)


def _migrate(conn: sa.Connection, place: str | None) -> None:
    # Alembic takes longer to load than most commands take to run, and few of them migrate.
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = conn
    revision = _revision(conn, sa.inspect(conn).get_table_names())
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if revision is not None and revision not in known:
        raise NotSo(
            f"ledger {place}: schema revision is {revision}, this program knows up to {HEAD}; "
            "use the version of replan that wrote it, or a newer one"
        )
    drop_views(conn)
    command.upgrade(config, "head")
    create_views(conn)
    conn.execute(sa.delete(control).where(control.c.key == "views"))
    conn.execute(sa.insert(control).values(key="views", value=_text(VIEWS_SHA)))


def _revision(conn: sa.Connection, tables: list[str]) -> str | None:
    if "alembic_version" not in tables:
        return None
    return conn.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()


def _views_sha(conn: sa.Connection) -> str | None:
    value = conn.execute(sa.select(control.c.value).where(control.c.key == "views")).scalar()
    return None if value is None else str(value).strip('"')


def _text(value: Any) -> str:
    return canonical_bytes(value).decode()


def _begin(conn: sa.Connection) -> None:
    for attempt in range(1, BEGIN_ATTEMPTS + 1):
        try:
            conn.begin()
        except sa.exc.OperationalError as error:
            name = getattr(error.orig, "sqlite_errorname", "")
            if not name.startswith("SQLITE_BUSY") or attempt == BEGIN_ATTEMPTS:
                raise
        else:
            return


def _prepare_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    # The driver's own transaction control would begin late and as a reader.
    connection.isolation_level = None
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}").close()


def _begin_sqlite(conn: sa.Connection) -> None:
    reads = conn.get_execution_options().get("replan_reads", False)
    conn.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")
