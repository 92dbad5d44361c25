"""Did this command come from our engine? HMAC-SHA256 over its bytes, where a secret is shared.

    signature = "v1=" + hex(HMAC-SHA256(secret, value))

`value` are the bytes as sent: the record's value, or the body of the request (RFC 2104). A copy of
a signed command is still a copy: its key says that it was carried out, its `not_after` that it is
over.
"""

import hashlib
import hmac
from typing import Final

VERSION: Final = "v1="


class Seal:
    """Signs and checks under one secret."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def __repr__(self) -> str:
        return "Seal(…)"

    def sign(self, value: bytes) -> str:
        """The signature of these bytes."""
        return VERSION + hmac.new(self._secret, value, hashlib.sha256).hexdigest()

    def holds(self, value: bytes, signature: str) -> bool:
        """Whether the signature is of these bytes; in constant time."""
        return hmac.compare_digest(self.sign(value).encode(), signature.encode())
