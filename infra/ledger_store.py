"""Where is everything kept? The ledger: one SQL database, read, and written in transactions.

    ledger = Ledger.open("sqlite:///ledger.db", workspace)
    with ledger.transaction() as write:
        seq = write.advance_desk(...)
        write.apply_outcome(...)

A transaction is stored whole or not at all. Raises LedgerBusy where trying again is safe,
LedgerMoved where someone else was faster, LedgerBroken where the ledger contradicts itself.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import sqlalchemy as sa

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
    ) -> "Ledger":
        """The ledger at a URL, made and brought to the current schema if `migrate`.

        A relative SQLite file lies in `root`. `check` reads through the file first and refuses a
        damaged one. Raises UsageError for a bad URL, NotSo for a schema that this program does not
        work with.
        """
        engine = ledger_database.open_engine(url, root, busy_seconds)
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

    def _reading(self) -> AbstractContextManager[sa.Connection]:
        return ledger_database.reading(self._engine)
