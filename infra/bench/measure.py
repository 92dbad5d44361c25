"""How is something measured so that the figure means something? Processor time, medians, ratios.

Other programs on the machine stretch the wall's clock and hardly the processor's, so the latter is
measured: of this process with all its threads, and of the children that it has waited for.
"""

import gc
import resource
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any, TypeVar

T = TypeVar("T")

REPEATS = 3
"""Timings of which the median counts, after one that does not: it finds caches cold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """One figure. `ratio` is `value` ÷ the same figure of `against`, taken in the same run; both
    are None where there is nothing to compare with.
    """

    row: str
    measure: str
    value: float
    unit: str
    against: str | None = None
    ratio: float | None = None

    def json(self) -> dict[str, Any]:
        """The measure as plain JSON, figures rounded to four digits."""
        ratio = None if self.ratio is None else four_digits(self.ratio)
        return asdict(self) | {"value": four_digits(self.value), "ratio": ratio}


def four_digits(value: float) -> float:
    """More digits than four would be noise."""
    return float(f"{value:.4g}")


def processor_seconds() -> float:
    """Processor time used so far, by this process and by the children that have ended."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def once(work: Callable[[], object]) -> float:
    """Processor seconds of doing it once."""
    gc.collect()
    before = processor_seconds()
    work()
    return processor_seconds() - before


def typical(work: Callable[[], object], *, repeats: int = REPEATS, warm_up: bool = True) -> float:
    """Median processor seconds of `work`."""
    return typical_on(lambda: None, lambda _: work(), repeats=repeats, warm_up=warm_up)


def typical_on(
    make: Callable[[], T],
    work: Callable[[T], object],
    *,
    repeats: int = REPEATS,
    warm_up: bool = True,
) -> float:
    """Median processor seconds of `work` on what `make` returns; making it is not counted."""
    if warm_up:
        work(make())
    found = []
    for _ in range(repeats):
        made = make()
        gc.collect()
        before = processor_seconds()
        work(made)
        found.append(processor_seconds() - before)
    return median(found)
