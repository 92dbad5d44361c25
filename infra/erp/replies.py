"""How do suppliers of the reference order system answer questions? As their goods leave that day.

Somebody who is asked looks at the same departure as everybody else. Where a supplier has legs (see
`erp_legs`), the one to the receiving site's region on the day of the question tells how things
stand there: it answers four hours later, and as much later as the departure was late; it confirms
if what left arrived on time, and declines if not. On a day without a departure nobody answers at
all. Where no table says anything, it confirms after the four hours.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass
from datetime import datetime, timedelta
from typing import Any

from replan.infra.erp.calendar import Calendar
from replan.infra.erp.legs import Legs, whole_days
from replan.network import Network
from replan.units import SiteId, SupplierId, day_from_number

ANSWERED_IN = timedelta(hours=4)


@dataclass(slots=True, kw_only=True)
class Reply:
    """The answer to one question; `at` is None where none will ever come."""

    question: str
    decision: str
    at: datetime | None
    accepted: bool
    note: str
    said: bool = False


class Replies:
    """The questions that were heard, and what will be answered."""

    def __init__(self, network: Network, legs: Legs) -> None:
        self._network = network
        self._legs = legs
        self._replies: dict[str, Reply] = {}

    def hear(
        self, questions: Sequence[Mapping[str, Any]], calendar: Calendar, at: datetime
    ) -> None:
        """Take in the questions that are out; what is over and answered is forgotten."""
        out = {str(question["clarification_id"]) for question in questions}
        self._replies = {
            name: reply for name, reply in self._replies.items() if name in out or not reply.said
        }
        for question in questions:
            name = str(question["clarification_id"])
            if name not in self._replies:
                reply = self._replies[name] = self._reply(question, calendar, at)
                if reply.at is not None:
                    calendar.answer(name, reply.at)

    def say(self, name: str) -> Reply:
        """The answer to a question, which is due."""
        reply = self._replies[name]
        reply.said = True
        return reply

    def as_rows(self) -> list[tuple[Any, ...]]:
        """All replies as JSON data; instants are left to the writer."""
        return [astuple(reply) for reply in self._replies.values()]

    def take_rows(self, rows: Iterable[Sequence[Any]], calendar: Calendar) -> None:
        """Go on from what `as_rows` gave, instants as ISO texts."""
        self._replies = {}
        for question, decision, at, accepted, note, said in rows:
            when = None if at is None else datetime.fromisoformat(at)
            self._replies[question] = Reply(
                question=question,
                decision=decision,
                at=when,
                accepted=accepted,
                note=note,
                said=said,
            )
            if when is not None and not said:
                calendar.answer(question, when)

    def _reply(self, question: Mapping[str, Any], calendar: Calendar, at: datetime) -> Reply:
        site = SiteId(str(question["actions"][0]["to"]))
        day = calendar.day_of(at, site)
        region = self._network.sites[site].region
        leg = self._legs.rows.get((SupplierId(str(question["to"][0])), region, day))
        name, decision = str(question["clarification_id"]), str(question["decision_id"])
        when, accepted, note = at + ANSWERED_IN, True, "confirmed"
        if leg is not None and (leg.left_late is None or leg.late is None):
            return Reply(question=name, decision=decision, at=None, accepted=False, note="")
        if leg is not None:
            when += timedelta(minutes=max(leg.left_late or 0, 0))
            late = whole_days(leg.late or 0)
            if late:
                accepted = False
                note = f"goods of {day_from_number(day)} are {late} days late, none to spare"
        return Reply(question=name, decision=decision, at=when, accepted=accepted, note=note)
