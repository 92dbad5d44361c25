"""Was this event id applied before, with the same content, and is it still to be taken back?

One window per key (an item, a site's closes, the executors' answers): the newest 2,048 applied ids,
oldest out first, never by the clock. An id is 16 bytes of a digest of source and id, its content 8
bytes of a digest, and 8 bytes say when it happened: a correction repeats everything but that.
"""

import base64
import hashlib
from collections import deque
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple

WINDOW_IDS = 2_048
ORIGIN_BYTES = 16
CONTENT_BYTES = 8
WHEN_BYTES = 8

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICRO = timedelta(microseconds=1)


class Applied(NamedTuple):
    """What the window holds of an id: its content, when it happened, whether it was taken back."""

    content: bytes
    occurred_at: datetime
    is_corrected: bool


# One event asks for its own several times in a row.
@lru_cache(maxsize=64)
def origin_digest(source: str, event_id: str) -> bytes:
    """Sixteen bytes that stand for (source, id)."""
    return hashlib.sha256(f"{source}\n{event_id}".encode()).digest()[:ORIGIN_BYTES]


class IdWindows:
    """The windows of all keys."""

    def __init__(self, size: int = WINDOW_IDS) -> None:
        self._size = size
        self._rows: dict[str, dict[bytes, bytes]] = {}
        self._order: dict[str, deque[bytes]] = {}
        self._corrected: dict[str, set[bytes]] = {}

    def content_of(self, key: str, origin: bytes) -> bytes | None:
        """The content applied under this id, or None if the window does not hold it."""
        window = self._rows.get(key)
        row = None if window is None else window.get(origin)
        return None if row is None else row[:CONTENT_BYTES]

    def applied(self, key: str, origin: bytes) -> Applied | None:
        """What was applied under this id, or None if the window does not hold it."""
        row = self._rows.get(key, {}).get(origin)
        if row is None:
            return None
        return Applied(
            content=row[:CONTENT_BYTES],
            occurred_at=_moment(row),
            is_corrected=origin in self._corrected.get(key, ()),
        )

    def add(self, key: str, origin: bytes, content: bytes, at: datetime) -> datetime | None:
        """Remember an id that the window does not hold yet, and when it happened. The oldest leaves
        a full window: when that one happened, None if none had to leave.
        """
        window = self._rows.setdefault(key, {})
        assert origin not in window
        order = self._order.setdefault(key, deque())
        left = None
        if len(order) == self._size:
            oldest = order.popleft()
            left = _moment(window.pop(oldest))
            self._corrected.get(key, set()).discard(oldest)
        window[origin] = content + ((at - _EPOCH) // _MICRO).to_bytes(WHEN_BYTES, "big")
        order.append(origin)
        return left

    def is_full(self, key: str) -> bool:
        """Whether the next id makes one leave: only then one may have left already."""
        return len(self._order.get(key, ())) == self._size

    def correct(self, key: str, origin: bytes) -> None:
        """An applied event is taken back; its id stays, so that it cannot come again."""
        assert origin in self._rows[key]
        self._corrected.setdefault(key, set()).add(origin)

    def to_json(self) -> dict[str, list[str]]:
        """By key: base64 of the rows of 32 bytes, oldest first, and of the origins taken back."""
        return {
            key: [
                _text(b"".join(origin + self._rows[key][origin] for origin in order)),
                _text(b"".join(sorted(self._corrected.get(key, ())))),
            ]
            for key, order in sorted(self._order.items())
        }

    @classmethod
    def from_json(cls, state: Mapping[str, list[str]], size: int = WINDOW_IDS) -> "IdWindows":
        """The windows as `to_json` wrote them."""
        windows = cls(size)
        row = ORIGIN_BYTES + CONTENT_BYTES + WHEN_BYTES
        for key, (held, corrected) in sorted(state.items()):
            rows = _cut(base64.b64decode(held), row)
            windows._rows[key] = {part[:ORIGIN_BYTES]: part[ORIGIN_BYTES:] for part in rows}
            windows._order[key] = deque(windows._rows[key])
            windows._corrected[key] = set(_cut(base64.b64decode(corrected), ORIGIN_BYTES))
        return windows


def _moment(row: bytes) -> datetime:
    return _EPOCH + int.from_bytes(row[CONTENT_BYTES:], "big") * _MICRO


def _text(rows: bytes) -> str:
    return base64.b64encode(rows).decode()


def _cut(rows: bytes, size: int) -> list[bytes]:
    return [rows[at : at + size] for at in range(0, len(rows), size)]
