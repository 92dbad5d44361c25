"""When was the boundary looked at last? A review is due each quarter, by itself, and told.

A quarter after the first tick that decides, or after the last review, `review.due.v1` is announced;
two weeks later an alarm `review` stands until a process owner says what was found. Where it stands
is kept in the ledger, so that a run which comes back asks no second time.
"""

from datetime import datetime, timedelta
from typing import Any, Final

from replan.alarms import Alarm, AlarmScope
from replan.canonical import short_id
from replan.errors import NotSo, UsageError
from replan.infra.desk.owner_told import tell_owner
from replan.infra.desk.stop_switch import checked_reason
from replan.infra.ledger.store import Ledger
from replan.infra.ledger.writer import LedgerWriter
from replan.people import DEFAULT_RECIPIENT, PROCESS_OWNER, People
from replan.units import instant_text

QUARTER: Final = timedelta(days=91)
GRACE: Final = timedelta(days=14)

REVIEW: Final = "review"
"""Under this key the ledger keeps since when the quarter counts, and what was told of it."""


def remind(write: LedgerWriter, at: datetime) -> None:
    """Say at a tick that a review is due, or overdue; once each."""
    kept = write.control(REVIEW)
    if kept is None:
        write.set_control(REVIEW, {"since": instant_text(at), "told": None})
        return
    since = datetime.fromisoformat(kept["since"])
    if kept["told"] is None and at >= since + QUARTER:
        tell_owner(write, _due(since, at), at)
        write.set_control(REVIEW, {**kept, "told": "due"})
    elif kept["told"] == "due" and at >= since + QUARTER + GRACE:
        write.put_alarms([_alarm(since, at)])
        write.set_control(REVIEW, {**kept, "told": "overdue"})


def reviewed(ledger: Ledger, people: People, *, login: str, finding: str) -> dict[str, Any]:
    """A process owner has looked at the boundary; the quarter begins anew. UsageError for an
    unknown login, NotSo for one without the role, or before the first tick.
    """
    said = checked_reason(finding)
    if people.get(login) is None:
        raise UsageError(f"login {login!r} is not in planners.yaml")
    if not people.has_role(login, PROCESS_OWNER):
        raise NotSo(f"{login} is no {PROCESS_OWNER}")
    with ledger.transaction() as write:
        at, kept = write.clock(), write.control(REVIEW)
        if at is None or kept is None:
            raise NotSo("nothing has run here yet, so there is nothing to review")
        told = {"verb": "review", "login": login, "finding": said, "since": kept["since"]}
        write.note_ladder(told, at)
        standing = [a for a in write.alarms() if a.kind == "review" and a.closed_at is None]
        write.close_alarms([alarm.alarm_id for alarm in standing], at)
        write.set_control(REVIEW, {"since": instant_text(at), "told": None})
    due = instant_text(at + QUARTER)
    return {"login": login, "at": instant_text(at), "finding": said, "next_due": due}


def _due(since: datetime, at: datetime) -> dict[str, Any]:
    data = {
        "recipient": DEFAULT_RECIPIENT,
        "since": instant_text(since),
        "overdue_at": instant_text(since + QUARTER + GRACE),
        "text": "the boundary was not reviewed for a quarter: look at volume, velocity, errors, "
        "overrides and stages, and say what was found",
    }
    return {
        "specversion": "1.0",
        "id": short_id("review", data),
        "source": "/replan/engine",
        "type": "review.due.v1",
        "time": instant_text(at),
        "subject": "authority",
        "data": data,
    }


def _alarm(since: datetime, at: datetime) -> Alarm:
    return Alarm(
        alarm_id=short_id("alarm", ["review", instant_text(since)]),
        kind="review",
        scope=AlarmScope(),
        opened_at=at,
        closed_at=None,
        text=f"the boundary was last reviewed {since.date()}; a review each quarter is overdue",
    )
