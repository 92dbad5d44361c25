"""Which promises can break? The whole exception tree.

    ReplanError
    ├── UsageError          the caller asked for something that cannot be (exit 2)
    │   └── PrefixChanged   an event file was edited where it had already been applied
    ├── NotSo               the thing asked about is not so: invalid, not verified, refused (exit 1)
    ├── LedgerBusy          the ledger stayed locked or away (exit 75)
    ├── LedgerMoved         someone else wrote first: load again and judge again
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


class LedgerBusy(ReplanError):
    """The ledger stayed locked or unreachable; trying again is safe."""


class LedgerMoved(ReplanError):
    """What was read has changed since; nothing was stored. Load again and judge again."""


class BrokenPromise(ReplanError):
    """One of our own invariants does not hold; the process must stop and restart from the log."""


class LedgerBroken(BrokenPromise):
    """The ledger contradicts itself."""
