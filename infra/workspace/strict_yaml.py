"""What does a YAML file say, when nothing in it may surprise?

YAML reads `no` as false, `010` as eight, `1e3` as text or number, lets one key stand twice and
lets a line of aliases grow to gigabytes. Here all of that is refused with its line, and what is
left reads the same to a person and to any parser: mappings with text keys, lists, text, `true`,
`false`, `null`, plain integers, plain decimals (as Decimal), dates, and instants with a zone (as
aware UTC datetimes). Text that looks like something else must be quoted.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import yaml

from replan.findings import Finding
from replan.infra.workspace.safe_read import MAX_CONFIG_BYTES
from replan.infra.workspace.shapes import Path

MAX_DEPTH = 24

_INTEGER = re.compile(r"0|-?[1-9][0-9]{0,17}")
_DECIMAL = re.compile(r"-?(?:0|[1-9][0-9]{0,17})\.[0-9]{1,18}")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_INSTANT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?(Z|[+-][0-9]{2}:[0-9]{2})"
)
_BOOLEAN_LOOKALIKE = re.compile(r"yes|no|on|off|true|false", re.IGNORECASE)
_NULL_LOOKALIKE = re.compile(r"null", re.IGNORECASE)
_NUMBER_LOOKALIKE = re.compile(
    r"[-+]?(\.?[0-9][0-9_]*(\.[0-9_]*)?([eE][-+]?[0-9]+)?|0[xXoObB][0-9a-fA-F_]+|\.(inf|nan))"
    r"|[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?",
    re.IGNORECASE,
)
_TIME_LOOKALIKE = re.compile(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([Tt ].*)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class YamlDocument:
    """One document: plain data, and the line (from 1) of every key and every list entry by its
    path."""

    data: Any
    lines: Mapping[Path, int]

    def line(self, where: Path) -> int:
        """The line of the deepest part of the path that is there."""
        for end in range(len(where), 0, -1):
            if where[:end] in self.lines:
                return self.lines[where[:end]]
        return self.lines[()]


class _Refusal(Exception):
    def __init__(self, line: int | None, value: str | None, rule: str, message: str) -> None:
        super().__init__(message)
        self.line = line
        self.value = value
        self.rule = rule


def read_yaml(content: bytes, file: str) -> tuple[tuple[YamlDocument, ...], tuple[Finding, ...]]:
    """The documents of a file, or none and one finding with the first thing refused (rule `yaml`
    or `number`)."""
    try:
        return tuple(_documents(_text(content))), ()
    except _Refusal as no:
        return (), (
            Finding(
                severity="error",
                file=file,
                line=no.line,
                value=no.value,
                rule=no.rule,
                message=str(no),
            ),
        )


def _text(content: bytes) -> str:
    if len(content) > MAX_CONFIG_BYTES:
        raise _yaml(None, None, f"the file is larger than {MAX_CONFIG_BYTES // 1024} KiB")
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as wrong:
        line = content[: wrong.start].count(b"\n") + 1
        raise _yaml(line, None, "the file is not UTF-8") from wrong
    for number, line_text in enumerate(text.split("\n"), start=1):
        if "\t" in line_text:
            raise _yaml(number, line_text.strip(), "a tab stands in this line: use spaces")
        if "\ufeff" in line_text:
            raise _yaml(number, None, "a byte order mark stands in this line")
    return text


def _documents(text: str) -> Iterator[YamlDocument]:
    try:
        _check_events(text)
        for node in yaml.compose_all(text, Loader=yaml.SafeLoader):
            assert node is not None, "every document has a node"
            lines: dict[Path, int] = {(): _line(node)}
            yield YamlDocument(data=_plain(node, (), lines), lines=lines)
    except yaml.MarkedYAMLError as wrong:
        mark = wrong.problem_mark or wrong.context_mark
        line = mark.line + 1 if mark else None
        said = " ".join(filter(None, (wrong.context, wrong.problem)))
        raise _yaml(line, None, f"this is not YAML: {said}") from wrong
    except yaml.reader.ReaderError as wrong:
        line = text[: wrong.position].count("\n") + 1
        raise _yaml(line, None, f"a character is not allowed: #x{wrong.character:04x}") from wrong


def _check_events(text: str) -> None:
    """Refuses anchors, aliases, tags, directives and deep nesting before anything is built."""
    depth = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        assert event.start_mark is not None, "events made from text know where they stand"
        line = event.start_mark.line + 1
        if isinstance(event, yaml.AliasEvent):
            raise _yaml(line, f"*{event.anchor}", f"the alias *{event.anchor} is refused")
        if isinstance(event, yaml.DocumentStartEvent) and (event.version or event.tags):
            raise _yaml(line, None, "a % directive is refused")
        if isinstance(event, yaml.NodeEvent) and event.anchor is not None:
            raise _yaml(line, f"&{event.anchor}", f"the anchor &{event.anchor} is refused")
        tag = getattr(event, "tag", None)
        if tag is not None:
            raise _yaml(line, str(tag), f"the tag {tag} is refused")
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > MAX_DEPTH:
                raise _yaml(line, None, f"nested deeper than {MAX_DEPTH}")
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


def _plain(node: yaml.Node, where: Path, lines: dict[Path, int]) -> Any:
    match node:
        case yaml.ScalarNode():
            return _scalar(node)
        case yaml.SequenceNode():
            entries = []
            for at, child in enumerate(node.value):
                lines[(*where, at)] = _line(child)
                entries.append(_plain(child, (*where, at), lines))
            return entries
        case yaml.MappingNode():
            mapping: dict[str, Any] = {}
            for key_node, child in node.value:
                key = _key(key_node)
                if key in mapping:
                    first = lines[(*where, key)]
                    text = f"the key {key} stands twice, on line {first} already"
                    raise _yaml(_line(key_node), key, text)
                lines[(*where, key)] = _line(key_node)
                mapping[key] = _plain(child, (*where, key), lines)
            return mapping
        case _:
            pass
    raise AssertionError(f"a YAML node of an unknown kind: {node}")


def _key(node: yaml.Node) -> str:
    key = _scalar(node) if isinstance(node, yaml.ScalarNode) else None
    if not isinstance(key, str) or key == "<<":
        shown = str(node.value) if isinstance(node, yaml.ScalarNode) else None
        raise _yaml(_line(node), shown, "a key must be plain text")
    return key


def _scalar(node: yaml.ScalarNode) -> Any:
    text: str = node.value
    if node.style is not None:
        return text
    if text in ("", "~", "null"):
        return None
    if text in ("true", "false"):
        return text == "true"
    if _INTEGER.fullmatch(text):
        return int(text)
    if _DECIMAL.fullmatch(text):
        return Decimal(text)
    if _DATE.fullmatch(text) or _INSTANT.fullmatch(text):
        return _moment(node, text)
    return _harmless(node, text)


def _moment(node: yaml.ScalarNode, text: str) -> date | datetime:
    try:
        if _DATE.fullmatch(text):
            return date.fromisoformat(text)
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError) as wrong:
        raise _yaml(_line(node), text, f"{text} is not a date or an instant") from wrong


def _harmless(node: yaml.ScalarNode, text: str) -> str:
    line = _line(node)
    if _BOOLEAN_LOOKALIKE.fullmatch(text):
        said = f'{text} may be read as a truth value: quote it, or write "true" or "false" plainly'
        raise _yaml(line, text, said)
    if _NULL_LOOKALIKE.fullmatch(text):
        raise _yaml(line, text, f"{text} may be read as nothing: quote it or write null")
    if _NUMBER_LOOKALIKE.fullmatch(text):
        said = (
            f"{text} is not a plain number: write digits, with one point for decimals, or quote it"
        )
        raise _Refusal(line=line, value=text, rule="number", message=said)
    if _TIME_LOOKALIKE.fullmatch(text):
        raise _yaml(line, text, f"{text} is not an instant with a zone: write 2026-12-01T00:00:00Z")
    return text


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


def _yaml(line: int | None, value: str | None, message: str) -> _Refusal:
    return _Refusal(line=line, value=value, rule="yaml", message=message)
