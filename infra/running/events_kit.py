"""What would the engine say to these events? The producer's kit: offline verdicts and JSON Schemas.

`check` uses the same codec and intake as a run, with a fresh memory, and judges events in the order
of the file: the clock of an event is the newest arrival accepted before it.
"""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from replan.errors import UsageError
from replan.network import Network
from replan.streams.codec import Decoder
from replan.streams.file_source import decode_line, read_lines
from replan.streams.intake import Intake, TypicalDaily
from replan.streams.messages import STATUSES, Reply
from replan.streams.schemas import DATA_MODELS, json_schema

VERDICTS_OF_FAILURE = frozenset({"REJECTED", "QUARANTINED"})
"""If any event has one of these, the check as a whole has failed."""


def check(
    path: Path,
    *,
    network: Network | None,
    lateness: timedelta,
    max_jump: timedelta,
    typical_daily: TypicalDaily | None = None,
    state: Mapping[str, Any] | None = None,
) -> Iterator[dict[str, Any]]:
    """One object per event of a .jsonl or .jsonl.gz file, in its order.

    Keys: line, id, type, status, code, pointer, sha256. `typical_daily` (from the ledger) is needed
    to call a sale `suspect`; `state` is an intake's state to start from. Raises UsageError if the
    file cannot be read.
    """
    decoder = Decoder(None)
    intake = Intake(
        lateness=lateness,
        max_jump=max_jump,
        typical_daily=typical_daily,
        network=network,
        state=state,
    )
    for line in read_lines(path):
        for result in decode_line(decoder, line, path.name):
            yield reply_json(intake.take(result).reply)


def reply_json(reply: Reply) -> dict[str, Any]:
    """A reply as `events check` prints it."""
    return {
        "line": reply.place.line,
        "id": reply.event_id,
        "type": reply.type,
        "status": reply.status,
        "code": reply.code,
        "pointer": reply.pointer,
        "sha256": reply.sha256,
    }


def summary(counts: Mapping[str, int]) -> str:
    """How many events got which status, in words."""
    total = sum(counts.values())
    parts = [f"{counts[status]} {status}" for status in STATUSES if counts.get(status)]
    return f"{total} event{'' if total == 1 else 's'}: {', '.join(parts) or 'nothing to judge'}"


def schemas(kind: str | None = None) -> Iterator[dict[str, Any]]:
    """The JSON Schema of one event type, or of all; raises UsageError for an unknown type."""
    if kind is not None and kind not in DATA_MODELS:
        raise UsageError(f"event type {kind!r} is not one of {', '.join(sorted(DATA_MODELS))}")
    for name in sorted(DATA_MODELS) if kind is None else (kind,):
        yield json_schema(name)
