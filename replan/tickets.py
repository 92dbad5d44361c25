"""Is this one sale, or a crowd of them? How large a single ticket of a series usually is.

One customer who buys a pallet, and may bring it back within the hour, says nothing about what the
others will buy. Each series keeps a histogram of its ticket sizes by powers of two: whole numbers,
so the order of sales cannot show. A ticket above four times the upper edge of the octave that holds
the 99th percentile is *bulk*: what it has beyond that limit moves the shelf, but is not demand to
the model (a winsorised observation; Tukey 1962, "The future of data analysis"). A return of such a
size is cut the same way, so that order and return cancel on whichever days they fall.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from replan.forecasting import FloatArray, IntArray

OCTAVES = 52
FEWEST_TICKETS = 50
"""Before so many tickets were seen nothing is known to be unusual."""

USUAL_SHARE = 0.99
FACTOR = 4


@dataclass(slots=True, kw_only=True)
class TicketBook:
    """`sizes` (N, OCTAVES): tickets by the number of bits of their thousandths. `excess`: what bulk
    tickets have beyond the limit, thousandths by (row, day), with the sign of the sale.
    """

    sizes: IntArray
    excess: dict[tuple[int, int], int] = field(default_factory=dict)

    def limits(self, rows: IntArray) -> IntArray:
        """Largest usual ticket (n,) of each row in thousandths; a huge number where too little is
        known.
        """
        of, back = np.unique(rows, return_inverse=True)
        sizes = self.sizes[of]
        total = sizes.sum(axis=1)
        upto = np.cumsum(sizes, axis=1)
        octave = (upto < np.ceil(USUAL_SHARE * total)[:, None]).sum(axis=1)
        edge = np.left_shift(np.int64(1), np.minimum(octave, OCTAVES - 1).astype(np.int64))
        limit: IntArray = np.where(total >= FEWEST_TICKETS, FACTOR * edge, np.int64(2**62))
        return limit[back]

    def take(self, rows: IntArray, days: IntArray, qty: IntArray) -> IntArray:
        """Take down tickets (M,); returns which of them are bulk, judged by those before."""
        size = np.abs(qty)
        over = size - self.limits(rows)
        bulk = np.flatnonzero(over > 0)
        for n in bulk.tolist():
            key = (int(rows[n]), int(days[n]))
            left = self.excess.get(key, 0) + int(np.sign(qty[n]) * over[n])
            if left:
                self.excess[key] = left
            else:
                self.excess.pop(key, None)
        np.add.at(self.sizes, (rows, np.frexp(size.astype(np.float64))[1]), qty > 0)
        return bulk

    def take_back(self, row: int, day: int, qty: int) -> None:
        """A ticket was none: it is not counted, and the day loses what it had too much."""
        size = abs(qty)
        if qty > 0:
            self.sizes[row, size.bit_length()] -= 1
        over, left = size - int(self.limits(np.array([row]))[0]), self.excess.get((row, day), 0)
        if over > 0 and left:
            left -= over if qty > 0 else -over
            # The limit may have moved since: what is left of the other tickets keeps its sign.
            if left * self.excess[(row, day)] > 0 and abs(left) > size // 100:
                self.excess[(row, day)] = left
            else:
                del self.excess[(row, day)]

    def usual(self, sold: IntArray, rows: IntArray, day: int) -> IntArray:
        """Units sold (n,) of a day as far as they are usual tickets, at least 0."""
        if not self.excess:
            return np.maximum(sold, 0)
        over = [self.excess.get((row, day), 0) for row in rows.tolist()]
        return np.maximum(sold - np.array(over, dtype=np.int64), 0)

    def take_off(self, sold: FloatArray, first_day: int) -> FloatArray:
        """Base units sold (T, N) from `first_day` on without what bulk tickets have too much."""
        if not self.excess:
            return sold
        less = sold.copy()
        for (row, day), over in sorted(self.excess.items()):
            if 0 <= day - first_day < len(less):
                less[day - first_day, row] -= over / 1_000
        return np.maximum(less, 0.0)

    def forget(self, before: int) -> None:
        """Drop what lies before a day."""
        for key in [key for key in self.excess if key[1] < before]:
            del self.excess[key]

    def rows(self) -> list[list[int]]:
        """`excess` as plain rows, sorted."""
        return [[row, day, over] for (row, day), over in sorted(self.excess.items())]

    @classmethod
    def of_rows(cls, sizes: IntArray, rows: Iterable[Iterable[int]]) -> "TicketBook":
        """The book with these sizes and rows of `excess`."""
        return cls(sizes=sizes, excess={(row, day): over for row, day, over in rows})
