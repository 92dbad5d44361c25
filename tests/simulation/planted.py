"""Would the stories notice? Bugs planted on purpose, and the seed whose story catches each.

Every bug takes one guard of the product away. `make planted` tells stories until one violates
something, at most `--seeds` a bug, and prints one line of JSON a bug.
"""

import argparse
import json
import multiprocessing
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

import sqlalchemy as sa

from replan.desk_state import Policy
from replan.errors import CommitUnknown
from replan.infra.desk.policy import PolicySource
from replan.infra.engine import coming_back, sending
from replan.infra.engine.batch import Batch
from replan.infra.engine.belief import Belief
from replan.infra.engine.loop import Engine
from replan.infra.engine.sending import Sending
from replan.infra.executors.ways import Carried, Leaving, OutletWay
from replan.infra.kafka import segments as log_segments
from replan.infra.ledger import lease as ledger_lease
from replan.infra.ledger import run as ledger_run
from replan.infra.ledger import schema as t
from replan.infra.ledger.reads import LedgerReads
from replan.infra.ledger.records import LedgerRecords
from replan.infra.ledger.run import RunWriter
from replan.infra.ledger.store import Ledger
from replan.infra.ledger.writer import LedgerWriter
from tests.simulation import simulate
from tests.simulation.simulate import place, prepare, tell

Bug = Callable[[], AbstractContextManager[object]]
MOST_SEEDS: Final = 500


def _nothing(*_given: Any, **_named: Any) -> None:
    """Done nothing at all."""


def no_fence() -> AbstractContextManager[object]:
    """A transaction does not ask whether its lease is still its own."""
    return patch.object(ledger_lease, "hold", _nothing)


def epoch_not_counted() -> AbstractContextManager[object]:
    """Who takes the lease gets the epoch of whoever had it."""
    take = ledger_lease.take

    def taken(conn: sa.Connection, role: str, *given: Any) -> int | None:
        epoch = take(conn, role, *given)
        if epoch is None:
            return None
        conn.execute(sa.update(t.lease).values(epoch=1))
        return 1

    return patch.object(ledger_lease, "take", taken)


def lease_by_own_clock() -> AbstractContextManager[object]:
    """Leases run by the clock of each host, which may be off by minutes."""

    def now(self: RunWriter) -> datetime:
        baton = simulate.world().by_heart.baton
        skew = baton.running.skew if baton is not None and baton.running else timedelta(0)
        return ledger_run.backend(self._conn.engine).now(self._conn) + skew

    return patch.object(RunWriter, "_now", now)


def replied_before_it_stands() -> AbstractContextManager[object]:
    """Answers to producers count as given while they are under way."""
    return patch.object(Batch, "settle", _nothing)


def replies_not_repeated() -> AbstractContextManager[object]:
    """After a crash nobody looks whether producers had their answers."""
    since = LedgerReads.manifest_since

    def manifest(self: LedgerReads, tick: datetime | None) -> Any:
        return tuple(replace(row, replied=True) for row in since(self, tick))

    return patch.object(LedgerReads, "manifest_since", manifest)


def sent_before_it_stands() -> AbstractContextManager[object]:
    """Commands count as sent while they are under way."""

    def carry(self: OutletWay, commands: Sequence[Leaving], *_: Any) -> Iterator[list[Carried]]:
        self._out.append("commands.jsonl", [one.line for one in commands])
        yield [Carried(row=one.row, state="sent") for one in commands]

    return patch.object(OutletWay, "carry", carry)


def new_key_each_time() -> AbstractContextManager[object]:
    """What is sent again goes out under another key."""
    deliver = sending.leaving

    def leaving(row: Any, **given: Any) -> Leaving:
        made = deliver(row, **given)
        key = f"{row.idem[:-4]}{simulate.world().by_heart.baton.rng.randrange(9999):04d}"
        return replace(made, line=made.line.replace(row.idem, key))

    return patch.object(sending, "leaving", leaving)


def not_handed_over_again() -> AbstractContextManager[object]:
    """A command that was sent when its process died is not handed to the executor again."""
    sendable = LedgerReads.sendable_outbox

    def pending(self: LedgerReads, at: datetime, now: datetime) -> Any:
        return tuple(row for row in sendable(self, at, now) if row.state != "sent")

    return patch.object(LedgerReads, "sendable_outbox", pending)


def answers_forgotten() -> AbstractContextManager[object]:
    """What executors answered is not heard again after a crash."""
    return patch.object(Sending, "hear_again", _nothing)


def open_segment_forgotten() -> AbstractContextManager[object]:
    """A run that comes back does not look which slice it was in."""

    def come_back(*given: Any) -> None:
        coming_back.come_back(*given)

    return patch("replan.infra.engine.loop.come_back", come_back)


def watermark_off_by_one() -> AbstractContextManager[object]:
    """An event that arrived at the very watermark belongs to no slice."""
    events_of = log_segments.events_of

    def fewer(cut: Any, read: Any) -> Any:
        if cut.through is None:
            return events_of(cut, read)
        return events_of(replace(cut, through=cut.through - timedelta(microseconds=1)), read)

    return patch.object(log_segments, "events_of", fewer)


def held_back_forgotten() -> AbstractContextManager[object]:
    """Events that arrived after the watermark are dropped with their slice."""
    return patch.object(log_segments, "held_back_from", _nothing)


def one_event_skipped() -> AbstractContextManager[object]:
    """A run that comes back begins one event too late."""
    begin_at = Batch.begin_at
    return patch.object(
        Batch, "begin_at", lambda self, rank: begin_at(self, rank + 1 if rank else 0)
    )


