"""Which part of a partitioned log does a run go through next?

The ledger alone says how far the log was read: the ranges of offsets of its segments. A segment is
stored before its first event is judged, so that whoever comes after a crash, here or elsewhere,
goes on with the same one.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, Protocol

from replan.errors import DataLost, NotSo
from replan.infra.kafka.heard_sources import HeardSources
from replan.infra.kafka.lost_records import begin_after, gaps
from replan.infra.ledger.rows import SegmentRow
from replan.infra.ledger.store import Ledger
from replan.streams.log_slices import (
    LogLoss,
    LogRange,
    LogSlice,
    Partition,
    Read,
    events_of,
    held_back_from,
    places,
)
from replan.streams.merge_order import BEFORE_ALL
from replan.streams.messages import Arrived

CHUNK: Final = 2_000
"""Records taken from one partition at a time."""

SLICE_RECORDS: Final = 5_000
"""New records after which a slice is cut, where there is more to read."""


class RecordLog(Protocol):
    """A log of many partitions, whose records keep their offsets."""

    def begins(self) -> Mapping[Partition, int]:
        """The oldest offset that every input partition still keeps."""
        ...

    def ends(self) -> Mapping[Partition, int]:
        """The offset after the newest record of every input partition, by now."""
        ...

    def read(self, partition: Partition, first: int, end: int) -> Iterable[Read]:
        """The records of a range of offsets that is there, read again."""
        ...

    def take(self, partition: Partition, first: int, end: int) -> Sequence[Read]:
        """The next records from `first` on, before `end`, as many as come at once; none yet: ()."""
        ...

    def wait(self) -> None:
        """Nothing is there to be taken: let a moment pass."""
        ...


class Marks(Protocol):
    """What tells how far a partition has come, so that nothing earlier is to be expected of it."""

    def begin(self) -> None:
        """Called before it is asked how far the log goes by now."""
        ...

    def of(self, newest: datetime | None, *, is_at_end: bool) -> datetime | None:
        """The mark of a partition by the newest arrival read there; None: it says nothing yet."""
        ...

    def waited(self, since: datetime | None) -> tuple[datetime | None, bool]:
        """For a partition that is not read to its end and brings nothing: since when that is so,
        given what was known of it, and whether it is waited for no longer.
        """
        ...


class LogClockMarks:
    """On the log clock a partition has come as far as its newest arrival, less the lateness."""

    def __init__(self, lateness: timedelta) -> None:
        self._lateness = lateness

    def begin(self) -> None:
        """The log says all."""

    def of(self, newest: datetime | None, *, is_at_end: bool) -> datetime | None:
        """The newest arrival less the lateness, at the end too: more may come."""
        return None if newest is None else newest - self._lateness

    def waited(self, since: datetime | None) -> tuple[datetime | None, bool]:
        """All wait for all, however long."""
        return None, False


class DatabaseClockMarks:
    """On the database clock a partition that was read to its end has come to the present. One that
    has more and brings nothing for longer than `max_wait` holds up nobody.
    """

    def __init__(self, now: Callable[[], datetime], max_wait: timedelta = timedelta.max) -> None:
        self._now = now
        self._max_wait = max_wait
        self._began: datetime | None = None

    def begin(self) -> None:
        """What is appended from now on arrives later than now."""
        self._began = self._now()

    def of(self, newest: datetime | None, *, is_at_end: bool) -> datetime | None:
        """The time before it was asked how far the log goes, else the newest arrival."""
        return self._began if is_at_end else newest

    def waited(self, since: datetime | None) -> tuple[datetime | None, bool]:
        """As long as the settings say."""
        assert self._began is not None, "begun before"
        begun = since or self._began
        return begun, self._began - begun >= self._max_wait


class _Reach:
    """How far one partition was read, and what of it is held back."""

    def __init__(self, partition: Partition, low: int, end: int, kept: Iterable[Read]) -> None:
        self.partition = partition
        self.low = low
        self.first = self.next = end
        self.kept = deque(kept)
        arrivals = [order[0] for _, order, _ in places(self.kept)]
        readable = (at for at in arrivals if at != BEFORE_ALL)
        self.newest: datetime | None = max(readable, default=None)
        self.silent_since: datetime | None = None
        """Since when it has more and brings nothing."""
        self.is_left_out = False
        self.tombstones = 0

    def add(self, reads: Sequence[Read], max_jump: timedelta, known: datetime | None) -> None:
        """Take the next records. An arrival that far beyond all others moves nothing."""
        self.kept.extend(reads)
        self.next = reads[-1].offset + 1
        self.silent_since, self.is_left_out = None, False
        self.tombstones += sum(read.tombstones for read in reads)
        for _, order, _ in places(reads):
            if order[0] == BEFORE_ALL:
                # Nothing readable came yet, which says nothing about how far the partition is.
                continue
            highest = max((at for at in (self.newest, known) if at is not None), default=None)
            if highest is None or order[0] - highest <= max_jump:
                self.newest = order[0] if self.newest is None else max(self.newest, order[0])

    def cut(self, through: datetime | None) -> None:
        """Forget what was judged with a slice."""
        held = held_back_from(self.kept, through)
        self.low = self.next if held is None else held
        while self.kept and self.kept[0].offset < self.low:
            self.kept.popleft()
        self.first, self.tombstones = self.next, 0


class LogSegments:
    """The log of a workspace, as far as the ledger knows it.

    `until_end`: go to where the log ends when the run begins, and no further; otherwise on and on
    while `goes_on()`. A watermark that has passed a multiple of `every` is worth a slice without
    events, and so is one that `wakes` somebody. `topics`: the ids of the topics, kept with the
    offsets: a topic of the same name under another id is another log, however far it goes.
    """

    def __init__(
        self,
        ledger: Ledger,
        log: RecordLog,
        marks: Marks,
        *,
        until_end: bool,
        max_jump: timedelta,
        every: timedelta | None = None,
        slice_records: int = SLICE_RECORDS,
        goes_on: Callable[[], bool] = lambda: True,
        wakes: Callable[[datetime], bool] = lambda _: False,
        topics: Mapping[str, str] | None = None,
    ) -> None:
        self._ledger = ledger
        self._log = log
        self._marks = marks
        self._until_end = until_end
        self._max_jump = max_jump
        self._every = every
        self._slice_records = slice_records
        self._goes_on = goes_on
        self._wakes = wakes
        self._topics = topics or {}
        self._reaches: dict[Partition, _Reach] = {}
        self._heard = HeardSources(ledger)
        self._losses: tuple[LogLoss, ...] = ()
        self._clock: datetime | None = None
        self._ends: Mapping[Partition, int] = log.ends() if until_end else {}
        self._high: Mapping[Partition, int] = self._ends

    def merged(self, segment: SegmentRow) -> list[Arrived]:
        """The events of a segment in the order in which they count."""
        assert segment.cut is not None, "a segment of a log tells its ranges"
        for part in segment.cut.ranges:
            if part.low < part.end and self._is_other(segment.cut, part.partition):
                raise NotSo(
                    f"{part.partition}: offsets {part.low} to {part.end - 1} are needed once more, "
                    "to tell again what came after the last snapshot, and the topic was made anew"
                )
        return events_of(segment.cut, self._read)

    def new(self) -> Iterator[SegmentRow]:
        """One slice of the log after the other, each stored as the open segment.

        Raises NotSo if records that were not read are gone from the log.
        """
        newest = self._ledger.newest_segment()
        last = None if newest is None else newest.cut
        after = None if last is None else last.through
        self._resume(last)
        while self._goes_on():
            through, is_end = self._come_through(after)
            if is_end and last is not None and last.through is None and not self._has_more():
                return
            cut = self._slice(after, through) if is_end or through is not None else None
            if cut is not None:
                with self._ledger.transaction() as write:
                    opened = write.store_slice(cut)
                    write.add_tombstones(sum(r.tombstones for r in self._reaches.values()))
                    self._heard.keep(write)
                self._losses = ()
                yield opened
                for reach in self._reaches.values():
                    reach.cut(through)
                after, last = through, cut
            if is_end:
                return
            if cut is None:
                self._log.wait()

    def _resume(self, last: LogSlice | None) -> None:
        """Stand where the newest segment left off."""
        known = {} if last is None else {part.partition: part for part in last.ranges}
        begins, ends = self._log.begins(), self._log.ends()
        self._clock = self._ledger.clock()
        self._reaches = {}
        if gone := sorted(known.keys() - begins.keys()):
            raise NotSo(f"{gone[0]}: was read up to {known[gone[0]].end} and is there no more")
        declared = gaps(self._ledger)
        losses = []
        for partition, begin in sorted(begins.items()):
            part = known.get(partition)
            made = ""
            is_lost = part is not None and not begin <= part.end <= ends[partition]
            if last is not None and self._is_other(last, partition):
                is_lost, made = True, self._topics[partition.topic]
            if part is None or last is None or is_lost:
                if part is not None and not begin_after(declared, partition, part.end, begin, made):
                    raise _lost(partition, part.end, begin, made)
                if part is not None and is_lost:
                    losses.append(
                        LogLoss(
                            partition=partition,
                            first=part.end,
                            end=begin,
                            sources=self._heard.of(partition),
                        )
                    )
                self._reaches[partition] = _Reach(partition, begin, begin, ())
            else:
                reads = self._log.read(partition, part.low, part.end)
                reach = _Reach(partition, part.low, part.end, reads)
                reach.cut(last.through)
                self._reaches[partition] = reach
        self._losses = tuple(losses)

    def _is_other(self, cut: LogSlice, partition: Partition) -> bool:
        """Whether the topic that a slice was read from is not the one of that name now."""
        was, now = cut.topics.get(partition.topic), self._topics.get(partition.topic)
        return was is not None and now is not None and was != now

    def _has_more(self) -> bool:
        return any(reach.low < reach.next for reach in self._reaches.values())

    def _come_through(self, after: datetime | None) -> tuple[datetime | None, bool]:
        """Read on until there is enough for a slice or nothing more for now; the watermark, and
        whether the end was reached, where the watermark is None and means all.
        """
        self._marks.begin()
        ends = self._ends if self._until_end else self._log.ends()
        stuck: set[Partition] = set()
        new = sum(reach.next - reach.first for reach in self._reaches.values())
        held = sum(len(reach.kept) for reach in self._reaches.values())
        enough = new + max(self._slice_records, held // 2)
        while new < enough:
            behind = [
                reach
                for reach in self._reaches.values()
                if reach.partition not in stuck and reach.next < ends.get(reach.partition, 0)
            ]
            if not behind:
                break
            reach = min(behind, key=_slowest_first)
            end = min(ends[reach.partition], reach.next + CHUNK)
            reads = self._log.take(reach.partition, reach.next, end)
            if reads:
                new += reads[-1].offset + 1 - reach.next
                reach.add(reads, self._max_jump, self._newest())
                self._heard.hear(reach.partition, reads)
            else:
                stuck.add(reach.partition)
                since, is_enough = self._marks.waited(reach.silent_since)
                reach.silent_since, reach.is_left_out = since, is_enough
        self._high = ends
        at_end = {
            partition: reach.next >= ends.get(partition, 0)
            for partition, reach in self._reaches.items()
        }
        if self._until_end and all(at_end.values()):
            return None, True
        marks = [
            self._marks.of(reach.newest, is_at_end=at_end[partition])
            for partition, reach in self._reaches.items()
            if not (self._until_end and at_end[partition]) and not reach.is_left_out
        ]
        stated = [mark for mark in marks if mark is not None]
        if not stated or len(stated) < len(marks) or (after is not None and min(stated) <= after):
            return None, False
        return min(stated), False

    def _newest(self) -> datetime | None:
        arrivals = (self._clock, *(reach.newest for reach in self._reaches.values()))
        return max((at for at in arrivals if at is not None), default=None)

    def _slice(self, after: datetime | None, through: datetime | None) -> LogSlice | None:
        """The slice up to a watermark; None where nothing would come of it."""
        cut = LogSlice(
            ranges=tuple(
                LogRange(
                    partition=r.partition,
                    low=r.low,
                    first=r.first,
                    end=r.next,
                    high=self._high.get(r.partition),
                )
                for r in self._reaches.values()
            ),
            after=after,
            through=through,
            topics=self._topics,
            left_out=tuple(r.partition for r in self._reaches.values() if r.is_left_out),
            losses=self._losses,
        )
        if through is None or self._passes_mark(after, through):
            return cut
        has_events = any(
            order[0] <= through
            for reach in self._reaches.values()
            for _, order, _ in places(reach.kept)
        )
        return cut if has_events or self._wakes(through) else None

    def _passes_mark(self, after: datetime | None, through: datetime) -> bool:
        if self._every is None:
            return False
        if after is None:
            return True
        return _counted(through, self._every) > _counted(after, self._every)

    def _read(self, partition: Partition, low: int, end: int) -> Iterable[Read]:
        reach = self._reaches.get(partition)
        if reach is not None and low >= reach.low and end <= reach.next:
            return [read for read in reach.kept if low <= read.offset < end]
        return self._log.read(partition, low, end) if low < end else ()


def _slowest_first(reach: _Reach) -> tuple[bool, float, Partition]:
    at = reach.newest
    return (at is not None, 0.0 if at is None else at.timestamp(), reach.partition)


def _counted(at: datetime, every: timedelta) -> int:
    return int(at.timestamp() // every.total_seconds())


def _lost(partition: Partition, stood: int, begin: int, made: str) -> DataLost:
    what = (
        f"offsets {stood} to {begin - 1} were not read and are gone from the log"
        if begin > stood and not made
        else f"was read up to offset {stood} and the topic was made anew"
    )
    text = f"{partition}: {what}; the engine stands until replan accept-gap declares the loss"
    return DataLost(partition, stood, begin, text, made=made)
