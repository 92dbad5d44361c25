"""Segments of event files: what is new, what must not change, and the order of arrival."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from replan.errors import PrefixChanged, UsageError
from replan.streams.file_source import AppliedPrefix, Segment, merge, read_lines, scan
from replan.streams.messages import Decoded
from tests.event_lines import network, sale


def write(path: Path, *events: dict[str, Any] | str, end: str = "\n") -> None:
    lines = [event if isinstance(event, str) else json.dumps(event) for event in events]
    path.write_bytes(("\n".join(lines) + end).encode())


def new(folder: Path, known: dict[str, AppliedPrefix] | None = None, **options: bool) -> Segment:
    segment = scan(folder, known or {}, **options)
    assert segment is not None
    return segment


def merged_ids(folder: Path) -> list[str | None]:
    """The ids in merged order; the code of a line that has none."""
    results = [arrived.result for arrived in merge(folder, new(folder), network())]
    return [
        result.fact.event_id if isinstance(result, Decoded) else result.event_id or result.code
        for result in results
    ]


def test_folder_without_events_has_no_segment(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("events go here")
    assert scan(tmp_path, {}) is None


def test_segment_names_new_lines_by_file_name(tmp_path: Path) -> None:
    write(tmp_path / "b.jsonl", sale(id="1"), sale(id="2"))
    write(tmp_path / "a.jsonl", sale(id="3"))
    files = new(tmp_path).files
    assert [(f.name, f.first_line, f.last_line) for f in files] == [
        ("a.jsonl", 1, 1),
        ("b.jsonl", 1, 2),
    ]


def test_nothing_is_new_after_the_segment_was_applied(tmp_path: Path) -> None:
    write(tmp_path / "a.jsonl", sale())
    assert scan(tmp_path, new(tmp_path).applied()) is None


def test_appended_lines_are_new(tmp_path: Path) -> None:
    write(tmp_path / "a.jsonl", sale(id="1"))
    known = new(tmp_path).applied()
    write(tmp_path / "a.jsonl", sale(id="1"), sale(id="2"))
    (part,) = new(tmp_path, known).files
    assert (part.first_line, part.last_line) == (2, 2)
    assert [a.result.place.line for a in merge(tmp_path, Segment(files=(part,)))] == [2]


def test_compressing_a_file_again_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl.gz"
    text = (json.dumps(sale()) + "\n").encode()
    path.write_bytes(gzip.compress(text, 1, mtime=1))
    known = new(tmp_path).applied()
    path.write_bytes(gzip.compress(text, 9, mtime=2))
    assert scan(tmp_path, known) is None


def test_changed_line_is_refused_with_file_and_lines(tmp_path: Path) -> None:
    write(tmp_path / "a.jsonl", sale(id="1"), sale(id="2"))
    known = new(tmp_path).applied()
    write(tmp_path / "a.jsonl", sale(id="1"), sale(id="3"))
    with pytest.raises(PrefixChanged, match=r"a\.jsonl: lines 1 to 2 are not what was applied"):
        scan(tmp_path, known)


def test_changed_line_is_narrowed_down_by_earlier_segments(tmp_path: Path) -> None:
    write(tmp_path / "a.jsonl", sale(id="1"))
    first = new(tmp_path).applied()["a.jsonl"]
    write(tmp_path / "a.jsonl", sale(id="1"), sale(id="2"))
    second = new(tmp_path).applied()["a.jsonl"]
    write(tmp_path / "a.jsonl", sale(id="1"), sale(id="3"))
    known = AppliedPrefix(
        lines=second.lines, sha256=second.sha256, earlier=((first.lines, first.sha256),)
    )
    with pytest.raises(PrefixChanged, match="lines 2 to 2"):
        scan(tmp_path, {"a.jsonl": known})


def test_shortened_file_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "a.jsonl", sale(id="1"), sale(id="2"))
    known = new(tmp_path).applied()
    write(tmp_path / "a.jsonl", sale(id="1"))
    with pytest.raises(PrefixChanged, match="2 lines were applied, the file now ends at line 1"):
        scan(tmp_path, known)


def test_deleted_file_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "a.jsonl", sale())
    known = new(tmp_path).applied()
    (tmp_path / "a.jsonl").unlink()
    with pytest.raises(PrefixChanged, match="the file is gone"):
        scan(tmp_path, known)


def test_file_that_changes_between_scan_and_merge_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "a.jsonl", sale(id="1"))
    segment = new(tmp_path)
    write(tmp_path / "a.jsonl", sale(id="2"))
    with pytest.raises(PrefixChanged, match="changed while being read"):
        merge(tmp_path, segment)


def test_last_line_without_newline_waits_while_it_may_still_be_written(tmp_path: Path) -> None:
    write(tmp_path / "a.jsonl", sale(id="1"), sale(id="2"), end="")
    assert new(tmp_path, at_end=False).files[0].last_line == 1


def test_last_line_without_newline_counts_at_the_end_if_it_is_whole(tmp_path: Path) -> None:
    write(tmp_path / "a.jsonl", sale(id="1"), sale(id="2"), end="")
    known = new(tmp_path).applied()
    assert known["a.jsonl"].lines == 2
    write(tmp_path / "a.jsonl", sale(id="1"), sale(id="2"))
    assert scan(tmp_path, known) is None


def test_last_line_cut_short_is_not_a_line_yet(tmp_path: Path) -> None:
    write(tmp_path / "a.jsonl", sale(id="1"), '{"id": ', end="")
    assert new(tmp_path).files[0].last_line == 1


def test_broken_gzip_names_the_file(tmp_path: Path) -> None:
    whole = gzip.compress((json.dumps(sale()) + "\n").encode())
    (tmp_path / "a.jsonl.gz").write_bytes(whole[:-12])
    with pytest.raises(UsageError, match=r"a\.jsonl\.gz: cannot be read"):
        scan(tmp_path, {})


def test_merge_goes_by_arrival_then_source_then_id(tmp_path: Path) -> None:
    at, later = "2026-05-04T12:00:00Z", "2026-05-04T13:00:00Z"
    write(tmp_path / "a.jsonl", sale(id="4", recordedtime=later), sale(id="3", source="x"))
    write(tmp_path / "b.jsonl", sale(id="2"), sale(id="1", time=at))
    assert merged_ids(tmp_path) == ["1", "2", "3", "4"]


def test_members_of_an_array_take_their_own_places(tmp_path: Path) -> None:
    one, two, three = (sale(id=str(n), time=f"2026-05-04T1{n}:00:00Z") for n in (1, 2, 3))
    write(tmp_path / "a.jsonl", json.dumps([three, one]), two)
    assert merged_ids(tmp_path) == ["1", "2", "3"]


def test_line_without_readable_arrival_stands_with_the_line_before_it(tmp_path: Path) -> None:
    early, late = (sale(id=str(n), time=f"2026-05-04T1{n}:00:00Z") for n in (1, 2))
    write(tmp_path / "a.jsonl", late, "{", early, "\xff")
    assert merged_ids(tmp_path) == ["1", "malformed", "2", "malformed"]


def test_refused_line_with_readable_arrival_takes_its_own_place(tmp_path: Path) -> None:
    bad = sale(id="1", time="2026-05-04T11:00:00Z", data={})
    write(tmp_path / "a.jsonl", sale(id="2"), bad)
    assert merged_ids(tmp_path) == ["1", "2"]


def test_line_ends_of_windows_and_blank_lines_are_passed_over(tmp_path: Path) -> None:
    write(
        tmp_path / "a.jsonl", json.dumps(sale(id="1")) + "\r", "", json.dumps(sale(id="2")) + "\r"
    )
    places = [str(a.place) for a in merge(tmp_path, new(tmp_path), network())]
    assert places == ["a.jsonl:1", "a.jsonl:3"]


def test_oversized_line_is_not_held_and_the_next_is_read(tmp_path: Path) -> None:
    write(tmp_path / "a.jsonl", "x" * 600_000, sale())
    long, good = read_lines(tmp_path / "a.jsonl")
    assert (long.raw, long.size, good.number) == (b"", 600_000, 2)
    refused, _ = (a.result for a in merge(tmp_path, new(tmp_path)))
    assert getattr(refused, "code", None) == "size"


@pytest.mark.parametrize("size", range(256 * 1024 - 2, 256 * 1024 + 5))
def test_line_about_the_largest_size_is_one_line(tmp_path: Path, size: int) -> None:
    write(tmp_path / "a.jsonl", "x" * size, "y")
    assert [(line.number, line.size) for line in read_lines(tmp_path / "a.jsonl")] == [
        (1, size),
        (2, 1),
    ]
