"""Which promises can break? The whole exception tree.

    ReplanError
    ├── UsageError          the caller asked for something that cannot be (exit 2)
    │   └── PrefixChanged   an event file was edited where it had already been applied
    ├── NotSo               the thing asked about is not so: invalid, not verified, refused (exit 1)
    │   └── DataLost        records are gone from a log before they were read
    ├── LedgerBusy          the ledger stayed locked or away (exit 75)
    │   └── CommitUnknown   whether the last transaction was stored cannot be learnt yet
    ├── SourceAway          the broker, or another server that was asked, is away (exit 75)
    ├── LedgerMoved         someone else wrote first: load again and judge again
    │   └── LeaseLost       another process does now what this one did
    └── BrokenPromise       an invariant of ours does not hold; the process stops (exit 70)
        └── LedgerBroken    what the ledger holds contradicts itself

Bad input and ordinary outcomes of the field are values, never one of these.
"""


class ReplanError(Exception):
    """Anything this project raises on purpose."""


class UsageError(ReplanError):
    """The request itself is wrong; nothing was done."""


class PrefixChanged(UsageError):
    """Lines of an event file that were already applied are no longer what they were."""


class NotSo(ReplanError):
    """The thing asked about is not so: invalid, not verified or refused."""


class DataLost(NotSo):
    """Records `first` to `begin` (exclusive) of a partition are gone before they were read.

    With `begin` at or below `first` the topic was made anew; `made`: its id now, where it is known.
    """

    def __init__(
        self, partition: object, first: int, begin: int, text: str, *, made: str = ""
    ) -> None:
        super().__init__(text)
        self.made = made
        self.partition = partition
        self.first = first
        self.begin = begin


class SourceAway(ReplanError):
    """The broker, or another server that was asked, did not answer; trying again is safe."""


class LedgerBusy(ReplanError):
    """The ledger stayed locked or unreachable; trying again is safe."""


class CommitUnknown(LedgerBusy):
    """The connection was lost during a commit and nobody can say yet what became of it. What was to
    be stored must be looked for before it is tried again."""


class LedgerMoved(ReplanError):
    """What was read has changed since; nothing was stored. Load again and judge again."""


class LeaseLost(LedgerMoved):
    """The lease under which this process wrote is another's; nothing was stored, and this process
    must stop writing."""


class BrokenPromise(ReplanError):
    """One of our own invariants does not hold; the process must stop and restart from the log."""


class LedgerBroken(BrokenPromise):
    """The ledger contradicts itself."""
