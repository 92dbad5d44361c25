"""Who does Grafana say is asking? Its data source proxy adds the login, and a key that only it has.

A planner follows a link in a dashboard to `/grafana/review/ID`. Grafana has authenticated them; it
overwrites both headers, so what arrives with the right key is Grafana's own word. The answer sends
the browser to our page with a ticket: 256 random bits, good once, for a minute, for this decision
and this login. The ticket becomes a session and leaves the address line.

Any user of Grafana can send any path with our key, so the key opens this one path and nothing else.
Never is 401 answered here: Grafana makes an unreadable 400 of it.
"""

import re
import secrets
from datetime import timedelta
from html import escape
from typing import Any, Final, Protocol
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from replan.infra.identity.provider import House, TurnedAway, Vouched, WayIn

NAME: Final = "grafana_broker"
PREFIX: Final = "/grafana"
KEY_HEADER: Final = "x-replan-broker-key"
LOGIN_HEADER: Final = "x-grafana-user"
ID_HEADER: Final = "x-grafana-id"
SERVICE_ACCOUNT: Final = "sa-"
"""So begin the logins of Grafana's service accounts, which are programs."""
TTL: Final = timedelta(seconds=60)
PURPOSE: Final = "review"

DECISION = re.compile(r"[A-Za-z0-9._:-]{1,64}")
ROUTE = re.compile(rb"/grafana/review/([A-Za-z0-9._:-]{1,64})")
"""On the bytes as they came: nothing is decoded, so nothing can be hidden in an encoding."""
PAGE = re.compile(r"/review/([A-Za-z0-9._:-]{1,64})")


class Signed(Protocol):
    """What else must prove a login."""

    def stands_against(self, shown: list[str], login: str) -> str | None:
        """Why it does not, None where it does."""
        ...


class GrafanaBroker:
    """Believes Grafana. `key`: what Grafana shows; `grafana_url`: where planners find it, "" where
    that is not known. `signed`: what Grafana must have signed beside it, None where nothing is.
    """

    name = NAME

    def __init__(self, key: str, grafana_url: str, signed: Signed | None = None) -> None:
        self._key = key.encode()
        self._grafana_url = grafana_url
        self._signed = signed

    def of_request(self, request: Request, house: House) -> Vouched | None:
        """Nobody: only the ticket makes a session."""
        return None

    def holds(self, request: Request, house: House, login: str) -> bool:
        """A session speaks for itself."""
        return True

    def answer(self, request: Request, house: House) -> Response | TurnedAway | None:
        """The broker's one route, and tickets that come to a page."""
        path: str = request.scope["path"]
        if path == PREFIX or path.startswith(f"{PREFIX}/"):
            return self._broker(request, house)
        page = PAGE.fullmatch(path)
        if page is not None and request.method == "GET" and "ticket" in request.query_params:
            return self._redeem(request, house, page[1])
        return None

    def way_in(self, path: str) -> WayIn:
        """Through the dashboard."""
        page = PAGE.fullmatch(path)
        return WayIn(
            text="Open this page from the dashboard of escalations in Grafana.",
            link=self._dashboard(page[1] if page is not None else None),
        )

    def _broker(self, request: Request, house: House) -> Response:
        raw = request.scope.get("raw_path") or request.scope["path"].encode()
        route = ROUTE.fullmatch(raw)
        if route is None or request.method != "GET":
            return _plain(404, "not_found", "there is nothing here")
        decision_id = route[1].decode()
        shown = request.headers.getlist(KEY_HEADER)
        if len(shown) != 1 or not secrets.compare_digest(shown[0].encode(), self._key):
            return _plain(403, "key", "this address is for Grafana alone")
        login = self._login(request)
        why = None
        if login is None:
            why = "Grafana did not say who asks"
        elif login.casefold().startswith(SERVICE_ACCOUNT):
            why = "a service account answers nothing"
        elif not house.admits(login):
            why = "this login may not review here"
        elif self._signed is not None:
            why = self._signed.stands_against(request.headers.getlist(ID_HEADER), login)
        if login is None or why is not None:
            note = {"provider": NAME, "login": (login or "")[:64], "why": why}
            house.book.refused(decision_id, note | {"client": house.client(request)})
            return _plain(403, "not_allowed", why or "")
        if not house.has(decision_id):
            return _plain(404, "unknown", f"there is no decision {decision_id}")
        ticket = house.book.hand_out(PURPOSE, decision_id, {"login": login}, TTL)
        url = f"{house.address(request)}/review/{decision_id}?ticket={ticket}"
        # Where a proxy does not pass the redirect on, the link still works.
        return HTMLResponse(
            f'<p><a href="{escape(url)}">Open the case</a></p>',
            status_code=302,
            headers={"Location": url, "Referrer-Policy": "no-referrer"},
        )

    def _login(self, request: Request) -> str | None:
        said = request.headers.getlist(LOGIN_HEADER)
        return said[0] if len(said) == 1 and said[0] else None

    def _redeem(self, request: Request, house: House, decision_id: str) -> Response | TurnedAway:
        ticket = request.query_params["ticket"]
        body = house.book.use(ticket, PURPOSE, decision_id) if len(ticket) <= 128 else None
        # Between the two steps somebody may have lost the right to be here.
        if body is None or not house.admits(body["login"]):
            text = "This link was used before, is older than a minute, or is for another case."
            return TurnedAway(text=text, link=self._dashboard(decision_id))
        vouched = Vouched(
            login=body["login"],
            provider=NAME,
            org=self._grafana_url,
            client=house.client(request),
        )
        answer = house.let_in(vouched, f"/review/{decision_id}")
        answer.headers["Referrer-Policy"] = "no-referrer"
        return answer

    def _dashboard(self, decision_id: str | None) -> str | None:
        if not self._grafana_url:
            return None
        chosen = "" if decision_id is None else f"?var-escalation={quote(decision_id)}"
        return f"{self._grafana_url}/d/replan-escalations{chosen}"


def _plain(status: int, code: str, message: str) -> Response:
    content: dict[str, Any] = {"code": code, "message": message}
    return JSONResponse(content, status_code=status)
