"""Can a planner sign in, read and answer in a real browser, with scripts and without?"""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from replan.infra.review.api import make_app
from tests import browsers
from tests.browsers import CHROMIUM, NO_CHROMIUM
from tests.escalations import DECISION
from tests.fake_office import TOKEN, FakeOffice, an_office
from tests.pages_served import served

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason=NO_CHROMIUM),
]


CLIPPED = (
    "document.querySelector('.scroll').scrollWidth - document.querySelector('.scroll').clientWidth"
)


@pytest.fixture
def office() -> FakeOffice:
    return an_office()


@pytest.fixture
def home(office: FakeOffice) -> Iterator[str]:
    """Where the pages of the office are served."""
    with served(make_app(office, token=TOKEN, loopback=True)) as home:
        yield home


def sign_in(page: Page, address: str, login: str = "ana") -> None:
    browsers.sign_in(page, address, TOKEN, login)


def test_a_planner_signs_in_reads_and_approves(
    context: BrowserContext, home: str, office: FakeOffice
) -> None:
    asked: list[str] = []
    page = context.new_page()
    page.on("request", lambda request: asked.append(request.url))
    sign_in(page, home)
    page.locator("table.queue a").first.click()
    expect(page.locator("h1")).to_contain_text("units short by Thu 7 May")
    page.get_by_label("Known event, not in the model").check()
    page.get_by_label("Note").fill("street fair until Sunday")
    page.get_by_role("button", name="Approve reallocate").click()
    expect(page.locator("#result")).to_contain_text("The case is now: approved.")
    assert [(v.login, v.verdict, v.chip, v.note) for v in office.taken] == [
        ("ana", "approve", "known_event", "street fair until Sunday")
    ]
    assert all(url.startswith(home) for url in asked)


def test_a_planner_changes_the_quantity_of_another_plan(
    context: BrowserContext, home: str, office: FakeOffice
) -> None:
    page = context.new_page()
    sign_in(page, f"{home}/review/{DECISION}")
    page.get_by_label("Better alternative").check()
    page.get_by_text("To modify: what should be different").click()
    page.get_by_role("combobox", name="Plan").select_option("expedite")
    page.get_by_label("Quantity, all in all").fill("18")
    page.get_by_role("button", name="Modify").click()
    expect(page.locator("#result")).to_contain_text("The case is now: changed and approved.")
    [taken] = office.taken
    assert (taken.verdict, taken.option, taken.wish.qty) == ("modify", "expedite", 18_000)


def test_what_a_change_would_come_to_is_told_before_it_is_given(
    context: BrowserContext, home: str, office: FakeOffice
) -> None:
    """With scripts while it is typed, without them by the button beside the fields."""
    page = context.new_page()
    sign_in(page, f"{home}/review/{DECISION}")
    page.get_by_text("To modify: what should be different").click()
    page.get_by_label("Quantity, all in all").fill("18")
    page.get_by_role("button", name="What would it come to?").click()
    expect(page.locator("#priced")).to_contain_text("Possible: move 24 from S05 to S03")
    expect(page.get_by_label("Quantity, all in all")).to_have_value("18")
    assert {w.wish.qty for w in office.tried} == {18_000}
    assert office.taken == []


def test_a_price_is_told_without_leaving_the_page(
    browser: Browser, home: str, office: FakeOffice
) -> None:
    page = browser.new_page()
    sign_in(page, f"{home}/review/{DECISION}")
    page.get_by_text("To modify: what should be different").click()
    page.get_by_label("Note").fill("half a thought")
    page.get_by_label("Quantity, all in all").press_sequentially("30")
    expect(page.locator("#priced")).to_contain_text("Possible")
    assert page.url == f"{home}/review/{DECISION}"
    expect(page.get_by_label("Note")).to_have_value("half a thought")
    page.close()


def test_enter_in_a_field_asks_for_the_price_and_never_approves(
    context: BrowserContext, home: str, office: FakeOffice
) -> None:
    page = context.new_page()
    sign_in(page, f"{home}/review/{DECISION}")
    page.get_by_label("Policy").check()
    page.get_by_text("To modify: what should be different").click()
    page.get_by_label("Quantity, all in all").fill("18")
    page.get_by_label("Quantity, all in all").press("Enter")
    expect(page.locator("#priced")).to_contain_text("Possible")
    assert office.taken == []


