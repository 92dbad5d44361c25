"""Up to which level does the reference order system order? As in `stocking.csv`, scaled by demand.

A declared assumption, not a fitted one: `order_up_to` is the opening level, and stays until
LEARNING_DAYS have passed. From then on the level at a review is

    order_up_to x smoothed daily demand now / smoothed daily demand at the end of the learning days,

rounded up to whole base units and never below one lot. Demand is all that was asked for, also what
was lost, less returns: the same in both worlds, so both order up to the same level. It is smoothed
exponentially with 1/SMOOTHING_DAYS a day, as a plain average over the first of them. A series
without demand at the end of the learning days keeps its opening level.
"""

from dataclasses import dataclass, fields
from operator import attrgetter

from replan.units import ONE_UNIT

SMOOTHING_DAYS = 42
LEARNING_DAYS = 120

_FINE = 1_000_000
"""Parts of a thousandth. What division of integers drops is then far below any unit."""


@dataclass(slots=True)
class AskedFor:
    """What was asked for of one item at one site.

    `days`: store days closed so far. `today`: thousandths of base units since. `smoothed` and
    `reference`: billionths of a base unit a day, now and (0 until then) when learning ended.
    """

    days: int = 0
    today: int = 0
    smoothed: int = 0
    reference: int = 0

    def close_day(self) -> None:
        """Take the day that ended into the smoothed demand; a day without a sale is one of zero."""
        self.days += 1
        step = min(self.days, SMOOTHING_DAYS)
        self.smoothed += (self.today * _FINE - self.smoothed) // step
        self.today = 0
        if self.days == LEARNING_DAYS:
            self.reference = self.smoothed

    @property
    def is_learned(self) -> bool:
        """Whether the learning days have passed."""
        return self.days >= LEARNING_DAYS

    def expected(self, days: int) -> int:
        """What the smoothed demand asks for in so many days, thousandths."""
        return max(self.smoothed, 0) * max(days, 0) // _FINE

    def level(self, opening: int, lot: int) -> int:
        """The level to order up to as of the last closed day; all in thousandths of base units."""
        if self.reference <= 0:
            return opening
        units = -(-opening * self.smoothed // (self.reference * ONE_UNIT))
        return max(units * ONE_UNIT, lot)


asked_row = attrgetter(*(column.name for column in fields(AskedFor)))
"""The numbers of an `AskedFor` in its own order, quickly: this happens at every commit."""
