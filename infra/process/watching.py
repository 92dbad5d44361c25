"""What does a run tell those who watch it? Ticks and the time of its planner; nothing comes back.

A run without a watcher works the same, and nothing that is told here is ever read by a decision.
"""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from replan.planning import Answer, Planner, PlanningProblem


@dataclass(frozen=True, slots=True, kw_only=True)
class TickTold:
    """What a stored tick was like: the seconds it took, the bodies of the decisions made at it."""

    at: datetime
    seconds: float
    made: tuple[Mapping[str, Any], ...]


class Watcher(Protocol):
    """Who watches a run."""

    def ticked(self, tick: TickTold) -> None:
        """A planning tick was stored."""
        ...

    def solved(self, seconds: float, answers: Sequence[Answer]) -> None:
        """The planner answered."""
        ...


class TimedPlanner:
    """A planner that tells how long it took, from the first problem that it was given."""

    def __init__(self, planner: Planner, watcher: Watcher) -> None:
        self._planner = planner
        self._watcher = watcher

    def plan(self, problems: Iterable[PlanningProblem]) -> tuple[Answer, ...]:
        """The planner's own answers."""
        began: float | None = None

        def given() -> Iterator[PlanningProblem]:
            nonlocal began
            for problem in problems:
                began = time.monotonic() if began is None else began
                yield problem

        answers = self._planner.plan(given())
        if began is not None:
            self._watcher.solved(time.monotonic() - began, answers)
        return answers
