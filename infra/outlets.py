"""Where do lines for others go? The port to out files and topics.

A line is canonical JSON under the name of its target, as in `out_names`. Handed over again after a
crash it may come twice on a topic; whoever reads it knows it by its key.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from replan.infra.ledger.writer import LedgerWriter


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """A line (without its end) and what else is said about it where its target has headers."""

    line: str
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A target did not take a line: why, and whether it never will."""

    reason: str
    for_good: bool


class Outlet(Protocol):
    """Takes lines out of the process, those of a target in order; one process at a time."""

    def append(self, name: str, lines: Iterable[str]) -> None:
        """Hand lines over. They may still be under way when this returns; see `settle`."""
        ...

    def settle(self) -> None:
        """Return when all that was appended stands at its target, or is kept to be sent later."""
        ...

    def deliver(self, name: str, lines: Sequence[Outgoing]) -> list[Refusal | None]:
        """Hand lines over and wait; for each None if it stands there."""
        ...

    def confirm(self, write: LedgerWriter, *names: str) -> None:
        """Store, in the transaction that marks lines as written, what a new process must know to
        not write them twice; after `settle` or `deliver`.
        """
        ...

    def flush(self) -> int:
        """Hand over what waits in the ledger; how many lines there were. What a target refuses
        waits on, without holding up the others.
        """
        ...

    def close(self) -> None:
        """Let go of what is open."""
        ...


OpensOutlet = Callable[[], Outlet]
"""How a run begins anew with the way out: it forgets what it wrote without confirming it."""
