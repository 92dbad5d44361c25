"""How is a process that runs for months asked to end? By SIGTERM or SIGINT; it ends in order."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def ended_by_signal(ask: Callable[[], None]) -> Iterator[None]:
    """Inside the block both signals do nothing but `ask`. Only in the main thread of a process."""
    before = {}
    for number in (signal.SIGTERM, signal.SIGINT):
        before[number] = signal.signal(number, lambda *_: ask())
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
