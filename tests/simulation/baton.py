"""Who goes on next, and what goes wrong? Actors of one process, run in turn by a seeded scheduler.

Only one actor runs at a time. Wherever it comes to a *point* (a call to the database, the log, the
way out, the executor) it gives the baton back, and chance decides who goes on, how much time has
passed and which fault strikes there. The same seed gives the same story.
"""

import random
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

from greenlet import GreenletExit, getcurrent, greenlet

BEGINS: Final = datetime(2026, 5, 1, tzinfo=UTC)
"""Where the clock of the simulated database begins."""

MOST_TURNS: Final = 6_000
"""A story that takes longer does not end: one in a thousand takes a quarter of it."""


class Crash(BaseException):
    """The process is gone at this point."""


class NeverEnds(AssertionError):
    """Faults are over, and yet somebody is still at it."""


class Actor:
    """A process. `skew`: how far its own clock is off that of the database."""

    def __init__(self, name: str, run: Callable[[], None], skew: timedelta) -> None:
        self.name = name
        self.run = run
        self.skew = skew
        self.wakes = BEGINS
        self.holds = False
        """Whether it is inside a writing transaction, where others can only wait for it."""
        self.asks_for_lease = False
        self.claims = False
        """Whether its transaction takes commands for sending."""
        self.dies_with: Callable[[], None] = lambda: None
        self.greenlet = greenlet(self._live)
        self.ended = False

    def _live(self) -> None:
        try:
            self.run()
        except Crash:
            self.dies_with()
        self.ended = True


class Baton:
    """The scheduler of one story."""

    def __init__(self, seed: int, rates: dict[str, float]) -> None:
        self.rng = random.Random(seed)
        self.now = BEGINS
        self.actors: list[Actor] = []
        self.running: Actor | None = None
        self.faults: Counter[str] = Counter()
        self.rates = rates
        self.calm = False
        self.turns = 0
        self._hub = getcurrent()

    def add(
        self, name: str, run: Callable[[], None], *, after: float = 0.0, skew: float = 0.0
    ) -> Actor:
        """Another process, which begins in so many seconds."""
        actor = Actor(name, run, timedelta(seconds=skew))
        actor.wakes = self.now + timedelta(seconds=after)
        self.actors.append(actor)
        return actor

    def strikes(self, fault: str) -> bool:
        """Whether this fault happens here and now."""
        if self.calm or self.running is None or self.rng.random() >= self.rates.get(fault, 0.0):
            return False
        self.faults[fault] += 1
        return True

    def point(self) -> None:
        """The running actor gives the baton back; it may never get it again."""
        me = self.running
        if me is None:
            return
        if self.strikes("crash"):
            raise Crash
        if not me.holds:
            if self.strikes("pause"):
                self.sleep(self.rng.uniform(5.0, 60.0))
            else:
                self._hub.switch()

    def sleep(self, seconds: float) -> None:
        """The running actor does nothing for a while."""
        me = self.running
        assert me is not None, "somebody runs"
        me.wakes = self.now + timedelta(seconds=seconds)
        self._hub.switch()

    def play(self, until: Callable[[], bool]) -> None:
        """Let the actors run until that holds, or until all have ended. NeverEnds, or whatever an
        actor raised.
        """
        while not until():
            there = [one for one in self.actors if not one.ended]
            if not there:
                return
            self.turns += 1
            if self.turns > MOST_TURNS:
                raise NeverEnds(f"after {self.turns} turns: {', '.join(a.name for a in there)}")
            ready = [one for one in there if one.wakes <= self.now]
            if not ready:
                self.now = min(one.wakes for one in there)
                continue
            self.now += timedelta(seconds=self.rng.choice((0.0, 0.0, 0.01, 0.1, 0.5)))
            actor = ready[0] if len(ready) == 1 else self.rng.choice(ready)
            self.running = actor
            try:
                actor.greenlet.switch()
            finally:
                self.running = None

    def end(self) -> None:
        """Whoever is left is gone."""
        for actor in self.actors:
            if actor.greenlet and not actor.ended:
                actor.greenlet.throw(GreenletExit)
