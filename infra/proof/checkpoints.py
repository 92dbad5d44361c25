"""How fresh is the newest checkpoint outside? A running engine writes them by itself.

At least every minute or thousand audit rows, and when a run ends, one line with the heads of all
chains is appended to a file that lies where nobody who reaches the ledger can write. Before that
the heads of the line before are looked up again: a ledger that no longer has them was tampered
with, and the run ends there.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from replan.errors import NotSo
from replan.infra.ledger.store import Ledger
from replan.infra.proof.anchors import append_anchor, newest_anchor

EVERY_ROWS: Final = 1_000
EVERY_SECONDS: Final = 60.0


class Checkpoints:
    """Checkpoints of one ledger in one file."""

    def __init__(
        self, ledger: Ledger, file: Path, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._ledger = ledger
        self._file = file
        self._monotonic = monotonic
        self._kept, self._prev = newest_anchor(file)
        self._at = monotonic()
        self._hold()

    def mind(self) -> None:
        """Write a checkpoint if one is due; called after each tick."""
        heads = self._ledger.audit_heads()
        rows = sum(seq - self._kept.get(w, (0, ""))[0] for w, (seq, _) in heads.items())
        if rows >= EVERY_ROWS or (rows and self._monotonic() - self._at >= EVERY_SECONDS):
            self.write()

    def write(self) -> None:
        """Write a checkpoint of the ledger as it stands, if anything came since the last one.
        NotSo where the ledger no longer has what was anchored, or the file cannot be written.
        """
        heads = self._ledger.audit_heads()
        if heads == self._kept:
            return
        self._hold()
        try:
            self._prev = append_anchor(self._file, heads, self._ledger.clock(), self._prev)
        except OSError as wrong:
            raise NotSo(f"no checkpoint can be written to {self._file}: {wrong}") from wrong
        self._kept, self._at = heads, self._monotonic()

    def _hold(self) -> None:
        for writer, (seq, hashed) in sorted(self._kept.items()):
            if self._ledger.audit_hash(writer, seq) != hashed:
                raise NotSo(
                    f"the ledger does not hold against {self._file}: row {seq} of writer {writer} "
                    "is not the one that was anchored; see replan audit verify --anchors"
                )
