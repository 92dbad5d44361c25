"""What do suppliers and carriers say on the wire? Payloads of commits, lead times and shipments.

Codes of milestones are those of the X12 214 (elements 1650 and 1651).
"""

import re
from datetime import datetime, timedelta
from typing import Annotated, Any

from pydantic import Field, PlainValidator, StringConstraints, WithJsonSchema
from pydantic_core import PydanticCustomError

from replan.events import MilestoneCode
from replan.streams.wire_values import (
    ID_PATTERN,
    Amount,
    Day,
    Id,
    Instant,
    Latitude,
    Longitude,
    Share,
    Wire,
    Words,
    read_instant,
)

LONGEST_LEAD_TIME = 2 * 366 * 86_400
"""Seconds; a supplier who needs longer than two years has slipped a unit."""

_LINE = re.compile(f"{ID_PATTERN[1:-1]}@{ID_PATTERN[1:-1]}", re.ASCII)


def read_order_line(value: Any) -> str:
    """`<po>@<line>`."""
    if not isinstance(value, str):
        raise PydanticCustomError("type", "an order line is written <po>@<line>")
    if not _LINE.fullmatch(value):
        raise PydanticCustomError("charset", "an order line is two ids, <po>@<line>")
    return value


def read_lead_time(value: Any) -> int:
    """Seconds from order to receipt: more than none, at most two years."""
    if type(value) is not int:
        raise PydanticCustomError("type", "a lead time is a whole number of seconds")
    if not 0 < value <= LONGEST_LEAD_TIME:
        raise PydanticCustomError("range", "a lead time is above 0 and at most two years")
    return value


def read_seconds(value: Any) -> int:
    """By how much an arrival moves: whole seconds, at most two years either way."""
    if type(value) is not int:
        raise PydanticCustomError("type", "a duration is a whole number of seconds")
    if abs(value) > LONGEST_LEAD_TIME:
        raise PydanticCustomError("range", "a duration is at most two years")
    return value


def read_bound(value: Any) -> datetime | timedelta:
    """One end of a range of arrivals: an instant, or whole seconds from the new ETA."""
    return timedelta(seconds=read_seconds(value)) if type(value) is int else read_instant(value)


OrderLineName = Annotated[
    str,
    PlainValidator(read_order_line),
    WithJsonSchema({"type": "string", "pattern": f"^{ID_PATTERN[1:-1]}@{ID_PATTERN[1:-1]}$"}),
]
LeadSeconds = Annotated[
    int,
    PlainValidator(read_lead_time),
    WithJsonSchema({"type": "integer", "minimum": 1, "maximum": LONGEST_LEAD_TIME}),
]
Bound = Annotated[
    datetime | timedelta,
    PlainValidator(read_bound),
    WithJsonSchema({"anyOf": [{"type": "string", "format": "date-time"}, {"type": "integer"}]}),
]
Reason = Annotated[str, StringConstraints(pattern=r"^[A-Z0-9]{2}$")]
Seconds = Annotated[int, PlainValidator(read_seconds), WithJsonSchema({"type": "integer"})]


class SupplyCommit(Wire):
    """`supply.commit.v1`: what the supplier undertakes to deliver of an order line, and when."""

    commit_qty: Amount
    commit_date: Day
    confidence: Share | None = None


class LeadQuantiles(Wire):
    """Quantiles of a lead time in seconds."""

    p50: LeadSeconds
    p90: LeadSeconds
    p10: LeadSeconds | None = None


class LeadTimeUpdate(Wire):
    """`leadtime.update.v1`: from order to receipt, as one number or as quantiles."""

    lead_time_s: LeadSeconds | None = None
    quantiles: LeadQuantiles | None = None
    valid_from: Instant
    reason: Words | None = None


class ShippingNotice(Wire):
    """`asn.v1`: goods of an order line have been shipped."""

    sscc: Annotated[list[Id], Field(max_length=4_096)]
    po_line: OrderLineName
    qty: Amount
    ship_dt: Instant
    eta: Instant
    carrier: Words | None = None
    mode: Words | None = None


class ShipmentMilestone(Wire):
    """`shipment.milestone.v1`: a status of the X12 214; `at` of `AG` and `X2` is an estimate."""

    code: MilestoneCode
    at: Instant
    loc: Words
    reason: Reason | None = None
    lat: Latitude | None = None
    lon: Longitude | None = None


class ShipmentEta(Wire):
    """`shipment.eta.v1`: the arrival is expected at another moment than before."""

    previous_eta: Instant
    new_eta: Instant
    delta_s: Seconds
    p10: Bound | None = None
    p90: Bound | None = None
    confidence: Share | None = None
    on_time: bool | None = None


class ShipmentException(Wire):
    """`shipment.exception.v1`: something went wrong on the way."""

    code: Words
    severity: Words
    impact_s: Seconds | None = None
