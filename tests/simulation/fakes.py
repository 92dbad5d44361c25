"""What lies around the engine in a story? A broker, an order system, and answers known by heart.

Whatever they were told before a crash they still know after it, as the real ones would.
"""

import pickle
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

from replan.canonical import short_id
from replan.effects import Command
from replan.errors import BrokenPromise, SourceAway
from replan.events import SaleRecorded
from replan.forecasting import FitRequest, PanelFit
from replan.infra.executors.execution import answer_event
from replan.infra.ledger.store import Ledger
from replan.infra.ledger.writer import LedgerWriter
from replan.infra.outlets import Outgoing, Refusal
from replan.models.fitting import StatsforecastFitter
from replan.planning import Answer, ItemChoices, Option, PlanningProblem
from replan.solver.columns import AskingPlanner
from replan.solver.planner import MilpPlanner
from replan.streams.codec import Decoder
from replan.streams.log_slices import Partition, Read
from replan.streams.messages import Place
from replan.units import ItemId, instant_text
from tests.simulation.baton import Baton
from tests.simulation.fake_log import FakeLog

EXECUTOR: Final = "/executor/simulated"


class StrikingLog(FakeLog):
    """A log whose broker is away now and then, read by one process."""

    def __init__(
        self, records: Mapping[Partition, Sequence[bytes]], seed: int, baton: Baton
    ) -> None:
        super().__init__(records, seed)
        self._baton = baton

    def ends(self) -> Mapping[Partition, int]:
        self._reach()
        return super().ends()

    def read(self, partition: Partition, first: int, end: int) -> Iterable[Read]:
        self._reach()
        self.read_again += end - first
        lines = self.records[partition]
        return [_decoded(partition, n, lines[n]) for n in range(first, end)]

    def wait(self) -> None:
        self._baton.point()

    def _reach(self) -> None:
        self._baton.point()
        if self._baton.strikes("broker away"):
            raise SourceAway("broker: away")


@lru_cache(maxsize=4_000)
def _decoded(partition: Partition, offset: int, raw: bytes) -> Read:
    return Read(offset, tuple(Decoder(None).record(raw, Place(str(partition), offset))))


class Topics:
    """What stands on the out topics, and when each line first came."""

    def __init__(self) -> None:
        self.lines: dict[str, list[str]] = {}
        self.watch: Callable[[str], None] = lambda _name: None
        """Told when a process begins to hand lines over: those of one call are under way together,
        however long the process then stands still among them.
        """

    def take(self, name: str, lines: Sequence[str]) -> None:
        """Lines arrive."""
        if lines:
            self.lines.setdefault(name, []).extend(lines)


class StrikingOutlet:
    """The way out of one process: lines are under way until they are settled, and a crash loses
    some of those.
    """

    def __init__(self, topics: Topics, ledger: Ledger, baton: Baton) -> None:
        self._topics = topics
        self._ledger = ledger
        self._baton = baton
        self._under_way: list[tuple[str, str]] = []

    def append(self, name: str, lines: Iterable[str]) -> None:
        self._under_way += [(name, line) for line in lines]
        self._baton.point()
        self._arrive(self._baton.rng.randint(0, len(self._under_way)))

    def settle(self) -> None:
        self._baton.point()
        if self._under_way and self._baton.strikes("broker away"):
            self._arrive(self._baton.rng.randint(0, len(self._under_way)))
            raise SourceAway("broker: away")
        self._arrive(len(self._under_way))

    def deliver(self, name: str, lines: Sequence[Outgoing]) -> list[Refusal | None]:
        self._topics.watch(name)
        found: list[Refusal | None] = []
        for one in lines:
            refusal = None
            if self._baton.strikes("line refused for now"):
                refusal = Refusal(reason="the target is full", for_good=False)
            elif self._baton.strikes("line refused for good"):
                refusal = Refusal(reason="the target takes none of these", for_good=True)
            else:
                self.append(name, [one.line])
            found.append(refusal)
        self.settle()
        return found

    def confirm(self, write: LedgerWriter, *names: str) -> None:
        """Nothing is kept: a line that comes twice is known by its key."""

    def flush(self) -> int:
        flushed = 0
        while rows := self._ledger.publications(50):
            for _, name, line in rows:
                self._under_way.append((name, line))
            self.settle()
            with self._ledger.transaction() as write:
                write.published(rows[-1][0])
            flushed += len(rows)
        return flushed

    def close(self) -> None:
        """Nothing stays open."""

    def die(self) -> None:
        """What was under way arrives or does not."""
        self._arrive(self._baton.rng.randint(0, len(self._under_way)))
        self._under_way = []

    def _arrive(self, count: int) -> None:
        for name, line in self._under_way[:count]:
            self._topics.take(name, [line])
        del self._under_way[:count]


