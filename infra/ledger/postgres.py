"""How does a ledger in PostgreSQL behave? Its connections, its turns to write, its errors.

A reading transaction is one snapshot. A writing one runs at READ COMMITTED and first takes its
turn, an advisory lock that ends with the transaction: writers come one after the other, as with
SQLite, so what one of them reads still holds when it writes, and there is no order in which two
could wait for each other. Readers wait for nobody.
"""

import time
from datetime import datetime
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final

import psycopg
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine import URL

from replan.errors import CommitUnknown, LedgerBroken, LedgerBusy, NotSo, ReplanError, UsageError
from replan.infra.ledger.schema import POSTGRESQL

DriverError: Final = psycopg.Error
"""What the driver raises where SQLAlchemy does not wrap it."""

DRIVER: Final = "postgresql+psycopg"

GRANTS: Final = Path(__file__).parent.parent / "defaults" / "ledger" / "grants.sql"

TURN: Final = 0x7265_706C_616E
"""The key of the advisory lock that is the turn to write: `replan` in ASCII."""

IDLE_SECONDS: Final = 90
"""The server ends a transaction whose process stands still this long, so that others go on. Longer
than any plan may take: a changed plan is worked out inside the transaction of its verdict.
"""

FATE_ATTEMPTS = 20
FATE_SECONDS: Final = 0.25
"""For about five seconds it is asked what became of a commit."""

_PATIENCE: Final = {
    "connect_timeout": 5,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
}
"""After about twenty seconds a server that went silent counts as gone (libpq's names and units)."""

_AWAY_CLASSES: Final = ("08", "53", "57")
_AWAY: Final = ("25006", "25P03", "25P04", "40001", "40P01", "55P03", "58000", "58030")
"""SQLSTATE: connection, resources and operator by class; then read-only after a failover, idle too
long, serialisation, deadlock, lock not available, and the server's input and output.
"""

_DURABLE: Final = ("fsync", "full_page_writes", "synchronous_commit")


def open_engine(url: URL, root: Path, busy_seconds: float) -> sa.Engine:
    """An engine for a database of a server. Raises UsageError; the server is asked later."""
    shown = url.render_as_string(hide_password=True)
    if url.drivername not in POSTGRESQL:
        raise UsageError(f"ledger url {shown}: must begin with postgresql:// or {DRIVER}://")
    given: dict[str, Any] = {
        name: value for name, value in _PATIENCE.items() if name not in url.query
    }
    if "sslmode" not in url.query and not _is_near(url):
        given["sslmode"] = "verify-full"
    engine = sa.create_engine(
        url.set(drivername=DRIVER),
        connect_args=given,
        isolation_level="READ COMMITTED",
        pool_pre_ping=True,
        pool_timeout=busy_seconds,
        use_native_hstore=False,
    )

    def prepare(connection: psycopg.Connection[Any], _record: object) -> None:
        connection.execute(
            "SELECT set_config('lock_timeout', %s, false),"
            " set_config('idle_in_transaction_session_timeout', %s, false),"
            " set_config('TimeZone', 'UTC', false)",
            (f"{int(busy_seconds * 1000)}ms", f"{IDLE_SECONDS}s"),
        )
        connection.commit()

    sa.event.listen(engine, "connect", prepare)
    return engine


def begin_reading(conn: sa.Connection) -> None:
    """From here on the connection sees one committed state."""
    conn.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True).begin()


def begin_writing(conn: sa.Connection) -> None:
    """From here on nobody else writes."""
    conn.begin()
    conn.execute(sa.select(sa.func.pg_advisory_xact_lock(TURN)))


def commit(conn: sa.Connection) -> None:
    """Store the transaction for good.

    If the connection is lost on the way, the server is asked what became of it: stored counts as
    stored, given up raises as before. Raises CommitUnknown while it does not answer.
    """
    number = conn.execute(sa.text("SELECT pg_current_xact_id_if_assigned()::text")).scalar()
    try:
        conn.commit()
    except sa.exc.DBAPIError as error:
        if number is None or not _is_lost(error):
            raise
        fate = _fate(conn.engine, number)
        if fate == "aborted":
            raise
        if fate != "committed":
            place = conn.engine.url.render_as_string(hide_password=True)
            raise CommitUnknown(
                f"ledger {place}: the connection was lost during a commit, and whether transaction "
                f"{number} was stored cannot be learnt yet; look before trying again"
            ) from error


def meaning(error: BaseException | None) -> type[ReplanError]:
    """What a database error means to a caller."""
    state = getattr(error, "sqlstate", None)
    if state is None:
        if isinstance(error, psycopg.DataError):
            # A NUL in a text: the driver does not even send it.
            return UsageError
        lost = isinstance(error, psycopg.OperationalError | psycopg.InterfaceError)
        return LedgerBusy if lost else LedgerBroken
    if state == "42501":
        return NotSo
    return LedgerBusy if state[:2] in _AWAY_CLASSES or state in _AWAY else LedgerBroken


def fault(conn: sa.Connection) -> str | None:
    """The first damaged page; a server looks after its own pages."""
    return None


def unsafe(conn: sa.Connection) -> list[str]:
    """Settings under which a power cut loses what was committed."""
    shown = {name: conn.exec_driver_sql(f"SHOW {name}").scalar_one() for name in _DURABLE}
    return [f"{name} is off, must be on" for name, value in shown.items() if value == "off"]


def now(conn: sa.Connection) -> datetime:
    """The time by which leases run: the server's."""
    at: datetime = conn.execute(sa.select(sa.func.clock_timestamp())).scalar_one()
    return at


def insert(table: sa.Table) -> Any:
    """An INSERT that knows ON CONFLICT."""
    return postgresql.insert(table)


def grant(conn: sa.Connection) -> None:
    """Give the roles that exist (`defaults/ledger/roles.sql`) their rights on what stands now."""
    rights = GRANTS.read_text(encoding="utf-8")
    conn.exec_driver_sql(rights, execution_options={"no_parameters": True})


def _is_near(url: URL) -> bool:
    """A socket or the loopback interface, where nobody listens in."""
    host = url.query.get("host", url.host) or ""
    if not isinstance(host, str) or host == "localhost" or not host or host.startswith(("/", "@")):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _is_lost(error: sa.exc.DBAPIError) -> bool:
    state = getattr(error.orig, "sqlstate", None)
    return state is None or state[:2] in ("08", "57")


def _fate(engine: sa.Engine, number: str) -> str | None:
    """What became of a transaction; None while it cannot be learnt."""
    asked = sa.text("SELECT pg_xact_status(CAST(CAST(:number AS text) AS xid8))")
    for _ in range(FATE_ATTEMPTS):
        try:
            with engine.connect() as conn:
                status = conn.execute(asked, {"number": number}).scalar()
        except sa.exc.DBAPIError:
            status = None
        if status in ("committed", "aborted"):
            return str(status)
        time.sleep(FATE_SECONDS)
    return None
