"""What does an OpenID provider do? The code flow with PKCE, a real key, and faults as asked for."""

import base64
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

CLIENT = "replan"
SECRET = "what-the-provider-gave-us"


class _Answers(BaseHTTPRequestHandler):
    server: "FakeOpenId"

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        asked = {name: values[0] for name, values in parse_qs(url.query).items()}
        match url.path:
            case "/.well-known/openid-configuration":
                self._json(200, self.server.says)
            case "/keys":
                self._json(200, {"keys": [self.server.public_key]})
            case "/authorize":
                code = secrets.token_urlsafe(16)
                self.server.codes[code] = asked
                onward = urlencode({"code": code, "state": asked["state"]})
                self.send_response(302)
                self.send_header("Location", f"{asked['redirect_uri']}?{onward}")
                self.end_headers()
            case _:
                self._json(404, {})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        form = {name: values[0] for name, values in parse_qs(body).items()}
        asked = self.server.codes.pop(form["code"], None)
        known = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        digest = hashlib.sha256(form["code_verifier"].encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if (
            asked is None
            or asked["code_challenge"] != challenge
            or asked["redirect_uri"] != form["redirect_uri"]
            or self.headers["Authorization"] != f"Basic {known}"
        ):
            self._json(400, {"error": "invalid_grant"})
        else:
            self._json(200, {"id_token": self.server.token(asked["nonce"])})

    def _json(self, status: int, plain: Any) -> None:
        body = json.dumps(plain).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Nobody reads it."""


class FakeOpenId(ThreadingHTTPServer):
    """A provider that signs in whom `claims` name. `claims` go over what a token says, `signs` over
    how it is signed.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answers)
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.codes: dict[str, dict[str, str]] = {}
        self.claims: dict[str, Any] = {}
        self.signs: dict[str, Any] = {}
        self.named: dict[str, Any] = {}

    @property
    def issuer(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    @property
    def says(self) -> dict[str, Any]:
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
        } | self.named

    @property
    def public_key(self) -> dict[str, Any]:
        plain = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(self.key.public_key()))
        return {**plain, "kid": "k1", "use": "sig"}

    def token(self, nonce: str) -> str:
        now = int(time.time())
        claims = {
            "iss": self.issuer,
            "aud": CLIENT,
            "sub": "4711",
            "iat": now,
            "exp": now + 300,
            "nonce": nonce,
            "preferred_username": "ana",
        } | self.claims
        plain = {name: value for name, value in claims.items() if value is not None}
        how: dict[str, Any] = {"key": self.key, "algorithm": "RS256", "headers": {"kid": "k1"}}
        return jwt.encode(plain, **(how | self.signs))


@contextmanager
def openid() -> Iterator[FakeOpenId]:
    with FakeOpenId() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join(30)
