"""Who asks too much, who is held back for it, and who never is?"""

from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

from replan.infra.identity.grafana_broker import GrafanaBroker
from replan.infra.identity.trusted_proxy import TrustedProxy
from replan.infra.review.api import make_app
from replan.infra.review.limits import Limit
from replan.infra.workspace.review_settings import Review
from tests.escalations import DECISION
from tests.fake_office import TOKEN, FakeOffice, an_office

HOME = "http://127.0.0.1"
KEY = "a-key-that-only-grafana-has"
ANA = {"Authorization": f"Bearer {TOKEN}", "X-Replan-Login": "ana"}


@pytest.fixture
def now() -> list[float]:
    return [0.0]


@pytest.fixture
def office() -> FakeOffice:
    return an_office()


@pytest.fixture
def client(office: FakeOffice, now: list[float]) -> Iterator[TestClient]:
    review = Review(login_per_second=2, address_per_second=4)
    app = make_app(
        office,
        token=TOKEN,
        loopback=True,
        provider=GrafanaBroker(KEY, ""),
        review=review,
        clock=lambda: now[0],
    )
    with TestClient(app, base_url=HOME, follow_redirects=False) as client:
        yield client


def test_a_bucket_gives_what_has_flowed_in_since(now: list[float]) -> None:
    limit = Limit(2, lambda: now[0])
    assert [limit.allows("ana") for _ in range(5)] == [True] * 4 + [False]
    assert limit.allows("ben")
    now[0] = 0.5
    assert [limit.allows("ana") for _ in range(2)] == [True, False]
    now[0] = 60.0
    assert [limit.allows("ana") for _ in range(5)] == [True] * 4 + [False]


def test_one_login_is_asked_to_wait_and_another_is_not(
    client: TestClient, now: list[float]
) -> None:
    found = [client.get("/api/escalations", headers=ANA) for _ in range(5)]
    assert [answer.status_code for answer in found] == [200] * 4 + [429]
    assert found[-1].headers["Retry-After"] == "1"
    ben = ANA | {"X-Replan-Login": "ben"}
    assert client.get("/api/escalations", headers=ben).status_code == 200
    now[0] = 1.0
    assert client.get("/api/escalations", headers=ANA).status_code == 200


def test_an_address_is_asked_to_wait_whatever_it_says_it_is(client: TestClient) -> None:
    found = [client.get(f"/grafana/review/{DECISION}").status_code for _ in range(9)]
    assert found == [403] * 8 + [429]
    assert client.get("/api/escalations", headers=ANA).status_code == 429


def test_whoever_has_to_stop_the_engine_is_never_asked_to_wait(
    client: TestClient, office: FakeOffice
) -> None:
    for _ in range(9):
        client.get("/api/escalations", headers=ANA)
    stops = [client.post("/api/stop", json={"reason": "drill"}, headers=ANA) for _ in range(9)]
    assert {answer.status_code for answer in stops} == {200}
    assert len(office.moved) == 9


def test_behind_a_proxy_each_address_is_counted_by_itself(office: FakeOffice) -> None:
    review = Review.model_validate(
        {"trusted_proxies": ["10.0.0.7"], "address_per_second": 1, "login_per_second": 1000}
    )
    proxy = TrustedProxy(review.trusted_proxies, review.user_header)
    app = make_app(
        office, token=None, loopback=True, provider=proxy, review=review, clock=lambda: 0.0
    )
    with TestClient(app, base_url=HOME, client=("10.0.0.7", 1)) as client:

        def ask(forwarded: str) -> int:
            return client.get("/healthz", headers={"X-Forwarded-For": forwarded}).status_code

        assert [ask("203.0.113.5") for _ in range(3)][-1] == 429
        assert ask("203.0.113.6") == 200
        # What a browser says of itself stands further left and counts for nothing.
        assert ask("1.2.3.4, 203.0.113.5") == 429


def test_on_ones_own_machine_nobody_is_counted(office: FakeOffice) -> None:
    app = make_app(office, token=TOKEN, loopback=True, review=Review(login_per_second=1))
    with TestClient(app, base_url=HOME) as client:
        found = {client.get("/api/escalations", headers=ANA).status_code for _ in range(20)}
    assert found == {200}
