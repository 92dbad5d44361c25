"""Where does a desk transaction happen? Load the desk, decide outside, store inside, judge again if
moved.

The engine at a tick, the command line and the pages all come through here, so a verdict beside a
running engine follows the same order: each transaction of a group takes the next place or is
decided anew.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from replan.commitments import cap_uses, counting, reach
from replan.desk import step
from replan.desk_state import (
    AnswersDue,
    CaseOpened,
    ClaimDue,
    DeskInput,
    DeskState,
    Policy,
    StopMoved,
    TickDue,
    TimersDue,
    VerdictGiven,
    desk_from_json,
    desk_json,
)
from replan.effects import DeskOutcome, Move
from replan.errors import LedgerBusy, LedgerMoved
from replan.infra.desk.incident_watch import notice_cap
from replan.infra.desk.policy import keep_policy
from replan.infra.desk.shadow_watch import watch_people
from replan.infra.desk.shown import show
from replan.infra.desk.stepping_down import step_down
from replan.infra.ledger.records import LedgerRecords
from replan.infra.ledger.rows import CapRow, DeskKind
from replan.infra.ledger.store import Ledger
from replan.infra.ledger.writer import LedgerWriter
from replan.records import desk_input_json, move_json
from replan.throttle import BUDGET_WINDOW, Told
from replan.verdicts import VerdictResult

ATTEMPTS = 5

Asked = DeskInput | Callable[[LedgerRecords], DeskInput]
"""What a desk is given, or how it reads as the ledger stands inside the transaction."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """A decided desk transaction that is not stored yet."""

    group: str
    seq: int
    reserve_seq: int
    given: DeskInput
    policy: Policy
    state: DeskState
    moves: tuple[Move, ...]
    outcome: DeskOutcome
    result: VerdictResult | None
    tick: datetime | None


def take(
    ledger: LedgerRecords,
    group: str,
    given: DeskInput,
    policy: Policy,
    *,
    moves: tuple[Move, ...] | None = None,
    reserve_seq: int | None = None,
    told: tuple[Told, ...] | None = None,
) -> Taken:
    """Decide one transaction of a group as the ledger stands; `moves` and `told` where earlier
    groups of the tick added some.
    """
    row = ledger.desk(group)
    state = desk_from_json(row.body) if row.body is not None else DeskState(group=group)
    # Before the reservations: one that comes in between is then noticed when this is stored.
    seen = ledger.reserve_seq() if reserve_seq is None else reserve_seq
    known = ledger.reservations(given.at - reach(policy.table)) if moves is None else moves
    policy = as_stopped(ledger, policy)
    heard = ledger.told_since(given.at - BUDGET_WINDOW) if told is None else told
    policy = replace(policy, told=tuple(one for one in heard if one.group != group))
    outcome, result = step(state, known, given, policy)
    return Taken(
        group=group,
        seq=row.seq,
        reserve_seq=seen,
        given=given,
        policy=policy,
        state=state,
        moves=known,
        outcome=outcome,
        result=result,
        tick=given.at if isinstance(given, TickDue) else row.tick,
    )


def announced_by(taken: Taken) -> tuple[Told, ...]:
    """What a transaction announced, for the groups that are decided after it in the same tick."""
    return tuple(
        Told(
            group=taken.group,
            incident=made.body["incident_id"],
            recipient=made.body["recipient"],
            at=taken.given.at,
            decision_id=made.decision_id,
            waits=True,
        )
        for made in taken.outcome.made
        if made.body.get("notified") and made.body["mode"] != "shadow"
    )


def as_stopped(ledger: LedgerRecords, policy: Policy) -> Policy:
    """The policy with what is stopped, and what was moved on the ladder, as the ledger stands."""
    return replace(policy, stops=ledger.stops(), moved=ledger.ladder())


def store(write: LedgerWriter, taken: Taken) -> None:
    """Store a decided transaction; LedgerMoved if someone else took the place or reserved
    meanwhile.
    """
    kinds: dict[type, DeskKind] = {
        TickDue: "tick",
        AnswersDue: "answers",
        VerdictGiven: "verdict",
        StopMoved: "stop",
        ClaimDue: "claim",
        CaseOpened: "opened",
        TimersDue: "timers",
    }
    given = {
        "given": desk_input_json(taken.given),
        "policy": keep_policy(write, taken.policy),
        "moves": [move_json(m) for m in taken.moves],
    }
    seq = write.advance_desk(
        taken.group,
        taken.seq,
        taken.tick,
        desk_json(taken.state),
        kinds[type(taken.given)],
        taken.given.at,
        given,
    )
    if write.stops() != taken.policy.stops:
        raise LedgerMoved("something was stopped or let go on meanwhile")
    if write.ladder() != taken.policy.moved:
        raise LedgerMoved("something was moved on the ladder meanwhile")
    write.apply_outcome(
        taken.group,
        seq,
        taken.outcome,
        taken.given.at,
        expected_reserve_seq=taken.reserve_seq,
    )
    watch_people(write, taken.group, taken.given, taken.outcome, taken.result)
    show(write, taken.outcome, taken.policy, taken.given.at)
    if taken.policy.table is not None:
        account = "shadow" if taken.policy.mode == "shadow" else "live"
        moves = counting(write.reservations(taken.given.at - reach(taken.policy.table)), account)
        uses = cap_uses(taken.policy.table, moves, taken.given.at)
        if isinstance(taken.given, TickDue | AnswersDue):
            notice_cap(write, taken.policy.table, moves, counting(taken.outcome.reserved, account))
        write.set_caps([CapRow(**{n: getattr(u, n) for n in CapRow.__slots__}) for u in uses])


def transact(
    ledger: Ledger,
    group: str,
    given: Asked,
    policy: Policy,
    also: Callable[[LedgerWriter], None] | None = None,
    first: Callable[[LedgerWriter], None] | None = None,
    answered: Callable[[LedgerWriter, Taken], None] | None = None,
) -> Taken:
    """One whole transaction of a group beside whatever else runs; see `transact_each`."""
    return transact_each(ledger, {group: given}, policy, also, first, answered)[0]


def transact_each(
    ledger: Ledger,
    due: Mapping[str, Asked],
    policy: Policy,
    also: Callable[[LedgerWriter], None] | None = None,
    first: Callable[[LedgerWriter], None] | None = None,
    answered: Callable[[LedgerWriter, Taken], None] | None = None,
) -> tuple[Taken, ...]:
    """What is due at several desks, in one transaction and decided inside it: an answer is quickly
    judged. `first` and `also` store more, before and after, `answered` beside each that is taken.
    Decided again where someone was faster all the same; LedgerBusy after five times.
    """
    for _ in range(ATTEMPTS):
        try:
            with ledger.transaction() as write:
                taken = []
                if first is not None:
                    first(write)
                for group, asked in sorted(due.items(), key=lambda row: row[0]):
                    given = asked(write) if callable(asked) else asked
                    taken.append(take(write, group, given, policy))
                    store(write, taken[-1])
                    if answered is not None:
                        answered(write, taken[-1])
                step_down(write, taken)
                if also is not None:
                    also(write)
        except LedgerMoved:
            continue
        return tuple(taken)
    raise LedgerBusy(f"the desks of {', '.join(sorted(due))} kept moving; try again")
