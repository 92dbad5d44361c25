"""Was this request answered before? A key that whoever asks chose, and what was asked under it.

The first answer to a key is stored with what it did, in one transaction, so the same request sent
twice does one thing, whichever process takes it and whenever it comes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from replan.canonical import canonical_bytes, sha256_hex
from replan.errors import ReplanError
from replan.verdict_result import VerdictResult


class KeyReused(ReplanError):
    """One key with two different requests."""


class AnsweredBefore(ReplanError):
    """The same request came before; `first` is what it was answered."""

    def __init__(self, first: VerdictResult) -> None:
        super().__init__("this request was answered before")
        self.first = first


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestKey:
    """A key of a login, and the hex SHA-256 of the request that it came with."""

    login: str
    key: str
    request_sha: str

    @classmethod
    def of(cls, login: str, key: str, request: Mapping[str, Any]) -> "RequestKey":
        """The key of a request given as plain JSON data."""
        return cls(login=login, key=key, request_sha=sha256_hex(canonical_bytes(dict(request))))

    def same(self, request_sha: str) -> None:
        """KeyReused where the key was used before with another request."""
        if request_sha != self.request_sha:
            raise KeyReused(f"key {self.key} was used before with another request")
