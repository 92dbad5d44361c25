"""How far has a category, a region or a model been moved on the ladder? Down by itself or by a
person, up by two people on evidence.

The table states where a category stands. A promotion holds as long as the table says what it said
then: another table states the boundary anew. A demotion holds, whatever a table says, until people
lift it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Literal

from replan.authority_table import AuthorityTable
from replan.mode import lower_of
from replan.units import instant_text

LADDER_KEYS = ("category", "region", "model")
"""What may be moved on its own."""

TOP = "live"
"""Where a region or a model stands unless it was moved."""

ENGINE = "engine"
"""Who moved what stepped down by itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StageMove:
    """Where one category, region or model stands since `at`. `stated`: what the table said of the
    category then. `second`: who agreed to a promotion.
    """

    key: str
    value: str
    stage: str
    stated: str
    verb: Literal["promoted", "demoted"]
    by: str
    second: str | None
    at: datetime
    reason: str

    @property
    def scope(self) -> str:
        """As on the command line."""
        return f"{self.key}={self.value}"


def stated(table: AuthorityTable | None, key: str, value: str) -> str:
    """What the table says of a category; a region and a model stand at the top."""
    return table.stage(value) if table is not None and key == "category" else TOP


def stage_of(table: AuthorityTable | None, moves: Iterable[StageMove], key: str, value: str) -> str:
    """Where a category, region or model stands."""
    says = stated(table, key, value)
    for move in moves:
        if (move.key, move.value) == (key, value):
            if move.verb == "demoted":
                return lower_of(says, move.stage)
            return move.stage if move.stated == says else says
    return says


def lowest(
    table: AuthorityTable | None,
    moves: Iterable[StageMove],
    *,
    category: str,
    regions: Iterable[str],
    model: str | None,
) -> str:
    """The lowest stage of all that a plan is about."""
    known = tuple(moves)
    stage = stage_of(table, known, "category", category)
    if not known:
        return stage
    for region in regions:
        stage = lower_of(stage, stage_of(table, known, "region", region))
    if model is not None:
        stage = lower_of(stage, stage_of(table, known, "model", model))
    return stage


def moved_to(moves: Iterable[StageMove], move: StageMove) -> tuple[StageMove, ...]:
    """What stands with one move more; the newest about one thing replaces the one before."""
    others = [m for m in moves if (m.key, m.value) != (move.key, move.value)]
    return tuple(sorted((*others, move), key=lambda m: (m.key, m.value)))


def move_json(move: StageMove) -> dict[str, Any]:
    """A move as plain JSON data."""
    return {**asdict(move), "at": instant_text(move.at)}


def move_from_json(plain: Mapping[str, Any]) -> StageMove:
    """The move that `move_json` wrote."""
    return StageMove(**{**plain, "at": datetime.fromisoformat(plain["at"])})
