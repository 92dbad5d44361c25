"""What does the stream answer to bad input? One row per case of the list of bad inputs (E1 to E32).

Cases that need a broker, master topics or the API are not here. Every line gets exactly one reply,
nothing raises, and the good event behind it is accepted.
"""

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from replan.streams.codec import Decoder
from replan.streams.intake import Intake
from replan.streams.messages import Outcome, Place
from tests.event_lines import (
    alert,
    answer,
    asn,
    commit,
    eta_change,
    lead_time,
    milestone,
    network,
    order,
    promo,
    receipt,
    sale,
    without,
    without_data,
    written,
)


@dataclass(frozen=True)
class Bad:
    """A record and the reply that it must get."""

    row: str
    event: dict[str, Any] | list[Any] | bytes
    code: str | None
    pointer: str | None = None
    status: str = "REJECTED"

    @property
    def raw(self) -> bytes:
        return self.event if isinstance(self.event, bytes) else json.dumps(self.event).encode()


TIME = "/time"
PARKED = "QUARANTINED"
CORNER = "/data/area/polygon"
WEEK = lead_time(lead_time_s=604_800)


def in_area(**area: Any) -> dict[str, Any]:
    return alert(area=area)


CASES = [
    Bad("E1 NaN", written("NaN"), "non_finite", "/data/qty"),
    Bad("E2 Infinity", written("Infinity"), "non_finite", "/data/qty"),
    Bad("E2 -Infinity", written("-Infinity"), "non_finite", "/data/qty"),
    Bad("E2 1e999", written("1e999"), "non_finite", "/data/qty"),
    Bad("E2 exponent", written("1e99999999999999999999"), "non_finite", "/data/qty"),
    Bad("E3 negative sale", written("-2"), "sign", "/data/qty"),
    Bad("E3 return", sale(data={"qty": -2, "is_return": True}), None, None, "ACCEPTED"),
    Bad("E3 plus return", sale(data={"qty": 2, "is_return": True}), "sign", "/data/qty"),
    Bad("E5 5,000 digits", written("9" * 5000), "range", "/data/qty"),
    Bad("E5 2^53 + 1", written(str(2**53 + 1)), "range", "/data/qty"),
    Bad("E5 BIGINT", written(str(2**63)), "range", "/data/qty"),
    Bad("E5 as text", written(f'"{2**53 + 1}"'), "range", "/data/qty"),
    Bad("E6 true", written("true"), "type", "/data/qty"),
    Bad("E6 comma", written('"12,5"'), "type", "/data/qty"),
    Bad("E6 exponent", written('"1e3"'), "type", "/data/qty"),
    Bad("E6 blank", written('" 5"'), "type", "/data/qty"),
    Bad("E6 other digits", written('"٥"'), "type", "/data/qty"),
    Bad("E6 4 decimals", written("1.0005"), "type", "/data/qty"),
    Bad("E6 4 decimals, text", written('"1.0005"'), "type", "/data/qty"),
    Bad("E6 40 decimals", written("1." + "0" * 40 + "1"), "type", "/data/qty"),
    Bad("E6 tiny", written("1e-300000000"), "type", "/data/qty"),
    Bad("E6 plain text", written('"12.5"'), None, None, "ACCEPTED"),
    Bad("E6 factor as a percentage", promo(uplift_prior=180), "range", "/data/uplift_prior"),
    Bad("E3 factor of zero", promo(uplift_prior=0), "range", "/data/uplift_prior"),
    Bad("E3 negative factor", promo(uplift_prior=-1), "sign", "/data/uplift_prior"),
    Bad("E6 unknown promotion", promo(type="bogof"), "type", "/data/type"),
    Bad("E10 no such day", promo(to="2026-02-30"), "time", "/data/to"),
    Bad("E10 ends before it begins", promo(to="2026-05-10"), "range", "/data/to"),
    Bad("E7 other unit", sale(data={"qty": 2, "uom": "CS"}), "unit", "/data/uom"),
    Bad("E7 not a unit", sale(data={"qty": 2, "uom": "a crate"}), "unit", "/data/uom"),
    Bad("E7 own unit", sale(data={"qty": 2, "uom": "EA"}), None, None, "ACCEPTED"),
    Bad("E8 spike", written("2000"), "suspect", "/data/qty", "ACCEPTED"),
    Bad("E9 item", sale(subject="TEA@S1"), "unknown_item", "/subject", "QUARANTINED"),
    Bad("E9 site", sale(subject="MILK@S9"), "unknown_site", "/subject", "QUARANTINED"),
    Bad("E9 order item", order(item="TEA"), "unknown_item", "/data/item", "QUARANTINED"),
    Bad("E9 supplier", order(supplier="X"), "unknown_site", "/data/supplier", "QUARANTINED"),
    Bad("E9 ship to", order(ship_to="X"), "unknown_site", "/data/ship_to", "QUARANTINED"),
    Bad(
        "E10 tomorrow",
        sale(time="2026-05-05T12:00:00Z", recordedtime="2026-05-04T12:00:00Z"),
        "future",
        TIME,
    ),
    Bad("E10 lone wrong date", sale(time="2026-07-05T12:00:00Z"), "future", TIME),
    Bad(
        "E10 lone wrong arrival",
        sale(recordedtime="2026-07-05T12:00:00Z"),
        "future",
        "/recordedtime",
    ),
    Bad("E10 receipt", receipt(at="2026-05-05T12:00:00Z"), "future", "/data/at"),
    Bad("E11 1970", sale(time="1970-01-01T00:00:00Z"), "time", TIME),
    Bad("E11 0001", sale(time="0001-01-01T00:00:00Z"), "time", TIME),
    Bad("E11 0001 east", sale(time="0001-01-01T00:00:00+09:00"), "time", TIME),
    Bad("E11 9999", sale(time="9999-12-31T23:59:59Z"), "time", TIME),
    Bad("E11 leap second", sale(time="2016-12-31T23:59:60Z"), "time", TIME),
    Bad("E11 no zone", sale(time="2026-05-04T12:00:00"), "time", TIME),
    Bad("E11 24:00", sale(time="2026-05-03T24:00:00Z"), "time", TIME),
    Bad("E11 30 February", sale(time="2026-02-30T12:00:00Z"), "time", TIME),
    Bad("E11 arrival", sale(recordedtime="yesterday"), "time", "/recordedtime"),
    Bad("E11 number", sale(time=1_777_000_000), "type", TIME),
    Bad("E11 need_by", order(need_by="2026-02-30"), "time", "/data/need_by"),
    Bad(
        "E12 90 days late",
        sale(time="2026-02-03T12:00:00Z", recordedtime="2026-05-04T12:00:00Z"),
        "late",
        TIME,
        "LATE",
    ),
    Bad("E16 10 MB", sale(note="x" * 10_000_000), "size"),
    Bad("E17 depth", b"[" * 100_000, "malformed"),
    Bad("E17 closed", b"[" * 100_000 + b"]" * 100_000, "malformed"),
    Bad("E17 objects", b'{"a":' * 20_000 + b"1" + b"}" * 20_000, "malformed"),
    Bad("E17 40 levels", sale(data=json.loads("[" * 40 + "]" * 40)), "malformed"),
    Bad("E17 cut short", b'{"specversion": "1.0", "id": ', "malformed"),
    Bad("E17 two values", json.dumps(sale()).encode() * 2, "malformed"),
    Bad("E17 null", b"null", "malformed"),
    Bad("E17 a number", b"7", "malformed"),
    Bad("E17 raw NUL", written('"\0"'), "malformed"),
    Bad("E18 invalid UTF-8", b'{"id": "\xff"}', "encoding"),
    Bad("E18 BOM", b"\xef\xbb\xbf" + json.dumps(sale()).encode(), "encoding"),
    Bad("E18 UTF-16", json.dumps(sale()).encode("utf-16"), "encoding"),
    Bad("E18 UTF-16 bare", json.dumps(sale()).encode("utf-16-le"), "encoding"),
    Bad("E19 NUL", sale(id="e\0"), "charset", "/id"),
    Bad("E19 newline", sale(id="e-1\n"), "charset", "/id"),
    Bad("E19 lone surrogate", sale(id="e\ud800"), "charset", "/id"),
    Bad("E19 right to left", sale(id="e\u202e1"), "charset", "/id"),
    Bad("E19 too long", sale(id="e" * 65), "charset", "/id"),
    Bad("E19 subject", sale(subject="MI LK@S1"), "charset", "/subject"),
    Bad("E19 surrogate", sale(data={"qty": 2, "channel": "\udfff"}), "charset", "/data/channel"),
    Bad("E20 version", sale(type="pos.sale.v2"), "schema_version", "/type", "QUARANTINED"),
    Bad("E20 type", sale(type="asn.v2"), "schema_version", "/type", "QUARANTINED"),
    Bad("E20 spec", sale(specversion="0.3"), "schema_version", "/specversion", "QUARANTINED"),
    Bad(
        "correction of nothing known",
        sale(corrects="e-0", correctsreason="did_not_occur"),
        "suspect",
        "/corrects",
        "ACCEPTED",
    ),
    Bad("correction without a reason", sale(corrects="e-0"), "missing", "/correctsreason"),
    Bad(
        "reason without a correction", sale(correctsreason="did_not_occur"), "missing", "/corrects"
    ),
    Bad(
        "correction of itself",
        sale(corrects="e-1", correctsreason="did_not_occur"),
        "scope",
        "/corrects",
    ),
    Bad(
        "correction of an answer",
        answer(corrects="a-0", correctsreason="did_not_occur"),
        "scope",
        "/corrects",
    ),
    Bad(
        "correction with other data",
        sale(id="c", data={"qty": 7}, corrects="before", correctsreason="incorrect_data"),
        "id_conflict",
        "/corrects",
    ),
    Bad(
        "E20 schema",
        sale(dataschema="urn:replan:schema:pos.sale:2.0"),
        "schema_version",
        "/dataschema",
        "QUARANTINED",
    ),
    Bad("E21 missing", sale(data={}), "missing", "/data/qty"),
    Bad("E21 null", sale(data={"qty": None}), "missing", "/data/qty"),
    Bad("E21 no id", without(sale(), "id"), "missing", "/id"),
    Bad("E21 null id", sale(id=None), "missing", "/id"),
    Bad("E21 no data", without(sale(), "data"), "missing", "/data"),
    Bad("E21 no subject", without(sale(), "subject"), "missing", "/subject"),
    Bad("E21 no correlation", without(answer(), "correlationid"), "missing", "/correlationid"),
    Bad("E21 unknown", sale(data={"qty": 2, "colour": "red"}), "extra", "/data/colour"),
    Bad("E21 escaped", sale(data={"qty": 2, "a/b~": 1}), "extra", "/data/a~1b~0"),
    Bad(
        "E21 newer minor",
        sale(data={"qty": 2, "colour": "red"}, dataschema="urn:replan:schema:pos.sale:1.1"),
        None,
        None,
        "ACCEPTED",
    ),
    Bad("E22 doubled", written('2, "qty": 2'), "dup_key", "/data/qty"),
    Bad("E22 doubled id", b'{"id": "a", "id": "b"}', "dup_key", "/id"),
    Bad("E24 one id too few", sale(subject="MILK"), "scope", "/subject"),
    Bad("E24 other order", order(po="PO2"), "scope", "/subject"),
    Bad("E25 other action", answer(correlationid="ACT2"), "scope", "/correlationid"),
    Bad("E28 pickle", b"\x80\x04\x95\x0b\x00\x00\x00", "encoding"),
    Bad("E28 Avro", b"Obj\x01\x04", "malformed"),
    Bad("E28 class", {"__class__": "os.system"}, "missing", "/specversion"),
    Bad("E29 currency", sale(data={"qty": 2, "currency": "XXX"}), "currency", "/data/currency"),
    Bad("E29 no currency", sale(data={"qty": 2, "currency": "€"}), "currency", "/data/currency"),
    Bad("E29 price 0", sale(data={"qty": 2, "price": 0}), "suspect", "/data/price", "ACCEPTED"),
    Bad("E29 price text", sale(data={"qty": 2, "price": "100"}), "type", "/data/price"),
    Bad("E29 price 1.5", written('2, "price": 1.5'), "type", "/data/price"),
    Bad("E30 none", lead_time(lead_time_s=0), "range", "/data/lead_time_s"),
    Bad("E30 negative", lead_time(lead_time_s=-86_400), "range", "/data/lead_time_s"),
    Bad("E30 10 years", lead_time(lead_time_s=315_360_000), "range", "/data/lead_time_s"),
    Bad(
        "E30 10 years at p90",
        lead_time(quantiles={"p50": 86_400, "p90": 315_360_000}),
        "range",
        "/data/quantiles/p90",
    ),
    Bad(
        "E30 p90 below p50",
        lead_time(quantiles={"p50": 86_400, "p90": 3_600}),
        "range",
        "/data/quantiles/p90",
    ),
    Bad("E30 half a second", lead_time(lead_time_s=0.5), "type", "/data/lead_time_s"),
    Bad("E30 neither", lead_time(), "missing", "/data/lead_time_s"),
    Bad("E9 lead time", WEEK | {"subject": "SUP1@TEA@S1"}, "unknown_item", "/subject", PARKED),
    Bad("E9 lane", WEEK | {"subject": "SUP1@MILK@X"}, "unknown_site", "/subject", PARKED),
    Bad("E24 no lane", WEEK | {"subject": "SUP1@MILK"}, "scope", "/subject"),
    Bad("E10 milestone", milestone(at="2026-05-05T12:00:00Z"), "future", "/data/at"),
    Bad("E10 estimate", milestone(code="X2", at="2026-05-05T12:00:00Z"), None, None, "ACCEPTED"),
    Bad("E6 status", milestone(code="ZZ"), "type", "/data/code"),
    Bad("E6 reason", milestone(reason="weather"), "charset", "/data/reason"),
    Bad("E5 north pole", milestone(lat=91, lon=0), "range", "/data/lat"),
    Bad("E21 no place", without_data(milestone(), "loc"), "missing", "/data/loc"),
    Bad("E11 eta", asn(eta="soon"), "time", "/data/eta"),
    Bad("E5 before it left", asn(eta="2026-05-03T12:00:00Z"), "range", "/data/eta"),
    Bad("E3 shipped", asn(qty=-1), "sign", "/data/qty"),
    Bad("E19 line", asn(po_line="PO1"), "charset", "/data/po_line"),
    Bad("E6 sscc", asn(sscc="340123450000000018"), "type", "/data/sscc"),
    Bad("E5 p90 first", eta_change(p90="2026-05-05T11:00:00Z"), "range", "/data/p90"),
    Bad("E6 delta", eta_change(delta_s="3600"), "type", "/data/delta_s"),
    Bad("E5 sure", commit(confidence=1.5), "range", "/data/confidence"),
    Bad("E11 commit", commit(commit_date="2026-05-32"), "time", "/data/commit_date"),
    Bad("E3 commit", commit(commit_qty=-1), "sign", "/data/commit_qty"),
    Bad("E9 area", in_area(locations=["X"]), "unknown_site", "/data/area/locations", PARKED),
    Bad("E21 no area", in_area(), "missing", "/data/area/locations"),
    Bad("E21 in area", in_area(locations=["S1"], radius=5), "extra", "/data/area/radius"),
    Bad("E5 corner", in_area(polygon=[[95, 0], [0, 0], [0, 5]]), "range", CORNER + "/0/0"),
    Bad("E6 corner", in_area(polygon=[5, 0, 0]), "type", CORNER + "/0"),
    Bad("E5 two corners", in_area(polygon=[[1, 0], [0, 0]]), "range", CORNER),
    Bad("E6 severity", alert(severity="severe"), "type", "/data/severity"),
    Bad("E5 over before", alert(expires="2026-05-04T00:00:00Z"), "range", "/data/expires"),
    Bad("E32 control", sale(type="control.stop.v1"), "schema_version", "/type", "QUARANTINED"),
    Bad("personal", sale(data={"qty": 2, "loyalty_id": "7"}), "pii_field", "/data/loyalty_id"),
    Bad("personal, above", sale(customerId="7"), "pii_field", "/customerId"),
    Bad("personal, inside", sale(data={"a": {"E-Mail": "x"}}), "pii_field", "/data/a/E-Mail"),
]  # fmt: skip


