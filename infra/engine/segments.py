"""Which part of the event files does a run go through, and in which order?

What a scan finds new is stored as a segment before its first event is judged, so that a killed run
goes on with the same one.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

from replan.infra.ledger.rows import SegmentFile, SegmentRow
from replan.infra.ledger.store import Ledger
from replan.streams.file_source import AppliedPrefix, Segment, merge, scan
from replan.streams.file_source import SegmentFile as FoundFile
from replan.streams.messages import Arrived


class SegmentSource(Protocol):
    """Where events come from, segment by segment."""

    def merged(self, segment: SegmentRow) -> Sequence[Arrived]:
        """The events of a segment in the order in which they count, the same each time."""
        ...

    def new(self) -> Iterator[SegmentRow]:
        """What no segment holds yet, each stored as the open segment before it is given."""
        ...


class Segments:
    """The event files of a workspace, as far as the ledger knows them."""

    def __init__(self, folder: Path, ledger: Ledger) -> None:
        self._folder = folder
        self._ledger = ledger

    def merged(self, segment: SegmentRow) -> list[Arrived]:
        """The events of a segment in order of arrival. PrefixChanged if its lines changed."""
        files = tuple(
            FoundFile(
                name=f.name,
                first_line=f.from_line,
                last_line=f.to_line,
                sha256=f.sha256,
                prefix_sha256=f.prefix_sha256,
            )
            for f in segment.files
        )
        return merge(self._folder, Segment(files=files))

    def new(self) -> Iterator[SegmentRow]:
        """What is new in the files by now, stored as the open segment; nothing if nothing is.

        Raises PrefixChanged if applied lines changed.
        """
        found = scan(self._folder, self._prefixes())
        if found is None:
            return
        with self._ledger.transaction() as write:
            opened = write.store_segment(
                SegmentFile(
                    name=f.name,
                    from_line=f.first_line,
                    to_line=f.last_line,
                    sha256=f.sha256,
                    prefix_sha256=f.prefix_sha256,
                )
                for f in found.files
            )
        yield opened

    def _prefixes(self) -> dict[str, AppliedPrefix]:
        return {
            name: AppliedPrefix(lines=f.to_line, sha256=f.prefix_sha256)
            for name, f in self._ledger.prefixes().items()
        }
