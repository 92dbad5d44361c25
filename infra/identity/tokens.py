"""Which program speaks for whom? Personal tokens: `rp_`, an id, and 256 random bits.

A token is shown once, when it is made, and kept as a hash. It ends by itself, or when somebody
revokes it, and never does more than its login may. Guessing at one locks it for a while.
"""

import hmac
import re
import secrets
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from threading import Lock
from typing import Final

from replan.errors import ReplanError, UsageError
from replan.infra.desk.incident_record import UNAUTHORISED
from replan.infra.desk.incident_watch import notice
from replan.infra.ledger.doors import TokenRow, hashed
from replan.infra.ledger.store import Ledger

LONGEST: Final = timedelta(days=366)
FAILURES: Final = 5
WITHIN_S: Final = 60.0
LOCKED_S: Final = 15 * 60.0
"""So many wrong secrets for one id within a minute lock it for a quarter of an hour."""
MOST_WATCHED: Final = 10_000

_TOKEN = re.compile(r"rp_([0-9a-f]{12})_([A-Za-z0-9_-]{43})")


class Tokens:
    """The personal tokens of a ledger; `clock` counts seconds and never goes back."""

    def __init__(self, ledger: Ledger, clock: Callable[[], float] = time.monotonic) -> None:
        self._ledger = ledger
        self._clock = clock
        self._lock = Lock()
        self._failed: dict[str, deque[float]] = {}

    def make(self, login: str, life: timedelta) -> tuple[str, TokenRow]:
        """A new token for a login: the token itself, which nobody can read again, and its row.
        UsageError for a life that is none or too long.
        """
        if not timedelta(0) < life <= LONGEST:
            raise UsageError(f"a token may live from 1 to {LONGEST.days} days")
        token_id, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
        with self._ledger.transaction() as write:
            row = write.add_token(token_id, login, secret, life)
        return f"rp_{token_id}_{secret}", row

    def revoke(self, token_id: str) -> TokenRow:
        """End a token at once; UsageError for one that there is not."""
        with self._ledger.transaction() as write:
            row = write.revoke_token(token_id)
        if row is None:
            raise UsageError(f"there is no token {token_id}")
        return row

    def all(self) -> tuple[TokenRow, ...]:
        """Every token that was ever made, by when it was."""
        return self._ledger.tokens()

    def login_of(self, token: str) -> str | None:
        """Whose token this is; None for one that does not hold (any more) or is locked."""
        parts = _TOKEN.fullmatch(token)
        if parts is None or self._is_locked(parts[1]):
            return None
        row = self._ledger.token(parts[1])
        if row is None:
            return None
        if not hmac.compare_digest(row.secret_sha, hashed(parts[2])):
            self._note_failure(parts[1])
            return None
        holds = row.revoked_at is None and self._ledger.now() < row.ends
        return row.login if holds else None

    def _is_locked(self, token_id: str) -> bool:
        with self._lock:
            failed = self._failed.get(token_id)
            if failed is None or len(failed) < FAILURES:
                return False
            # The newest five lay within a minute when the last of them came.
            close = failed[-1] - failed[0] < WITHIN_S
            return close and self._clock() - failed[-1] < LOCKED_S

    def _note_failure(self, token_id: str) -> None:
        with self._lock:
            failed = self._failed.setdefault(token_id, deque(maxlen=FAILURES))
            failed.append(self._clock())
            while len(self._failed) > MOST_WATCHED:
                del self._failed[next(iter(self._failed))]
        if self._is_locked(token_id):
            # Whoever only reads the ledger lets nobody in either.
            with suppress(ReplanError), self._ledger.transaction() as write:
                said = f"{FAILURES} wrong secrets in a minute: locked for {LOCKED_S / 60:g} minutes"
                write.note_door({"token": "locked"}, token_id)
                notice(write, UNAUTHORISED, f"token={token_id}", said)
