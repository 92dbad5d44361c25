"""Whose events come by which partition? Kept, so that it is known whose words a loss concerns."""

from collections.abc import Iterable
from typing import Final

from replan.infra.ledger.store import Ledger
from replan.infra.ledger.writer import LedgerWriter
from replan.streams.log_slices import Partition, Read
from replan.streams.messages import Decoded

HEARD: Final = "heard_sources"
"""Under this key the ledger keeps them, by partition."""


class HeardSources:
    """The sources of well-formed events by partition, as far as slices were stored."""

    def __init__(self, ledger: Ledger) -> None:
        kept = ledger.control(HEARD) or {}
        self._known: dict[str, set[str]] = {name: set(those) for name, those in kept.items()}
        self._is_new = False

    def hear(self, partition: Partition, reads: Iterable[Read]) -> None:
        """Note who speaks in some records."""
        known = self._known.setdefault(str(partition), set())
        count = len(known)
        known.update(
            result.fact.source
            for read in reads
            for result in read.results
            if isinstance(result, Decoded)
        )
        self._is_new |= len(known) > count

    def of(self, partition: Partition) -> tuple[str, ...]:
        """Everybody who was ever heard there, sorted."""
        return tuple(sorted(self._known.get(str(partition), ())))

    def keep(self, write: LedgerWriter) -> None:
        """Store what is new, in the transaction of the slice that brought it."""
        if self._is_new:
            plain = {name: sorted(those) for name, those in sorted(self._known.items()) if those}
            write.set_control(HEARD, plain)
            self._is_new = False
