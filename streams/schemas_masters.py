"""What may a wire message about master data look like?

Each states what changes about one item, site, lane, supplier or cost; members left out stay as they
are. What is new must say what is needed of it (`replan.masters`).
"""

from typing import Annotated, Literal

from pydantic import Field

from replan.streams.wire_values import (
    Amount,
    Currency,
    Day,
    Id,
    Instant,
    Latitude,
    Longitude,
    Share,
    Unit,
    Wire,
    Words,
)

Seconds = Annotated[int, Field(ge=0)]
Money = Annotated[int, Field(ge=0)]
Role = Annotated[str, Field(pattern=r"^[A-Za-z0-9._:/-]{1,64}$")]
LOGIN_PATTERN = r"^[A-Za-z0-9._@+-]{1,64}$"
Login = Annotated[str, Field(pattern=LOGIN_PATTERN)]
Clock = Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]


class Pack(Wire):
    """A unit that holds `factor` base units, from a day on."""

    uom: Unit
    factor: Amount
    since: Annotated[Day, Field(alias="from")]


class MasterItem(Wire):
    """`master.item.v1`: an item; money in minor units per base unit, `shelf_life` in seconds."""

    packs: list[Pack] | None = None
    shelf_life: Seconds | None = None
    unit_cost: Money | None = None
    margin: int | None = None
    item_class: Annotated[Words | None, Field(alias="class")] = None
    substitutes: list[Id] | None = None
    hazmat: bool | None = None
    uom: Unit | None = None
    category: Words | None = None
    description: Words | None = None
    currency: Currency | None = None


class MasterLocation(Wire):
    """`master.location.v1`: a store, distribution centre or supplier."""

    kind: Literal["store", "dc", "supplier"] | None = None
    region: Words | None = None
    tz: Words | None = None
    priority: Annotated[int | None, Field(ge=0)] = None
    lat: Latitude | None = None
    lon: Longitude | None = None
    gln: Id | None = None
    calendar: Words | None = None
    capacity: Amount | None = None


class Effective(Wire):
    """The days on which something holds, both included; an end that is left out is open."""

    first: Annotated[Day | None, Field(alias="from")] = None
    to: Day | None = None


class MasterLane(Wire):
    """`master.lane.v1`: a way between two sites; `capacity` in base units a shipping day, `min` and
    `max` of one move, `lead_time_s` and `lead_time_p90_s` in seconds, money in minor units.
    """

    origin: Id | None = None
    dest: Id | None = None
    mode: Words | None = None
    lead_time_s: Seconds | None = None
    lead_time_p90_s: Seconds | None = None
    fixed: Money | None = None
    per_unit: Money | None = None
    capacity: Amount | None = None
    cut_offs: Annotated[list[Clock] | None, Field(min_length=1)] = None
    min: Amount | None = None
    multiple: Amount | None = None
    max: Amount | None = None
    effective: Effective | None = None


class SupplierBuffer(Wire):
    """Stock held for us at each site of the contract: how much, `notice` in seconds from call to
    receipt, price in minor units per base unit, the last day on which it can be called.
    """

    qty: Amount
    notice: Seconds
    price: Money
    expires: Day | None = None


class SupplierExpedite(Wire):
    """A way to bring an open line forward: whole days saved, money in minor units."""

    mode: Words
    days_saved: Annotated[int, Field(ge=1, le=60)]
    fixed: Money
    per_unit: Money


class MasterSupplier(Wire):
    """`master.supplier.v1`: what holds for all contracts of a supplier, or those of an item, or one
    of an item at a site; money in minor units per base unit.
    """

    approved: bool | None = None
    moq: Amount | None = None
    multiple: Amount | None = None
    price: Money | None = None
    buffer: SupplierBuffer | None = None
    expedite: list[SupplierExpedite] | None = None
    contacts: list[Words] | None = None
    score: Share | None = None


class MasterCost(Wire):
    """`master.cost.v1`: of an item, a site or an item at a site; minor units per base unit, holding
    a day.
    """

    holding: Amount | None = None
    shortage: Money | None = None
    expedite_premium: Money | None = None
    change_cost: Money | None = None
    fx: dict[Currency, Amount] | None = None
    as_of: Instant | None = None


class MasterAuthz(Wire):
    """`master.authz.v1`: what a login of planners.yaml may do from a day to another, days of the
    policy zone; `limits` in minor units.
    """

    roles: list[Role] | None = None
    limits: Money | None = None
    delegate: Login | None = None
    first: Annotated[Day | None, Field(alias="from")] = None
    to: Day | None = None
    approved_by: Login | None = None


Master = MasterItem | MasterLocation | MasterLane | MasterSupplier | MasterCost | MasterAuthz
