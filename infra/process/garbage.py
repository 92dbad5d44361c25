"""How often does a run look for circular garbage?

A run holds many objects for long: the events of its segment, the intake's memory, the network. The
collector would go through all of them again and again and find nothing, for almost nothing here is
circular: it took a sixth of the whole time. What does come in circles, in libraries, is little, so
it may wait.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

NEW_OBJECTS = 50_000
"""So many more containers than there were before the youngest generation is looked through."""


@contextmanager
def seldom_collected() -> Iterator[None]:
    """Inside the block the collector runs seldom, and not over what was there before."""
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(NEW_OBJECTS, 20, 20)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()
