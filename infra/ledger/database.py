"""How do we talk to the database? Transactions, its errors in our words, its revision.

What differs between a SQLite file and a PostgreSQL server stands in `ledger_sqlite` and
`ledger_postgres`; the statements are the same.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, Protocol

import sqlalchemy as sa
from sqlalchemy.engine import URL, make_url

from replan.canonical import canonical_bytes
from replan.errors import LedgerBroken, LedgerBusy, NotSo, ReplanError, UsageError
from replan.infra.ledger import sqlite as ledger_sqlite
from replan.infra.ledger.schema import HEAD, control
from replan.infra.ledger.views import create_views, drop_views, views_sha

BUSY_SECONDS: Final = 5.0

MIGRATIONS: Final = Path(__file__).parent.parent / "migrations"


class Backend(Protocol):
    """What a kind of database has to know for us; a module each."""

    @property
    def DriverError(self) -> type[Exception]: ...

    def open_engine(self, url: URL, root: Path, busy_seconds: float) -> sa.Engine: ...

    def begin_reading(self, conn: sa.Connection) -> None: ...

    def begin_writing(self, conn: sa.Connection) -> None: ...

    def commit(self, conn: sa.Connection) -> None: ...

    def meaning(self, error: BaseException | None) -> type[ReplanError]: ...

    def fault(self, conn: sa.Connection) -> str | None: ...

    def unsafe(self, conn: sa.Connection) -> list[str]: ...

    def now(self, conn: sa.Connection) -> datetime: ...

    def insert(self, table: sa.Table) -> Any: ...

    def grant(self, conn: sa.Connection) -> None: ...


def open_engine(
    url: str, root: Path, busy_seconds: float, password: str | None = None
) -> sa.Engine:
    """An engine for a ledger URL; a relative SQLite file lies in `root`. `password` goes before
    one in the URL. Raises UsageError.
    """
    try:
        parsed = make_url(url)
    except sa.exc.ArgumentError as error:
        raise UsageError(f"ledger url {url!r} is not a database URL: {error}") from error
    kind = parsed.get_backend_name()
    if kind not in ("sqlite", "postgresql", "postgres"):
        shown = parsed.render_as_string(hide_password=True)
        raise UsageError(
            f"ledger url {shown}: must name a SQLite file, as sqlite:///ledger.db does, or a "
            "PostgreSQL database, as postgresql://user@host/database does"
        )
    if password is not None and kind != "sqlite":
        parsed = parsed.set(password=password)
    return _backend(kind).open_engine(parsed, root, busy_seconds)


@contextmanager
def reading(engine: sa.Engine) -> Iterator[sa.Connection]:
    """A connection whose statements all see the same committed state."""
    with translated(engine), engine.connect() as conn:
        backend(engine).begin_reading(conn)
        yield conn


@contextmanager
def writing(engine: sa.Engine) -> Iterator[sa.Connection]:
    """One writing transaction: committed when the block ends, rolled back when it raises. There is
    one at a time; LedgerBusy if none of the others ends soon.
    """
    with translated(engine), engine.connect() as conn:
        backend(engine).begin_writing(conn)
        yield conn
        backend(engine).commit(conn)


@contextmanager
def translated(engine: sa.Engine) -> Iterator[None]:
    """Database errors in our words: LedgerBusy where trying again is safe, NotSo where a right is
    missing, else LedgerBroken.
    """
    mine = backend(engine)
    try:
        yield
    except sa.exc.TimeoutError as error:
        raise LedgerBusy(f"ledger {shown(engine)}: all connections are in use") from error
    except (sa.exc.DBAPIError, mine.DriverError) as error:
        original = error.orig if isinstance(error, sa.exc.DBAPIError) else error
        raise mine.meaning(original)(f"ledger {shown(engine)}: {str(original).strip()}") from error


def shown(engine: sa.Engine) -> str:
    """Where the ledger is, without its password."""
    return engine.url.render_as_string(hide_password=True)


def backend(engine: sa.Engine) -> Backend:
    """What is known of this kind of database."""
    return _backend(engine.dialect.name)


def _backend(kind: str) -> Backend:
    if kind == "sqlite":
        return ledger_sqlite
    # Its driver takes a while to load, and a workspace with a file never needs it.
    from replan.infra.ledger import postgres as ledger_postgres

    return ledger_postgres


def ready(engine: sa.Engine, *, migrate: bool) -> None:
    """Make sure that the schema is the one this code works with.

    An empty database gets it, and an older revision is brought forward if `migrate`. Raises NotSo
    for any other: a newer or unknown revision is never touched.
    """
    with reading(engine) as conn:
        tables = sa.inspect(conn).get_table_names()
        revision = _revision(conn, tables)
        if revision == HEAD and (_views_sha(conn) == views_sha(engine.dialect.name) or not migrate):
            return
    place = shown(engine)
    if revision is None and tables:
        raise NotSo(f"ledger {place}: holds tables of something else ({tables[0]}, …)")
    if revision is not None and not migrate and revision != HEAD:
        raise NotSo(f"ledger {place}: schema revision is {revision}, this program needs {HEAD}")
    with writing(engine) as conn:
        _migrate(conn, place)


def quick_check(engine: sa.Engine) -> None:
    """Read through a file; raises LedgerBroken for a damaged page."""
    with reading(engine) as conn:
        fault = backend(engine).fault(conn)
    if fault is not None:
        raise LedgerBroken(f"ledger {shown(engine)}: {fault}")


def refuse_unsafe(engine: sa.Engine) -> None:
    """NotSo where the database may lose a committed transaction in a power cut."""
    with reading(engine) as conn:
        unsafe = backend(engine).unsafe(conn)
    if unsafe:
        raise NotSo(
            f"ledger {shown(engine)}: {'; '.join(unsafe)} in live mode, or a power cut loses what "
            "was decided and sent"
        )


def upsert(
    conn: sa.Connection,
    table: sa.Table,
    rows: Sequence[Mapping[str, Any]],
    update: Sequence[str] | None = None,
) -> None:
    """Insert rows, or where the key stands already set `update` (None: all other columns)."""
    if not rows:
        return
    names = tuple(rows[0]) if update is None else tuple(update)
    conn.execute(_upsert(conn.dialect.name, table, names), list(rows))


@lru_cache(maxsize=256)
def _upsert(dialect: str, table: sa.Table, names: tuple[str, ...]) -> Any:
    """The statement, made once: putting it together costs more than running it."""
    insert = _backend(dialect).insert(table)
    keys = [column.name for column in table.primary_key]
    changed = {name: insert.excluded[name] for name in names if name not in keys}
    if not changed:
        return insert.on_conflict_do_nothing()
    return insert.on_conflict_do_update(index_elements=keys, set_=changed)


def insert_or(conn: sa.Connection, table: sa.Table) -> Any:
    """An INSERT that knows ON CONFLICT, which SQLAlchemy spells once for each database."""
    return _backend(conn.dialect.name).insert(table)


def _migrate(conn: sa.Connection, place: str) -> None:
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
    _backend(conn.dialect.name).grant(conn)
    conn.execute(sa.delete(control).where(control.c.key == "views"))
    conn.execute(sa.insert(control).values(key="views", value=_text(views_sha(conn.dialect.name))))


def _revision(conn: sa.Connection, tables: list[str]) -> str | None:
    if "alembic_version" not in tables:
        return None
    return conn.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()


def _views_sha(conn: sa.Connection) -> str | None:
    value = conn.execute(sa.select(control.c.value).where(control.c.key == "views")).scalar()
    return None if value is None else str(value).strip('"')


def _text(value: Any) -> str:
    return canonical_bytes(value).decode()
