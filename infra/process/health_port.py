"""How does a monitor ask a long-running process how it is? A small HTTP port that only answers GET.

`/healthz`: the process lives. `/readyz`: 200 if it can do its work, else 503 with the reasons.
`/metrics`: the numbers, for Prometheus. It needs no web framework and shares nothing with the
review page.
"""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

from replan.errors import NotSo
from replan.infra.ledger.standing import Standing
from replan.infra.process.metrics import CONTENT_TYPE, Observer
from replan.infra.workspace.settings import Observe

PATIENCE_S: Final = 5.0
"""Who connects and says nothing for so long is let go."""

JSON: Final = "application/json"


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, address: tuple[str, int], observer: Observer) -> None:
        self.observer = observer
        super().__init__(address, _Answers)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Who hangs up early is nobody's error."""


class _Answers(BaseHTTPRequestHandler):
    server: _Server
    timeout = PATIENCE_S
    server_version = "replan"
    sys_version = ""

    def do_GET(self) -> None:
        if self.path == "/healthz":
            self._answer(200, JSON, json.dumps({"status": "ok"}).encode())
        elif self.path == "/readyz":
            reasons = self.server.observer.not_ready()
            body = {"ready": not reasons, "reasons": reasons}
            self._answer(503 if reasons else 200, JSON, json.dumps(body).encode())
        elif self.path == "/metrics":
            self._answer(200, CONTENT_TYPE, self.server.observer.text())
        else:
            self._answer(404, JSON, json.dumps({"code": "http", "message": "Not Found"}).encode())

    def _answer(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Being asked how one is, is not worth a line."""


@contextmanager
def observed(settings: Observe, standing: Callable[[], Standing]) -> Iterator[Observer]:
    """An observer for a run, which answers on the port of the settings, if there is one."""
    observer = Observer(standing)
    if not settings.port:
        yield observer
        return
    with answering(observer, settings.host, settings.port):
        yield observer


@contextmanager
def answering(observer: Observer, host: str, port: int) -> Iterator[int]:
    """Answer while the block runs; the port that it listens on (0 takes a free one).

    Raises NotSo where the port is taken.
    """
    try:
        server = _Server((host, port), observer)
    except OSError as taken:
        raise NotSo(f"observe.port {port} on {host} cannot be listened on: {taken}") from taken
    thread = threading.Thread(target=server.serve_forever, name="health", daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
