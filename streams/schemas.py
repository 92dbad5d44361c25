"""What may a wire message look like? Strict pydantic models of the envelope and of each payload.

One CloudEvents 1.0 envelope for all; one model of `data` for each handled type. Validators speak in
the error codes of our replies. A quantity is a JSON number or a plain decimal string with at most
three decimals; the models hold it in thousandths. `json_schema` gives the same rules to producers.
"""

import re
from datetime import UTC, date, datetime
from decimal import Context, Decimal, Inexact
from functools import lru_cache
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PlainValidator,
    StringConstraints,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError

from replan.events import PoStatus, PromoSort, TransferStep
from replan.units import ONE_UNIT, Units, units_from_decimal

LARGEST_QUANTITY = 10**12
"""Base units; sums over thousands of such events still fit in 64-bit thousandths."""

FIRST_YEAR, LAST_YEAR = 1971, 2199
"""1970 and before, 2200 and after are clocks that were never set, not times."""

ID_PATTERN = r"^[A-Za-z0-9._:/-]{1,64}$"
SOURCE_PATTERN = r"^[!-~]{1,256}$"
_SIX_DECIMALS = Decimal("0.000001")
_EXACT = Context(prec=28, traps=[Inexact])
_PLAIN_DECIMAL = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?", re.ASCII)
_INSTANT = re.compile(
    r"\d{4}-\d\d-\d\d[Tt](?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,9})?(?:[Zz]|[+-]\d\d:[0-5]\d)",
    re.ASCII,
)
_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


def read_quantity(value: Any) -> Units:
    """Thousandths of a JSON number or plain decimal string; else an error `type` or `range`."""
    if type(value) is int and abs(value) <= LARGEST_QUANTITY:
        return Units(value * ONE_UNIT)
    is_plain = isinstance(value, str) and len(value) <= 40 and _PLAIN_DECIMAL.fullmatch(value)
    if type(value) is not int and not isinstance(value, Decimal) and not is_plain:
        raise PydanticCustomError("type", "a quantity is a number or a plain decimal string")
    exact = Decimal(value)
    if abs(exact) > LARGEST_QUANTITY:
        raise PydanticCustomError("range", "a quantity is at most 10^12 base units")
    try:
        # Decimals far behind the point would be lost in the 28 digits of the decimal context.
        return units_from_decimal(exact.quantize(_SIX_DECIMALS, context=_EXACT))
    except (ValueError, Inexact) as trouble:
        raise PydanticCustomError("type", "a quantity has at most 3 decimals") from trouble


def read_amount(value: Any) -> Units:
    """A quantity that cannot be negative; else an error named `sign`."""
    units = read_quantity(value)
    if units < 0:
        raise PydanticCustomError("sign", "this quantity cannot be negative")
    return units


LARGEST_FACTOR = 100
"""No promotion sells a hundred times the usual; more is a percentage written as a factor."""


def read_factor(value: Any) -> int:
    """Thousandths of a factor above 0; else an error `type`, `sign` or `range`."""
    factor = int(read_amount(value))
    if not 0 < factor <= LARGEST_FACTOR * ONE_UNIT:
        raise PydanticCustomError("range", "a factor on demand is above 0 and at most 100")
    return factor


def read_instant(value: Any) -> datetime:
    """An RFC 3339 instant with an offset, in UTC; digits behind microseconds are cut."""
    if not isinstance(value, str):
        raise PydanticCustomError("type", "a time is an RFC 3339 string")
    return _instant(value)


@lru_cache(maxsize=4096)
def _instant(value: str) -> datetime:
    if _INSTANT.fullmatch(value) is None:
        raise PydanticCustomError("time", "a time is RFC 3339 with an offset, without leap seconds")
    try:
        instant = datetime.fromisoformat(value.upper()).astimezone(UTC)
    except (ValueError, OverflowError) as trouble:
        raise PydanticCustomError("time", "no such day or offset in the calendar") from trouble
    if not FIRST_YEAR <= instant.year <= LAST_YEAR:
        raise PydanticCustomError("time", "a time lies in the years 1971 to 2199")
    return instant


def read_day(value: Any) -> date:
    """A calendar date written YYYY-MM-DD."""
    if not isinstance(value, str):
        raise PydanticCustomError("type", "a date is a string YYYY-MM-DD")
    try:
        if not _DAY.fullmatch(value):
            raise ValueError(value)
        day = date.fromisoformat(value)
    except ValueError as trouble:
        raise PydanticCustomError("time", "a date is written YYYY-MM-DD and exists") from trouble
    if not FIRST_YEAR <= day.year <= LAST_YEAR:
        raise PydanticCustomError("time", "a date lies in the years 1971 to 2199")
    return day


