"""P6: does a cap hold in every order of reserving, giving back, waiting and changed limits?

Every sequence of so many steps is tried, across the night on which a day has 25 hours; the sums are
counted a second time, by local dates and by the 24 hours before.
"""

import os
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import product
from zoneinfo import ZoneInfo

import pytest

from replan.commitments import cap_breach, counting
from replan.effects import Move
from replan.limits import CalendarDay, Cap, Rolling, Window
from replan.units import ActionId, DecisionId
from tests.authority_worlds import table

BERLIN = ZoneInfo("Europe/Berlin")
BEGIN = datetime(2026, 10, 24, 20, tzinfo=UTC)
"""Ten in the evening, Berlin time, before the day of 25 hours."""

STEPS = ("reserve 1", "reserve 2", "give back", "wait 1h", "wait 13h", "lower", "raise")
LONGEST = 4 if os.environ.get("FEWER_EXAMPLES") else 5


@dataclass
class Shop:
    """One scope under one cap, told step by step."""

    window: Window
    limit: int = 3
    now: datetime = BEGIN
    moves: list[Move] = field(default_factory=list)

    def take(self, step: str) -> None:
        """One step; what is refused leaves no trace."""
        match step.split():
            case ["reserve", value]:
                self._reserve(int(value))
            case ["give", "back"]:
                self.moves = self.moves[1:]
            case ["wait", hours]:
                self.now += timedelta(hours=int(hours.removesuffix("h")))
            case ["lower"]:
                self.limit = 2
            case ["raise"]:
                self.limit = 4

    def _reserve(self, value: int) -> None:
        number = len(self.moves)
        asked = Move(
            action_id=ActionId(f"a-{number}-{self.now.isoformat()}"),
            decision_id=DecisionId("d-1"),
            at=self.now,
            value_minor=value,
            keys={"action": "reallocate"},
            account="live",
        )
        cap = Cap(scope=("action",), window=self.window, value_minor=self.limit, count=None)
        breach = cap_breach(table(caps=(cap,)), counting(self.moves, "live"), [asked], self.now)
        fits = all(used + value <= self.limit for used in self.used())
        assert (breach is None) == fits
        if breach is None:
            self.moves.append(asked)

    def used(self) -> tuple[int, ...]:
        """What counts now, counted plainly."""
        length = timedelta(hours=24)
        if isinstance(self.window, Rolling):
            length = self.window.length
        rolling = sum(m.value_minor for m in self.moves if self.now - m.at < length)
        if isinstance(self.window, Rolling):
            return (rolling,)
        today = self.now.astimezone(BERLIN).date()
        same = (m for m in self.moves if m.at.astimezone(BERLIN).date() == today)
        return sum(m.value_minor for m in same), rolling


@pytest.mark.parametrize(
    "window",
    [CalendarDay(zone="Europe/Berlin"), Rolling(length=timedelta(hours=14))],
    ids=["calendar day", "rolling 14 hours"],
)
def test_no_sequence_of_steps_exceeds_a_cap_or_refuses_what_fits(window: Window) -> None:
    tried = 0
    for steps in product(STEPS, repeat=LONGEST):
        shop = Shop(window)
        for step in steps:
            shop.take(step)
        tried += 1
    assert tried == len(STEPS) ** LONGEST
