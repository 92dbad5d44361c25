"""What must hold for all events: any order of lines, both decoding paths, any bytes."""

import json
import tempfile
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replan.canonical import sha256_hex
from replan.streams import codec
from replan.streams.codec import Decoder
from replan.streams.fast_sale import plain_sale, plain_sale_line
from replan.streams.file_source import merge, scan
from replan.streams.intake import Intake
from replan.streams.messages import Decoded, Place
from replan.streams.strict_json import StrictParser
from tests.event_lines import (
    alert,
    asn,
    commit,
    eta_change,
    lead_time,
    milestone,
    network,
    order,
    receipt,
    sale,
)
from tests.examples import examples

START = datetime(2026, 5, 4, tzinfo=UTC)
PLACE = Place("events.jsonl", 1)


def a_log() -> list[dict[str, Any]]:
    """Two days of sales, an order with its receipts, a transfer, bad lines and conflicts."""
    events = []
    for hour in range(24):
        at = (START + timedelta(hours=hour)).isoformat()
        events.append(sale(id=f"s-{hour}", time=at, subject=f"MILK@S{1 + hour % 2}"))
        events.append(sale(id=f"s-{hour // 2}", time=at, data={"qty": 1 + hour % 3}))
    moved = {"status": "requested", "item": "MILK", "from": "S1", "to": "S2", "qty": 6}
    step = sale(type="transfer.status.v1", subject="T1", time="2026-05-04T03:00:00Z")
    events += [
        receipt() | {"id": f"r-{n}", "recordedtime": f"2026-05-04T1{n}:30:00Z"} for n in (1, 4)
    ]
    events += [
        order() | {"time": "2026-05-04T13:00:00Z"},
        step | {"id": "t-2", "data": {"status": "shipped"}},
        step | {"id": "t-1", "time": "2026-05-04T05:00:00Z", "data": moved},
        milestone() | {"id": "ms-early", "time": "2026-05-04T02:00:00Z"},
        eta_change() | {"id": "eta-early", "time": "2026-05-04T04:00:00Z"},
        asn() | {"time": "2026-05-04T06:00:00Z"},
        milestone(code="X6") | {"id": "ms-late", "time": "2026-05-04T15:00:00Z"},
        commit() | {"time": "2026-05-04T06:30:00Z"},
        lead_time(lead_time_s=604_800) | {"time": "2026-05-04T07:00:00Z"},
        alert() | {"time": "2026-05-04T07:30:00Z"},
        sale(id="bad", data={}),
        sale(id="tea", subject="TEA@S1"),
        sale(id="late", time="2026-05-01T00:00:00Z", recordedtime="2026-05-04T08:00:00Z"),
    ]
    return events


