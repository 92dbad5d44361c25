"""How does a process that runs for months tell what it does? One JSON object a line, on stderr.

A value with a line break in it, such as a planner's note, stays one line, and a secret never stands
in any: what the environment holds as one is masked wherever it turns up.
"""

import json
import logging
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Final, TextIO

from replan.units import instant_text

LOG: Final = logging.getLogger("replan")

MASK: Final = "***"


def tell(event: str, level: int = logging.INFO, **fields: Any) -> None:
    """Log a constant event name with its fields, plain JSON values."""
    LOG.log(level, event, extra={"fields": fields})


class JsonLines(logging.Formatter):
    """One JSON object a record: `at`, `level`, `event`, the record's fields, `error` where one was
    logged, and for other libraries the `logger`. `secrets` are masked.
    """

    def __init__(self, secrets: Sequence[str] = ()) -> None:
        super().__init__()
        # The longest first: one may begin with another.
        self._secrets = sorted({s for s in secrets if s}, key=lambda s: (-len(s), s))

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end."""
        at = instant_text(datetime.fromtimestamp(record.created, UTC))
        row: dict[str, Any] = {
            "at": at,
            "level": record.levelname.lower(),
            "event": self._masked(record.getMessage()),
        }
        if record.name != LOG.name:
            row["logger"] = record.name
        fields: Mapping[str, Any] = getattr(record, "fields", {})
        row |= {name: self._masked(value) for name, value in fields.items()}
        if record.exc_info:
            row["error"] = self._masked(self.formatException(record.exc_info))
        return json.dumps(row, default=str)

    def _masked(self, value: Any) -> Any:
        if isinstance(value, str):
            for secret in self._secrets:
                value = value.replace(secret, MASK)
            return value
        if isinstance(value, Mapping):
            return {str(name): self._masked(one) for name, one in value.items()}
        if isinstance(value, list | tuple):
            return [self._masked(one) for one in value]
        if value is None or isinstance(value, bool | int | float):
            return value
        return self._masked(str(value))


class PlainLines(JsonLines):
    """The same for a person who waits for a run to end: the event, then its fields."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end."""
        row = json.loads(super().format(record))
        fields = {k: v for k, v in row.items() if k not in ("at", "level", "event", "logger")}
        told = ", ".join(f"{name} {value}" for name, value in fields.items())
        return f"{row['event']}: {told}" if told else str(row["event"])


@contextmanager
def logging_to_stderr(
    secrets: Sequence[str], *, as_json: bool, stream: TextIO | None = None
) -> Iterator[None]:
    """Inside the block what is logged goes to stderr (or to `stream`), warnings and worse; as JSON
    also what is merely worth telling of our own.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonLines(secrets) if as_json else PlainLines(secrets))
    root = logging.getLogger()
    level, mine = root.level, LOG.level
    # It blames whatever it runs for each tenth of a second, of which a busy machine is full.
    logging.getLogger("kafka.net.selector").setLevel(logging.ERROR)
    root.addHandler(handler)
    root.setLevel(logging.WARNING)
    LOG.setLevel(logging.INFO if as_json else logging.WARNING)
    try:
        yield
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
        LOG.setLevel(mine)
