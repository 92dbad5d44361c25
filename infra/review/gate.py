"""Which requests may come in at all? Checked for every path, before any route looks at it.

Everything needs an identity unless it is listed as open: a new route is closed until somebody
opens it.
"""

import re
from collections.abc import Callable
from urllib.parse import quote, urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from replan.errors import LedgerBusy
from replan.infra.identity.grafana_broker import PREFIX
from replan.infra.identity.provider import TurnedAway
from replan.infra.review.limits import Limit
from replan.infra.review.sessions import Doors
from replan.infra.workspace.review_settings import LOCAL_NAMES

MAX_BODY_BYTES = 1024 * 1024
MAX_PATH = 256

OPEN = re.compile(r"/(healthz|readyz|openapi\.json|login|static/[a-z]+\.(css|js|svg))")
"""What anybody may ask for."""

METRICS = "/metrics"
"""Monitors of this machine may ask; those of others show a token."""

SWITCH = frozenset({"/api/stop", "/api/resume"})
"""Whoever has to stop the engine is never asked to wait."""

POLICY = (
    b"default-src 'self'; script-src 'self'; object-src 'none'; base-uri 'none'; "
    b"form-action 'self'; frame-ancestors 'none'"
)
HEADERS = (
    (b"content-security-policy", POLICY),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    # With no-referrer a browser would send `Origin: null` with our own forms.
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
)


class Gate:
    """The first to see a request and the last to see an answer.

    Refuses odd paths and foreign host names (400), bodies over 1 MiB (413), forms that another
    site sent (403), whoever asks too much (429) and whoever is nobody (401). What the provider of
    identity answers itself never reaches a route.
    """

    def __init__(
        self,
        app: ASGIApp,
        doors: Doors,
        sign_in: Callable[[Request], Response],
        turn_away: Callable[[TurnedAway], Response],
        clock: Callable[[], float],
    ) -> None:
        self._app = app
        self._doors = doors
        self._loopback = doors.loopback
        self._sign_in = sign_in
        self._turn_away = turn_away
        self._logins = Limit(doors.review.login_per_second, clock)
        self._addresses = Limit(doors.review.address_per_second, clock)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request of the ASGI server."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive)
        answer = await run_in_threadpool(self._before, request)
        if answer is None:
            body = await _body(request, receive)
            if body is None:
                answer = _refusal(413, "size", "a request may hold at most 1 MiB")
            else:
                receive = _once(body, receive)

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                said = message.get("headers", [])
                names = {name for name, _ in said}
                headers = [*said, *(row for row in HEADERS if row[0] not in names)]
                if not scope["path"].startswith("/static/"):
                    headers.append((b"cache-control", b"no-store"))
                message = {**message, "headers": headers}
            await send(message)

        await (answer or self._app)(scope, receive, sending)

    def _before(self, request: Request) -> Response | None:
        """The answer to whatever must not reach a route."""
        path = request.scope["path"]
        try:
            if path == PREFIX or path.startswith(f"{PREFIX}/"):
                return self._too_much_from(request) or self._vouched(request) or _nothing()
            return (
                self._odd(request)
                or self._too_much_from(request)
                or self._foreign(request)
                or self._vouched(request)
                or self._nobody(request)
            )
        except LedgerBusy:
            busy = {"code": "busy", "message": "the ledger is busy; try again"}
            return JSONResponse(busy, status_code=503, headers={"Retry-After": "1"})

    def _vouched(self, request: Request) -> Response | None:
        provider = self._doors.provider
        answer = None if provider is None else provider.answer(request, self._doors)
        return self._turn_away(answer) if isinstance(answer, TurnedAway) else answer

    def _too_much_from(self, request: Request) -> Response | None:
        path = request.scope["path"]
        if not self._doors.counted or path in SWITCH or path.startswith("/static/"):
            return None
        return None if self._addresses.allows(self._doors.client(request)) else _too_much()

    def _odd(self, request: Request) -> Response | None:
        path = request.scope["path"]
        if len(path) > MAX_PATH or not path.isascii() or not path.isprintable():
            return _refusal(400, "path", "the path is not one of ours")
        if "\\" in path or "//" in path or any(p in (".", "..") for p in path.split("/")):
            return _refusal(400, "path", "the path is not one of ours")
        host = _name(request.headers.get("host", ""))
        public = urlsplit(self._doors.review.public_url).hostname
        if self._loopback and host not in LOCAL_NAMES and (host != public or public is None):
            # Another name for this machine is how a foreign page would reach it (DNS rebinding).
            return _refusal(400, "host", "this address is not served")
        return None

    def _foreign(self, request: Request) -> Response | None:
        if request.method in ("GET", "HEAD", "OPTIONS") or _is_api(request):
            return None
        origin, host = request.headers.get("origin", ""), request.headers.get("host", "")
        site = request.headers.get("sec-fetch-site", "same-origin")
        if not self._doors.is_own(origin, host) or site != "same-origin":
            return _refusal(403, "origin", "a form must be sent from its own page")
        return None

    def _nobody(self, request: Request) -> Response | None:
        path = request.scope["path"]
        if OPEN.fullmatch(path) or (self._loopback and path == METRICS):
            return None
        reading = request.method in ("GET", "HEAD")
        identity = self._doors.by_request(request, with_cookie=reading or not _is_api(request))
        if identity is not None:
            if reading and identity.starts_session and not _is_api(request):
                return self._doors.begin(identity, _whole_path(request))
            request.state.identity = identity
            if not self._doors.counted or path in SWITCH:
                return None
            return None if self._logins.allows(identity.login or "") else _too_much()
        if not _is_api(request):
            return self._sign_in(request)
        return JSONResponse(
            {"code": "unauthorized"}, status_code=401, headers={"WWW-Authenticate": "Bearer"}
        )


def _is_api(request: Request) -> bool:
    return bool(request.scope["path"].startswith("/api/"))


def _whole_path(request: Request) -> str:
    query = request.scope["query_string"].decode("latin-1")
    return quote(request.scope["path"]) + (f"?{query}" if query else "")


def _name(host: str) -> str | None:
    try:
        return urlsplit(f"//{host}").hostname
    except ValueError:
        return None


def _nothing() -> Response:
    return _refusal(404, "not_found", "there is nothing here")


def _too_much() -> Response:
    wait = {"code": "too_much", "message": "too many requests; wait a moment"}
    return JSONResponse(wait, status_code=429, headers={"Retry-After": "1"})


def _refusal(status: int, code: str, message: str) -> Response:
    return JSONResponse({"code": code, "message": message}, status_code=status)


async def _body(request: Request, receive: Receive) -> bytes | None:
    """The whole body, or None if it is too long; its stated length is not believed."""
    stated = request.headers.get("content-length", "0")
    if stated.isdecimal() and int(stated) > MAX_BODY_BYTES:
        return None
    body = b""
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return body
        chunk: bytes = message.get("body", b"")
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            return None
        if not message.get("more_body", False):
            return body


def _once(body: bytes, receive: Receive) -> Receive:
    """The body once more for the routes, then whatever the server has to say."""
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receiving() -> Message:
        return waiting.pop() if waiting else await receive()

    return receiving