def unknown_is_stored() -> AbstractContextManager[object]:
    """A commit of which nobody knows counts as done."""
    transaction = Ledger.transaction

    @contextmanager
    def believed(self: Ledger) -> Iterator[LedgerWriter]:
        try:
            with transaction(self) as write:
                yield write
        except CommitUnknown:
            return

    return patch.object(Ledger, "transaction", believed)


def nothing_forgotten() -> AbstractContextManager[object]:
    """A run whose ledger moved goes on with what it believed."""
    forget = Engine._forget
    done: set[int] = set()

    def once(self: Engine) -> None:
        if not hasattr(self, "_belief"):
            forget(self)
        done.add(id(self))

    return patch.object(Engine, "_forget", once)


def intake_not_kept() -> AbstractContextManager[object]:
    """A snapshot comes back without the ids that were seen."""
    made = Belief._new_intake
    return patch.object(Belief, "_new_intake", lambda self, _state: made(self, None))


def snapshot_of_another_tick() -> AbstractContextManager[object]:
    """A snapshot is kept under the tick after its own."""
    save = RunWriter.save_snapshot
    return patch.object(
        RunWriter,
        "save_snapshot",
        lambda self, tick, body: save(self, tick + timedelta(hours=12), body),
    )


def dead_letters_lost() -> AbstractContextManager[object]:
    """What was refused is not kept."""
    return patch.object(RunWriter, "add_dead_letters", _nothing)


def stop_not_seen_at_the_claim() -> AbstractContextManager[object]:
    """A command is claimed without a look at what the desks said since."""
    return patch.object(LedgerWriter, "desks_stand", _nothing)


def claim_holds_for_ever() -> AbstractContextManager[object]:
    """A claimed command may leave at any time."""
    return patch.object(sending, "CLAIM_HOLDS", float("inf"))


def desk_goes_on_from_anywhere() -> AbstractContextManager[object]:
    """A desk transaction does not ask whether another one came between."""
    advance = LedgerWriter.advance_desk

    def blindly(self: LedgerWriter, group: str, _expected: int, *given: Any) -> int:
        return advance(self, group, self.desk(group).seq, *given)

    return patch.object(LedgerWriter, "advance_desk", blindly)


def fits_not_kept() -> AbstractContextManager[object]:
    """What the fitter answered is not recorded."""
    return patch.object(RunWriter, "record_fit", _nothing)


def lines_published_never() -> AbstractContextManager[object]:
    """Lines that wait count as published when they are first seen."""
    waiting = LedgerReads.publications

    def half(self: LedgerReads, limit: int) -> Any:
        return waiting(self, limit)[1:]

    return patch.object(LedgerReads, "publications", half)


def feedback_lost() -> AbstractContextManager[object]:
    """Told again after a crash, sense does not hear what the desks said."""
    again = coming_back._tell_again

    def deaf(ledger: Ledger, *given: Any) -> None:
        with patch.object(LedgerRecords, "feedback_for", lambda *_: ()):
            again(ledger, *given)

    return patch.object(coming_back, "_tell_again", deaf)


def silence_not_noticed() -> AbstractContextManager[object]:
    """Nobody looks which commands had no answer in time."""
    return patch.object(sending, "watch_overdue", _nothing)


def caps_not_counted() -> AbstractContextManager[object]:
    """What ran before counts for nothing when the next plan is judged."""
    return patch.object(LedgerReads, "reservations", lambda *_: ())


def shadow_forgotten() -> AbstractContextManager[object]:
    """The desks decide in shadow as they do live."""

    def live(self: PolicySource, now: datetime, fit_sha: str) -> Policy:
        return replace(policy_at(self, now, fit_sha), mode="live")

    policy_at = PolicySource.at
    return patch.object(PolicySource, "at", live)


BUGS: Final[Sequence[Bug]] = (
    answers_forgotten,
    caps_not_counted,
    claim_holds_for_ever,
    dead_letters_lost,
    desk_goes_on_from_anywhere,
    epoch_not_counted,
    feedback_lost,
    fits_not_kept,
    held_back_forgotten,
    intake_not_kept,
    lease_by_own_clock,
    lines_published_never,
    new_key_each_time,
    no_fence,
    not_handed_over_again,
    nothing_forgotten,
    one_event_skipped,
    open_segment_forgotten,
    replied_before_it_stands,
    replies_not_repeated,
    sent_before_it_stands,
    shadow_forgotten,
    silence_not_noticed,
    snapshot_of_another_tick,
    stop_not_seen_at_the_claim,
    unknown_is_stored,
    watermark_off_by_one,
)


def caught(name: str, *, folder: Path, seeds: int) -> dict[str, Any]:
    """The first story that notices a bug, and what it says; seed None: none did."""
    bug = next(bug for bug in BUGS if bug.__name__ == name)
    for seed in range(1, seeds + 1):
        with bug():
            told = tell(seed, folder, deep=True)
        if told.violated is not None:
            return {"bug": name, "seed": seed, "by": told.violated.splitlines()[0][:160]}
    return {"bug": name, "seed": None, "by": None}


def main() -> int:
    """Plant each bug; 0 if every one is caught."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bugs", nargs="*", help="their names; all of them by default")
    parser.add_argument("--seeds", type=int, default=MOST_SEEDS)
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    given = parser.parse_args()
    names = given.bugs or [bug.__name__ for bug in BUGS]
    missed = 0
    with tempfile.TemporaryDirectory(dir=place()) as name:
        prepare(Path(name))
        look = partial(caught, folder=Path(name), seeds=given.seeds)
        fork = multiprocessing.get_context("fork")
        with ProcessPoolExecutor(given.processes, mp_context=fork) as pool:
            for found in pool.map(look, names):
                print(json.dumps(found), flush=True)
                missed += found["seed"] is None
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