def read_line_number(value: Any) -> str:
    """The line of an order: a short id, or a whole number."""
    if type(value) is int and 0 <= value <= 10**9:
        return str(value)
    if not isinstance(value, str):
        raise PydanticCustomError("type", "an order line is an id or a whole number")
    if not re.fullmatch(ID_PATTERN[1:-1], value, re.ASCII):
        raise PydanticCustomError("charset", "an id is 1 to 64 of A-Z a-z 0-9 . _ : / -")
    return value


_QUANTITY_SCHEMA = {
    "anyOf": [
        {"type": "number", "multipleOf": 0.001},
        {"type": "string", "pattern": r"^-?(0|[1-9][0-9]*)(\.[0-9]{1,3}0*)?$"},
    ]
}
_AMOUNT_SCHEMA = {
    "anyOf": [
        {"type": "number", "multipleOf": 0.001, "minimum": 0},
        {"type": "string", "pattern": r"^(0|[1-9][0-9]*)(\.[0-9]{1,3}0*)?$"},
    ]
}
Quantity = Annotated[Units, PlainValidator(read_quantity), WithJsonSchema(_QUANTITY_SCHEMA)]
Amount = Annotated[Units, PlainValidator(read_amount), WithJsonSchema(_AMOUNT_SCHEMA)]
_FACTOR_SCHEMA = {
    "anyOf": [
        {
            "type": "number",
            "multipleOf": 0.001,
            "exclusiveMinimum": 0,
            "maximum": LARGEST_FACTOR,
        },
        {"type": "string", "pattern": r"^(0|[1-9][0-9]{0,2})(\.[0-9]{1,3}0*)?$"},
    ]
}
Factor = Annotated[int, PlainValidator(read_factor), WithJsonSchema(_FACTOR_SCHEMA)]
Instant = Annotated[
    datetime,
    PlainValidator(read_instant),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
Day = Annotated[
    date, PlainValidator(read_day), WithJsonSchema({"type": "string", "format": "date"})
]
LineNumber = Annotated[
    str,
    PlainValidator(read_line_number),
    WithJsonSchema({"anyOf": [{"type": "string", "pattern": ID_PATTERN}, {"type": "integer"}]}),
]
Id = Annotated[str, StringConstraints(pattern=ID_PATTERN)]
Key = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._:/-]{1,128}$")]
SourceName = Annotated[str, StringConstraints(pattern=SOURCE_PATTERN)]
Words = Annotated[str, StringConstraints(pattern="^[^\x00-\x1f\x7f-\x9f]*$", max_length=256)]
Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
Unit = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9]{1,8}$")]
Count = Annotated[int, Field(ge=0)]


class _Wire(BaseModel):
    model_config = ConfigDict(
        strict=True, extra="forbid", allow_inf_nan=False, frozen=True, populate_by_name=False
    )


class Envelope(_Wire):
    """The CloudEvents attributes that we read; others are ignored and counted."""

    model_config = ConfigDict(extra="ignore")

    specversion: Literal["1.0"]
    type: Words
    id: Id
    source: SourceName
    time: Instant
    recordedtime: Instant | None = None
    subject: Words | None = None
    datacontenttype: Words | None = None
    dataschema: Words | None = None
    correlationid: Id | None = None
    causationid: Id | None = None
    corrects: Id | None = None
    correctsreason: Literal["did_not_occur", "incorrect_data"] | None = None
    provenance: Literal["EDI", "API", "TELEMATICS", "MANUAL", "SIM"] | None = None
    data: dict[str, Any]


class PosSale(_Wire):
    """`pos.sale.v1`; price: minor units per base unit."""

    qty: Quantity
    is_return: bool = False
    uom: Unit | None = None
    price: int | None = None
    currency: Currency | None = None
    promo_id: Id | None = None
    channel: Words | None = None
    lost_sale_flag: bool | None = None


class PosDayClose(_Wire):
    """`pos.day_close.v1`; gross: minor units."""

    business_date: Day
    tx_count: Count | None = None
    gross: int | None = None


class InvSnapshot(_Wire):
    """`inv.snapshot.v1`: the shelf as counted at `as_of`."""

    on_hand: Amount
    as_of: Instant
    reserved: Amount | None = None
    on_hold: Amount | None = None
    in_transit: Amount | None = None
    min: Amount | None = None
    max: Amount | None = None
    uom: Unit | None = None


class InvAdjust(_Wire):
    """`inv.adjust.v1`: a movement with its sign."""

    delta: Quantity
    reason: Literal["shrink", "count", "damage", "recall"] | None = None
    uom: Unit | None = None


class PoLine(_Wire):
    """`po.created.v1`, `po.changed.v1`, `po.ack.v1`: the order line as it stands now."""

    po: Id
    line: LineNumber
    item: Id
    supplier: Id
    ship_to: Id
    qty: Amount
    price: int
    need_by: Day
    promised: Day
    uom: Unit | None = None
    currency: Currency | None = None
    status: PoStatus | None = None


