"""How does a ledger in a SQLite file behave? Its connections, its turns to write, its errors.

It runs with a write-ahead log, synchronous=FULL and foreign keys. A writing transaction takes its
lock at BEGIN: one that starts as a reader fails at its first write if another was faster.
"""

import sqlite3
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects import sqlite
from sqlalchemy.engine import URL

from replan.errors import LedgerBroken, LedgerBusy, ReplanError, UsageError

BEGIN_ATTEMPTS: Final = 3
"""The database itself waits each time; there is nothing to sleep in between."""

DriverError: Final = sqlite3.Error
"""What the driver raises where SQLAlchemy does not wrap it."""

_AWAY: Final = ("BUSY", "LOCKED", "FULL", "IOERR", "CANTOPEN", "READONLY", "PROTOCOL", "NOMEM")


def open_engine(url: URL, root: Path, busy_seconds: float) -> sa.Engine:
    """An engine for a file; a relative one lies in `root`. Raises UsageError."""
    if not url.database or url.database[0] == ":":
        raise UsageError(f"ledger url {url}: must name a file, as sqlite:///ledger.db does")
    file = root / url.database
    if not file.parent.is_dir():
        raise UsageError(f"ledger url {url}: folder {file.parent} does not exist")
    engine = sa.create_engine(url.set(database=str(file)), connect_args={"timeout": busy_seconds})
    sa.event.listen(engine, "connect", _prepare)
    sa.event.listen(engine, "begin", _begin_as_marked)
    return engine


def begin_reading(conn: sa.Connection) -> None:
    """From here on the connection sees one committed state."""
    _begin(conn.execution_options(replan_reads=True))


def begin_writing(conn: sa.Connection) -> None:
    """From here on nobody else writes."""
    _begin(conn)


def commit(conn: sa.Connection) -> None:
    """Store the transaction for good."""
    conn.commit()


def meaning(error: BaseException | None) -> type[ReplanError]:
    """What a database error means to a caller."""
    name = getattr(error, "sqlite_errorname", "")
    away = any(name.startswith(f"SQLITE_{word}") for word in _AWAY)
    return LedgerBusy if away else LedgerBroken


def fault(conn: sa.Connection) -> str | None:
    """The first damaged page; reads through the file."""
    answer = conn.exec_driver_sql("PRAGMA quick_check(1)").scalar_one()
    return None if answer == "ok" else str(answer)


def unsafe(conn: sa.Connection) -> list[str]:
    """Settings under which a power cut loses what was committed."""
    # Set for every connection of ours, but a file system may refuse a write-ahead log.
    journal = conn.exec_driver_sql("PRAGMA journal_mode").scalar_one()
    return [] if journal == "wal" else [f"journal_mode is {journal}, must be wal"]


def now(conn: sa.Connection) -> datetime:
    """The time by which leases run: the host's, since the file has no other."""
    return datetime.now(UTC)


def insert(table: sa.Table) -> Any:
    """An INSERT that knows ON CONFLICT."""
    return sqlite.insert(table)


def grant(conn: sa.Connection) -> None:
    """Give roles their rights; a file has none but those of the file system."""


def _begin(conn: sa.Connection) -> None:
    for attempt in range(1, BEGIN_ATTEMPTS + 1):
        try:
            conn.begin()
        except sqlite3.OperationalError as error:
            name = getattr(error, "sqlite_errorname", "")
            if not name.startswith("SQLITE_BUSY") or attempt == BEGIN_ATTEMPTS:
                raise
        else:
            return


def _prepare(connection: sqlite3.Connection, _record: object) -> None:
    # The driver's own transaction control would begin late and as a reader.
    connection.isolation_level = None
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}").close()


def _begin_as_marked(conn: sa.Connection) -> None:
    reads = conn.get_execution_options().get("replan_reads", False)
    # By the driver itself: it is said before every question and needs nothing of the rest.
    driver = conn.connection.driver_connection
    assert isinstance(driver, sqlite3.Connection)
    driver.execute("BEGIN" if reads else "BEGIN IMMEDIATE").close()
