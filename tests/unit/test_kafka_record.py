"""An event is the same event in whatever form a Kafka record carries it."""

import json
from typing import Any

import pytest

from replan.streams.blocks import Record
from replan.streams.codec import MAX_RECORD_BYTES, Decoder
from replan.streams.kafka_record import relevant, results_of, without_bulk
from replan.streams.messages import Decoded, Refused
from tests.worlds import event

SALE = event("pos.sale.v1", "s1", "OATS@S1", "2026-05-04T10:00:00Z", {"qty": 2})


def record(value: bytes | None, headers: tuple[tuple[str, bytes], ...] = ()) -> Record:
    return Record(7, 0, relevant(headers), None, value)


def taken(value: bytes | None, headers: tuple[tuple[str, bytes], ...] = ()) -> list[Any]:
    return results_of(Decoder(None), "replan.pos-0", record(value, headers))


def binary(changed: dict[str, str] | None = None) -> tuple[tuple[str, bytes], ...]:
    attributes = {name: text for name, text in SALE.items() if name != "data"} | (changed or {})
    return tuple((f"ce_{name}", text.encode()) for name, text in attributes.items())


def test_structured_and_binary_events_are_equal() -> None:
    (structured,) = taken(json.dumps(SALE).encode())
    (by_headers,) = taken(json.dumps(SALE["data"]).encode(), binary())
    assert isinstance(structured, Decoded)
    assert by_headers.fact == structured.fact
    assert by_headers.content == structured.content


def test_the_prefix_of_a_schema_registry_is_taken_off() -> None:
    (plain,) = taken(json.dumps(SALE).encode())
    (prefixed,) = taken(b"\0\0\0\0\x2a" + json.dumps(SALE).encode())
    assert prefixed == plain


def test_an_array_holds_several_events() -> None:
    value = json.dumps([SALE, SALE | {"id": "s2"}, SALE | {"id": 7}]).encode()
    found = taken(value, (("content-type", b"application/cloudevents-batch+json"),))
    assert [type(one) for one in found] == [Decoded, Decoded, Refused]


def test_a_tombstone_is_no_event() -> None:
    assert taken(None) == []


def test_a_record_that_is_too_large_is_refused_alike_with_and_without_its_bytes() -> None:
    large = record(b'{"a": "' + b"x" * MAX_RECORD_BYTES + b'"}')
    packed = without_bulk(large)
    assert packed.value is None
    decoder = Decoder(None)
    (refused,) = results_of(decoder, "replan.pos-0", large)
    assert refused.code == "size"
    assert results_of(decoder, "replan.pos-0", packed) == [refused]


@pytest.mark.parametrize(
    ("value", "headers", "code"),
    [
        (b'{"qty": 2}, "recordedtime": "2026-05-04T10:00:00Z"', binary(), "malformed"),
        (b'{"qty": 2}', (*binary(), ("ce_data", b"{}")), "malformed"),
        (b'{"qty": 2}', (*binary(), ("ce_id", b"s9")), "malformed"),
        (b'{"qty": 2}', binary({"id": "\u202es1"}), "charset"),
        (b'{"qty": 2}', (*binary()[1:], ("ce_id", b"\xff")), "malformed"),
        (b'{"qty": NaN}', binary(), "non_finite"),
        (b'{"qty": 2}', (*binary(), ("ce_comment", b"x" * 5000)), "malformed"),
        (b'{"qty": 2}', tuple((f"ce_x{n}", b"") for n in range(90)), "malformed"),
        (b"\x80\x04\x95", (), "encoding"),
        (b"Obj\x01avro", (), "malformed"),
    ],
)
def test_what_is_not_an_event_is_refused_and_nothing_crashes(
    value: bytes, headers: tuple[tuple[str, bytes], ...], code: str
) -> None:
    (refused,) = taken(value, headers)
    assert isinstance(refused, Refused)
    assert refused.code == code


def test_other_headers_are_not_looked_at() -> None:
    others = (("Faust-Ag-ReplyTo", b"x"), ("idem", b"\xff" * 1_000_000), ("traceparent", b"00-1"))
    (with_them,) = taken(json.dumps(SALE).encode(), others)
    (without,) = taken(json.dumps(SALE).encode())
    assert with_them == without
