"""Where is everything kept? The ledger: one SQL database, read, and written in transactions.

SQLite or PostgreSQL, by its URL.

    ledger = Ledger.open("sqlite:///ledger.db", workspace)
    with ledger.transaction() as write:
        seq = write.advance_desk(...)
        write.apply_outcome(...)

A transaction is stored whole or not at all. Raises LedgerBusy where trying again is safe,
LedgerMoved where someone else was faster, LedgerBroken where the ledger contradicts itself.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import sqlalchemy as sa

from replan.errors import LeaseLost
from replan.infra.ledger import database as ledger_database
from replan.infra.ledger import doors as ledger_doors
from replan.infra.ledger.doors import SessionRow, TokenRow
from replan.infra.ledger.records import LedgerRecords
from replan.infra.ledger.standing import Standing, standing_of
from replan.infra.ledger.writer import LedgerWriter


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """A role that this process holds: the epoch it was given, and for how long each transaction
    prolongs it.
    """

    role: str
    epoch: int
    ttl: timedelta


class Ledger(LedgerRecords):
    """An open ledger; its threads may share it."""

    def __init__(
        self, engine: sa.Engine, *, by_time: bool = False, lease: Lease | None = None
    ) -> None:
        self._engine = engine
        self._by_time = by_time
        self._lease = lease

    @classmethod
    def open(
        cls,
        url: str,
        root: Path,
        *,
        migrate: bool = True,
        check: bool = False,
        busy_seconds: float = ledger_database.BUSY_SECONDS,
        password: str | None = None,
        by_time: bool = False,
    ) -> "Ledger":
        """The ledger at a URL, made and brought to the current schema if `migrate`.

        A relative SQLite file lies in `root`. `check` reads through the file first and refuses a
        damaged one. `password` goes before one in the URL. `by_time`: its clock is the database's,
        not that of the log. Raises UsageError for a bad URL, NotSo for a schema that this program
        does not work with.
        """
        engine = ledger_database.open_engine(url, root, busy_seconds, password)
        try:
            if check:
                ledger_database.quick_check(engine)
            ledger_database.ready(engine, migrate=migrate)
        except BaseException:
            engine.dispose()
            raise
        return cls(engine, by_time=by_time)

    @property
    def file(self) -> Path | None:
        """The file that holds it; None on a server."""
        url = self._engine.url
        name = url.database if url.get_backend_name() == "sqlite" else None
        return None if not name else Path(name)

    def close(self) -> None:
        """Give the connections back; the ledger can be opened again."""
        self._engine.dispose()

    @contextmanager
    def transaction(self) -> Iterator[LedgerWriter]:
        """One transaction: committed when the block ends, rolled back when it raises."""
        with ledger_database.writing(self._engine) as conn:
            writer = LedgerWriter(conn)
            if self._lease is not None:
                writer.hold_lease(self._lease.role, self._lease.epoch, self._lease.ttl)
            yield writer
            writer.finish()

    def under(self, lease: Lease) -> "Ledger":
        """The same ledger for the holder of a lease: each of its transactions holds the lease too,
        and is refused (LeaseLost) once another one took it.
        """
        return Ledger(self._engine, by_time=self._by_time, lease=lease)

    def clock(self) -> datetime | None:
        """What time it is for everything that is decided: where the log clock stands, None before
        the first event, or the time of the database.
        """
        stands = super().clock()
        if not self._by_time:
            return stands
        now = self.now()
        return now if stands is None else max(stands, now)

    def now(self) -> datetime:
        """The time of the database, with SQLite that of this machine."""
        with self._reading() as conn:
            return ledger_database.backend(self._engine).now(conn)

    def standing(self) -> Standing:
        """Everything in numbers, for whoever watches."""
        with self._reading() as conn:
            return standing_of(conn, ledger_database.backend(self._engine).now(conn))

    def session(self, secret: str) -> SessionRow | None:
        """Whose browser holds this secret, None if it is signed in no longer."""
        with self._reading() as conn:
            return ledger_doors.session_of(
                conn, secret, ledger_database.backend(self._engine).now(conn)
            )

    def token(self, token_id: str) -> TokenRow | None:
        """The personal token of an id."""
        with self._reading() as conn:
            return next(iter(ledger_doors.tokens_of(conn, token_id)), None)

    def tokens(self) -> tuple[TokenRow, ...]:
        """Every personal token, by when it was made."""
        with self._reading() as conn:
            return ledger_doors.tokens_of(conn)

    def refuse_unsafe(self) -> None:
        """NotSo where the database may lose a committed transaction in a power cut."""
        ledger_database.refuse_unsafe(self._engine)

    def take_lease(self, role: str, owner: str, ttl: timedelta) -> int | None:
        """Become the one who holds a role, for `ttl` from now on; the epoch to state in each
        transaction (`hold_lease`), None while another one holds it. The time is the database's.
        """
        with self.transaction() as write:
            return write.take_lease(role, owner, ttl)

    def release_lease(self, role: str, epoch: int) -> None:
        """Let others take a lease at once. Nothing happens if it is another's by now."""
        with suppress(LeaseLost), self.transaction() as write:
            write.hold_lease(role, epoch, timedelta(0))

    def _reading(self) -> AbstractContextManager[sa.Connection]:
        return ledger_database.reading(self._engine)
