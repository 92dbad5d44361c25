"""A log of many partitions in memory, which hands its records over as unevenly as a broker may."""

import random
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from replan.streams.codec import Decoder
from replan.streams.log_slices import Partition, Read
from replan.streams.messages import Place
from tests.busy_world import arrival_of

TOPICS = ("acks", "inventory", "pos", "supply")


class FakeLog:
    """The records of each partition; `seed` says how many come at a time, and when none do."""

    def __init__(self, records: Mapping[Partition, Sequence[bytes]], seed: int) -> None:
        self._rng = random.Random(seed)
        self._decoder = Decoder(None)
        self.records = {partition: list(lines) for partition, lines in records.items()}
        self.lost: dict[Partition, int] = {}
        self.read_again = 0

    def begins(self) -> Mapping[Partition, int]:
        """Nothing is lost unless the test says so."""
        return {partition: self.lost.get(partition, 0) for partition in self.records}

    def ends(self) -> Mapping[Partition, int]:
        """How many records each partition has."""
        return {partition: len(lines) for partition, lines in self.records.items()}

    def read(self, partition: Partition, first: int, end: int) -> Iterable[Read]:
        """Read again, from the beginning of the range to its end."""
        self.read_again += end - first
        for offset in range(first, end):
            raw = self.records[partition][offset]
            results = self._decoder.record(raw, Place(str(partition), offset))
            yield Read(offset, tuple(results))

    def take(self, partition: Partition, first: int, end: int) -> Sequence[Read]:
        """Some of the next records, or none yet."""
        count = self._rng.choice((0, 1, 7, 60, 400))
        found = list(self.read(partition, first, min(end, first + count)))
        self.read_again -= len(found)
        return found

    def wait(self) -> None:
        """Time does not pass here."""


class LiveLog(FakeLog):
    """A log that is being written while time passes: a record is there once its event arrived."""

    def __init__(
        self,
        records: Mapping[Partition, Sequence[bytes]],
        seed: int,
        *,
        begins: datetime,
        step: timedelta,
    ) -> None:
        super().__init__(records, seed)
        self.now = begins
        self._step = step
        self._arrivals = {
            partition: [arrival_of(line.decode()) or begins for line in lines]
            for partition, lines in self.records.items()
        }

    def ends(self) -> Mapping[Partition, int]:
        """How many records have been appended by now."""
        return {
            partition: bisect_right(arrivals, self.now)
            for partition, arrivals in self._arrivals.items()
        }

    def wait(self) -> None:
        """Time passes."""
        self.now += self._step


def spread(lines: Iterable[str], *, partitions: int, seed: int) -> dict[Partition, list[bytes]]:
    """Lines over topics and partitions by chance, in their order within each."""
    rng = random.Random(seed)
    records: dict[Partition, list[bytes]] = {
        Partition(topic, number): [] for topic in TOPICS for number in range(partitions)
    }
    places = sorted(records)
    for line in lines:
        records[rng.choice(places)].append(line.encode())
    return records
