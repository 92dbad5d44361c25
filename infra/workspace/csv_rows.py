"""What stands in a CSV file of the network, cell by cell, read strictly?

Numbers are plain: `1e3`, ` 5`, `5,0`, `+5`, `007` are refused rather than guessed. A wrong cell
spoils its row, never the file.
"""

import csv
import io
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, time
from decimal import Decimal
from pathlib import Path
from typing import TypeVar

from replan.findings import Finding, Severity
from replan.infra.workspace.safe_read import MAX_TABLE_BYTES, read_config
from replan.infra.workspace.text_values import MAX_MINOR, NotAValue
from replan.units import Units, units_from_decimal

Value = TypeVar("Value")

MAX_DAYS = 365
MAX_QTY = 10**9

_INTEGER = re.compile(r"-?(0|[1-9][0-9]{0,17})")
_DECIMAL = re.compile(r"-?(0|[1-9][0-9]{0,17})(\.[0-9]{1,6})?")
_ID = re.compile(r"[A-Za-z0-9._:/-]{1,64}")
_DAY_TIME = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])")
_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


@dataclass(kw_only=True)
class Row:
    """One row: its cells by column, its line, and what turned out wrong with it while it was
    read."""

    file: str
    line: int
    cells: Mapping[str, str]
    findings: list[Finding] = field(default_factory=list)
    rests_on_quarantined: bool = False

    @property
    def is_good(self) -> bool:
        """Whether nothing was wrong so far."""
        return not any(finding.severity == "error" for finding in self.findings)

    def refuse(self, rule: str, column: str, message: str, severity: Severity = "error") -> None:
        """Notes that a cell breaks a rule; the message is completed with column and value."""
        value = self.cells.get(column, "")
        text = f"{column} {value!r} {message}" if value else f"{column} is empty: {message}"
        self.findings.append(
            Finding(
                severity=severity,
                file=self.file,
                line=self.line,
                value=value,
                rule=rule,
                message=text,
            )
        )

    def read(self, column: str, parse: Callable[[str], Value], fallback: Value) -> Value:
        """The parsed cell; an empty or wrong one is noted and gives the fallback."""
        text = self.cells.get(column, "")
        if not text:
            self.refuse("missing", column, "a value is needed")
            return fallback
        try:
            return parse(text)
        except NotAValue as wrong:
            self.refuse(wrong.rule, column, str(wrong))
            return fallback

    def read_or_none(self, column: str, parse: Callable[[str], Value]) -> Value | None:
        """The parsed cell, or None if it is empty or its column left out."""
        return self.read(column, parse, None) if self.cells.get(column, "") else None


@dataclass(frozen=True, slots=True, kw_only=True)
class CsvTable:
    """The rows of a file. `is_broken`: the file as a whole cannot be used, only the ids in it be
    known."""

    rows: tuple[Row, ...]
    findings: tuple[Finding, ...]
    is_broken: bool


def read_csv(root: Path, file: str, required: tuple[str, ...]) -> CsvTable:
    """Rows of a CSV file with a header that has all required columns; further columns are left
    alone."""
    content = read_config(root, file, max_bytes=MAX_TABLE_BYTES)
    if isinstance(content, Finding):
        return CsvTable(rows=(), findings=(content,), is_broken=True)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as wrong:
        line = content[: wrong.start].count(b"\n") + 1
        return _broken(file, line, None, "encoding", f"{file} is not UTF-8")
    try:
        return _table(file, text, required)
    except csv.Error as wrong:
        return _broken(file, None, None, "csv", f"{file} is not CSV: {wrong}")


def _table(file: str, text: str, required: tuple[str, ...]) -> CsvTable:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    header = next(reader, [])
    missing = [column for column in required if column not in header]
    twice = sorted({column for column in header if header.count(column) > 1})
    findings = [
        _finding(file, 1, column, "column", f"{file} has no column {column}") for column in missing
    ] + [
        _finding(file, 1, column, "column", f"{file} has column {column} twice") for column in twice
    ]
    rows = tuple(_rows(file, reader, header))
    return CsvTable(rows=rows, findings=tuple(findings), is_broken=bool(findings))


def _rows(file: str, reader: Iterator[list[str]], header: list[str]) -> Iterator[Row]:
    line = 1
    for cells in reader:
        first, line = line + 1, reader.line_num  # type: ignore[attr-defined]  # csv.reader's own
        if not cells:
            continue
        row = Row(file=file, line=first, cells=dict(zip(header, cells, strict=False)))
        if len(cells) != len(header):
            text = f"line {first} has {len(cells)} cells, the header has {len(header)}"
            row.findings.append(_finding(file, first, str(len(cells)), "cells", text))
        yield row


