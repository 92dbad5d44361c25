"""Does an OpenID provider's word open the pages, and nothing that merely looks like it?"""

import re
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from fastapi.testclient import TestClient

from replan.infra.identity.oidc import OpenId
from replan.infra.review.api import make_app
from replan.infra.workspace.review_settings import Review
from tests.escalations import DECISION
from tests.fake_grafana_proxy import get
from tests.fake_office import FakeOffice, an_office
from tests.fake_openid import CLIENT, SECRET, FakeOpenId, openid

HOME = "http://127.0.0.1:8321"
CASE = f"/review/{DECISION}"
STRANGER = rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture
def provider() -> Iterator[FakeOpenId]:
    with openid() as provider:
        yield provider


@pytest.fixture
def office() -> FakeOffice:
    return an_office()


@pytest.fixture
def browser(provider: FakeOpenId, office: FakeOffice) -> Iterator[TestClient]:
    known = OpenId(provider.issuer, CLIENT, "preferred_username", SECRET)
    review = Review(public_url=HOME, login_per_second=1000, address_per_second=1000)
    app = make_app(office, token=None, loopback=True, provider=known, review=review)
    with TestClient(app, base_url=HOME, follow_redirects=False) as browser:
        yield browser


def sent_to_provider(browser: TestClient, page: str = CASE) -> str:
    """Where a browser without a session is sent: the address at the provider."""
    first = browser.get(page)
    assert first.status_code == 303
    second = browser.get(first.headers["location"])
    assert second.status_code == 303
    return second.headers["location"]


def back(provider: FakeOpenId, address: str) -> str:
    """Where the provider sends the browser once somebody has signed in there."""
    location = get(provider.issuer, address.removeprefix(provider.issuer)).location
    assert location.startswith(f"{HOME}/login/callback?")
    return location.removeprefix(HOME)


def signed_in(browser: TestClient, provider: FakeOpenId) -> int:
    return browser.get(back(provider, sent_to_provider(browser))).status_code


def test_signing_in_leads_back_to_the_case_and_on_to_a_verdict(
    browser: TestClient, provider: FakeOpenId, office: FakeOffice
) -> None:
    address = sent_to_provider(browser)
    asked = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
    assert (asked["response_type"], asked["code_challenge_method"]) == ("code", "S256")
    inside = browser.get(back(provider, address))
    assert (inside.status_code, inside.headers["location"]) == (303, CASE)
    page = browser.get(CASE).text
    form = dict(
        re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page[page.index(CASE) :])
    )
    answer = browser.post(
        f"{CASE}/verdict",
        data=form | {"verdict": "reject", "chip": "policy"},
        headers={"Origin": HOME},
    )
    assert answer.status_code == 303
    via = office.taken[-1].via
    assert (via["provider"], via["org"]) == ("oidc", provider.issuer)


def test_what_is_sent_along_does_not_tell_the_secrets(browser: TestClient) -> None:
    address = sent_to_provider(browser)
    assert browser.cookies["replan_login"] not in address
    assert SECRET not in address


def test_another_browser_cannot_finish_what_one_began(
    browser: TestClient, provider: FakeOpenId
) -> None:
    """Signing somebody in as oneself would make them answer under a strange name."""
    way = back(provider, sent_to_provider(browser))
    mine = dict(browser.cookies)
    browser.cookies.clear()
    assert browser.get(way).status_code == 403
    sent_to_provider(browser)
    assert browser.get(way).status_code == 403
    browser.cookies.clear()
    browser.cookies.update(mine)
    assert browser.get(way).status_code == 303


def test_a_way_back_is_good_once(browser: TestClient, provider: FakeOpenId) -> None:
    way = back(provider, sent_to_provider(browser))
    mine = browser.cookies["replan_login"]
    assert browser.get(way).status_code == 303
    browser.cookies.clear()
    browser.cookies["replan_login"] = mine
    assert browser.get(way).status_code == 403


CLAIMS: list[dict[str, Any]] = [
    {"aud": "another-client"},
    {"aud": ["another-client"]},
    {"azp": "another-client", "aud": [CLIENT, "another-client"]},
    {"iss": "https://evil.example"},
    {"exp": int(time.time()) - 120},
    {"iat": int(time.time()) + 600},
    {"nonce": "of-another-sign-in"},
    {"nonce": None},
    {"sub": None},
    {"exp": None},
    {"preferred_username": "mallory"},
    {"preferred_username": ["ana"]},
    {"preferred_username": None},
]


@pytest.mark.parametrize("claims", CLAIMS, ids=lambda c: "+".join(c))
def test_a_token_that_says_anything_wrong_opens_nothing(
    browser: TestClient, provider: FakeOpenId, claims: dict[str, Any]
) -> None:
    """RELIABILITY A1."""
    provider.claims = claims
    assert signed_in(browser, provider) == 403
    assert "replan_session" not in browser.cookies


SIGNS: list[dict[str, Any]] = [
    {"key": None, "algorithm": "none"},
    {"key": "k" * 32, "algorithm": "HS256"},
    {"key": STRANGER},
    {"algorithm": "RS512"},
    {"headers": {"kid": "unknown"}},
]


@pytest.mark.parametrize("signs", SIGNS, ids=["none", "HS256", "other key", "RS512", "unknown kid"])
def test_a_token_signed_in_any_other_way_opens_nothing(
    browser: TestClient, provider: FakeOpenId, signs: dict[str, Any]
) -> None:
    """RELIABILITY A1."""
    provider.signs = signs
    assert signed_in(browser, provider) == 403


@pytest.mark.parametrize(
    "named",
    [
        {"issuer": "https://evil.example"},
        {"authorization_endpoint": "http://evil.example/authorize"},
        {"authorization_endpoint": None},
    ],
)
def test_a_provider_that_says_something_strange_of_itself_is_not_used(
    browser: TestClient, provider: FakeOpenId, named: dict[str, Any]
) -> None:
    provider.named = named
    first = browser.get(CASE)
    assert browser.get(first.headers["location"]).status_code == 403


def test_a_provider_that_is_away_is_said_to_be(office: FakeOffice) -> None:
    away = OpenId("http://127.0.0.1:9", CLIENT, "preferred_username", None)
    app = make_app(office, token=None, loopback=True, provider=away)
    with TestClient(app, base_url=HOME, follow_redirects=False) as browser:
        answer = browser.get("/login/oidc")
    assert (answer.status_code, "does not answer" in answer.text) == (403, True)


@pytest.mark.parametrize("page", ["https://evil.example/", "//evil.example", "/api/x", "/login"])
def test_signing_in_never_leads_to_another_site(
    browser: TestClient, provider: FakeOpenId, page: str
) -> None:
    begun = browser.get("/login/oidc", params={"next": page})
    inside = browser.get(back(provider, begun.headers["location"]))
    assert inside.headers["location"] == "/"


def test_the_api_answers_401_and_sends_no_program_to_a_sign_in(browser: TestClient) -> None:
    assert browser.get("/api/escalations").status_code == 401
