"""What may go with a verdict beside its reason? A quantity, a day, a source; read from what people
and programs write.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from replan.effects import KnownEvent
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
    known: KnownEvent | None = None

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

    def check_reason(self, chip: str) -> None:
        """UsageError where a known event was named with another reason than that."""
        if self.known is not None and chip != "known_event":
            raise UsageError(f"a known event goes with the reason known_event, not with {chip}")


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


MOST_UPLIFT = Decimal(100)
LONGEST_KNOWN = timedelta(days=366)


def known_wished(
    first: str | None, last: str | None, uplift: str | float | None
) -> KnownEvent | None:
    """An event that a person knows: its first and last day, and the factor that it puts on demand
    (1.8: 80 % more); UsageError otherwise. None where nothing of it is said.
    """
    if not first and not last and uplift in (None, ""):
        return None
    begins, ends = day_wished(first), day_wished(last)
    if begins is None or ends is None or uplift in (None, ""):
        raise UsageError("a known event needs its first day, its last day and its uplift")
    if not begins <= ends <= begins + LONGEST_KNOWN:
        text = f"a known event from {begins} to {ends} must end on or after its first day"
        raise UsageError(f"{text}, and within a year")
    try:
        factor = Decimal(str(uplift).strip())
    except InvalidOperation:
        raise UsageError(f"uplift {uplift!r} is not a factor such as 1.8") from None
    if not factor.is_finite() or not 0 < factor <= MOST_UPLIFT:
        raise UsageError(f"uplift {uplift} must be above 0 and at most {MOST_UPLIFT}")
    return KnownEvent(first=begins, last=ends, uplift=round(factor * 1000))
