"""Does Grafana sign for whom it says is asking? A second proof beside the key that it shows.

Newer versions send a short-lived token of their own with each request that they pass on
(`X-Grafana-Id`, signed with ES256), and publish the keys. With it a stolen broker key alone makes
nobody a planner. Only a token that names a login is of use here; those of older versions name a
number of Grafana's own.
"""

import json
import time
from collections.abc import Mapping
from threading import Lock
from typing import Any, Final

import jwt

from replan.infra.web_call import NoAnswer, NotConnected, call

ALGORITHMS: Final = ("ES256",)
SKEW_S: Final = 60
CALL_S: Final = 5.0
FRESH_S: Final = 3600.0
"""So long the keys are believed without asking again."""
SELDOM_S: Final = 60.0
"""A key that nobody knows makes us ask again no more often than this."""


class SignedByGrafana:
    """Believes tokens under the keys that Grafana publishes at an address. `issuer`: the address of
    Grafana as it names itself, "" where that is not known.
    """

    def __init__(self, keys_url: str, issuer: str) -> None:
        self._url = keys_url
        self._issuer = issuer
        self._lock = Lock()
        self._keys: Mapping[str, jwt.PyJWK] = {}
        self._asked_at: float | None = None

    def stands_against(self, shown: list[str], login: str) -> str | None:
        """Why the tokens of a request do not prove a login; None where one does."""
        if len(shown) != 1:
            return "Grafana did not sign who asks"
        try:
            claims = self._claims(shown[0])
        except (jwt.InvalidTokenError, NotConnected, NoAnswer, ValueError, KeyError):
            return "what Grafana signed cannot be believed"
        if self._issuer and str(claims["iss"]).rstrip("/") != self._issuer:
            return "what was signed is of another Grafana"
        if claims.get("type", "user") != "user" or claims.get("username") != login:
            return "Grafana signed for somebody else than it names"
        return None

    def _claims(self, token: str) -> Mapping[str, Any]:
        kid = str(jwt.get_unverified_header(token).get("kid", ""))
        claims: Mapping[str, Any] = jwt.decode(
            token,
            self._key(kid),
            algorithms=list(ALGORITHMS),
            leeway=SKEW_S,
            options={"require": ["exp", "iat", "iss"], "verify_aud": False},
        )
        return claims

    def _key(self, kid: str) -> jwt.PyJWK:
        with self._lock:
            now = time.monotonic()
            wait = FRESH_S if kid in self._keys else SELDOM_S
            if self._asked_at is None or now - self._asked_at > wait:
                self._asked_at = now
                answer = call("GET", self._url, {}, None, seconds=CALL_S, private=True)
                rows = json.loads(answer.body)["keys"] if answer.status == 200 else []
                usable = [row for row in rows if row.get("kty") == "EC"]
                self._keys = {str(row.get("kid", "")): jwt.PyJWK(row) for row in usable}
            return self._keys[kid]
