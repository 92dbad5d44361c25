"""Which of several statements about one thing holds? The newest by its own time; the ones before it
are kept, so that it can be taken back.
"""

from datetime import datetime
from typing import TypeVar

from replan.events import Fact

Said = TypeVar("Said", bound=Fact)

KEPT = 8
"""Statements about one thing that are kept, where nothing else is said."""


def said_at(fact: Fact) -> tuple[datetime, str, str]:
    """The order in which statements count, whenever they were heard."""
    return (fact.occurred_at, fact.source, fact.event_id)


def with_saying(known: tuple[Said, ...], fact: Said, most: int = KEPT) -> tuple[Said, ...]:
    """The statements known and one more, oldest first; the oldest of too many goes."""
    others = [one for one in known if said_at(one) != said_at(fact)]
    return tuple(sorted([*others, fact], key=said_at)[-most:])


def without_saying(known: tuple[Said, ...], fact: Fact) -> tuple[Said, ...]:
    """The statements known but the one that is taken back."""
    name = (fact.source, fact.event_id)
    return tuple(one for one in known if (one.source, one.event_id) != name)