def _broken(file: str, line: int | None, value: str | None, rule: str, text: str) -> CsvTable:
    return CsvTable(rows=(), findings=(_finding(file, line, value, rule, text),), is_broken=True)


def _finding(file: str, line: int | None, value: str | None, rule: str, text: str) -> Finding:
    return Finding(severity="error", file=file, line=line, value=value, rule=rule, message=text)


def identifier(text: str) -> str:
    """An id as events use it."""
    if not _ID.fullmatch(text):
        raise NotAValue("charset", "must be 1 to 64 letters, digits or . _ : / -")
    return text


def plain_name(text: str) -> str:
    """A name for people, such as a region: printable, no `,` or `=`, no blanks around it."""
    if len(text) > 100 or not text.isprintable() or text != text.strip() or set(",=") & set(text):
        raise NotAValue("charset", "must be up to 100 printable characters without , or =")
    return text


def words(text: str) -> str:
    """Any printable text of bounded length."""
    if len(text) > 500 or not text.isprintable():
        raise NotAValue("charset", "must be up to 500 printable characters")
    return text


def one_of(*known: str) -> Callable[[str], str]:
    """One of a closed list of words."""

    def parse(text: str) -> str:
        if text not in known:
            raise NotAValue("type", f"must be one of {', '.join(known)}")
        return text

    return parse


def truth(text: str) -> bool:
    """`true` or `false`."""
    return one_of("true", "false")(text) == "true"


def whole(most: int = MAX_MINOR) -> Callable[[str], int]:
    """A whole number from 0; money in minor units by default."""

    def parse(text: str) -> int:
        if not _INTEGER.fullmatch(text):
            raise NotAValue("type", "must be a whole number written in digits")
        return int(_bounded(Decimal(text), most))

    return parse


def decimal(most: int, *, above_zero: bool = False) -> Callable[[str], float]:
    """A plain decimal from 0 (or above it) to `most`, as a float."""

    def parse(text: str) -> float:
        if not _DECIMAL.fullmatch(text):
            raise NotAValue("type", "must be a number written in digits, with one point at most")
        number = _bounded(Decimal(text), most)
        if above_zero and number == 0:
            raise NotAValue("range", "must be more than 0")
        return float(number)

    return parse


def degrees(most: int) -> Callable[[str], float]:
    """Parser of degrees with their sign, from -most to most."""

    def parse(text: str) -> float:
        if not _DECIMAL.fullmatch(text):
            raise NotAValue("type", "must be degrees such as 52.5 or -0.12")
        number = Decimal(text)
        if abs(number) > most:
            raise NotAValue("range", f"must be between -{most} and {most}")
        return float(number)

    return parse


def days(*, above_zero: bool = False) -> Callable[[str], float]:
    """Days as a decimal, a year at most."""
    return decimal(MAX_DAYS, above_zero=above_zero)


def quantity(*, above_zero: bool = False) -> Callable[[str], Units]:
    """A quantity in base units with at most three decimals, as thousandths."""
    number = decimal(MAX_QTY, above_zero=above_zero)

    def parse(text: str) -> Units:
        number(text)
        try:
            return units_from_decimal(Decimal(text))
        except ValueError:
            raise NotAValue("type", "must have at most 3 decimals") from None

    return parse


def day_time(text: str) -> time:
    """`HH:MM`."""
    match = _DAY_TIME.fullmatch(text)
    if match is None:
        raise NotAValue("type", "must be a time of day as HH:MM")
    return time(int(match[1]), int(match[2]))


def calendar_day(text: str) -> date:
    """`2026-05-01`."""
    try:
        if len(text) == 10:
            return date.fromisoformat(text)
    except ValueError:
        pass
    raise NotAValue("type", "must be a date as 2026-05-01")


def weekdays(text: str) -> tuple[int, ...]:
    """`mon,wed,fri` as numbers from Monday 0, sorted."""
    names = text.split(",")
    if any(name not in _WEEKDAYS for name in names) or len(set(names)) != len(names):
        raise NotAValue("type", f"must be a list of {', '.join(_WEEKDAYS)}, each once")
    return tuple(sorted(_WEEKDAYS.index(name) for name in names))


def _bounded(number: Decimal, most: int) -> Decimal:
    if number < 0:
        raise NotAValue("range", "must be at least 0")
    if number > most:
        raise NotAValue("range", f"must be at most {most}")
    return number
