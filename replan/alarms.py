"""Which troubles with feeds and models are open, and since when?

An alarm has a kind, a scope and a beginning; as long as the trouble lasts it is one alarm, however
often it is noticed. It ends when it is over, or by itself when nothing was heard of it any more.
What was opened or closed since the last tick is news for the ledger.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any, Literal

from replan.canonical import short_id
from replan.units import instant_text

AlarmKind = Literal[
    "bias",
    "coverage",
    "freshness",
    "dlq_rate",
    "id_conflict",
    "clock",
    "id_window",
    "model",
    "solver",
    "data_loss",
    "ack_overdue",
    "demoted",
    "review",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmScope:
    """What an alarm is about; None where it is not about one."""

    item: str | None = None
    site: str | None = None
    model: str | None = None
    source: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """One trouble: open while `closed_at` is None."""

    alarm_id: str
    kind: AlarmKind
    scope: AlarmScope
    opened_at: datetime
    closed_at: datetime | None
    text: str


@dataclass(slots=True, kw_only=True)
class AlarmBook:
    """The open alarms by kind and scope, when each ends by itself, and what is new."""

    standing: dict[str, Alarm] = field(default_factory=dict)
    ends: dict[str, datetime] = field(default_factory=dict)
    news: list[Alarm] = field(default_factory=list)

    def open(
        self,
        kind: AlarmKind,
        scope: AlarmScope,
        at: datetime,
        text: str,
        until: datetime | None = None,
    ) -> None:
        """Open an alarm at an instant, or let a standing one last; `until`: when it ends by
        itself if it is not heard of again (None: it is closed by whoever opened it).
        """
        key = _key(kind, scope)
        if until is not None:
            self.ends[key] = max(until, self.ends.get(key, until))
        if key in self.standing:
            return
        made = Alarm(
            alarm_id=short_id("alarm", [kind, asdict(scope), instant_text(at)]),
            kind=kind,
            scope=scope,
            opened_at=at,
            closed_at=None,
            text=text,
        )
        self.standing[key] = made
        self.news.append(made)

    def close(self, kind: AlarmKind, scope: AlarmScope, at: datetime) -> None:
        """The trouble is over; nothing where there is no such alarm."""
        key = _key(kind, scope)
        self.ends.pop(key, None)
        made = self.standing.pop(key, None)
        if made is not None:
            self.news.append(replace(made, closed_at=at))

    def scopes(self, kind: AlarmKind) -> list[AlarmScope]:
        """What the open alarms of a kind are about, sorted."""
        return [a.scope for _, a in sorted(self.standing.items()) if a.kind == kind]

    def stands(self, kind: AlarmKind, scope: AlarmScope) -> bool:
        """Whether such an alarm is open."""
        return _key(kind, scope) in self.standing

    def pass_time(self, at: datetime) -> None:
        """Close what ends by itself up to an instant."""
        for key, until in sorted(self.ends.items()):
            if until <= at:
                made = self.standing[key]
                self.close(made.kind, made.scope, until)

    def take_news(self) -> tuple[Alarm, ...]:
        """What was opened or closed since this was asked last."""
        news, self.news = tuple(self.news), []
        return news


def alarm_json(alarm: Alarm) -> dict[str, Any]:
    """An alarm as `status` prints it."""
    return {
        "alarm_id": alarm.alarm_id,
        "kind": alarm.kind,
        "scope": asdict(alarm.scope),
        "opened_at": instant_text(alarm.opened_at),
        "closed_at": None if alarm.closed_at is None else instant_text(alarm.closed_at),
        "text": alarm.text,
    }


def alarm_from_json(plain: Mapping[str, Any]) -> Alarm:
    """The alarm that `alarm_json` wrote."""
    closed = plain["closed_at"]
    return Alarm(
        **{
            **plain,
            "scope": AlarmScope(**plain["scope"]),
            "opened_at": datetime.fromisoformat(plain["opened_at"]),
            "closed_at": None if closed is None else datetime.fromisoformat(closed),
        }
    )


def book_json(book: AlarmBook) -> dict[str, Any]:
    """The open alarms as plain JSON data; between ticks there is no news."""
    assert not book.news, "news of alarms is handed on with the tick that made it"
    return {
        "standing": {key: alarm_json(alarm) for key, alarm in sorted(book.standing.items())},
        "ends": {key: instant_text(until) for key, until in sorted(book.ends.items())},
    }


def book_from_json(plain: Mapping[str, Any]) -> AlarmBook:
    """The book that `book_json` wrote."""
    return AlarmBook(
        standing={key: alarm_from_json(row) for key, row in plain["standing"].items()},
        ends={key: datetime.fromisoformat(until) for key, until in plain["ends"].items()},
    )


def _key(kind: AlarmKind, scope: AlarmScope) -> str:
    return "|".join((kind, *(str(value or "") for value in asdict(scope).values())))