def test_a_case_that_changed_is_confirmed_by_a_button_of_its_own(
    context: BrowserContext, home: str, office: FakeOffice
) -> None:
    """PL4."""
    office.situation, office.diff = "stale", {"value_minor": {"then": 12_400, "now": 15_900}}
    page = context.new_page()
    sign_in(page, f"{home}/review/{DECISION}")
    page.get_by_label("Supplier information").check()
    page.get_by_label("Note").fill("they said so")
    page.get_by_role("button", name="Approve reallocate").click()
    expect(page.locator("#result")).to_contain_text("159.00 EUR")
    page.get_by_role("button", name="Confirm: approve reallocate").click()
    expect(page.locator("#result")).to_contain_text("The case is now: approved.")
    assert [(v.confirm, v.chip, v.note) for v in office.taken] == [
        (False, "supplier_info", "they said so"),
        (True, "supplier_info", "they said so"),
    ]


def test_a_planner_asks_and_the_note_is_the_question(
    context: BrowserContext, home: str, office: FakeOffice
) -> None:
    page = context.new_page()
    sign_in(page, f"{home}/review/{DECISION}")
    page.get_by_label("Supplier information").check()
    page.get_by_label("Note").fill("can you spare 30?")
    page.get_by_role("button", name="Ask").click()
    expect(page.locator("#result")).to_contain_text(
        "The case is now: waits for an answer from outside."
    )
    assert [(v.verdict, v.note, v.wish.to) for v in office.taken] == [
        ("ask", "can you spare 30?", None)
    ]


def test_another_plan_is_approved_by_a_button_of_its_own(
    context: BrowserContext, home: str, office: FakeOffice
) -> None:
    page = context.new_page()
    sign_in(page, f"{home}/review/{DECISION}")
    page.get_by_label("Cost not justified").check()
    page.get_by_role("button", name="Approve expedite").click()
    expect(page.locator("#result")).to_contain_text("The case is now: approved.")
    assert [(v.verdict, v.option) for v in office.taken] == [("approve", "expedite")]


def test_a_link_to_a_case_leads_there_after_signing_in(context: BrowserContext, home: str) -> None:
    page = context.new_page()
    sign_in(page, f"{home}/review/{DECISION}")
    expect(page).to_have_url(f"{home}/review/{DECISION}")


def test_no_answer_leaves_the_page_without_a_reason(
    context: BrowserContext, home: str, office: FakeOffice
) -> None:
    page = context.new_page()
    sign_in(page, f"{home}/review/{DECISION}")
    page.get_by_role("button", name="Reject").click()
    expect(page.get_by_role("button", name="Reject")).to_be_visible()
    assert office.taken == []


def test_a_stopped_engine_says_so_and_keeps_what_was_written(
    context: BrowserContext, home: str, office: FakeOffice
) -> None:
    office.situation = "stopped"
    page = context.new_page()
    sign_in(page, f"{home}/review/{DECISION}")
    page.get_by_label("Supplier information").check()
    page.get_by_label("Note").fill("called them")
    page.get_by_role("button", name="Approve reallocate").click()
    expect(page.locator("#result")).to_contain_text("The engine is stopped")
    expect(page.get_by_label("Note")).to_have_value("called them")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 1100, 390])
def test_pages_fit_the_width_and_the_console_stays_quiet(
    browser: Browser, home: str, width: int, scheme: str
) -> None:
    context = browser.new_context(
        viewport={"width": width, "height": 844},
        color_scheme="dark" if scheme == "dark" else "light",
    )
    page = context.new_page()
    sign_in(page, f"{home}/login")
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    for address in (home, f"{home}/review/{DECISION}", f"{home}/review/dec-ran"):
        page.goto(address)
        assert page.evaluate("document.documentElement.scrollWidth") == width
        if page.locator("table.queue").count():
            assert page.evaluate(CLIPPED) == 0
    assert said == []
    context.close()


def test_a_second_person_is_refused_what_only_another_may_do(
    context: BrowserContext, home: str, office: FakeOffice
) -> None:
    office.situation = "not_allowed"
    page = context.new_page()
    sign_in(page, f"{home}/review/{DECISION}", "ben")
    page.get_by_label("Policy").check()
    page.get_by_role("button", name="Approve reallocate").click()
    expect(page.locator("#result")).to_contain_text("Your login may not answer this case.")
    assert [(v.login, v.verdict) for v in office.taken] == [("ben", "approve")]