def replied(records: list[bytes]) -> list[Outcome]:
    decoder = Decoder(network())
    intake = Intake(
        lateness=timedelta(hours=48),
        max_jump=timedelta(days=30),
        typical_daily=lambda item, site: 10.0,
    )
    return [
        intake.take(result)
        for line, raw in enumerate(records, 1)
        for result in decoder.record(raw, Place("events.jsonl", line))
    ]


BEFORE = json.dumps(sale(id="before", time="2026-05-04T11:00:00Z")).encode()
BEHIND = json.dumps(sale(id="behind", time="2026-05-04T13:00:00Z")).encode()


@pytest.mark.parametrize("bad", CASES, ids=lambda bad: bad.row)
def test_bad_input_gets_its_code_and_the_stream_goes_on(bad: Bad) -> None:
    before, outcome, behind = replied([BEFORE, bad.raw, BEHIND])
    reply = outcome.reply
    assert (reply.status, reply.code, reply.pointer) == (bad.status, bad.code, bad.pointer)
    assert before.reply.status == behind.reply.status == "ACCEPTED"


@pytest.mark.parametrize("bad", CASES, ids=lambda bad: bad.row)
def test_every_event_is_applied_or_a_dead_letter_and_never_both(bad: Bad) -> None:
    outcome = replied([BEFORE, bad.raw])[1]
    assert (outcome.refused is None) == (outcome.reply.status in ("ACCEPTED", "LATE"))
    if outcome.reply.status in ("REJECTED", "QUARANTINED"):
        assert outcome.facts == ()