class Receipt(_Wire):
    """`receipt.v1`: goods of an order line arrived."""

    qty_received: Amount
    qty_damaged: Amount
    at: Instant


class TransferStatus(_Wire):
    """`transfer.status.v1`; item, from, to and qty are needed where we did not order it."""

    status: TransferStep
    qty: Amount | None = None
    at: Instant | None = None
    item: Id | None = None
    origin: Annotated[Id | None, Field(alias="from")] = None
    to: Id | None = None


class _Driver(_Wire):
    first: Annotated[Day, Field(alias="from")]
    to: Day
    uplift_prior: Factor


class DriverPromo(_Driver):
    """`driver.promo.v1`: a promotion from its first to its last day; `uplift_prior` is a factor."""

    type: PromoSort
    promo_id: Id | None = None


class DriverPrice(_Driver):
    """`driver.price.v1`: another price from its first to its last day; minor units a base unit."""

    type: Words
    price: Annotated[int | None, Field(gt=0)] = None
    currency: Currency | None = None


class DriverCompetitor(_Driver):
    """`driver.competitor.v1`: what somebody else does, such as run out, from `from` to `to`."""

    type: Words
    competitor: Words | None = None


class ActionAnswer(_Wire):
    """`action.ack.v1` (done) and `action.fail.v1` (refused, nothing done)."""

    idem: Key
    at: Instant
    reason: Words | None = None


Driver = DriverPromo | DriverPrice | DriverCompetitor
Data = (
    (PosSale | PosDayClose | InvSnapshot | InvAdjust | PoLine | Receipt | TransferStatus)
    | Driver
    | ActionAnswer
)

DATA_MODELS: dict[str, type[Data]] = {
    "pos.sale.v1": PosSale,
    "pos.day_close.v1": PosDayClose,
    "inv.snapshot.v1": InvSnapshot,
    "inv.adjust.v1": InvAdjust,
    "po.created.v1": PoLine,
    "po.changed.v1": PoLine,
    "po.ack.v1": PoLine,
    "receipt.v1": Receipt,
    "transfer.status.v1": TransferStatus,
    "driver.promo.v1": DriverPromo,
    "driver.price.v1": DriverPrice,
    "driver.competitor.v1": DriverCompetitor,
    "action.ack.v1": ActionAnswer,
    "action.fail.v1": ActionAnswer,
}
"""The types handled now."""

SUBJECT_PARTS: dict[str, tuple[str, ...]] = {
    "pos.sale.v1": ("item", "site"),
    "pos.day_close.v1": ("site",),
    "inv.snapshot.v1": ("item", "site"),
    "inv.adjust.v1": ("item", "site"),
    "po.created.v1": ("po", "line"),
    "po.changed.v1": ("po", "line"),
    "po.ack.v1": ("po", "line"),
    "receipt.v1": ("po", "line"),
    "transfer.status.v1": ("transfer",),
    "driver.promo.v1": ("item", "site"),
    "driver.price.v1": ("item", "site"),
    "driver.competitor.v1": ("item", "site"),
    "action.ack.v1": ("action",),
    "action.fail.v1": ("action",),
}
"""The ids that the subject joins by `@`."""

MINOR_VERSION = 0
"""Of every schema here; a `dataschema` that names a newer minor may carry fields we do not know."""


def member_names(model: type[Data]) -> frozenset[str]:
    """The names of a payload's fields on the wire."""
    return frozenset(field.alias or name for name, field in model.model_fields.items())


ENVELOPE_NAMES = frozenset(Envelope.model_fields)
DATA_NAMES = {kind: member_names(model) for kind, model in DATA_MODELS.items()}


def schema_id(kind: str) -> str:
    """The id that `dataschema` may carry: `urn:replan:schema:pos.sale:1.0`."""
    name, _, major = kind.rpartition(".v")
    return f"urn:replan:schema:{name}:{major}.{MINOR_VERSION}"


def json_schema(kind: str) -> dict[str, Any]:
    """JSON Schema 2020-12 of one whole event; raises KeyError for a type that is not handled."""
    data = DATA_MODELS[kind].model_json_schema()
    event = Envelope.model_json_schema()
    properties = event["properties"]
    parts = "@".join(f"<{part}>" for part in SUBJECT_PARTS[kind])
    pattern = "@".join([ID_PATTERN[1:-1]] * len(SUBJECT_PARTS[kind]))
    properties["type"] = {"const": kind}
    properties["subject"] = {"type": "string", "pattern": f"^{pattern}$", "description": parts}
    properties["data"] = data
    required = [*event["required"], "subject"]
    if DATA_MODELS[kind] is ActionAnswer:
        required.append("correlationid")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": schema_id(kind),
        "title": kind,
        "description": (DATA_MODELS[kind].__doc__ or "").strip(),
        "type": "object",
        "properties": properties,
        "required": required,
    }
