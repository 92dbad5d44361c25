"""What do the pages look like? `python -m tests.e2e.screenshots` makes the pictures anew.

From a world of its own, run from its events on, so that a picture shows what the engine really
says; whoever changes a page looks at them before keeping them.
"""

import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Browser

from replan.infra.review.api import make_app
from tests.browsers import CHROMIUM, NO_CHROMIUM, chromium, sign_in
from tests.e2e.shown_world import shown, write_world
from tests.pages_served import served

IMAGES = Path(__file__).parents[2] / "infra" / "docs" / "images"
TOKEN = "a-token-for-these-pictures"
MOST_BYTES = 150_000

# Name, path (a case by its place in the queue), width, height, scheme.
PICTURES = (
    ("queue", "/", 1180, 740, "light"),
    ("case", 0, 1000, 860, "light"),
    ("case-dark", 0, 1000, 860, "dark"),
    ("case-phone", 0, 390, 1300, "light"),
)


def main(folder: Path) -> None:
    """Write every picture into a folder; exits 1 if one is too large to be kept."""
    with tempfile.TemporaryDirectory() as root, shown(write_world(Path(root) / "shop")) as office:
        cases = [body["decision_id"] for body in office.queue()]
        app = make_app(office, token=TOKEN, loopback=True)
        with served(app) as home, chromium() as browser:
            for name, path, width, height, scheme in PICTURES:
                where = f"/review/{cases[path]}" if isinstance(path, int) else path
                file = folder / f"{name}.png"
                _picture(browser, home, where, file, width, height, scheme)
                sys.stdout.write(f"{file}: {file.stat().st_size:,} bytes\n")
                if file.stat().st_size > MOST_BYTES:
                    sys.exit(f"{file} is larger than {MOST_BYTES:,} bytes")


def _picture(
    browser: Browser, home: str, where: str, file: Path, width: int, height: int, scheme: str
) -> None:
    context = browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme="dark" if scheme == "dark" else "light",
    )
    page = context.new_page()
    sign_in(page, f"{home}{where}", TOKEN, "lead-1")
    if where == "/":
        # What one answer is enough for, as it is before anything is ticked.
        page.locator("details.change > summary").first.click()
    page.screenshot(path=file)
    context.close()


if __name__ == "__main__":
    if CHROMIUM is None:
        sys.exit(NO_CHROMIUM)
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else IMAGES)
