"""Is this text JSON that means one thing only, and where in it is the first fault?

The stdlib parser takes NaN, 1e999, doubled keys and lone surrogates, raises RecursionError on deep
nesting and ValueError on very long integers. Here numbers with a point become Decimal (never a
binary float), and what the parser would let pass becomes a marker in its place, so that a fault is
reported with its JSON pointer.
"""

import json
import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, Literal, NamedTuple

MAX_DEPTH = 32
"""Levels of objects and arrays in one record; our events have two, three inside an array."""

LARGEST_INTEGER = 2**53
"""Beyond it, readers that know only binary doubles would disagree about the number."""

_FARTHEST_DECIMAL = 400
"""Places behind the point that a number written with an exponent may have."""

FaultCode = Literal["non_finite", "range", "type", "dup_key", "charset"]

_BLANKS = " \t\n\r"
_SPACE = re.compile(r"[ \t\n\r]*")
_UNUSABLE = re.compile("[\x00\ud800-\udfff]")
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Fault:
    """Stands where a number cannot be taken."""

    code: FaultCode


class DoubledKeys(dict[str, Any]):
    """An object in which `doubled` was written more than once."""

    doubled: str


class NotJson(ValueError):
    """The record is not JSON, or nested too deeply."""


class Element(NamedTuple):
    """One event of a record: its value, its own text, and its number in an array (from 1)."""

    value: Any
    text: str
    member: int | None


class StrictParser:
    """Parses records; remembers only whether it noticed something in the last one."""

    def __init__(self) -> None:
        self._noticed = False
        decoder = json.JSONDecoder(
            object_pairs_hook=self._object,
            parse_float=self._decimal,
            parse_int=self._integer,
            parse_constant=self._constant,
        )
        # What `raw_decode` calls; it starts and ends at given characters, without slicing the text.
        self._scan: Callable[[str, int], tuple[Any, int]] = decoder.scan_once  # type: ignore[attr-defined]

    def elements(self, text: str) -> list[Element]:
        """The events of one record, a single value or the members of an array; raises NotJson."""
        self._noticed = "\\u" in text
        text = text.strip(_BLANKS)
        found = self._members(text) if text[:1] == "[" else [self._whole(text)]
        if text.count("{") + text.count("[") > MAX_DEPTH and any(
            _depth(element.value) > MAX_DEPTH for element in found
        ):
            raise NotJson(f"nested deeper than {MAX_DEPTH} levels")
        return found

    @property
    def has_noticed(self) -> bool:
        """Whether `first_fault` may find something in the last record."""
        return self._noticed

    def _whole(self, text: str) -> Element:
        value, end = self._value(text, 0)
        if end != len(text):
            raise NotJson("text after the end of the value")
        return Element(value, text, None)

    def _members(self, text: str) -> list[Element]:
        found: list[Element] = []
        at = _skip(text, 1)
        while text[at : at + 1] != "]" or found:
            value, end = self._value(text, at)
            found.append(Element(value, text[at:end], len(found) + 1))
            at = _skip(text, end)
            if text[at : at + 1] == "]":
                break
            if text[at : at + 1] != ",":
                raise NotJson("an array member is not followed by a comma or the end")
            at = _skip(text, at + 1)
        if at + 1 != len(text):
            raise NotJson("text after the end of the array")
        return found

    def _value(self, text: str, at: int) -> tuple[Any, int]:
        try:
            return self._scan(text, at)
        except (StopIteration, RecursionError, json.JSONDecodeError) as trouble:
            raise NotJson(f"no JSON value at character {at}") from trouble

    def _object(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) == len(pairs):
            return found
        self._noticed = True
        marked = DoubledKeys(found)
        keys = [key for key, _ in pairs]
        marked.doubled = next(key for n, key in enumerate(keys) if key in keys[:n])
        return marked

    def _integer(self, digits: str) -> int | Fault:
        if len(digits) < 16 or (
            len(digits) < 18 and -LARGEST_INTEGER <= int(digits) <= LARGEST_INTEGER
        ):
            return int(digits)
        self._noticed = True
        return Fault("range")

    def _decimal(self, digits: str) -> Decimal | Fault:
        if "e" not in digits and "E" not in digits:
            return Decimal(digits)
        # An exponent could make a short text a number of a billion digits.
        if math.isinf(float(digits)):
            fault = Fault("non_finite")
        else:
            try:
                value = Decimal(digits)
                if value.as_tuple().exponent > -_FARTHEST_DECIMAL:  # type: ignore[operator]
                    return value
            except InvalidOperation:
                pass
            fault = Fault("type")
        self._noticed = True
        return fault

    def _constant(self, _word: str) -> Fault:
        self._noticed = True
        return Fault("non_finite")


def first_fault(value: Any) -> tuple[FaultCode, str] | None:
    """Code and JSON pointer of the first marker or unusable string, in the order of the text."""
    stack: list[tuple[str, Any]] = [("", value)]
    while stack:
        pointer, node = stack.pop()
        if isinstance(node, Fault):
            return node.code, pointer
        if isinstance(node, str) and _UNUSABLE.search(node):
            return "charset", pointer
        if isinstance(node, DoubledKeys):
            return "dup_key", member_pointer(pointer, node.doubled)
        if isinstance(node, dict):
            for key in node:
                if _UNUSABLE.search(key):
                    return "charset", member_pointer(pointer, key)
            stack.extend((member_pointer(pointer, key), node[key]) for key in reversed(node))
        elif isinstance(node, list):
            stack.extend((f"{pointer}/{n}", node[n]) for n in reversed(range(len(node))))
    return None


def member_pointer(parent: str, key: str) -> str:
    """RFC 6901 pointer of a member; unsafe characters become `?`, long names are cut."""
    shown = _UNPRINTABLE.sub("?", key[:64])
    return f"{parent}/{shown.replace('~', '~0').replace('/', '~1')}"


def keys_within(value: Any, pointer: str = "") -> Iterator[tuple[str, str]]:
    """Every member name at any depth, with its pointer."""
    stack: list[tuple[str, Any]] = [(pointer, value)]
    while stack:
        parent, node = stack.pop()
        if isinstance(node, dict):
            for key in node:
                yield key, member_pointer(parent, key)
            stack.extend((member_pointer(parent, key), node[key]) for key in reversed(node))
        elif isinstance(node, list):
            stack.extend((f"{parent}/{n}", node[n]) for n in reversed(range(len(node))))


def plain(value: Any) -> Any:
    """The parsed value with each Decimal as its plain decimal text, ready for canonical JSON."""
    if isinstance(value, dict):
        return {key: plain(member) for key, member in value.items()}
    if isinstance(value, list):
        return [plain(member) for member in value]
    return format(value, "f") if isinstance(value, Decimal) else value


def _skip(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    assert found is not None
    return found.end()


def _depth(value: Any) -> int:
    deepest = 0
    stack = [(1, value)]
    while stack:
        level, node = stack.pop()
        if isinstance(node, (dict, list)):
            deepest = max(deepest, level)
            members = node.values() if isinstance(node, dict) else node
            stack.extend((level + 1, member) for member in members)
    return deepest
