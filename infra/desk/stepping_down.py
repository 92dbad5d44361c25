"""Must a category or a model step down by itself? Asked in the transaction that stores what it did.

What exceeds a limit of the table's `demote` puts its category, or a model whose band does not hold,
back to where people release everything, before the next decision. It is an event
(`mode.changed.v1`), an alarm that stands until people lift it, and a row of the audit chain.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Protocol

from replan.alarms import Alarm, AlarmScope
from replan.authority_table import CATEGORIES
from replan.canonical import short_id
from replan.demotion import DEMOTED_TO, MEASURES, Measure, breach, limit_of
from replan.desk_state import DeskInput, Policy
from replan.effects import DeskOutcome
from replan.infra.desk.incident_record import stepped_down
from replan.infra.desk.owner_told import tell_owner
from replan.infra.ledger.writer import LedgerWriter
from replan.ladder import ENGINE, StageMove, move_json, moved_to, stage_of, stated
from replan.mode import MODE_ORDER
from replan.units import instant_text


class Stored(Protocol):
    """A desk transaction that was just stored."""

    @property
    def given(self) -> DeskInput:
        """What the desk was given."""
        ...

    @property
    def policy(self) -> Policy:
        """What it decided under."""
        ...

    @property
    def outcome(self) -> DeskOutcome:
        """What came of it."""
        ...


def step_down(
    write: LedgerWriter, stored: Sequence[Stored], *, days_closed: bool = False
) -> tuple[StageMove, ...]:
    """Move down every category that exceeds a limit of the table in force, among those that the
    transactions are about; with `days_closed` also every model whose band does not hold.
    """
    if not stored or stored[0].policy.table is None or not stored[0].policy.table.demote:
        return ()
    table, at = stored[0].policy.table, stored[0].given.at
    touched = {
        write.category_of(one_id)
        for one in stored
        for one_id in (
            *(moved.decision_id for moved in one.outcome.moved),
            *(taken.decision_id for taken in one.outcome.verdicts),
        )
    }
    moves = write.ladder()
    done: list[StageMove] = []
    for measure in MEASURES:
        limit = table.demote.get(measure)
        if limit is None:
            continue
        if measure == "coverage_90":
            places = [("model", name) for name in write.models_serving() if days_closed]
        else:
            places = [("category", name) for name in CATEGORIES if name in touched]
        for key, value in places:
            stands = stage_of(table, moves, key, value)
            if MODE_ORDER.index(stands) <= MODE_ORDER.index(DEMOTED_TO):
                continue
            since = next((m.at for m in moves if (m.key, m.value) == (key, value)), None)
            why = _breach(write, measure, limit, value, since)
            if why is not None:
                move = StageMove(
                    key=key,
                    value=value,
                    stage=DEMOTED_TO,
                    stated=stated(table, key, value),
                    verb="demoted",
                    by=ENGINE,
                    second=None,
                    at=at,
                    reason=why,
                )
                moves = moved_to(moves, move)
                done.append(move)
    for move in done:
        keep_move(write, move)
        stepped_down(write, move)
    return tuple(done)


def _breach(
    write: LedgerWriter, measure: Measure, limit: str, about: str, since: datetime | None
) -> str | None:
    bad, of = write.track_record(measure, about, limit_of(measure, limit).over, since)
    return breach(measure, limit, bad, of)


def keep_move(write: LedgerWriter, move: StageMove, *, note: dict[str, Any] | None = None) -> None:
    """Let a move stand, put it on record, tell it, and open or close its alarm."""
    others = [p for p in write.ladder_proposals() if p["scope"] != move.scope]
    said = {"verb": move.verb, "scope": move.scope, "by": move.by, "second": move.second}
    said |= {"stage": move.stage, "reason": move.reason, **(note or {})}
    write.move_ladder(moved_to(write.ladder(), move), others, said, move.at)
    tell_owner(write, mode_changed(move), move.at)
    standing = [
        alarm
        for alarm in write.alarms()
        if alarm.kind == "demoted" and alarm.closed_at is None and f" {move.scope} " in alarm.text
    ]
    write.close_alarms([alarm.alarm_id for alarm in standing], move.at)
    if move.verb == "demoted":
        write.put_alarms([_alarm(move)])


def mode_changed(move: StageMove) -> dict[str, Any]:
    """A move as it is published: a CloudEvent whose subject is what moved."""
    return {
        "specversion": "1.0",
        "id": short_id("mode", move_json(move)),
        "source": "/replan/engine",
        "type": "mode.changed.v1",
        "time": instant_text(move.at),
        "subject": move.scope,
        "data": move_json(move),
    }


def _alarm(move: StageMove) -> Alarm:
    return Alarm(
        alarm_id=short_id("alarm", ["demoted", move.scope, instant_text(move.at)]),
        kind="demoted",
        scope=AlarmScope(model=move.value if move.key == "model" else None),
        opened_at=move.at,
        closed_at=None,
        text=f"stage of {move.scope} is {move.stage}: {move.reason}",
    )
