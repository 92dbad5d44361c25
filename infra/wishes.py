"""What may go with a verdict beside its reason? A quantity, a day, a source; read from what people
and programs write.
"""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from replan.errors import UsageError
from replan.units import Units, quantity_json, units_from_decimal

MOST_QTY = Decimal(10) ** 9
"""A larger quantity is a slip of the pen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a verdict asks for; None leaves it as it is. See `VerdictGiven` for the meaning."""

    qty: Units | None = None
    ship_on: date | None = None
    source: str | None = None
    transport: str | None = None
    to: str | None = None

    def check(self, verdict: str) -> None:
        """UsageError where something was said that the verdict has no use for, or too little."""
        changes = {
            "qty": None if self.qty is None else quantity_json(self.qty),
            "date": self.ship_on,
            "source": self.source,
            "mode": self.transport,
        }
        said = [name for name, value in changes.items() if value is not None]
        if said and verdict != "modify":
            raise UsageError(f"{said[0]} goes with modify, not with {verdict}")
        if self.to is not None and verdict != "ask":
            raise UsageError(f"to goes with ask, not with {verdict}")
        if verdict == "modify" and not said:
            raise UsageError("modify needs a quantity, a date, a source or a mode to change to")

    def given(self) -> dict[str, Any]:
        """As members of `VerdictGiven`."""
        return {name: getattr(self, name) for name in self.__slots__}


NO_WISH = Wish()


def quantity_wished(text: str | float | None) -> Units | None:
    """A quantity in base units, at most three decimals, above 0; UsageError otherwise."""
    if text is None or text == "":
        return None
    try:
        qty = Decimal(str(text).strip())
    except InvalidOperation:
        raise UsageError(f"quantity {text!r} is not a number such as 480 or 1.5") from None
    if not qty.is_finite() or not 0 < qty <= MOST_QTY:
        raise UsageError(f"quantity {text} must be above 0 and at most {MOST_QTY}")
    try:
        return units_from_decimal(qty)
    except ValueError:
        raise UsageError(f"quantity {text} has more than three decimals") from None


def day_wished(text: str | None) -> date | None:
    """A day such as 2026-05-06; UsageError otherwise."""
    if text is None or text == "":
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise UsageError(f"date {text!r} is not a day such as 2026-05-06") from None
