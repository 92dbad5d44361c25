"""Does a planner get from a dashboard to an answer in a real browser, from one site to another?

Grafana is `localhost` here and the pages are `127.0.0.1`, which to a browser are two sites.
"""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from replan.infra.identity.grafana_broker import GrafanaBroker
from replan.infra.review.api import make_app
from replan.infra.workspace.review_settings import Review
from tests.browsers import CHROMIUM, NO_CHROMIUM
from tests.escalations import DECISION
from tests.fake_grafana_proxy import FakeGrafana, grafana
from tests.fake_office import FakeOffice, an_office
from tests.pages_served import served

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason=NO_CHROMIUM),
]

KEY = "a-key-that-only-grafana-has"


@pytest.fixture
def office() -> FakeOffice:
    return an_office()


@pytest.fixture
def home(office: FakeOffice) -> Iterator[str]:
    review = Review(login_per_second=1000, address_per_second=1000)
    broker = GrafanaBroker(KEY, "https://grafana.example")
    with served(
        make_app(office, token=None, loopback=True, provider=broker, review=review)
    ) as home:
        yield home


@pytest.fixture
def dashboards(home: str) -> Iterator[str]:
    """Where a browser finds Grafana."""
    with grafana(f"{home}/grafana", KEY) as proxy:
        yield named(proxy)


def named(proxy: FakeGrafana) -> str:
    return proxy.base.replace("127.0.0.1", "localhost")


def opened(context: BrowserContext, dashboards: str, login: str) -> Page:
    """The case, after a click on a row by somebody who is signed in to Grafana."""
    page = context.new_page()
    page.goto(f"{dashboards}/login/{login}")
    page.goto(f"{dashboards}/d/{DECISION}")
    with context.expect_page() as tab:
        page.get_by_role("link", name="Review").click()
    return tab.value


def test_from_a_dashboard_to_the_case_and_an_answer(
    context: BrowserContext, home: str, dashboards: str, office: FakeOffice
) -> None:
    page = opened(context, dashboards, "ana")
    # The ticket has left the address line.
    expect(page).to_have_url(f"{home}/review/{DECISION}")
    page.get_by_label("Policy").check()
    page.get_by_role("button", name="Reject").click()
    expect(page.locator("#result")).to_contain_text("The case is now: rejected.")
    [taken] = office.taken
    assert (taken.login, taken.verdict, taken.via["provider"]) == (
        "ana",
        "reject",
        "grafana_broker",
    )


def test_who_is_known_to_grafana_alone_does_not_get_in(
    context: BrowserContext, home: str, dashboards: str, office: FakeOffice
) -> None:
    page = opened(context, dashboards, "mallory")
    expect(page.locator("body")).to_contain_text("may not review here")
    inside = context.new_page()
    inside.goto(f"{home}/review/{DECISION}")
    expect(inside.get_by_role("link", name="Open the dashboard of escalations")).to_be_visible()
    assert office.taken == []


def test_the_second_of_two_people_is_told_what_the_first_did(
    browser: Browser, dashboards: str, office: FakeOffice
) -> None:
    first, second = browser.new_context(), browser.new_context()
    pages = [opened(first, dashboards, "ana"), opened(second, dashboards, "ben")]
    for page in pages:
        page.get_by_label("Policy").check()
        page.get_by_role("button", name="Reject").click()
        expect(page.locator("#result")).to_be_visible()
    assert [row["result"] for row in office.cases[DECISION]["verdicts"]] == ["accepted", "refused"]
    first.close()
    second.close()
