"""What does one Kafka record say? It becomes the text that the codec reads, whatever its form.

CloudEvents may come structured (the value is the event, or an array of them) or binary (attributes
in `ce_…` headers, the value is `data`). The prefix that clients of a schema registry put before a
value is taken off. Only `ce_…` and `content-type` headers are read, and nothing of them is believed
before the codec has judged it like a body.
"""

import json
from collections.abc import Iterable
from typing import Any, Final

from replan.canonical import sha256_hex
from replan.streams.blocks import Headers, Record
from replan.streams.codec import MAX_RECORD_BYTES, Decoder, oversized
from replan.streams.messages import MAX_RAW_BYTES, Decoded, Place, Refused

ATTRIBUTE: Final = "ce_"
CONTENT_TYPE: Final = "content-type"
MAX_HEADERS: Final = 32
MAX_HEADER_BYTES: Final = 1024

REGISTRY_PREFIX_BYTES: Final = 5
"""A zero byte and the four bytes of a schema's number."""


def relevant(headers: Iterable[tuple[Any, Any]]) -> Headers:
    """The headers that are read, cut just beyond what is allowed of them."""
    found = []
    for name, value in headers:
        lower = name.lower() if isinstance(name, str) else ""
        is_read = lower == CONTENT_TYPE or lower.startswith(ATTRIBUTE)
        if is_read and isinstance(value, bytes) and len(lower) <= MAX_HEADER_BYTES:
            found.append((lower, value[: MAX_HEADER_BYTES + 1]))
    return tuple(found[: MAX_HEADERS + 1])


def without_bulk(record: Record) -> Record:
    """A record whose value is too large to be read: only its size and digest are kept of it."""
    if record.value is None or len(record.value) <= MAX_RECORD_BYTES:
        return record
    size, sha256 = len(record.value), sha256_hex(record.value)
    return record._replace(value=None, size=size, sha256=sha256)


def results_of(decoder: Decoder, origin: str, record: Record) -> list[Decoded | Refused]:
    """One result for each event of a record of the partition `origin`; none for a tombstone."""
    place = Place(origin, record.offset)
    record = without_bulk(record)
    if record.sha256 is not None:
        return [oversized(place, record.size, record.sha256)]
    if record.value is None:
        return []
    value = _without_prefix(record.value)
    attributes = [(n, v) for n, v in record.headers if n.startswith(ATTRIBUTE)]
    if not attributes:
        return decoder.record(value, place)
    if len(record.headers) > MAX_HEADERS:
        return [_refused(value, place, f"more than {MAX_HEADERS} headers")]
    event: dict[str, str] = {}
    for name, raw in record.headers:
        attribute = "datacontenttype" if name == CONTENT_TYPE else name.removeprefix(ATTRIBUTE)
        if len(raw) > MAX_HEADER_BYTES:
            return [_refused(value, place, f"header {attribute} is over {MAX_HEADER_BYTES} bytes")]
        if attribute in event or attribute == "data":
            return [_refused(value, place, f"attribute {attribute} is given twice")]
        try:
            event[attribute] = raw.decode()
        except UnicodeDecodeError:
            return [_refused(value, place, f"header {attribute} is not UTF-8")]
    if not _is_one_json_value(value):
        return decoder.record(value, place)
    head = json.dumps(event, ensure_ascii=False).encode()
    return decoder.record(head[:-1] + b', "data": ' + value + b"}", place)


def _without_prefix(value: bytes) -> bytes:
    rest = value[REGISTRY_PREFIX_BYTES:]
    return rest if value[:1] == b"\0" and rest[:1] in (b"{", b"[") else value


def _is_one_json_value(value: bytes) -> bool:
    """Only such a one can be put into another text without changing what that says."""
    try:
        json.loads(value)
    except (ValueError, RecursionError):
        return False
    return True


def _refused(value: bytes, place: Place, reason: str) -> Refused:
    sha256 = sha256_hex(value)
    return Refused(
        code="malformed",
        pointer=None,
        reason=reason,
        status="REJECTED",
        place=place,
        raw=value[:MAX_RAW_BYTES],
        raw_bytes=len(value),
        raw_sha256=sha256,
        sha256=sha256,
    )
