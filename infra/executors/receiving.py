"""What does an executor do with a command that comes in? Check it, do it once, answer.

    inbox = open_inbox(Path("inbox.db"))
    command = read_command(value, signature, Seal(secret))
    answer = obey(inbox, command, now, lambda: order_truck(command.data))

The answer is the event to send back on `acks`. Whatever happens in between, sending and obeying the
same command again gives the same answer and does nothing twice.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from replan.canonical import digest, short_id
from replan.errors import ReplanError
from replan.infra.executors.execution import answer_event
from replan.infra.executors.inbox import Inbox
from replan.infra.executors.signing import Seal
from replan.infra.executors.ways import COMPENSATE, REQUEST
from replan.units import ActionId


class NotACommand(ReplanError):
    """Not a command, or not signed as agreed: nothing is done and nobody is answered."""


class Refused(ReplanError):
    """Raised by whoever carries a command out: it was not done, and will not be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """A command: `data` as in `action.request.v1`; `sha` is the digest of `data`. `undoes`: the key
    of the command whose action it asks to undo, None for an ordinary one.
    """

    idem: str
    sha: str
    action_id: ActionId
    time: datetime
    not_after: datetime
    data: Mapping[str, Any]
    undoes: str | None


def read_command(
    value: bytes, signature: str | None = None, seal: Seal | None = None
) -> Received | None:
    """The command in these bytes; None for another kind of message, such as a question.

    With a `seal` the signature must be of these bytes. Raises NotACommand.
    """
    if seal is not None and (signature is None or not seal.holds(value, signature)):
        raise NotACommand("a command without a valid signature; nothing was done")
    try:
        event = json.loads(value)
        kind = event["type"]
        if kind not in (REQUEST, COMPENSATE):
            return None
        data = event["data"]
        return Received(
            idem=str(data["idem"]),
            sha=digest(data),
            action_id=ActionId(str(event["subject"])),
            time=_instant(event["time"]),
            not_after=_instant(data["not_after"]),
            data=data,
            undoes=str(data["compensates"]) if kind == COMPENSATE else None,
        )
    except (ValueError, TypeError, LookupError, RecursionError) as wrong:
        raise NotACommand(f"a record that is no command: {wrong!r}") from wrong


def obey(
    inbox: Inbox,
    command: Received,
    now: datetime,
    do: Callable[[], None],
    *,
    source: str = "/executor",
) -> dict[str, Any]:
    """The answer to a command: `action.ack.v1`, or `action.fail.v1` where `do` raises Refused or
    the command's last moment is over at `now` (by the clock that the engine goes by).

    A command that was answered gets that answer again. Raises InboxConflict, having done nothing,
    for another command under a used key: somebody should look at that.
    """

    def carry_out() -> dict[str, Any]:
        reason: str | None = None
        if command.not_after < now:
            reason = "came after its last moment"
        else:
            try:
                do()
            except Refused as refusal:
                reason = str(refusal) or "refused"
        return answer_event(
            event_id=short_id("ack" if reason is None else "fail", command.idem),
            source=source,
            action_id=command.action_id,
            idem=command.idem,
            at=max(now, command.time),
            done=reason is None,
            reason=reason,
        )

    answer: dict[str, Any] = inbox.once(command.idem, command.sha, carry_out)
    return answer


def _instant(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError(f"instant {text!r} has no zone")
    return at
