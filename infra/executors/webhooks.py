"""How is a command put to a web address, and what does the answer prove?

A POST of the command's CloudEvent under its key. A target that is declared `idempotent` does a key
once, however often it comes: it is asked again, with pauses, until the command's last moment. Any
other is attempted once, after that was stored; where the answer is lost nobody knows, and a person
or a question to the target must tell.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from replan.canonical import short_id
from replan.infra.executors.execution import answer_event
from replan.infra.executors.ways import Carried, Fate, Leaving
from replan.infra.ledger.rows import OutboxRow
from replan.infra.web_call import Answer, NoAnswer, NotConnected, call
from replan.units import ActionId

CONTENT_TYPE: Final = "application/cloudevents+json; charset=UTF-8"
DONE: Final = frozenset({200, 201, 204})
UNDER_WAY: Final = 202
NOT_LET_IN: Final = frozenset({401, 403, 404, 405, 407, 429})
"""Nothing was done, and it is not about the command: asked again later it may be taken."""
AMBIGUOUS: Final = frozenset({408, 409, 425})
"""Of these 4xx nobody can say that nothing was done: 409 may be the first one, still at work."""
MOST_REASON: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class WebTarget:
    """A web address that carries out actions of some kinds (none named: all that no other has)."""

    name: str
    url: str
    idempotent: bool
    actions: tuple[str, ...] = ()
    private: bool = False
    query_url: str | None = None
    token: str | None = field(default=None, repr=False)


class Webhooks:
    """The `Way` to web targets."""

    def __init__(self, targets: Sequence[WebTarget], seconds: float) -> None:
        self._targets = tuple(targets)
        self._seconds = seconds

    def target_of(self, kind: str) -> WebTarget | None:
        """Who carries out actions of this kind."""
        named = [one for one in self._targets if kind in one.actions]
        rest = [one for one in self._targets if not one.actions]
        return next(iter((*named, *rest)), None)

    def fate(self, row: OutboxRow, *, is_late: bool) -> Fate:
        """Before anything of a target that is asked once leaves it is stored as attempted."""
        target = self.target_of(row.body["kind"])
        repeats = target is not None and target.idempotent
        tried = row.state == "attempted" or (repeats and row.state == "claimed")
        if tried and (is_late or not repeats):
            return "unknown"
        return "expired" if is_late else "go"

    def carry(
        self, commands: Sequence[Leaving], at: datetime, attempt: Callable[[OutboxRow], None]
    ) -> Iterator[list[Carried]]:
        """One after the other, each told as soon as it is known."""
        for one in commands:
            target = self.target_of(one.row.body["kind"])
            if target is None:
                note = f"no target carries out {one.row.body['kind']}"
                yield [Carried(row=one.row, state="failed", note=note)]
            else:
                yield [self._carry(one, target, at, attempt)]

    def _carry(
        self,
        one: Leaving,
        target: WebTarget,
        at: datetime,
        attempt: Callable[[OutboxRow], None],
    ) -> Carried:
        def connected() -> None:
            if not target.idempotent:
                attempt(one.row)

        try:
            answer = call(
                "POST",
                target.url,
                _headers(one, target),
                one.line.encode(),
                seconds=self._seconds,
                private=target.private,
                connected=connected,
            )
        except NotConnected as wrong:
            return Carried(row=one.row, state="later", note=str(wrong))
        except NoAnswer as wrong:
            return _unsure(one.row, target, str(wrong))
        return _read(one.row, target, answer, at)

    def found_out(self, row: OutboxRow, at: datetime) -> Mapping[str, Any] | None:
        """What the target says became of a key, where it can be asked. One that it never saw will
        not be carried out any more once its last moment is over.
        """
        target = self.target_of(row.body["kind"])
        if target is None or target.query_url is None:
            return None
        joint = "&" if "?" in target.query_url else "?"
        url = f"{target.query_url}{joint}idem={row.idem}"
        headers = {} if target.token is None else {"Authorization": f"Bearer {target.token}"}
        try:
            answer = call("GET", url, headers, None, seconds=self._seconds, private=target.private)
        except (NotConnected, NoAnswer):
            return None
        if answer.status == 404 and row.not_after < at:
            return told(row, target, at, done=False, reason="the target never saw it")
        said = _json(answer.body).get("state") if answer.status == 200 else None
        if said not in ("done", "refused"):
            return None
        reason = None if said == "done" else _reason(answer) or "refused"
        return told(row, target, at, done=said == "done", reason=reason)


def _headers(one: Leaving, target: WebTarget) -> dict[str, str]:
    named = {
        f"Replan-{name.replace('_', '-').title()}": value
        for name, value in one.headers.items()
        if name not in ("idem", "trace")
    }
    headers = {
        "Content-Type": CONTENT_TYPE,
        "Idempotency-Key": one.row.idem,
        "traceparent": one.headers["trace"],
        **named,
    }
    if target.token is not None:
        headers["Authorization"] = f"Bearer {target.token}"
    return headers


def _read(row: OutboxRow, target: WebTarget, answer: Answer, at: datetime) -> Carried:
    status = answer.status
    if status in DONE:
        return Carried(row=row, state="sent", events=(told(row, target, at, done=True),))
    if status == UNDER_WAY:
        return Carried(row=row, state="sent")
    said = f"{target.name}: answered {status}"
    if status in NOT_LET_IN:
        return Carried(row=row, state="later" if target.idempotent else "failed", note=said)
    if 400 <= status < 500 and status not in AMBIGUOUS:
        reason = _reason(answer) or f"answered {status}"
        event = told(row, target, at, done=False, reason=reason)
        return Carried(row=row, state="sent", note=said, events=(event,))
    return _unsure(row, target, said)


def _unsure(row: OutboxRow, target: WebTarget, note: str) -> Carried:
    return Carried(row=row, state="again" if target.idempotent else "unknown", note=note)


def told(
    row: OutboxRow, target: WebTarget, at: datetime, *, done: bool, reason: str | None = None
) -> dict[str, Any]:
    """What a target said about a command, as the event that an executor would have sent."""
    return answer_event(
        event_id=short_id("ack" if done else "fail", row.idem),
        source=f"/executor/http/{target.name}",
        action_id=ActionId(row.action_id),
        idem=row.idem,
        at=at,
        done=done,
        reason=reason,
    )


def _reason(answer: Answer) -> str:
    said = _json(answer.body).get("reason")
    text = said if isinstance(said, str) else answer.body.decode("utf-8", "replace")
    return "".join(c if c.isprintable() else " " for c in text)[:MOST_REASON].strip()


def _json(body: bytes) -> Mapping[str, Any]:
    try:
        plain = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return plain if isinstance(plain, dict) else {}
