"""Who does an OpenID provider say is asking? The engine signs planners in itself.

The authorization code flow with PKCE. What a browser begins only that browser can finish: it holds
a secret in a cookie, from which the verifier and the nonce are made, so that nothing that is stored
or seen on the way is of use to anybody else. The state is a ticket, good once, for ten minutes.

OpenID Connect Core 1.0, sections 3.1.2 and 3.1.3.7; PKCE is RFC 7636.
"""

import base64
import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Mapping
from datetime import timedelta
from threading import Lock
from typing import Any, Final
from urllib.parse import quote, urlencode, urlsplit

import jwt
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from replan.errors import ReplanError
from replan.infra.identity.provider import House, TurnedAway, Vouched, WayIn
from replan.infra.ledger.doors import hashed
from replan.infra.web_call import NoAnswer, NotConnected, call
from replan.infra.workspace.review_settings import LOCAL_NAMES

NAME: Final = "oidc"
BEGIN: Final = "/login/oidc"
BACK: Final = "/login/callback"
PURPOSE: Final = "oidc"
TTL: Final = timedelta(minutes=10)
ALGORITHMS: Final = ("RS256", "ES256")
"""How a provider may sign; whatever else a token says of itself is refused."""
SKEW_S: Final = 60
CALL_S: Final = 5.0
FRESH_S: Final = 3600.0
"""So long what the provider says of itself is believed without asking again."""
SELDOM_S: Final = 60.0
"""A key that nobody knows makes us ask again no more often than this."""


class NotVouched(ReplanError):
    """What the provider sent does not say who it is, or cannot be believed."""