def test_e8_spike_is_applied_as_suspect() -> None:
    (fact,) = replied([BEFORE, written("2000")])[1].facts
    assert fact.suspect  # type: ignore[union-attr]


def test_e13_same_id_and_payload_is_a_duplicate() -> None:
    first, second = replied([BEHIND, BEHIND])
    assert (first.reply.status, second.reply.status) == ("ACCEPTED", "DUPLICATE")
    assert second.facts == ()


@pytest.mark.parametrize(
    "other", [sale(data={"qty": 3}), sale(subject="MILK@S2"), sale(data={"qty": 2, "price": 100})]
)
def test_e14_same_id_with_another_payload_conflicts_and_the_first_wins(
    other: dict[str, Any],
) -> None:
    first, second = replied([json.dumps(sale()).encode(), json.dumps(other).encode()])
    assert len(first.facts) == 1
    assert (second.reply.status, second.reply.code) == ("REJECTED", "id_conflict")


def test_e14_id_may_be_used_again_after_a_refusal() -> None:
    first, second = replied([written("-2"), written("2")])
    assert (first.reply.status, second.reply.status) == ("REJECTED", "ACCEPTED")


def test_e16_oversized_record_keeps_no_body() -> None:
    refused = replied([json.dumps(sale(note="x" * 300_000)).encode()])[0].refused
    assert refused is not None
    assert (refused.raw, refused.raw_bytes > 300_000) == (b"", True)


