"""Who is asking? Bearer tokens, browser sessions, and whoever the provider of identity vouches for.

A personal token belongs to one login. The token of a run is for one's own machine: whoever holds it
may say which login they are, so it is not taken where others can ask. A session is kept by the hash
of its secret, and each request looks anew whether its login may still be here.
"""

import hashlib
import hmac
import secrets
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from replan.infra.identity.addresses import client_of
from replan.infra.identity.book import Book
from replan.infra.identity.grafana_broker import DECISION
from replan.infra.identity.provider import Provider, Vouched, WayIn
from replan.infra.review.office import ReviewOffice
from replan.infra.workspace.review_settings import Review

DEV = "dev"
"""The provider behind the token of a run."""
TOKEN = "token"
"""The provider behind personal tokens."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who asks. `login` None: a shared token that named nobody, enough to read.

    `csrf`: the token that forms of this browser session carry, "" without a session. `provider`
    vouched for the login, `client` is the address that asks, `session` names the session.
    """

    login: str | None
    personal: bool
    csrf: str = ""
    provider: str = DEV
    org: str = ""
    client: str = ""
    session: str = ""
    starts_session: bool = False
    """Whether the request itself says who asks, and a browser needs a session for its forms."""

    def via(self, key: str) -> dict[str, str]:
        """How the login was known, as it goes on record with what it does."""
        plain = {
            "provider": self.provider,
            "org": self.org,
            "client": self.client,
            "session": self.session,
            "key": key,
        }
        return {name: value for name, value in plain.items() if value}


@dataclass(frozen=True, slots=True, kw_only=True)
class Doors:
    """How one gets in: the token of this run, personal tokens, sessions, a provider of identity.

    `token` None: no token of this run; `provider` None: nobody else vouches.
    """

    office: ReviewOffice
    token: str | None
    provider: Provider | None
    review: Review
    loopback: bool

    @property
    def book(self) -> Book:
        """Where sessions and tickets are kept."""
        return self.office.book

    @property
    def over_tls(self) -> bool:
        """Whether browsers come over TLS: everywhere but on this machine."""
        return self.review.uses_tls or not (self.loopback or self.review.public_url)

    @property
    def cookie(self) -> str:
        """Name of the cookie; over TLS one that no other host name can set."""
        return "__Host-replan_session" if self.over_tls else "replan_session"

    @property
    def counted(self) -> bool:
        """Whether requests are counted: where others than the one at this machine may come."""
        return self.provider is not None or not self.loopback

    def admits(self, login: str) -> bool:
        """Whether this is an active login of planners.yaml that has a role."""
        planner = self.office.people.get(login)
        return planner is not None and planner.active and bool(planner.roles)

    def has(self, decision_id: str) -> bool:
        """Whether there is a decision of that id."""
        return self.office.decision(decision_id) is not None

    def client(self, request: Request) -> str:
        """The address that asks, behind whatever proxies are trusted."""
        return client_of(request, self.review.trusted_proxies)

    def address(self, request: Request) -> str:
        """Where browsers reach the pages."""
        host, port = request.scope.get("server") or ("127.0.0.1", None)
        name = f"[{host}]" if ":" in host else host
        return self.review.public_url or f"http://{name}" + (f":{port}" if port else "")

    def own_path(self, path: str) -> str:
        """Where to go after signing in: the queue or a case, never another site."""
        path = path.removesuffix("/verdict")
        case = path.removeprefix("/review/")
        return path if path != case and DECISION.fullmatch(case) else "/"

    def is_own(self, origin: str, host: str) -> bool:
        """Whether a form was sent by a page of ours."""
        public = self.review.public_url
        return origin == public if public else origin.partition("://")[2] == host != ""

    def let_in(self, vouched: Vouched, path: str) -> Response:
        """A new session, and on to a page of ours."""
        secret = self.book.start(vouched.login, vouched.provider, vouched.org, vouched.client)
        answer = RedirectResponse(path, status_code=303)
        answer.set_cookie(
            self.cookie,
            secret,
            max_age=self.review.session_minutes * 60,
            httponly=True,
            samesite="lax",
            secure=self.over_tls,
        )
        return answer

    def begin(self, who: Identity, path: str) -> Response:
        """A session for somebody whom each request names."""
        assert who.login is not None, "who is vouched for has a login"
        vouched = Vouched(login=who.login, provider=who.provider, org=who.org, client=who.client)
        return self.let_in(vouched, path)

    def sign_out(self, request: Request) -> None:
        """End the session of a browser."""
        self.book.end(request.cookies.get(self.cookie, ""))

    def way_in(self, path: str) -> WayIn:
        """How a browser that nobody knows gets in."""
        if self.provider is None:
            return WayIn(form=True)
        way = self.provider.way_in(path)
        # On one's own machine the token of the run works beside it.
        return way if self.token is None else WayIn(form=True, text=way.text, link=way.link)

    def by_token(self, token: str, login: str | None, client: str = "") -> Identity | None:
        """Who holds this token and calls themselves `login` (None: said nothing)."""
        if self.token is not None and hmac.compare_digest(_hashed(token), _hashed(self.token)):
            return Identity(login=login or None, personal=False, client=client)
        owner = self.office.login_of(token)
        if owner is None or login not in (None, "", owner) or not self.admits(owner):
            return None
        return Identity(login=owner, personal=True, provider=TOKEN, client=client)

    def by_request(self, request: Request, *, with_cookie: bool) -> Identity | None:
        """Who sent a request; a header that says it wrongly is not made good by a cookie."""
        client = self.client(request)
        said = request.headers.get("authorization")
        if said is not None:
            scheme, _, token = said.partition(" ")
            if scheme.lower() != "bearer" or not token.strip():
                return None
            return self.by_token(token.strip(), request.headers.get("x-replan-login"), client)
        if not with_cookie:
            # A browser sends along what the proxy adds, also with what another site made it send.
            return None
        secret = request.cookies.get(self.cookie)
        found = self._by_session(request, secret, client) if secret else None
        if found is not None or self.provider is None:
            return found
        vouched = self.provider.of_request(request, self)
        return None if vouched is None else _identity(vouched)

    def _by_session(self, request: Request, secret: str, client: str) -> Identity | None:
        row = self.book.find(secret) if len(secret) <= 128 else None
        if row is None or not self.admits(row.login):
            return None
        if row.provider == DEV:
            if self.token is None:
                return None
        elif row.provider != TOKEN:
            mine = self.provider
            if mine is None or mine.name != row.provider:
                return None
            if not mine.holds(request, self, row.login):
                return None
        return Identity(
            login=row.login,
            personal=row.provider != DEV,
            csrf=_csrf(secret),
            provider=row.provider,
            org=row.org,
            client=client,
            session=row.secret_sha[:16],
        )


def _identity(vouched: Vouched) -> Identity:
    return Identity(
        login=vouched.login,
        personal=True,
        provider=vouched.provider,
        org=vouched.org,
        client=vouched.client,
        starts_session=True,
    )


def _csrf(secret: str) -> str:
    """The token of a session's forms; it tells nothing of the session's secret."""
    return hmac.new(secret.encode(), b"replan form", hashlib.sha256).hexdigest()


def new_token() -> str:
    """A token for one run."""
    return secrets.token_urlsafe(24)


def _hashed(secret: str) -> str:
    """Only hashes are compared, so timing tells nothing of the secret."""
    return hashlib.sha256(secret.encode()).hexdigest()
