"""Where does the reference order system keep itself? In one SQLite file, a commit an advance."""

import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import astuple, fields
from datetime import datetime
from pathlib import Path
from typing import Any

from replan.canonical import canonical_bytes
from replan.errors import LedgerBroken, LedgerBusy
from replan.infra.erp.tally import DayTally
from replan.infra.executors.inbox import Inbox
from replan.units import instant_text

BUSY_SECONDS = 5.0
KEPT_ANSWERS = 16
"""How many clocks can be asked about again. After a crash it is the last one."""

_TALLY = tuple(column.name for column in fields(DayTally))
_TABLES = {
    "state": "one INTEGER PRIMARY KEY CHECK (one = 1), revision INTEGER NOT NULL, body TEXT",
    "answer": "revision INTEGER PRIMARY KEY, at TEXT NOT NULL UNIQUE, body TEXT NOT NULL",
    "day": ", ".join(("day TEXT PRIMARY KEY", *(f"{name} INTEGER NOT NULL" for name in _TALLY))),
}


class ErpStore:
    """The file. Raises LedgerBusy while another process holds it, LedgerBroken if it is damaged."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with self._translated():
            self._connection = sqlite3.connect(
                path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
            )
            self._connection.execute("PRAGMA journal_mode=WAL")
            self._connection.execute("PRAGMA synchronous=FULL")
            for table, columns in _TABLES.items():
                self._connection.execute(f"CREATE TABLE IF NOT EXISTS {table} ({columns})")
            self.inbox = Inbox(self._connection)

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Everything in the block is stored, or nothing of it if it raises."""
        with self._translated():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._connection.execute("COMMIT")
            finally:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")

    def revision(self) -> int:
        """Counts the commits; 0 in a new file."""
        row = self._row("SELECT revision FROM state")
        return 0 if row is None else int(row[0])

    def state(self) -> dict[str, Any] | None:
        """The newest state, None in a new file."""
        row = self._row("SELECT body FROM state")
        if row is None:
            return None
        body: dict[str, Any] = json.loads(row[0])
        return body

    def days(self) -> dict[str, DayTally]:
        """All day tallies by ISO date."""
        with self._translated():
            rows = self._connection.execute("SELECT * FROM day ORDER BY day").fetchall()
        return {row[0]: DayTally(*row[1:]) for row in rows}

    def answers(self, at: datetime) -> tuple[dict[str, Any], ...] | None:
        """What was answered at a clock; None if it was never reached or is long past."""
        row = self._row("SELECT body FROM answer WHERE at = ?", instant_text(at))
        return None if row is None else tuple(json.loads(row[0]))

    def save(
        self,
        revision: int,
        state: Mapping[str, Any],
        days: Mapping[str, DayTally],
        at: datetime,
        answers: tuple[dict[str, Any], ...],
    ) -> None:
        """Write the state, the tallies that changed, and all answers of a clock.

        Instants in the state become ISO texts.
        """
        execute = self._connection.execute
        # Not canonical: only this program reads it, and nothing is hashed.
        body = json.dumps(
            state, separators=(",", ":"), ensure_ascii=False, default=datetime.isoformat
        )
        execute("INSERT OR REPLACE INTO state VALUES (1, ?, ?)", (revision, body))
        self._connection.executemany(
            f"INSERT OR REPLACE INTO day VALUES (?{', ?' * len(_TALLY)})",
            [(day, *astuple(tally)) for day, tally in sorted(days.items())],
        )
        text = canonical_bytes(list(answers)).decode()
        execute(
            "INSERT OR REPLACE INTO answer VALUES (?, ?, ?)", (revision, instant_text(at), text)
        )
        execute("DELETE FROM answer WHERE revision <= ?", (revision - KEPT_ANSWERS,))

    def _row(self, statement: str, *values: str) -> tuple[Any, ...] | None:
        with self._translated():
            row: tuple[Any, ...] | None = self._connection.execute(statement, values).fetchone()
        return row

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            name = getattr(error, "sqlite_errorname", "")
            if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
                raise LedgerBusy(f"order system {self._path.name}: {error}") from error
            raise LedgerBroken(f"order system {self._path.name}: {error}") from error