class OrderSystem:
    """An executor that obeys each key once and remembers what it said, whoever asks.

    `habit`: it acknowledges at once (prompt), at the next clock (late), at both (twice), refuses
    some (failing), does and never answers some (silent), or answers a store's question as well
    (answering).
    """

    def __init__(self, habit: str) -> None:
        self.habit = habit
        self.obeyed: dict[str, str] = {}
        self.effects: Counter[str] = Counter()
        """How often each action was carried out, whatever its key."""
        self.said: dict[datetime, list[dict[str, Any]]] = {}
        self._stands: datetime | None = None
        self._due: list[tuple[datetime, dict[str, Any]]] = []
        self._asked: dict[str, Mapping[str, Any]] = {}

    def of(self, baton: Baton) -> "AskedOrderSystem":
        """As one process reaches it."""
        return AskedOrderSystem(self, baton)

    def hear(self, at: datetime, questions: Sequence[Mapping[str, Any]]) -> None:
        if self.habit == "answering" and (self._stands is None or at >= self._stands):
            for question in questions:
                self._asked.setdefault(str(question["clarification_id"]), question)

    def advance(self, at: datetime, commands: Sequence[Command]) -> tuple[dict[str, Any], ...]:
        """As `Executor.advance`."""
        if self._stands is not None and at < self._stands:
            if at not in self.said:
                raise BrokenPromise(f"order system: was asked for {at}, stands at {self._stands}")
            return tuple(self.said[at])
        told = self.said.setdefault(at, [])
        self._stands = at
        due, self._due = [e for d, e in self._due if d < at], [r for r in self._due if r[0] >= at]
        told += due
        for command in commands:
            if command.idem not in self.obeyed:
                told += self._obey(command, at)
        for name, question in sorted(self._asked.items()):
            if question and name not in self.obeyed:
                self.obeyed[name] = "answered"
                told.append(_reply(name, question, at))
        return tuple(told)

    def _obey(self, command: Command, at: datetime) -> list[dict[str, Any]]:
        done = not (self.habit == "failing" and int(command.idem[-2:], 16) % 2)
        self.obeyed[command.idem] = "done" if done else "refused"
        if done:
            self.effects[
                command.body["action_id"] if not command.compensates else command.idem
            ] += 1
        answer = answer_event(
            event_id=short_id("ack", command.idem),
            source=EXECUTOR,
            action_id=command.action_id,
            idem=command.idem,
            at=at,
            done=done,
            reason=None if done else "no truck",
        )
        if self.habit in ("late", "twice"):
            self._due.append((at, answer))
        if self.habit == "silent" and int(command.idem[-2:], 16) % 2:
            return []
        told = [] if self.habit == "late" else [answer]
        if done and command.body["kind"] == "reallocate":
            told.append(_shipped(command, at))
        return told


class AskedOrderSystem:
    """An `Executor` and `Respondent`: the order system over a network that may fail."""

    def __init__(self, system: OrderSystem, baton: Baton) -> None:
        self._system = system
        self._baton = baton

    def hear(self, at: datetime, questions: Sequence[Mapping[str, Any]]) -> None:
        self._baton.point()
        self._system.hear(at, questions)

    def advance(
        self, at: datetime, sales: Sequence[SaleRecorded], commands: Sequence[Command]
    ) -> tuple[dict[str, Any], ...]:
        self._baton.point()
        if self._baton.strikes("executor away"):
            raise SourceAway("executor: away")
        answers = self._system.advance(at, commands)
        if self._baton.strikes("executor heard, its answer lost"):
            raise SourceAway("executor: away")
        self._baton.point()
        return answers


def _shipped(command: Command, at: datetime) -> dict[str, Any]:
    body = command.body
    return {
        "specversion": "1.0",
        "id": short_id("shipped", command.idem),
        "source": EXECUTOR,
        "type": "transfer.status.v1",
        "time": instant_text(at),
        "subject": command.action_id,
        "correlationid": command.action_id,
        "data": {"status": "shipped", "at": instant_text(at)}
        | {name: body[name] for name in ("qty", "item", "from", "to")},
    }


def _reply(name: str, question: Mapping[str, Any], at: datetime) -> dict[str, Any]:
    accepted = int(short_id("yes", name)[-1], 16) % 4 > 0
    return {
        "specversion": "1.0",
        "id": f"reply-{name}",
        "source": EXECUTOR,
        "type": "clarification.answered.v1",
        "time": instant_text(at),
        "subject": question["decision_id"],
        "correlationid": question["decision_id"],
        "data": {"answer": "accepted" if accepted else "declined", "note": "by telephone"},
    }


class ByHeart:
    """Planner, chooser and fitter whose answers are worked out once and then known: the same
    question always gets the same answer.
    """

    def __init__(self) -> None:
        self._known: dict[Any, Any] = {}
        self._planner = MilpPlanner()
        self._chooser = AskingPlanner(self._planner)
        self._fitter = StatsforecastFitter()
        self.baton: Baton | None = None

    def plan(self, problems: tuple[PlanningProblem, ...]) -> tuple[Answer, ...]:
        self._point()
        return tuple(self._once(p.sha, lambda p=p: self._planner.answer(p)) for p in problems)

    def choose(
        self, proposals: tuple[ItemChoices, ...], capacity: Mapping[Any, Any]
    ) -> dict[ItemId, str]:
        key = pickle.dumps(("choose", proposals, sorted(capacity.items())))
        return dict(self._once(key, lambda: self._chooser.choose(proposals, capacity)))

    def further(
        self,
        problems: Mapping[ItemId, PlanningProblem],
        proposals: tuple[ItemChoices, ...],
        capacity: Mapping[Any, Any],
    ) -> dict[ItemId, tuple[Option, ...]]:
        shas = sorted((item, problem.sha) for item, problem in problems.items())
        key = pickle.dumps(("further", shas, proposals, sorted(capacity.items())))
        return dict(self._once(key, lambda: self._chooser.further(problems, proposals, capacity)))

    def fit_panel(self, request: FitRequest) -> PanelFit:
        self._point()
        key = pickle.dumps(request)
        return self._once(key, lambda: self._fitter.fit_panel(request))

    def _point(self) -> None:
        if self.baton is not None:
            self.baton.point()

    def _once(self, key: Any, work: Callable[[], Any]) -> Any:
        if key not in self._known:
            self._known[key] = work()
        return self._known[key]