class OpenId:
    """Believes an OpenID provider. `client_secret` None: a public client, by PKCE alone."""

    name = NAME

    def __init__(
        self, issuer: str, client_id: str, login_claim: str, client_secret: str | None
    ) -> None:
        self._issuer = issuer
        self._client_id = client_id
        self._claim = login_claim
        self._secret = client_secret
        self._lock = Lock()
        self._said: Mapping[str, Any] | None = None
        self._keys: Mapping[str, jwt.PyJWK] = {}
        self._asked_at = 0.0
        self._keys_at = 0.0

    def of_request(self, request: Request, house: House) -> Vouched | None:
        """Nobody: only a sign-in makes a session."""
        return None

    def holds(self, request: Request, house: House, login: str) -> bool:
        """A session speaks for itself."""
        return True

    def way_in(self, path: str) -> WayIn:
        """Straight to the provider, and back to the page that was asked for."""
        return WayIn(goes_to=f"{BEGIN}?next={quote(path)}")

    def answer(self, request: Request, house: House) -> Response | TurnedAway | None:
        """The way to the provider, and the way back."""
        path = request.scope["path"]
        if path not in (BEGIN, BACK) or request.method != "GET":
            return None
        try:
            return self._begin(request, house) if path == BEGIN else self._back(request, house)
        except NotVouched as why:
            return TurnedAway(text=f"The sign-in did not work: {why}")

    def _begin(self, request: Request, house: House) -> Response:
        mine = secrets.token_urlsafe(32)
        onward = {"next": request.query_params.get("next", "/")[:256]}
        state = house.book.hand_out(PURPOSE, hashed(mine), onward, TTL)
        asked = {
            "response_type": "code",
            "client_id": self._client_id,
            "redirect_uri": house.address(request) + BACK,
            "scope": "openid profile",
            "state": state,
            "nonce": _made(mine, "nonce"),
            "code_challenge": _sha256_url(_made(mine, "verifier")),
            "code_challenge_method": "S256",
        }
        place = self._endpoint("authorization_endpoint")
        separator = "&" if urlsplit(place).query else "?"
        answer = RedirectResponse(f"{place}{separator}{urlencode(asked)}", status_code=303)
        answer.set_cookie(
            _cookie(house),
            mine,
            max_age=int(TTL.total_seconds()),
            httponly=True,
            samesite="lax",
            secure=house.over_tls,
        )
        return answer

    def _back(self, request: Request, house: House) -> Response:
        said = request.query_params
        mine = request.cookies.get(_cookie(house), "")
        state = said.get("state", "")
        begun = house.book.use(state, PURPOSE, hashed(mine)) if mine and state else None
        if begun is None:
            raise NotVouched("it was not begun in this browser, or too long ago; try again")
        code = said.get("code", "")
        if not code or "error" in said:
            raise NotVouched("the provider did not say who you are")
        claims = self._claims(self._token(code, mine, request, house))
        if not hmac.compare_digest(str(claims.get("nonce")), _made(mine, "nonce")):
            raise NotVouched("the provider answered to something else")
        login = claims.get(self._claim)
        if not isinstance(login, str) or not house.admits(login):
            shown = login[:64] if isinstance(login, str) else ""
            note = {"provider": NAME, "login": shown, "why": "this login may not review here"}
            house.book.refused("oidc", note | {"client": house.client(request)})
            raise NotVouched("this login may not review here")
        vouched = Vouched(
            login=login, provider=NAME, org=self._issuer, client=house.client(request)
        )
        answer = house.let_in(vouched, house.own_path(str(begun["next"])))
        answer.delete_cookie(_cookie(house), secure=house.over_tls)
        answer.headers["Referrer-Policy"] = "no-referrer"
        return answer

    def _token(self, code: str, mine: str, request: Request, house: House) -> str:
        """The ID token that a code stands for."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": house.address(request) + BACK,
            "client_id": self._client_id,
            "code_verifier": _made(mine, "verifier"),
        }
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        if self._secret is not None:
            known = f"{quote(self._client_id, safe='')}:{quote(self._secret, safe='')}"
            headers["Authorization"] = "Basic " + base64.b64encode(known.encode()).decode()
        found = self._ask(
            "POST", self._endpoint("token_endpoint"), headers, urlencode(form).encode()
        )
        token = found.get("id_token")
        if not isinstance(token, str):
            raise NotVouched("the provider gave no token")
        return token

    def _claims(self, token: str) -> Mapping[str, Any]:
        """What a token says, if the provider signed it for us and it holds now."""
        try:
            key = self._key(str(jwt.get_unverified_header(token).get("kid", "")))
            claims: Mapping[str, Any] = jwt.decode(
                token,
                key,
                algorithms=list(ALGORITHMS),
                audience=self._client_id,
                issuer=self._issuer,
                leeway=SKEW_S,
                options={"require": ["exp", "iat", "iss", "aud", "sub", "nonce"]},
            )
        except jwt.PyJWTError as wrong:
            raise NotVouched("what the provider signed cannot be believed") from wrong
        if claims.get("azp", self._client_id) != self._client_id:
            raise NotVouched("what the provider signed is for somebody else")
        return claims

    def _key(self, kid: str) -> jwt.PyJWK:
        with self._lock:
            now = time.monotonic()
            stale = now - self._keys_at > (SELDOM_S if kid not in self._keys else FRESH_S)
            if not self._keys or stale:
                self._keys_at = now
                found = self._ask("GET", self._endpoint("jwks_uri"), {}, None).get("keys", [])
                signing = [row for row in found if row.get("use", "sig") == "sig"]
                usable = [row for row in signing if row.get("kty") in ("RSA", "EC")]
                self._keys = {str(row.get("kid", "")): jwt.PyJWK(row) for row in usable}
            if kid not in self._keys:
                raise NotVouched("what the provider signed cannot be believed")
            return self._keys[kid]

    def _endpoint(self, name: str) -> str:
        """An address that the provider names; its name must be the one we were told."""
        now = time.monotonic()
        if self._said is None or now - self._asked_at > FRESH_S:
            said = self._ask("GET", f"{self._issuer}/.well-known/openid-configuration", {}, None)
            if said.get("issuer") != self._issuer:
                raise NotVouched("the provider goes by another name than it should")
            self._said, self._asked_at = said, now
        place = self._said.get(name)
        parts = urlsplit(place) if isinstance(place, str) else None
        if parts is None or not (parts.scheme == "https" or parts.hostname in LOCAL_NAMES):
            raise NotVouched(f"the provider names no {name} that can be trusted")
        return str(place)

    def _ask(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None
    ) -> Mapping[str, Any]:
        try:
            answer = call(method, url, headers, body, seconds=CALL_S, private=True)
            found = json.loads(answer.body)
        except (NotConnected, NoAnswer, ValueError) as wrong:
            raise NotVouched("the provider does not answer") from wrong
        if answer.status != 200 or not isinstance(found, dict):
            raise NotVouched("the provider does not answer")
        return found


def _cookie(house: House) -> str:
    return "__Host-replan_login" if house.over_tls else "replan_login"


def _made(mine: str, what: str) -> str:
    """A value that only who holds the browser's secret can make: 43 characters of base64url."""
    return _url(hmac.new(mine.encode(), what.encode(), hashlib.sha256).digest())


def _sha256_url(text: str) -> str:
    return _url(hashlib.sha256(text.encode()).digest())


def _url(digest: bytes) -> str:
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