def result_of(files: dict[str, list[dict[str, Any]]]) -> tuple[list[Any], dict[str, Any]]:
    """The facts, and the intake's state without counts of duplicates."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for file, events in files.items():
            (folder / file).write_text("".join(json.dumps(event) + "\n" for event in events))
        segment = scan(folder, {})
        assert segment is not None
        intake = Intake(lateness=timedelta(hours=48), max_jump=timedelta(days=30))
        facts = [
            fact
            for arrived in merge(folder, segment, network())
            for fact in intake.take(arrived.result).facts
        ]
    state = intake.state_json()
    parked = [row["text"] for row in state["parked"]]
    return facts, {**state, "counts": None, "parked": parked}


EXPECTED = result_of({"a.jsonl": a_log()})


@settings(max_examples=examples(30))
@given(data=st.data())
def test_any_order_split_and_doubling_of_lines_gives_the_same_facts(data: st.DataObject) -> None:
    log = a_log()
    doubled = data.draw(st.lists(st.sampled_from(log), max_size=8))
    lines = data.draw(st.permutations(log + doubled))
    cut = data.draw(st.integers(0, len(lines)))
    assert result_of({"a.jsonl": lines[:cut], "b.jsonl": lines[cut:]}) == EXPECTED


ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 2**60),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(["", "MILK@S1", "e-1", "x y", "2026-05-04T12:00:00+02:00", "1.0", "é", "a\n"]),
    st.just({"qty": 1}),
    st.just([1]),
)
NAMES = ["specversion", "id", "source", "type", "time", "recordedtime", "subject", "data", "more"]
DATA_NAMES = ["qty", "price", "is_return", "uom", "promo_id"]


@settings(max_examples=examples(300))
@given(
    changes=st.dictionaries(st.sampled_from(NAMES), ODD, max_size=2),
    dropped=st.sets(st.sampled_from(NAMES), max_size=1),
    data=st.dictionaries(
        st.sampled_from(DATA_NAMES), st.one_of(st.integers(0, 9), ODD), max_size=3
    ),
)
def test_short_way_for_sales_decodes_as_the_general_way(
    changes: dict[str, Any], dropped: set[str], data: dict[str, Any]
) -> None:
    event = sale(data={"qty": 2} | data) | changes
    text = json.dumps({key: event[key] for key in event if key not in dropped})
    (element,) = StrictParser().elements(text)
    short = plain_sale(element.value, text.encode(), PLACE)
    if short is not None:
        assert codec._decode(element.value, text.encode(), PLACE) == short


MISTAKES = st.sampled_from(
    [
        ("", ""),
        ('"qty"', '"qty": 3, "qty"'),
        ('"qty": 2', '"qty": NaN'),
        ('"qty": 2', '"qty": 2.0'),
        ('"qty": 2', '"qty": 9007199254740993'),
        ('"price": 100', '"price": 9007199254740993'),
        ('"price": 100', '"price": 1e999'),
        ('"price": 100', '"price": {"a": 1}'),
        ('"id"', '"\\u0069d"'),
        ("MILK@S1", "TEA@S1"),
        ("MILK@S1", "MILK@S9"),
        ("pos.sale.v1", "pos.sale.v2"),
        ("}", "}}"),
        ("{", "[{"),
        ("{", "\ufeff{"),
        ('": "', '" : "'),
    ]
)


@given(mistakes=st.lists(MISTAKES, max_size=2), padding=st.sampled_from(["", " ", "\r"]))
def test_line_of_a_sale_is_read_the_short_way_only_where_the_general_way_says_the_same(
    mistakes: list[tuple[str, str]], padding: str
) -> None:
    text = json.dumps(sale(data={"qty": 2, "price": 100})) + padding
    for right, wrong in mistakes:
        text = text.replace(right, wrong, 1) if right else text
    raw = text.encode()
    short = plain_sale_line(raw, PLACE, network())
    if short is not None:
        general = Decoder(network())
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(codec, "plain_sale_line", lambda *_: None)
            assert general.record(raw, PLACE) == [short]


def test_line_of_a_plain_sale_is_read_the_short_way() -> None:
    raw = json.dumps(sale(data={"qty": 2, "price": 100})).encode()
    assert plain_sale_line(raw, PLACE, network()) is not None


@pytest.mark.parametrize(
    "data", [{"qty": 2}, {"qty": 2, "price": 100}, {"qty": 2, "price": 100, "promo_id": "week-7"}]
)
def test_short_way_is_taken_by_a_plain_sale(data: dict[str, Any]) -> None:
    event = sale(data=data)
    short = plain_sale(event, b"", PLACE)
    assert short is not None
    assert short == codec._decode(event, b"", PLACE)


@settings(max_examples=examples(300))
@given(raw=st.one_of(st.binary(max_size=60), st.text(max_size=60).map(str.encode)))
def test_any_bytes_get_replies_and_never_an_error(raw: bytes) -> None:
    for result in Decoder(network()).record(raw, PLACE):
        assert not isinstance(result, Decoded)
        assert result.raw_sha256 == sha256_hex(result.raw)


JSON = st.recursive(
    ODD, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner)
)


@pytest.mark.slow
@settings(max_examples=examples(200))
@given(data=st.dictionaries(st.text(max_size=5), JSON, max_size=4), kind=st.sampled_from(
    sorted(codec.DATA_MODELS)
))  # fmt: skip
def test_any_payload_gets_one_answer_that_can_be_written(data: dict[str, Any], kind: str) -> None:
    raw = json.dumps(sale(type=kind, data=data)).encode()
    (result,) = Decoder(network()).record(raw, PLACE)
    intake = Intake(lateness=timedelta(hours=48), max_jump=timedelta(days=30))
    reply = intake.take(result).reply
    json.dumps([reply.code, reply.pointer, reply.event_id], ensure_ascii=False).encode()
    assert replace(reply, place=PLACE).status in intake.counts
