"""Was this event id applied before, and with the same content?

One window per key (an item, a site's closes, the executors' answers): the newest 2,048 applied ids,
oldest out first, never by the clock. An id is 16 bytes of a digest of source and id, its content 8
bytes of a digest.
"""

import base64
import hashlib
from collections import deque
from collections.abc import Mapping
from functools import lru_cache

WINDOW_IDS = 2_048
ORIGIN_BYTES = 16
CONTENT_BYTES = 8


# One event asks for its own several times in a row.
@lru_cache(maxsize=64)
def origin_digest(source: str, event_id: str) -> bytes:
    """Sixteen bytes that stand for (source, id)."""
    return hashlib.sha256(f"{source}\n{event_id}".encode()).digest()[:ORIGIN_BYTES]


class IdWindows:
    """The windows of all keys."""

    def __init__(self, size: int = WINDOW_IDS) -> None:
        self._size = size
        self._contents: dict[str, dict[bytes, bytes]] = {}
        self._order: dict[str, deque[bytes]] = {}

    def content_of(self, key: str, origin: bytes) -> bytes | None:
        """The content applied under this id, or None if the window does not hold it."""
        window = self._contents.get(key)
        return None if window is None else window.get(origin)

    def add(self, key: str, origin: bytes, content: bytes) -> None:
        """Remember an id that the window does not hold yet; the oldest leaves a full window."""
        window = self._contents.setdefault(key, {})
        assert origin not in window
        order = self._order.setdefault(key, deque())
        if len(order) == self._size:
            del window[order.popleft()]
        window[origin] = content
        order.append(origin)

    def to_json(self) -> dict[str, str]:
        """Base64 of the rows of 24 bytes, oldest first, by key."""
        return {
            key: base64.b64encode(
                b"".join(origin + self._contents[key][origin] for origin in order)
            ).decode()
            for key, order in sorted(self._order.items())
        }

    @classmethod
    def from_json(cls, state: Mapping[str, str], size: int = WINDOW_IDS) -> "IdWindows":
        """The windows as `to_json` wrote them."""
        windows = cls(size)
        row = ORIGIN_BYTES + CONTENT_BYTES
        for key, text in sorted(state.items()):
            rows = base64.b64decode(text)
            for at in range(0, len(rows), row):
                windows.add(key, rows[at : at + ORIGIN_BYTES], rows[at + ORIGIN_BYTES : at + row])
        return windows
