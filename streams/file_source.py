"""Which lines of the event files are new, and in which order did their events arrive?

`scan` finds what a run has not seen yet and checks that what was applied is unchanged; the result,
a segment, is stored before its first batch, so that a killed run goes on with the same one. `merge`
decodes a segment once and puts its events in order of arrival, whatever the order of lines and
files.

A line ends with a newline. A last line without one belongs to the next scan while its writer may
still be at it (`at_end=False`); where the files are complete (`at_end=True`) it counts if it is
whole JSON. Digests run over the lines, each with one newline, decompressed: adding the missing
newline, or compressing a file again, changes nothing.
"""

import gzip
import hashlib
import io
import json
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, NamedTuple, cast

from replan.errors import PrefixChanged, UsageError
from replan.network import Network
from replan.streams.codec import MAX_RECORD_BYTES, Decoder, oversized
from replan.streams.merge_order import FIRST, Order, arrived, order_of
from replan.streams.messages import Arrived, Decoded, Place, Refused

SUFFIXES = (".jsonl", ".jsonl.gz")


@dataclass(frozen=True, slots=True, kw_only=True)
class AppliedPrefix:
    """How far a file was applied: its first `lines` lines, and their hex SHA-256.

    `earlier`: (lines, SHA-256) where former segments ended; they only make the message about a
    changed prefix more exact.
    """

    lines: int
    sha256: str
    earlier: tuple[tuple[int, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentFile:
    """New lines of one file, both ends inclusive; digests of them, and of all up to `last_line`."""

    name: str
    first_line: int
    last_line: int
    sha256: str
    prefix_sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """What one run finds new; plain values, to be stored as they are."""

    files: tuple[SegmentFile, ...]

    def applied(self) -> dict[str, AppliedPrefix]:
        """What is known of these files once the segment has been applied."""
        return {
            f.name: AppliedPrefix(lines=f.last_line, sha256=f.prefix_sha256) for f in self.files
        }


class Line(NamedTuple):
    """One line without its newline; of an oversized one only size and digest are kept."""

    number: int
    raw: bytes
    size: int
    raw_sha256: str | None
    is_ended: bool


def scan(
    folder: Path, known: Mapping[str, AppliedPrefix], *, at_end: bool = True
) -> Segment | None:
    """The lines of `folder/*.jsonl[.gz]` not applied yet, by file name; None if there are none.

    Raises PrefixChanged if applied lines changed or are gone, UsageError if a file cannot be read.
    """
    names = sorted(path.name for path in folder.glob("*") if path.name.endswith(SUFFIXES))
    for name, prefix in sorted(known.items()):
        if name not in names and prefix.lines:
            raise PrefixChanged(
                f"{folder / name}: {prefix.lines} lines were applied, the file is gone"
            )
    found = (_new_lines(folder / name, known.get(name), at_end=at_end) for name in names)
    files = tuple(part for part in found if part is not None)
    return Segment(files=files) if files else None


def merge(
    folder: Path,
    segment: Segment,
    network: Network | None = None,
    *,
    on_line: Callable[[int], None] | None = None,
) -> list[Arrived]:
    """The events of a segment by (arrival, source, id, payload), each decoded once.

    A line without a readable arrival stands with the line before it. `on_line` hears the number of
    lines read so far, every thousand. Raises PrefixChanged if the files are not what was scanned.
    """
    decoder = Decoder(network)
    placed: list[tuple[Order, int, Decoded | Refused]] = []
    read = 0
    for part in segment.files:
        order = FIRST
        for line in _part_lines(folder, part):
            for result in decode_line(decoder, line, part.name):
                order = order_of(result) or order
                placed.append((order, len(placed), result))
            read += 1
            if on_line is not None and read % 1000 == 0:
                on_line(read)
    return arrived(placed)


def decode_line(decoder: Decoder, line: Line, name: str) -> list[Decoded | Refused]:
    """The results of one line of the file called `name`."""
    place = Place(name, line.number)
    if line.raw_sha256 is not None:
        return [oversized(place, line.size, line.raw_sha256)]
    return decoder.record(line.raw, place)


def read_lines(path: Path) -> Iterator[Line]:
    """All lines of a file, plain or gzip, holding no more than one record of the largest size."""
    try:
        with _opened(path) as stream:
            number = 0
            while True:
                number += 1
                chunk = stream.readline(MAX_RECORD_BYTES + 2)
                if not chunk:
                    return
                if chunk.endswith(b"\n"):
                    raw = chunk[:-1]
                    yield Line(number, raw, len(raw), None, True)
                elif len(chunk) < MAX_RECORD_BYTES + 2:
                    yield Line(number, chunk, len(chunk), None, False)
                else:
                    yield _oversized_line(stream, number, chunk)
    except (OSError, EOFError, zlib.error) as trouble:
        raise UsageError(f"{path}: cannot be read as an event file: {trouble}") from trouble


def _oversized_line(stream: IO[bytes], number: int, chunk: bytes) -> Line:
    running = hashlib.sha256()
    size = 0
    while chunk and not chunk.endswith(b"\n"):
        running.update(chunk)
        size += len(chunk)
        chunk = stream.readline(MAX_RECORD_BYTES)
    raw = chunk.removesuffix(b"\n")
    running.update(raw)
    return Line(number, b"", size + len(raw), running.hexdigest(), chunk.endswith(b"\n"))


def _opened(path: Path) -> IO[bytes]:
    if path.suffix == ".gz":
        return io.BufferedReader(cast(io.RawIOBase, gzip.GzipFile(path, "rb")), 1 << 20)
    return path.open("rb", buffering=1 << 20)


def _new_lines(path: Path, prefix: AppliedPrefix | None, *, at_end: bool) -> SegmentFile | None:
    """The lines behind the prefix, once the prefix is found unchanged."""
    applied = 0 if prefix is None else prefix.lines
    whole, new = hashlib.sha256(), hashlib.sha256()
    bounds = {} if prefix is None else dict(prefix.earlier) | {applied: prefix.sha256}
    last = unchanged = 0
    for line in read_lines(path):
        if line.number > applied and not line.is_ended and not (at_end and _is_whole(line)):
            break
        last = line.number
        held = _held(line)
        whole.update(held)
        if applied and line.number > applied:
            new.update(held)
        if (expected := bounds.get(line.number)) is not None:
            if whole.hexdigest() != expected:
                raise PrefixChanged(
                    f"{path}: lines {unchanged + 1} to {line.number} are not what was applied; "
                    "event files may only be appended to"
                )
            unchanged = line.number
    if last < applied:
        raise PrefixChanged(
            f"{path}: {applied} lines were applied, the file now ends at line {last}; "
            "event files may only be appended to"
        )
    if last == applied:
        return None
    return SegmentFile(
        name=path.name,
        first_line=applied + 1,
        last_line=last,
        sha256=(new if applied else whole).hexdigest(),
        prefix_sha256=whole.hexdigest(),
    )


def _part_lines(folder: Path, part: SegmentFile) -> Iterator[Line]:
    """The lines of one file's part; the digest is checked when the last has been read."""
    running = hashlib.sha256()
    path = folder / part.name
    for line in read_lines(path):
        if line.number > part.last_line:
            break
        if line.number >= part.first_line:
            running.update(_held(line))
            yield line
    if running.hexdigest() != part.sha256:
        raise PrefixChanged(
            f"{path}: lines {part.first_line} to {part.last_line} changed while being read"
        )


def _held(line: Line) -> bytes:
    """What the digests run over: the line with one newline."""
    # An oversized line is not held; its own digest and size stand for it.
    held = line.raw if line.raw_sha256 is None else f"{line.size}:{line.raw_sha256}".encode()
    return held + b"\n"


def _is_whole(line: Line) -> bool:
    try:
        json.loads(line.raw)
    except (ValueError, RecursionError):
        return False
    return True
