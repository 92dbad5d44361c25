"""Where are pages served for a test? On a port of this machine, by the server that serves them
always.
"""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from fastapi import FastAPI


class Announcing(uvicorn.Server):
    """A server that says when it serves, so that nobody has to wait and guess."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.serving = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        self.serving.set()


@contextmanager
def served(app: FastAPI) -> Iterator[str]:
    """The address at which an application is served, as `http://127.0.0.1:PORT`."""
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    config = uvicorn.Config(app, log_level="error", proxy_headers=False, lifespan="off")
    server = Announcing(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        assert server.serving.wait(60), "the pages are not served"
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(30)
        listening.close()
