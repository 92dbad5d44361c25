"""Who carries an action out? The port to order and transport systems, and one that says yes.

An executor is asked once for each tick of the clock. What it answers (acks, receipts, stock that
moved) are CloudEvents and become facts of the next tick.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol, runtime_checkable

from replan.canonical import short_id
from replan.effects import Command
from replan.events import SaleRecorded
from replan.units import ActionId, instant_text

FILE_EXECUTOR = "/executor/file"


class Executor(Protocol):
    """Carries out commands, each key once, and tells what came of them."""

    def advance(
        self, at: datetime, sales: Sequence[SaleRecorded], commands: Sequence[Command]
    ) -> tuple[dict[str, Any], ...]:
        """Take the commands released at the clock `at` and the sales that arrived up to it.

        `sales`: those not handed over at an earlier clock. Returns CloudEvents whose `time` is
        `at` or earlier, with ids that are the same each time. Asked again for the same `at`, as
        after a crash, it answers the same and does nothing twice; what comes on top then is taken
        in.
        """
        ...


@runtime_checkable
class Respondent(Protocol):
    """An executor that also hears the questions that are out, and may answer them."""

    def hear(self, at: datetime, questions: Sequence[Mapping[str, Any]]) -> None:
        """Every question that is out at the clock `at`, as in `clarification` of its decision with
        `decision_id` and `actions` as published; the same ones again at each clock until they are
        answered or over. An answer is a `clarification.answered.v1` among what `advance` returns.
        """
        ...


class FileExecutor:
    """Acknowledges every command as it comes; who carries it out reads the out files."""

    def advance(
        self, at: datetime, sales: Sequence[SaleRecorded], commands: Sequence[Command]
    ) -> tuple[dict[str, Any], ...]:
        """One `action.ack.v1` a command, in order."""
        return tuple(
            answer_event(
                event_id=short_id("ack", command.idem),
                source=FILE_EXECUTOR,
                action_id=command.action_id,
                idem=command.idem,
                at=at,
                done=True,
            )
            for command in commands
        )


class AnsweredElsewhere:
    """Executors that answer by events of their own, or where they are called: nobody to ask."""

    def advance(
        self, at: datetime, sales: Sequence[SaleRecorded], commands: Sequence[Command]
    ) -> tuple[dict[str, Any], ...]:
        """Nothing; what they say comes in by another way."""
        return ()


def answer_event(
    *,
    event_id: str,
    source: str,
    action_id: ActionId,
    idem: str,
    at: datetime,
    done: bool,
    reason: str | None = None,
) -> dict[str, Any]:
    """`action.ack.v1` (done) or `action.fail.v1` (refused, nothing done) about one action."""
    return {
        "specversion": "1.0",
        "id": event_id,
        "source": source,
        "type": "action.ack.v1" if done else "action.fail.v1",
        "time": instant_text(at),
        "subject": action_id,
        "correlationid": action_id,
        "data": {"idem": idem, "at": instant_text(at), "reason": reason},
    }
