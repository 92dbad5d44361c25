"""What do weather and disruption alerts say on the wire? Words of OASIS CAP 1.2."""

from typing import Annotated

from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError

from replan.events import Certainty, Severity, Urgency
from replan.streams.wire_values import Id, Instant, Latitude, Longitude, Wire, Words


def _pair(value: object) -> object:
    # JSON has no tuples, and the strict mode takes no list for one.
    if not isinstance(value, list):
        raise PydanticCustomError("type", "a point is [latitude, longitude]")
    if len(value) != 2:
        raise PydanticCustomError("range", "a point is [latitude, longitude]")
    return tuple(value)


Point = Annotated[tuple[Latitude, Longitude], BeforeValidator(_pair)]


class Area(Wire):
    """Ids of sites, suppliers or lanes; or the corners of a polygon, [latitude, longitude] each."""

    locations: Annotated[list[Id], Field(min_length=1, max_length=4_096)] | None = None
    polygon: Annotated[list[Point], Field(min_length=3, max_length=4_096)] | None = None


class Alert(Wire):
    """`signal.weather.v1`, `signal.disruption.v1`: what may happen, where and when."""

    area: Area
    onset: Instant
    expires: Instant
    urgency: Urgency
    severity: Severity
    certainty: Certainty
    event: Words | None = None
