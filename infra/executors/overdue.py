"""Which commands had no final answer in time? Each is an alarm until one comes.

It stands for what was sent and not answered, what may have been carried out without anyone being
able to say, and what could not be sent. It is open from the moment the answer was due, whenever
that is noticed.
"""

from datetime import datetime, timedelta

from replan.alarms import Alarm, AlarmScope
from replan.canonical import short_id
from replan.infra.ledger.rows import OutboxRow
from replan.infra.ledger.store import Ledger
from replan.units import instant_text


def watch_overdue(ledger: Ledger, at: datetime, ack_timeout: timedelta, executor: str) -> None:
    """Open and close the alarms of overdue commands as they stand at the clock `at`."""
    waiting = {row.idem: row for row in ledger.unanswered_outbox(at - ack_timeout)}
    standing = ledger.open_alarms("ack_overdue", _source(executor))
    due = [_alarm(row, ack_timeout, executor) for _, row in sorted(waiting.items())]
    known = {alarm.alarm_id for alarm in standing}
    news = [alarm for alarm in due if alarm.alarm_id not in known]
    still = {alarm.alarm_id for alarm in due}
    over = [alarm for alarm in standing if alarm.alarm_id not in still]
    if news or over:
        with ledger.transaction() as write:
            write.put_alarms(news)
            write.close_alarms([alarm.alarm_id for alarm in over], at)


def _alarm(row: OutboxRow, ack_timeout: timedelta, executor: str) -> Alarm:
    since = row.claimed_at or row.created_at
    said = f": {row.note}" if row.note else ""
    return Alarm(
        alarm_id=short_id("alarm", ["ack_overdue", row.idem]),
        kind="ack_overdue",
        scope=AlarmScope(
            item=row.body.get("item"), site=row.body.get("to"), source=_source(executor)
        ),
        opened_at=since + ack_timeout,
        closed_at=None,
        text=(
            f"action {row.action_id} of {row.decision_id} is {row.state} since "
            f"{instant_text(since)} and has no final answer{said}"
        ),
    )


def _source(executor: str) -> str:
    return f"executor:{executor}"
