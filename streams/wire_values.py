"""How are values written on the wire? Quantities, times, ids, shares, read strictly.

Validators speak in the error codes of our replies. A quantity is a JSON number or a plain decimal
string with at most three decimals; it is held in thousandths.
"""

import re
from datetime import UTC, date, datetime
from decimal import Context, Decimal, Inexact
from functools import lru_cache
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, PlainValidator, StringConstraints, WithJsonSchema
from pydantic_core import PydanticCustomError

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


class Wire(BaseModel):
    """What all payloads share: strict, and no field that we do not know."""

    model_config = ConfigDict(
        strict=True, extra="forbid", allow_inf_nan=False, frozen=True, populate_by_name=False
    )


def _number(value: Any, least: float, most: float, what: str) -> float:
    if type(value) is not int and not isinstance(value, Decimal):
        raise PydanticCustomError("type", f"{what} is a number")
    if not least <= value <= most:
        raise PydanticCustomError("range", f"{what} lies between {least:g} and {most:g}")
    return float(value)


def read_share(value: Any) -> float:
    """A number from 0 to 1."""
    return _number(value, 0, 1, "a share")


def read_latitude(value: Any) -> float:
    """Degrees north, -90 to 90."""
    return _number(value, -90, 90, "a latitude")


def read_longitude(value: Any) -> float:
    """Degrees east, -180 to 180."""
    return _number(value, -180, 180, "a longitude")


def _between(least: int, most: int) -> WithJsonSchema:
    return WithJsonSchema({"type": "number", "minimum": least, "maximum": most})


Share = Annotated[float, PlainValidator(read_share), _between(0, 1)]
Latitude = Annotated[float, PlainValidator(read_latitude), _between(-90, 90)]
Longitude = Annotated[float, PlainValidator(read_longitude), _between(-180, 180)]
