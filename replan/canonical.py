"""How is a value written down so that equal values have equal bytes and equal hashes?

Canonical JSON in the manner of RFC 8785: keys sorted, no white space, UTF-8, no NaN or infinity.
Money and quantities are integers; floats appear only where a number is a probability or a forecast
and are rounded before they come here, so their shortest text is the same on every machine.
"""

import hashlib
import json
from typing import Any

_ENCODER = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
)


def canonical_bytes(value: Any) -> bytes:
    """Canonical JSON bytes of plain data (dict, list, tuple, str, int, float, bool, None)."""
    return _ENCODER.encode(value).encode()


def sha256_hex(data: bytes) -> str:
    """Lower-case hex SHA-256."""
    return hashlib.sha256(data).hexdigest()


def digest(value: Any) -> str:
    """`sha256:<hex>` of the canonical JSON of a value."""
    return "sha256:" + sha256_hex(canonical_bytes(value))


def short_id(prefix: str, value: Any) -> str:
    """A readable id derived from content: prefix and 20 hex digits (80 bits)."""
    return f"{prefix}-{sha256_hex(canonical_bytes(value))[:20]}"


def seed_from(value: Any) -> int:
    """A 64-bit seed derived from content, for generators that must give the same draws again."""
    return int(sha256_hex(canonical_bytes(value))[:16], 16)
