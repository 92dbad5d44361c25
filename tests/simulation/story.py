"""How does a workspace fare when everything around it fails? One story, told by a seed.

The engine, the ledger and the desks are the real ones. One to three processes want the engine's
lease; people give verdicts, stop and let go on, and lower limits beside them; whatever can fail
does, until the faults are over. Then all must come to an end, and what is left behind is judged
(see `judged`).
"""

import random
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch
from uuid import UUID

import sqlalchemy as sa

from replan.errors import CommitUnknown, LeaseLost, LedgerBusy, SourceAway
from replan.forecasting import Forecaster
from replan.infra.engine import loop as engine
from replan.infra.engine import sending
from replan.infra.engine.loop import Engine, RunRules
from replan.infra.engine.sending import SendingRules
from replan.infra.kafka.segments import LogClockMarks, LogSegments
from replan.infra.ledger import database as ledger_database
from replan.infra.ledger import run as ledger_run
from replan.infra.ledger import sqlite as ledger_sqlite
from replan.infra.ledger.lease import lease_of
from replan.infra.ledger.rows import SnapshotRow
from replan.infra.ledger.store import Lease, Ledger
from replan.infra.ledger.writer import LedgerWriter
from replan.infra.out_names import COMMANDS
from replan.infra.process.patience import Patience
from replan.infra.rules import policy_source, sense_rules
from replan.infra.workspace.authority_file import LoadedAuthority
from replan.infra.workspace.folder import Workspace, open_workspace
from replan.infra.workspace.settings import RunMode
from replan.models.registry import live_forecasters
from replan.sensing import Sensing
from replan.streams.log_slices import Partition
from tests.busy_world import shuffled
from tests.simulation import tiny_world
from tests.simulation.baton import BEGINS, Baton, Crash
from tests.simulation.fake_log import spread
from tests.simulation.fakes import ByHeart, OrderSystem, StrikingLog, StrikingOutlet, Topics

ENGINE: Final = "engine"
LEASE: Final = timedelta(seconds=15)
TABLES: Final[Mapping[str, Mapping[str, int]]] = {
    "prompt": {"auto": 110, "ask": 120},
    "late": {"auto": 60, "ask": 120},
    "twice": {"auto": 110, "ask": 120},
    "failing": {"auto": 110, "ask": 120},
    "silent": {"auto": 110, "ask": 120},
    "answering": {"auto": 20, "ask": 120},
    "asked for": {"auto": 20, "ask": 20},
    "shadow": {"auto": 110, "ask": 120},
}
"""By habit of the order system: up to how many euros a plan runs, or asks a store, by itself. In a
story of the habit "shadow" nothing may leave at all.
"""

HABITS: Final = tuple(TABLES)
LENGTHS: Final = (tiny_world.BUSY_DAYS - 1, tiny_world.BUSY_DAYS)
"""Busy days of a story; most are short ones, since many stories find more than long ones."""

ACK_TIMEOUT: Final = timedelta(hours=6)
INSIDE_THE_BOUND: Final = timedelta(hours=10)
VOID_AFTER: Final = timedelta(seconds=1)
"""What was claimed before a stop may still start within this time."""

REACH: Final = 300
"""Turns after which the faults are over, at most."""

RATES: Final[Mapping[str, float]] = {
    "crash": 0.02,
    "pause": 0.01,
    "pause before a tick is stored": 0.05,
    "pause before a claim": 0.2,
    "pause after a claim": 0.2,
    "busy": 0.01,
    "commit lost, and nobody knows": 0.02,
    "commit stored, and nobody knows": 0.02,
    "broker away": 0.02,
    "executor away": 0.02,
    "executor heard, its answer lost": 0.03,
}


class Violated(AssertionError):
    """A guarantee does not hold; the text begins with its id."""


