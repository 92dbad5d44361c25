"""Where are pages shown in a test? In the system's Chromium."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

PLACES = ("/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome")
CHROMIUM = next((place for place in PLACES if Path(place).exists()), None)
NO_CHROMIUM = f"no Chromium at {', '.join(PLACES)}: apt-get install chromium"


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
