"""How long does a run wait for a ledger that is away? Five pauses, each about twice the one before.

A server that restarts is back within seconds; one that stays away longer is for the supervisor of
the process, who starts it again later (exit 75).
"""

import random
import time
from collections.abc import Callable
from typing import Final

from replan.errors import LedgerBusy

PAUSES_SECONDS: Final = (0.25, 0.5, 1.0, 2.0, 4.0)
CALM_SECONDS: Final = 60.0
"""After so long without a trouble, a new one has nothing to do with those before."""


class Patience:
    """The pauses of one run."""

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._clock = clock
        self._pause = pause
        self._troubles = 0
        self._last: float | None = None

    def wait(self, trouble: LedgerBusy) -> None:
        """Wait a little longer than the time before; raises the trouble after the last pause."""
        now = self._clock()
        if self._last is not None and now - self._last > CALM_SECONDS:
            self._troubles = 0
        if self._troubles == len(PAUSES_SECONDS):
            raise trouble
        # Apart from each other, so that those who wait do not come back all at once.
        self._pause(PAUSES_SECONDS[self._troubles] * random.uniform(0.5, 1.5))
        self._troubles += 1
        self._last = self._clock()
