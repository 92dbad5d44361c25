"""What does a person's report look like on the wire? What people did outside the engine."""

from typing import Annotated, Literal

from pydantic import Field

from replan.streams.wire_values import Amount, Id, Instant, Wire, Words


class HumanLine(Wire):
    """One thing that was done: goods moved, an order line brought forward or put off, a call."""

    item: Id
    qty: Amount
    origin: Annotated[Id | None, Field(alias="from")] = None
    to: Id | None = None
    order_id: Id | None = None
    note: Words | None = None


class HumanAction(Wire):
    """`human.action.v1`: what people did, about a decision or about an item at a site.

    lines: what was done, none for nothing; it is the report that a case taken over waits for.
    """

    kind: Literal["reallocate", "expedite", "buffer_call", "postpone", "mixed", "none", "other"]
    lines: list[HumanLine]
    at: Instant
    role: Words | None = None
