"""Is another run of this workspace going on? One at a time may write out files and ask executors.

Verdicts need no lock: they take their turn in the ledger. The lock is the database's own, on a file
beside the ledger, so it ends with its process, however that ends.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from replan.errors import LedgerBusy

LOCK_FILE: Final = "run.lock"


@contextmanager
def only_run(root: Path) -> Iterator[None]:
    """Hold the workspace for a run; raises LedgerBusy while another one holds it."""
    with closing(sqlite3.connect(root / LOCK_FILE, timeout=0, isolation_level=None)) as lock:
        try:
            lock.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError as held:
            raise LedgerBusy(f"{root}: another run of this workspace is going on") from held
        yield
