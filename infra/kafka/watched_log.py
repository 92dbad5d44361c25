"""How far does the log go? Told whenever the engine asks, so that lag can be shown."""

from collections.abc import Callable, Iterable, Mapping, Sequence

from replan.infra.kafka.segments import RecordLog
from replan.streams.log_slices import Partition, Read


class WatchedLog:
    """A log that tells how far it goes whenever it is asked."""

    def __init__(self, log: RecordLog, ends: Callable[[Mapping[Partition, int]], None]) -> None:
        self._log = log
        self._ends = ends

    def begins(self) -> Mapping[Partition, int]:
        """See `RecordLog`."""
        return self._log.begins()

    def ends(self) -> Mapping[Partition, int]:
        """See `RecordLog`; told too."""
        found = self._log.ends()
        self._ends(found)
        return found

    def read(self, partition: Partition, first: int, end: int) -> Iterable[Read]:
        """See `RecordLog`."""
        return self._log.read(partition, first, end)

    def take(self, partition: Partition, first: int, end: int) -> Sequence[Read]:
        """See `RecordLog`."""
        return self._log.take(partition, first, end)

    def wait(self) -> None:
        """See `RecordLog`."""
        self._log.wait()
