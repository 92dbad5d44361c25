"""Who is asking? Bearer tokens and browser sessions.

A personal token belongs to one login. The shared token is for development: whoever holds it may say
which login they are, so verdicts given with it count only where nobody but this machine can ask.
"""

import hashlib
import hmac
import secrets
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from threading import Lock

from replan.infra.review.office import ReviewOffice

SESSION_SECONDS = 30 * 60
MOST_SESSIONS = 1_000
"""Beyond it the session unused for longest is signed out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who asks. `login` None: a shared token that named nobody, enough to read.

    `csrf`: the token that forms of this browser session carry, "" without a session.
    """

    login: str | None
    personal: bool
    csrf: str = ""


class Sessions:
    """Signed-in browsers, in the memory of this process; `clock` counts seconds, never back."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = Lock()
        self._open: OrderedDict[str, tuple[Identity, float]] = OrderedDict()

    def start(self, login: str, *, personal: bool) -> str:
        """A new session; its id, of 256 random bits."""
        session = secrets.token_urlsafe(32)
        identity = Identity(login=login, personal=personal, csrf=secrets.token_urlsafe(32))
        with self._lock:
            self._open[_hashed(session)] = (identity, self._clock() + SESSION_SECONDS)
            while len(self._open) > MOST_SESSIONS:
                self._open.popitem(last=False)
        return session

    def find(self, session: str) -> Identity | None:
        """Whose session it is; looking keeps it alive for another half hour."""
        with self._lock:
            found = self._open.pop(_hashed(session), None)
            if found is None or self._clock() >= found[1]:
                return None
            self._open[_hashed(session)] = (found[0], self._clock() + SESSION_SECONDS)
            return found[0]

    def end(self, session: str) -> None:
        """Sign out."""
        with self._lock:
            self._open.pop(_hashed(session), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Doors:
    """How one gets in: the shared token, personal tokens, sessions."""

    office: ReviewOffice
    token: str | None
    sessions: Sessions
    cookie: str

    def by_token(self, token: str, login: str | None) -> Identity | None:
        """Who holds this token and calls themselves `login` (None: said nothing)."""
        if self.token is not None and hmac.compare_digest(_hashed(token), _hashed(self.token)):
            return Identity(login=login or None, personal=False)
        owner = self.office.login_of(token)
        if owner is None or login not in (None, "", owner):
            return None
        return Identity(login=owner, personal=True)

    def by_request(
        self, headers: Mapping[str, str], cookies: Mapping[str, str], *, with_cookie: bool
    ) -> Identity | None:
        """Who sent a request; a header that says it wrongly is not made good by a cookie."""
        said = headers.get("authorization")
        if said is not None:
            scheme, _, token = said.partition(" ")
            if scheme.lower() != "bearer" or not token.strip():
                return None
            return self.by_token(token.strip(), headers.get("x-replan-login"))
        session = cookies.get(self.cookie)
        return self.sessions.find(session) if with_cookie and session else None


def _hashed(secret: str) -> str:
    """Only hashes are kept and compared, so timing tells nothing of the secret."""
    return hashlib.sha256(secret.encode()).hexdigest()
