"""Was this command carried out already? The inbox that makes an executor obey each command once.

Commands may come twice: their sender repeats what it is not sure of. An executor keeps the key of
every command it has carried out, with a digest of the command and what it answered. The same
command again gets the same answer; another command under a used key is refused.
"""

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from replan.canonical import canonical_bytes
from replan.errors import BrokenPromise


class InboxConflict(BrokenPromise):
    """A key came again with another command under it; nothing was done."""


class Inbox:
    """The commands carried out, in the table `executed` of an SQLite database.

    The connection is in autocommit mode (`isolation_level=None`). Inside a transaction of the
    caller the inbox takes part in it; outside it opens its own for each call.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        connection.execute(
            "CREATE TABLE IF NOT EXISTS executed "
            "(idem TEXT PRIMARY KEY, sha TEXT NOT NULL, result TEXT NOT NULL) WITHOUT ROWID"
        )

    def once(self, idem: str, sha: str, do: Callable[[], Any]) -> Any:
        """The result of `do` (plain JSON data), which runs only if the key is new.

        What `do` changes must lie in the same database, or be safe to do again: a crash before the
        commit forgets that it ran. Raises InboxConflict if the key is known with another digest.
        """
        with self._transaction():
            found = self._connection.execute(
                "SELECT sha, result FROM executed WHERE idem = ?", (idem,)
            ).fetchone()
            if found is not None:
                if found[0] != sha:
                    raise InboxConflict(
                        f"command key {idem}: came with digest {found[0]}, now with {sha}; "
                        "a key stands for one command for good"
                    )
                return json.loads(found[1])
            result = do()
            self._connection.execute(
                "INSERT INTO executed VALUES (?, ?, ?)",
                (idem, sha, canonical_bytes(result).decode()),
            )
            return result

    def settle(self, idem: str, result: Any) -> None:
        """Keep the last word on a command whose first answer was only that it is under way."""
        with self._transaction():
            changed = self._connection.execute(
                "UPDATE executed SET result = ? WHERE idem = ?",
                (canonical_bytes(result).decode(), idem),
            )
            assert changed.rowcount == 1, f"command key {idem} was never taken in"

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        if self._connection.in_transaction:
            yield
            return
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._connection.execute("COMMIT")
        finally:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")


def open_inbox(path: Path) -> Inbox:
    """An inbox in a database file of its own."""
    return Inbox(sqlite3.connect(path, isolation_level=None))
