"""What does Grafana's data source proxy do to a request? The same things, in a few lines.

It knows who is signed in by a cookie of its own, overwrites the two headers, forwards the rest of
the path byte for byte, lets only GET through to a Prometheus data source, and hands the redirect
back without its cookies. As seen with Grafana 9.3.2. For browsers there are a sign-in at
`/login/LOGIN` and a dashboard with one row at `/d/DECISION`.
"""

import http.client
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

PROXY = "/api/datasources/proxy/uid/replanbroker"
ENDED_HERE = ("host", "cookie", "connection", "x-grafana-user", "x-replan-broker-key")


@dataclass(frozen=True)
class Got:
    """An answer as it came, names of headers in small letters: nothing is followed."""

    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def location(self) -> str:
        return self.headers.get("location", "")


def get(base: str, path: str, headers: Mapping[str, str] | None = None) -> Got:
    """One GET with exactly this path."""
    return ask("GET", base, path, headers)


def ask(
    method: str,
    base: str,
    path: str,
    headers: Mapping[str, str] | None = None,
    body: str | None = None,
) -> Got:
    """One request with exactly this path."""
    connection = http.client.HTTPConnection(urlsplit(base).netloc, timeout=30)
    connection.request(method, path, body=body, headers=dict(headers or {}))
    answer = connection.getresponse()
    text = answer.read().decode(errors="replace")
    connection.close()
    named = {name.lower(): value for name, value in answer.getheaders()}
    return Got(status=answer.status, headers=named, text=text)


class _Proxy(BaseHTTPRequestHandler):
    server: "FakeGrafana"

    def do_GET(self) -> None:
        page, _, name = self.path.lstrip("/").partition("/")
        if page == "login":
            self._answer(200, {"Set-Cookie": f"grafana_session={name}; Path=/"}, name)
        elif page == "d":
            link = f'<a href="{PROXY}/review/{name}" target="_blank">Review</a>'
            self._answer(200, {"Content-Type": "text/html"}, link)
        else:
            self._forward("GET")

    def do_POST(self) -> None:
        self._answer(403, {}, json.dumps({"message": "non allow-listed POSTs not allowed"}))

    def _forward(self, method: str) -> None:
        login = self.headers.get("Cookie", "").removeprefix("grafana_session=")
        if not login:
            self._answer(401, {}, json.dumps({"message": "Unauthorized"}))
            return
        sent = {k: v for k, v in self.headers.items() if k.lower() not in ENDED_HERE}
        sent["X-Replan-Broker-Key"] = self.server.key
        if login != "anonymous":
            sent["X-Grafana-User"] = login
        target = urlsplit(self.server.broker_url)
        got = ask(
            method,
            f"http://{target.netloc}",
            target.path + self.path.removeprefix(PROXY),
            sent,
        )
        kept = {k: v for k, v in got.headers.items() if k in ("location", "content-type")}
        status = 400 if got.status == 401 else got.status
        self._answer(status, kept | {"Content-Security-Policy": "sandbox"}, got.text)

    def _answer(self, status: int, headers: Mapping[str, str], text: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        body = text.encode()
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Nobody reads it."""


class FakeGrafana(ThreadingHTTPServer):
    """A Grafana whose data source `replanbroker` leads to `broker_url`, with our key."""

    daemon_threads = True

    def __init__(self, broker_url: str, key: str) -> None:
        super().__init__(("127.0.0.1", 0), _Proxy)
        self.broker_url = broker_url
        self.key = key

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def click(self, decision_id: str, login: str, **headers: str) -> Got:
        """A signed-in planner follows the link of a row."""
        cookie = {"Cookie": f"grafana_session={login}"}
        return get(self.base, f"{PROXY}/review/{decision_id}", cookie | headers)


@contextmanager
def grafana(broker_url: str, key: str) -> Iterator[FakeGrafana]:
    with FakeGrafana(broker_url, key) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join(30)
