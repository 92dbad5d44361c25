"""Which events of a partitioned log are judged together, and which wait for the next time?

A log is read from many partitions at once, and what one brings late may belong before what another
brought long ago. So events are held back until every partition has come past their arrival, the
*watermark*, and are then judged slice by slice, in the order of their arrival.

A slice is told by offsets and watermarks alone. Whoever reads the same partitions again, a process
after a crash too, finds the same events in it, in the same order.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from replan.streams.merge_order import FIRST, Order, arrived, order_of
from replan.streams.messages import Arrived, Decoded, Refused
from replan.units import instant_text


class Partition(NamedTuple):
    """One partition of an input topic."""

    topic: str
    number: int

    def __str__(self) -> str:
        return f"{self.topic}-{self.number}"


class Read(NamedTuple):
    """One record of a partition as the codec read it: a result for each event in it, or 1 for a
    tombstone, which holds none.
    """

    offset: int
    results: tuple[Decoded | Refused, ...]
    tombstones: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class LogRange:
    """How far a slice goes in one partition.

    Records from `first` on, up to `end` (exclusive), are new with it. Those from `low` on were read
    before, and some of their events were held back. `high`: how far the partition went when the
    slice was cut; None: nobody looked.
    """

    partition: Partition
    low: int
    first: int
    end: int
    high: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLoss:
    """Records of a partition that people declared lost before they were read: offsets `first` up to
    `end` (exclusive), or all that a topic held which was made anew (`end` not beyond `first`).

    `sources`: those who had spoken on the partition until then, sorted.
    """

    partition: Partition
    first: int
    end: int
    sources: tuple[str, ...]

    def __str__(self) -> str:
        if self.end > self.first:
            return f"offsets {self.first} to {self.end - 1} of {self.partition} were lost"
        return f"{self.partition} was made anew after offset {self.first}; what was new is lost"


@dataclass(frozen=True, slots=True, kw_only=True)
class LogSlice:
    """The events of new records, and of held back ones that arrived later than `after`, as far as
    they arrived up to `through` (None: all of them).

    `after` is the watermark of the slice before (None: there is none). `topics`: the id that the
    cluster gave each topic when it was made, where it tells. `left_out`: partitions that were not
    waited for any longer; what they bring late belongs to a later slice. `losses`: what is missing
    before this slice, and was declared so.
    """

    ranges: tuple[LogRange, ...]
    after: datetime | None
    through: datetime | None
    topics: Mapping[str, str] = field(default_factory=dict)
    left_out: tuple[Partition, ...] = ()
    losses: tuple[LogLoss, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Plain JSON."""
        return {
            "after": None if self.after is None else instant_text(self.after),
            "through": None if self.through is None else instant_text(self.through),
            "ranges": [[*r.partition, r.low, r.first, r.end, r.high] for r in self.ranges],
            "topics": dict(sorted(self.topics.items())),
            "left_out": [list(partition) for partition in self.left_out],
            "losses": [[*x.partition, x.first, x.end, list(x.sources)] for x in self.losses],
        }

    @classmethod
    def from_json(cls, plain: Any) -> "LogSlice":
        """A slice as `to_json` gave it."""
        after, through = plain["after"], plain["through"]
        return cls(
            after=None if after is None else datetime.fromisoformat(after),
            through=None if through is None else datetime.fromisoformat(through),
            ranges=tuple(
                LogRange(
                    partition=Partition(topic, number), low=low, first=first, end=end, high=high
                )
                for topic, number, low, first, end, high in plain["ranges"]
            ),
            topics=plain["topics"],
            left_out=tuple(Partition(*place) for place in plain["left_out"]),
            # Slices that an earlier version stored know of none.
            losses=tuple(
                LogLoss(
                    partition=Partition(topic, number),
                    first=first,
                    end=end,
                    sources=tuple(sources),
                )
                for topic, number, first, end, sources in plain.get("losses", ())
            ),
        )


def events_of(
    cut: LogSlice, read: Callable[[Partition, int, int], Iterable[Read]]
) -> list[Arrived]:
    """The events of a slice in the order in which they count.

    `read` gives the records of a partition from an offset up to another (exclusive), in order.
    """
    placed: list[tuple[Order, int, Decoded | Refused]] = []
    for part in cut.ranges:
        for offset, order, result in places(read(part.partition, part.low, part.end)):
            is_new = offset >= part.first or (cut.after is not None and order[0] > cut.after)
            if is_new and (cut.through is None or order[0] <= cut.through):
                placed.append((order, len(placed), result))
    return arrived(placed)


def held_back_from(reads: Iterable[Read], through: datetime | None) -> int | None:
    """The offset of the first record with an event that arrived after the watermark; None: there is
    none.
    """
    if through is None:
        return None
    return next((offset for offset, order, _ in places(reads) if order[0] > through), None)


def places(reads: Iterable[Read]) -> Iterable[tuple[int, Order, Decoded | Refused]]:
    """Every event of some records with its offset and its place in the order."""
    order = FIRST
    for offset, results, _ in reads:
        for result in results:
            order = order_of(result) or order
            yield offset, order, result