def test_e16_dead_letter_keeps_64_kib_and_the_digest_of_all() -> None:
    raw = json.dumps(sale(note="x" * 100_000, id=1)).encode()
    refused = replied([raw])[0].refused
    assert refused is not None
    assert (len(refused.raw), refused.raw_bytes) == (64 * 1024, len(raw))


def test_dead_letter_of_personal_data_keeps_no_body() -> None:
    refused = replied([json.dumps(sale(customer_id="7")).encode()])[0].refused
    assert refused is not None
    assert refused.raw == b""


def test_ids_that_cannot_be_printed_are_not_echoed() -> None:
    reply = replied([json.dumps(sale(id="e\u202e1", source="a\nb")).encode()])[0].reply
    assert (reply.event_id, reply.source, reply.type) == (None, None, "pos.sale.v1")


def test_each_event_of_an_array_is_judged_alone() -> None:
    record = json.dumps([sale(id="a"), sale(id="b", data={}), 7, sale(id="c")]).encode()
    outcomes = replied([record])
    assert [o.reply.status for o in outcomes] == ["ACCEPTED", "REJECTED", "REJECTED", "ACCEPTED"]
    assert [str(o.reply.place) for o in outcomes] == [f"events.jsonl:1:{n}" for n in (1, 2, 3, 4)]


def test_dead_letter_of_an_array_member_keeps_its_own_bytes() -> None:
    bad = json.dumps(sale(id="b", data={}))
    refused = replied([f"[{json.dumps(sale())} , {bad} ]".encode()])[1].refused
    assert refused is not None
    assert refused.raw == bad.encode()


def test_array_cut_short_gets_one_answer() -> None:
    outcomes = replied([json.dumps([sale(), sale()]).encode()[:-1]])
    assert [o.reply.code for o in outcomes] == ["malformed"]


@pytest.mark.parametrize("raw", [b"", b"  \r", b"[]", b" [ ] "])
def test_record_without_an_event_gets_no_reply(raw: bytes) -> None:
    assert replied([raw]) == []
