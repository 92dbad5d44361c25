"""Can the pages be read and used with a keyboard, a screen reader, a phone, and a slow line?

axe-core finds what breaks WCAG 2.2 A and AA as far as a program can tell.
"""

from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from replan.infra.review.api import make_app
from tests.browsers import CHROMIUM, NO_CHROMIUM, sign_in
from tests.escalations import DECISION
from tests.fake_office import TOKEN, FakeOffice, an_office
from tests.pages_served import served

pytestmark = [pytest.mark.slow, pytest.mark.skipif(CHROMIUM is None, reason=NO_CHROMIUM)]

MOST_BYTES = 200_000
RULES = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa"]}}
PAGES = {
    "queue": "/",
    "case": f"/review/{DECISION}",
    "closed case": "/review/dec-ran",
    "message": "/review/dec-none",
}


@pytest.fixture
def office() -> FakeOffice:
    office = an_office()
    office.stopped = [{"scope": "region=EAST", "by": "olga", "since": None}]
    return office


@pytest.fixture
def home(office: FakeOffice) -> Iterator[str]:
    with served(make_app(office, token=TOKEN, loopback=True)) as home:
        yield home


def faults(page: Page) -> list[str]:
    found = Axe().run(page, options=RULES).response["violations"]
    return [f"{v['id']}: {node['html'][:160]}" for v in found for node in v["nodes"]]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 360])
def test_nothing_that_axe_knows_is_wrong(
    browser: Browser, home: str, width: int, scheme: str
) -> None:
    context = browser.new_context(
        viewport={"width": width, "height": 800},
        color_scheme="dark" if scheme == "dark" else "light",
        bypass_csp=True,
    )
    page = context.new_page()
    page.goto(f"{home}/login")
    found = {"sign in": faults(page)}
    sign_in(page, home, TOKEN, "ana")
    for name, path in PAGES.items():
        page.goto(f"{home}{path}")
        for details in page.locator("details").all():
            details.evaluate("node => { node.open = true }")
        found[name] = faults(page)
        assert page.evaluate("document.documentElement.scrollWidth") == width
    assert found == {name: [] for name in found}
    context.close()


def test_a_case_weighs_less_than_200_kb_in_one_page_a_style_sheet_and_a_script(
    browser: Browser, home: str
) -> None:
    context = browser.new_context()
    page = context.new_page()
    sign_in(page, home, TOKEN, "ana")
    page.wait_for_load_state("networkidle")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url.removeprefix(home)))
    page.goto(f"{home}/review/{DECISION}", wait_until="networkidle")
    # The icon is the browser's own wish, and no part of the page.
    parts = sorted(path for path in asked if ".svg" not in path)
    assert parts == [f"/review/{DECISION}", "/static/htmx.js", "/static/replan.css"]
    assert sum(len(context.request.get(home + path).body()) for path in parts) < MOST_BYTES
    context.close()


def test_a_case_is_answered_with_the_keyboard_alone(
    browser: Browser, home: str, office: FakeOffice
) -> None:
    """Sign in, skip to the content, open the first case, choose a reason, reject; Tab, arrows,
    Space and Enter only, and what has the focus can be seen.
    """
    page = browser.new_page()
    page.goto(home)
    _tab_to(page, "Token")
    page.keyboard.type(TOKEN)
    _tab_to(page, "Login")
    page.keyboard.type("ana")
    page.keyboard.press("Enter")
    page.wait_for_selector("table.queue")
    page.keyboard.press("Tab")
    assert _focused(page) == "Skip to the content"
    page.keyboard.press("Enter")
    _tab_to(page, "S03, I1")
    page.keyboard.press("Enter")
    page.wait_for_selector("#answer")
    _tab_to(page, "Data wrong")
    page.keyboard.press("Space")
    _tab_to(page, "Reject")
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"
    page.keyboard.press("Enter")
    expect(page.locator("#result")).to_contain_text("The case is now: rejected.")
    assert [(v.verdict, v.chip) for v in office.taken] == [("reject", "data_wrong")]
    page.close()


def test_the_price_of_a_change_is_announced(browser: Browser, home: str) -> None:
    page = browser.new_page()
    sign_in(page, f"{home}/review/{DECISION}", TOKEN, "ana")
    expect(page.locator("#priced")).to_have_attribute("aria-live", "polite")
    expect(page.locator("#stopped")).to_have_attribute("role", "alert")
    page.close()


def _focused(page: Page) -> str:
    """The words of what has the focus; nothing where it is on no control."""
    return str(
        page.evaluate(
            "(e => e.matches('a, button, input, select, textarea, summary')"
            " ? (e.labels?.[0] ?? e).innerText : '')(document.activeElement)"
        )
    )


def _tab_to(page: Page, text: str) -> None:
    for _ in range(120):
        if text in _focused(page):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"no Tab leads to {text!r}; the focus is on {_focused(page)!r}")
