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
from datetime import timedelta
from pathlib import Path

import sqlalchemy as sa

from replan.errors import LeaseLost
from replan.infra import ledger_database
from replan.infra.ledger_records import LedgerRecords
from replan.infra.ledger_writer import LedgerWriter


class Ledger(LedgerRecords):
    """An open ledger; its threads may share it."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

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
    ) -> "Ledger":
        """The ledger at a URL, made and brought to the current schema if `migrate`.

        A relative SQLite file lies in `root`. `check` reads through the file first and refuses a
        damaged one. `password` goes before one in the URL. Raises UsageError for a bad URL, NotSo
        for a schema that this program does not work with.
        """
        engine = ledger_database.open_engine(url, root, busy_seconds, password)
        if check:
            ledger_database.quick_check(engine)
        ledger_database.ready(engine, migrate=migrate)
        return cls(engine)

    def close(self) -> None:
        """Give the connections back; the ledger can be opened again."""
        self._engine.dispose()

    @contextmanager
    def transaction(self) -> Iterator[LedgerWriter]:
        """One transaction: committed when the block ends, rolled back when it raises."""
        with ledger_database.writing(self._engine) as conn:
            writer = LedgerWriter(conn)
            yield writer
            writer.finish()

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
