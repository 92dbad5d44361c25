"""Wire quantities, times, and the JSON Schemas given to producers."""

import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from replan.streams.schemas import DATA_MODELS, json_schema
from replan.streams.wire_values import read_instant, read_quantity


@pytest.mark.parametrize(
    ("written", "thousandths"),
    [
        (5, 5_000),
        (Decimal("0.001"), 1),
        (Decimal("1.5000"), 1_500),
        (Decimal("1E+3"), 1_000_000),
        ("12.5", 12_500),
        ("-0.250", -250),
        (10**12, 10**15),
    ],
)
def test_quantity_is_read_exactly(written: int | Decimal | str, thousandths: int) -> None:
    assert read_quantity(written) == thousandths


@pytest.mark.parametrize("written", [1.5, True, None, "", "+5", "05", ".5", "5.", "1_0", [5]])
def test_quantity_in_another_form_is_a_wrong_type(written: object) -> None:
    with pytest.raises(ValueError, match="a quantity is"):
        read_quantity(written)


@pytest.mark.parametrize(
    "text", ["2026-05-04T14:00:00+02:00", "2026-05-04t12:00:00z", "2026-05-04T12:00:00.0Z"]
)
def test_instant_is_read_into_utc(text: str) -> None:
    assert read_instant(text) == datetime(2026, 5, 4, 12, tzinfo=UTC)


def test_instant_finer_than_microseconds_is_cut() -> None:
    assert read_instant("2026-05-04T12:00:00.123456789Z").microsecond == 123_456


@pytest.mark.parametrize("kind", sorted(DATA_MODELS))
def test_schema_is_plain_json_and_names_its_type(kind: str) -> None:
    schema = json.loads(json.dumps(json_schema(kind)))
    assert schema["properties"]["type"] == {"const": kind}
    assert schema["properties"]["data"]["additionalProperties"] is False
    assert {"id", "source", "time", "subject", "data"} <= set(schema["required"])


def test_schema_calls_the_origin_of_a_transfer_from() -> None:
    assert "from" in json_schema("transfer.status.v1")["properties"]["data"]["properties"]
