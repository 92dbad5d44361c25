"""Which cases run by themselves under one version of the decision table and not under another?

Not guessed from the words that changed: the rows of both are boxes over the same space, so what one
allows beyond the other is exactly what is left when the boxes of the other are cut out of its own.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from replan.authority_space import (
    OTHER,
    ActionSpace,
    KnownNames,
    box_words,
    case_json,
    single_case,
    spaces,
)
from replan.authority_table import AuthorityTable
from replan.boxes import Box, TooManyPieces, merged, remainder
from replan.table_change import Direction


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """Cases of an action that gain (wider) or lose authority, in words, with one of them."""

    action: str
    direction: Direction
    text: str
    case: Mapping[str, Any] | None

    def json(self) -> dict[str, Any]:
        """As plain JSON data; a case has its value in minor units."""
        return {
            "part": "reach",
            "text": self.text,
            "direction": self.direction,
            "case": None if self.case is None else dict(self.case),
        }


def reach(old: AuthorityTable, new: AuthorityTable, known: KnownNames) -> tuple[Reach, ...]:
    """The cases that run by themselves under one table only, by action, wider first."""
    both = KnownNames(
        regions=_names(known.regions, old, new, "regions"),
        classes=_names(known.classes, old, new, "classes"),
        roles=known.roles,
    )
    found: list[Reach] = []
    for then, now in zip(spaces(old, both), spaces(new, both), strict=True):
        for direction, more, less in (("wider", now, then), ("narrower", then, now)):
            found += _beyond(direction, more, less, new.currency)  # type: ignore[arg-type]
    return tuple(found)


def _beyond(
    direction: Direction, more: ActionSpace, less: ActionSpace, currency: str
) -> Iterator[Reach]:
    verb = "runs by itself" if direction == "wider" else "no longer runs by itself"
    cuts = _auto(less)
    try:
        pieces = [rest for box in _auto(more) for rest in remainder(box, cuts)]
    except TooManyPieces:
        text = f"{more.action}: too entangled to say which cases {verb}"
        yield Reach(action=more.action, direction=direction, text=text, case=None)
        return
    for piece in merged(pieces):
        words = box_words(piece, more.universe, currency) or "any case"
        yield Reach(
            action=more.action,
            direction=direction,
            text=f"{more.action} {verb}: {words}",
            case=case_json(more.action, single_case(piece)),
        )


def _auto(space: ActionSpace) -> list[Box]:
    return [box for rule, box in space.live_rows() if rule.mode == "AUTO"]


def _names(
    known: tuple[str, ...] | None, old: AuthorityTable, new: AuthorityTable, which: str
) -> tuple[str, ...]:
    rows = [*old.rules, *new.rules]
    mentioned = {name for rule in rows for name in getattr(rule.when, which) or ()}
    return tuple(sorted(mentioned | ({OTHER} if known is None else set(known))))
