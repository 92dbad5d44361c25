"""How do lines reach `out/*.jsonl` once? Appended after the commit, looked for before repeated.

A file's confirmed length is kept in the ledger. Whatever stands beyond it was written by a process
that died before it could say so: those lines are taken as written, half a line is cut off.
"""

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from replan.infra.ledger.store import Ledger
from replan.infra.ledger.writer import LedgerWriter
from replan.infra.outlets import Outgoing, Refusal

FOLDER: Final = "out"
BATCH: Final = 5_000
"""Waiting lines read at a time."""


class OutFiles:
    """The `Outlet` of a workspace's out files; one process at a time may write them."""

    def __init__(self, root: Path, ledger: Ledger) -> None:
        self._folder = root / FOLDER
        self._ledger = ledger
        self._unconfirmed: dict[str, Counter[bytes]] = {}

    def flush(self) -> int:
        """Append all lines that wait in the ledger; how many there were."""
        flushed = 0
        while rows := self._ledger.publications(BATCH):
            files = sorted({file for _, file, _ in rows})
            for file in files:
                self.append(file, [line for _, to, line in rows if to == file])
            with self._ledger.transaction() as write:
                write.published(rows[-1][0])
                self.confirm(write, *files)
            flushed += len(rows)
        return flushed

    def append(self, file: str, lines: Iterable[str]) -> None:
        """Append lines (without their ends), but for those that stand beyond the confirmed length.

        Returns when they are on the disk. Until `confirm` is stored, a new process gets them again.
        """
        standing = self._recovered(file)
        new = []
        for line in lines:
            data = line.encode()
            if standing[data] > 0:
                standing[data] -= 1
            else:
                new.append(data + b"\n")
        if new:
            with (self._folder / file).open("ab") as handle:
                handle.write(b"".join(new))
                handle.flush()
                os.fsync(handle.fileno())

    def deliver(self, file: str, lines: Sequence[Outgoing]) -> list[Refusal | None]:
        """Append lines; a file refuses none, and has no place for headers."""
        self.append(file, [one.line for one in lines])
        return [None] * len(lines)

    def settle(self) -> None:
        """What was appended is on the disk already."""

    def close(self) -> None:
        """Nothing stays open between appends."""

    def confirm(self, write: LedgerWriter, *files: str) -> None:
        """Store how long the files are, in the transaction that marks their lines as written."""
        for file in files:
            path = self._folder / file
            write.confirm_length(file, path.stat().st_size if path.exists() else 0)

    def _recovered(self, file: str) -> Counter[bytes]:
        if file not in self._unconfirmed:
            self._folder.mkdir(exist_ok=True)
            path = self._folder / file
            confirmed = self._ledger.out_lengths().get(file, 0)
            self._unconfirmed[file] = _tail(path, confirmed)
        return self._unconfirmed[file]


def _tail(path: Path, confirmed: int) -> Counter[bytes]:
    """Whole lines beyond the confirmed length; what follows the last of them is cut off."""
    if not path.exists():
        return Counter()
    with path.open("r+b") as handle:
        handle.seek(confirmed)
        tail = handle.read()
        whole = tail.rfind(b"\n") + 1
        if whole < len(tail):
            handle.truncate(confirmed + whole)
    return Counter(tail[:whole].split(b"\n")[:-1])
