"""Is somebody asking too much? A bucket of tokens for each login and each address.

A bucket fills with so many tokens a second and holds those of two; each request takes one. Each
process counts for itself, so several of them let through as many times as much.

Turner, J. (1986), New directions in communications: the leaky bucket as a meter.
"""

from collections import OrderedDict
from collections.abc import Callable
from threading import Lock
from typing import Final

BURST_SECONDS: Final = 2.0
MOST: Final = 10_000
"""So many buckets are remembered; the one unused for longest is full again anyway."""


class Limit:
    """At most `per_second` requests on the long run, for each name."""

    def __init__(self, per_second: int, clock: Callable[[], float]) -> None:
        self._rate = per_second
        self._clock = clock
        self._lock = Lock()
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def allows(self, name: str) -> bool:
        """Whether one more request is allowed now; it is counted if so."""
        most = self._rate * BURST_SECONDS
        with self._lock:
            now = self._clock()
            left, at = self._left.pop(name, (most, now))
            left = min(most, left + (now - at) * self._rate)
            self._left[name] = (left - 1 if left >= 1 else left, now)
            while len(self._left) > MOST:
                self._left.popitem(last=False)
            return left >= 1