@dataclass(slots=True, kw_only=True)
class World:
    """What all stories begin with: a folder that has read the quiet days, and how it went on when
    nothing failed.
    """

    root: Path
    workspace: Workspace
    quiet: dict[Partition, list[bytes]]
    by_heart: ByHeart
    forecasters: Mapping[str, Forecaster]
    undisturbed: dict[tuple[str, int], dict[str, Any]] = field(default_factory=dict)
    """By habit and length."""
    replies: dict[int, Counter[str]] = field(default_factory=dict)
    """Answers to producers, by length."""
    begins: SnapshotRow | None = None
    """What was believed when the quiet days were over."""
    first_engine: sa.Engine | None = None
    """Its dialect and its compiled statements are those of all stories."""
    _tables: dict[str, LoadedAuthority] = field(default_factory=dict)

    @classmethod
    def made(cls, folder: Path) -> "World":
        """Read the quiet days once."""
        root = tiny_world.write_tiny_world(folder / "world")
        quiet = spread(tiny_world.quiet_lines(), partitions=1, seed=0)
        world = cls(
            root=root,
            workspace=open_workspace(root),
            quiet=quiet,
            by_heart=ByHeart(),
            forecasters=live_forecasters(),
        )
        story = Story(world, root, seed=0, rates={}, habit="prompt", days=0)
        story.run_alone()
        world.begins = story.ledger.latest_snapshot()
        story.close()
        return world

    def workspace_in(self, root: Path, habit: str) -> Workspace:
        """The workspace of a story, with the table that goes with a habit of the order system."""
        text = tiny_world.authority(**TABLES[habit])
        (root / "authority.yaml").write_text(text)
        here = replace(self.workspace, root=root)
        if habit not in self._tables:
            self._tables[habit] = here.reload_authority()
        return replace(here, authority=self._tables[habit])

    def share_statements(self, ledger: Ledger) -> None:
        """Every story has a file of its own; what its statements compile to is the same."""
        if self.first_engine is None:
            self.first_engine = ledger._engine
        ledger._engine.dialect = self.first_engine.dialect
        ledger._engine._compiled_cache = self.first_engine._compiled_cache

    def copied(self, to: Path) -> Path:
        """A workspace of its own for one story."""
        to.mkdir()
        shutil.copy(self.root / "ledger.db", to / "ledger.db")
        return to


