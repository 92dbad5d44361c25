"""What does a web target that fails on request do? A real HTTP server, one thread a connection."""

import json
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Fault = str | int
"""An HTTP status to answer, or `reset`, `silence`, `drip`, `redirect`."""


@dataclass(slots=True)
class WebShop:
    """Takes orders; each key counts once. `faults`: what the next calls meet, first one first."""

    url: str = ""
    faults: list[Fault] = field(default_factory=list)
    asked: list[dict[str, Any]] = field(default_factory=list)
    """Headers and body of each call, in order."""
    orders: dict[str, Any] = field(default_factory=dict)
    followed: int = 0
    """Calls at the address that redirects point to."""
    over: threading.Event = field(default_factory=threading.Event)


@contextmanager
def web_shop(*faults: Fault) -> Iterator[WebShop]:
    """A shop on a free port of the loopback interface."""
    shop = WebShop(faults=list(faults))

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            key = self.path.rpartition("idem=")[2]
            self._say(200 if key in shop.orders else 404, {"state": "done"})

        def do_POST(self) -> None:
            if self.path == "/elsewhere":
                shop.followed += 1
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            shop.asked.append({"headers": dict(self.headers), "body": body})
            fault = shop.faults.pop(0) if shop.faults else 200
            if fault in (200, "reset_after", "silence_after"):
                shop.orders.setdefault(self.headers["Idempotency-Key"], body["data"])
            match fault:
                case "reset" | "reset_after":
                    # Without lingering a close is a reset in the middle of the answer.
                    now = struct.pack("ii", 1, 0)
                    self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, now)
                    self.wfile.write(b"HTTP/1.1 2")
                    self.connection.close()
                case "silence" | "silence_after":
                    shop.over.wait(20)
                case "drip":
                    self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
                    while not shop.over.wait(0.05):
                        try:
                            self.wfile.write(b"a")
                        except OSError:
                            return
                case "redirect":
                    self.send_response(307)
                    self.send_header("Location", f"{shop.url}/elsewhere")
                    self.end_headers()
                case _:
                    self._say(int(fault), {"reason": "no truck left"})

        def _say(self, status: int, plain: Any) -> None:
            data = json.dumps(plain).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        server.handle_error = lambda request, client_address: None  # type: ignore[method-assign]
        shop.url = f"http://127.0.0.1:{server.server_address[1]}"
        running = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        running.start()
        try:
            yield shop
        finally:
            shop.over.set()
            server.shutdown()
            running.join()
