"""Is everything that YAML may read in two ways refused with its line?"""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from replan.findings import Finding
from replan.infra.workspace.strict_yaml import read_yaml


def read(text: str) -> Any:
    (document,), findings = read_yaml(text.encode(), "f.yaml")
    assert findings == ()
    return document.data


def refused(content: str | bytes) -> Finding:
    raw = content.encode() if isinstance(content, str) else content
    documents, (finding,) = read_yaml(raw, "f.yaml")
    assert documents == ()
    return finding


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("5", 5),
        ("-5", -5),
        ("0.05", Decimal("0.05")),
        ("true", True),
        ("false", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("'no'", "no"),
        ('"1e3"', "1e3"),
        ("green", "green"),
        ("Y", "Y"),
        ("2026-12-01", date(2026, 12, 1)),
        ("2026-12-01T01:00:00+01:00", datetime(2026, 12, 1, tzinfo=UTC)),
        ("[a, 1]", ["a", 1]),
    ],
)
def test_plain_values_are_read_as_they_look(text: str, value: object) -> None:
    assert read(f"a: {text}") == {"a": value}


@pytest.mark.parametrize(
    "text",
    [
        *("no", "NO", "Yes", "on", "Off", "True", "FALSE", "Null"),
        *("1e3", "1E3", "010", "0x1F", "0o17", "1_000", "+5", ".5", "5.", ".nan", ".inf", "-.inf"),
        *("12:30", "1:30:00", "-0", "99999999999999999999"),
        *("2026-12-01 00:00:00", "2026-12-01T00:00:00", "2026-13-01", "2026-1-1"),
    ],
)
def test_what_may_surprise_is_refused_with_its_line_and_value(text: str) -> None:
    found = refused(f"b: 1\na: {text}")
    assert (found.line, found.value) == (2, text)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a: 1\na: 2", 2),
        ("a:\n  b: 1\n  'b': 2", 3),
        ("a: &x 1\nb: 2", 1),
        ("a: 1\nb: *x", 2),
        ("a: 1\nb: !!python/object/apply:os.system [ls]", 2),
        ("a: !!str 5", 1),
        ("a:\n\tb: 1", 2),
        ("a: 1 # tab\there", 1),
        ("<<: {a: 1}", 1),
        ("1: a", 1),
        ("? [a]\n: b", 1),
        ("%YAML 1.1\n---\na: 1", 1),
        ("a: [1, 2", 1),
        ("a: 1\n\x00", 2),
        ("a: " + "[" * 100_000, 1),
    ],
)
def test_tricks_and_slips_are_refused_with_their_line(text: str, line: int) -> None:
    found = refused(text)
    assert (found.line, found.rule) == (line, "yaml")


@pytest.mark.parametrize(
    "content", [b"a: \xff", "a: 1".encode("utf-16"), b"\xef\xbb\xbfa: 1", b"#" * 300_000]
)
def test_other_encodings_and_huge_files_are_refused(content: bytes) -> None:
    assert refused(content).rule == "yaml"


def test_every_key_and_entry_knows_its_line() -> None:
    (document,), _ = read_yaml(b"a:\n  b:\n  - x\n  - c: 1\n", "f.yaml")
    assert document.line(("a", "b", 1, "c")) == 4
    assert document.line(("a", "b", 1, "missing")) == 4
    assert document.line(()) == 1


def test_several_documents_are_read_in_order() -> None:
    documents, _ = read_yaml(b"a: 1\n---\na: 2\n", "f.yaml")
    assert [document.data for document in documents] == [{"a": 1}, {"a": 2}]


def test_an_empty_file_has_no_document() -> None:
    assert read_yaml(b"# nothing\n", "f.yaml") == ((), ())