class Story:
    """One run of a copied world."""

    def __init__(
        self,
        world: World,
        root: Path,
        *,
        seed: int,
        rates: Mapping[str, float],
        habit: str,
        days: int,
    ) -> None:
        self.world = world
        self.root = root
        self.days = days
        self.records = records_of(world, random.Random(seed).randint(0, 1 << 30), days)
        self.mode: RunMode = "shadow" if habit == "shadow" else "live"
        self.baton = Baton(seed, dict(rates))
        self.topics = Topics()
        self.topics.watch = self._no_start_after_stop
        self.orders = OrderSystem(habit)
        self.workspace = world.workspace_in(root, habit)
        self.ledger = Ledger.open("sqlite:///ledger.db", root)
        world.share_statements(self.ledger)
        self.stopping = False
        self.ended = 0
        self.with_people = False
        self.stopped_at: datetime | None = None
        """Since when everything is stopped, by the clock of the simulated database."""
        self.promised: list[tuple[str, str, str]] = []
        """Decision or scope, word and login of what people were told was accepted."""
        self._born = 0

    def close(self) -> None:
        """Nobody is left."""
        self.stopping = True
        self.baton.end()
        self.ledger.close()

    def run_alone(self) -> None:
        """One process, to its end."""
        with self.hooked():
            self.candidate(after=0.0)
            self.baton.play(lambda: False)

    def run(self) -> None:
        """One to three processes; after the first end, and after the faults, everybody comes to
        an end.
        """
        rng = self.baton.rng
        with self.hooked():
            for _ in range(rng.choice((1, 1, 2, 2, 3))):
                self.candidate(after=rng.uniform(0.0, 3.0))
            calm_after = rng.randint(REACH // 10, REACH)
            self.baton.play(lambda: self.ended > 0 or self.baton.turns > calm_after)
            self.baton.calm = True
            self.baton.play(lambda: self.ended > 0)
            self.stopping = True
            self.baton.play(lambda: False)
            if self.with_people:
                # What they said last is for the next run to carry out.
                self.stopping = False
                self.candidate(after=60.0)
                self.baton.play(lambda: False)

    # A process that wants to be the engine, as `replan run --source kafka` is.

    def candidate(self, *, after: float) -> None:
        """Another process comes up."""
        self._born += 1
        name = f"engine-{self._born}"
        outlets: list[StrikingOutlet] = []
        skew = self.baton.rng.uniform(-600.0, 600.0) if self.baton.rates else 0.0
        actor = self.baton.add(name, lambda: self._live(name, outlets), after=after, skew=skew)

        def dies() -> None:
            for outlet in outlets:
                outlet.die()
            if not self.stopping:
                self.candidate(after=self.baton.rng.uniform(0.0, 20.0))

        actor.dies_with = dies

    def _live(self, owner: str, outlets: list[StrikingOutlet]) -> None:
        while not self.stopping:
            try:
                epoch = self.ledger.take_lease(ENGINE, owner, LEASE)
                if epoch is None:
                    self.baton.sleep(self.baton.rng.uniform(3.0, 9.0))
                    continue
                self._fold(self.ledger.under(Lease(role=ENGINE, epoch=epoch, ttl=LEASE)), outlets)
                self.ledger.release_lease(ENGINE, epoch)
                self.ended += 1
                return
            except (SourceAway, LedgerBusy, LeaseLost):
                for outlet in outlets:
                    outlet.die()
                self.baton.sleep(self.baton.rng.uniform(0.5, 5.0))

    def _fold(self, ledger: Ledger, outlets: list[StrikingOutlet]) -> None:
        self.engine_on(ledger, outlets).run_until_end()

    def engine_on(self, ledger: Ledger, outlets: list[StrikingOutlet]) -> Engine:
        """An engine as a process has it; its ways out are put on the list."""
        rng, settings = self.baton.rng, self.workspace.settings
        log = StrikingLog(self.records, rng.randint(0, 1 << 30), self.baton)
        segments = LogSegments(
            ledger,
            log,
            LogClockMarks(settings.time.lateness),
            until_end=True,
            max_jump=settings.time.max_jump,
            slice_records=rng.choice((8, 20, 1_000)),
            goes_on=lambda: not self.stopping,
        )
        by_heart = self.world.by_heart

        def outlet() -> StrikingOutlet:
            outlets.append(StrikingOutlet(self.topics, ledger, self.baton))
            return outlets[-1]

        policies = policy_source(self.workspace, self.mode)
        policies.chooser = by_heart
        return Engine(
            root=self.root,
            ledger=ledger,
            segments=segments,
            sensing=Sensing(
                network=self.workspace.network,
                rules=sense_rules(settings),
                forecasters=self.world.forecasters,
                planner=by_heart,
            ),
            policies=policies,
            rules=RunRules(
                planning=settings.ticks.planning,
                lateness=settings.time.lateness,
                max_jump=settings.time.max_jump,
                batch=rng.choice((4, 50)),
                snapshot_ticks=rng.choice((1, 2, 3)),
            ),
            fitter=by_heart,
            pool=None,
            executor=self.orders.of(self.baton),
            executor_name="simulated",
            outlet=outlet,
            sending=SendingRules(ack_timeout=ACK_TIMEOUT),
        )

    # Points and faults around what the engine calls.

    @contextmanager
    def hooked(self) -> Iterator[None]:
        """Inside the block the database, time and pauses are those of the story."""
        claim_commands = LedgerWriter.claim_commands
        baton, writing, commit, take = (
            self.baton,
            ledger_database.writing,
            ledger_sqlite.commit,
            ledger_run.ledger_lease.take,
        )

        @contextmanager
        def written(engine: sa.Engine) -> Iterator[sa.Connection]:
            baton.point()
            if baton.strikes("busy"):
                raise LedgerBusy("ledger: locked")
            me = baton.running
            with writing(engine) as conn:
                if me is not None:
                    me.holds = True
                try:
                    yield conn
                finally:
                    if me is not None:
                        me.holds = False

        def committed(conn: sa.Connection) -> None:
            me = baton.running
            if baton.strikes("crash"):
                raise Crash
            if baton.strikes("commit lost, and nobody knows"):
                raise CommitUnknown("ledger: connection lost during a commit")
            if me is not None and me.name.startswith("engine") and not me.asks_for_lease:
                self._one_engine(conn, me.name)
            commit(conn)
            if me is not None:
                me.asks_for_lease = False
                me.claims, has_claimed = False, me.claims
                if has_claimed:
                    self._held_up("after a claim")
            if baton.strikes("commit stored, and nobody knows"):
                raise CommitUnknown("ledger: connection lost during a commit")
            baton.point()

        def taking(write: LedgerWriter, *given: Any) -> Any:
            if baton.running is not None:
                baton.running.claims = True
            rows = claim_commands(write, *given)
            if rows and any(stop.scope is None for stop in write.stops()):
                raise Violated(f"G6: {rows[0].idem} is claimed though all is stopped")
            return rows

        def taken(
            conn: sa.Connection, role: str, owner: str, ttl: timedelta, now: datetime
        ) -> int | None:
            if baton.running is not None:
                baton.running.asks_for_lease = True
            before = lease_of(conn, role)
            epoch = take(conn, role, owner, ttl, now)
            if epoch is not None and before is not None and before.until > baton.now:
                raise Violated(f"lease: {owner} took it from {before.owner}, whose it still was")
            return epoch

        commit_batch, claim = Engine._commit, sending.Sending._claim

        def stored(engine: Engine, *given: Any, **named: Any) -> None:
            if named.get("taken"):
                self._held_up("before a tick is stored")
            commit_batch(engine, *given, **named)

        def claimed(way: sending.Sending, *given: Any) -> Any:
            self._held_up("before a claim")
            return claim(way, *given)

        by_heart = self.world.by_heart
        by_heart.baton = baton
        with (
            patch.object(Engine, "_commit", stored),
            patch.object(sending.Sending, "_claim", claimed),
            patch.object(LedgerWriter, "claim_commands", taking),
            patch.object(ledger_database, "writing", written),
            patch.object(ledger_sqlite, "commit", committed),
            patch.object(ledger_sqlite, "now", lambda _conn: baton.now),
            patch.object(ledger_run.ledger_lease, "take", taken),
            patch.object(engine, "Patience", self._patience),
            patch.object(sending, "monotonic", lambda: (baton.now - BEGINS).total_seconds()),
            patch.object(sending, "uuid4", lambda: UUID(int=baton.rng.getrandbits(128))),
            patch.object(sending.Sending.__init__, "__defaults__", (None, lambda: baton.now)),
        ):
            yield
        by_heart.baton = None

    def _held_up(self, where: str) -> None:
        """A process stands still for a while just there, and others go on: people, if there are
        any, do something meanwhile.
        """
        if self.baton.strikes(f"pause {where}"):
            for other in self.baton.actors:
                if other.name.startswith("person"):
                    soon = timedelta(seconds=self.baton.rng.uniform(0.0, 2.0))
                    other.wakes = min(other.wakes, self.baton.now + soon)
            self.baton.sleep(self.baton.rng.uniform(2.0, 20.0))

    def _one_engine(self, conn: sa.Connection, owner: str) -> None:
        asked = "SELECT owner FROM lease WHERE role = 'engine'"
        holder = conn.connection.cursor().execute(asked).fetchone()
        if holder is None or holder[0] != owner:
            whose = "nobody" if holder is None else holder[0]
            raise Violated(f"fence: {owner} stores what only {whose} may")

    def everything_stopped(self) -> bool:
        """Whether the record says now that nothing may be sent."""
        return any(stop.scope is None for stop in self.ledger.stops())

    def _no_start_after_stop(self, name: str) -> None:
        since = self.stopped_at
        # Who let all go on may not have come round to saying so: what counts is the record.
        if name != COMMANDS or since is None or not self.everything_stopped():
            return
        if self.baton.now - since > VOID_AFTER:
            raise Violated(f"G6: a command is handed over though all is stopped since {since}")

    def _patience(self) -> Patience:
        begun = self.baton.now
        return Patience(
            clock=lambda: (self.baton.now - begun).total_seconds(), pause=self.baton.sleep
        )


def told(world: World, folder: Path, seed: int) -> Story:
    """The story of a seed, which chance makes calm in some ways and wild in others."""
    rng = random.Random(seed)
    return Story(
        world,
        world.copied(folder),
        seed=seed,
        rates={fault: rate * rng.choice((0.0, 1.0, 1.0, 4.0)) for fault, rate in RATES.items()},
        habit=rng.choice(HABITS),
        days=rng.choice((*LENGTHS, LENGTHS[0])),
    )


def records_of(world: World, seed: int, days: int) -> dict[Partition, list[bytes]]:
    """All records: the quiet days as they were read, and so many busy ones by chance over
    partitions, none further from its place than the lateness allows.
    """
    lines = shuffled(tiny_world.busy_lines(days), seed=seed, reach=INSIDE_THE_BOUND)
    later = spread(lines, partitions=1, seed=seed)
    return {partition: world.quiet[partition] + later[partition] for partition in world.quiet}
