"""Where are pages shown in a test? A server that says when it serves, and the system's Chromium."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn
from fastapi import FastAPI
from playwright.sync_api import Browser, Page, sync_playwright

PLACES = ("/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome")
CHROMIUM = next((place for place in PLACES if Path(place).exists()), None)
NO_CHROMIUM = f"no Chromium at {', '.join(PLACES)}: apt-get install chromium"


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
    """Where the application is served, on a free port of this machine."""
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    server = Announcing(uvicorn.Config(app, log_level="error"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        assert server.serving.wait(60), "the pages are not served"
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(30)
        listening.close()


@contextmanager
def chromium() -> Iterator[Browser]:
    """A headless browser; without its sandbox, since the tests may run as root in a container."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


def sign_in(page: Page, address: str, token: str, login: str) -> None:
    """Open an address and sign in on the way there."""
    page.goto(address)
    page.get_by_label("Token").fill(token)
    page.get_by_label("Login").fill(login)
    page.get_by_role("button", name="Sign in").click()
