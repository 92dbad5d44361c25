"""Are pages served to others when nobody says who they are? And do sessions outlive a server?"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from replan.errors import NotSo
from replan.infra.identity.choice import provider_of, takes_run_token
from replan.infra.identity.grafana_broker import GrafanaBroker
from replan.infra.ledger.store import Ledger
from replan.infra.planners.office import Office
from replan.infra.review.api import make_app
from replan.infra.review.serving import DeskReview, is_loopback, serve
from replan.infra.workspace.folder import open_workspace
from replan.infra.workspace.review_settings import BROKER_KEY, Review
from replan.infra.workspace.settings import read_settings
from tests.databases import Place
from tests.desk_cases import case
from tests.offices import source, tick
from tests.workspaces import write_workspace

HOME = "http://127.0.0.1"
KEY = "a-key-that-only-grafana-has"
PLANNERS = """\
planners:
- {login: ann, roles: [planner], regions: ["*"], limit_minor: null}
"""


@pytest.fixture
def ledger(place: Place) -> Iterator[Ledger]:
    ledger = place.open(busy_seconds=30.0)
    tick(ledger, source(), case())
    yield ledger
    ledger.close()


def a_server(place: Place, root: Path) -> Iterator[TestClient]:
    """A process of its own, as far as sessions can tell: its own connections and memory."""
    ledger = place.open(busy_seconds=30.0)
    office = DeskReview(Office(ledger, source()), ledger, open_workspace(root), "live")
    app = make_app(office, token=None, loopback=True, provider=GrafanaBroker(KEY, ""))
    with TestClient(app, base_url=HOME, follow_redirects=False) as client:
        yield client
    ledger.close()


def test_a_ticket_and_a_session_hold_at_every_server_of_a_ledger(
    ledger: Ledger, place: Place
) -> None:
    root = write_workspace(place.root / "shop", planners_yaml=PLANNERS)
    decision_id = ledger.decisions()[0]["decision_id"]
    first, second, third = (a_server(place, root) for _ in range(3))
    right = {"X-Replan-Broker-Key": KEY, "X-Grafana-User": "ann"}
    away = next(first).get(f"/grafana/review/{decision_id}", headers=right)
    ticket = away.headers["location"].partition("?")[2]
    inside = next(second).get(f"/review/{decision_id}?{ticket}")
    assert inside.status_code == 303
    session = {"Cookie": inside.headers["set-cookie"].partition(";")[0]}
    late = next(third)
    assert late.get(f"/review/{decision_id}", headers=session).status_code == 200
    assert late.get(f"/review/{decision_id}?{ticket}").status_code == 403
    for server in (first, second, third):
        assert next(server, None) is None


SERVED = [
    ("", "0.0.0.0", {}, "nobody says who they are"),
    ('identity = "dev"', "0.0.0.0", {BROKER_KEY: KEY}, "nobody says who they are"),
    ('identity = "grafana_broker"', "127.0.0.1", {}, f"{BROKER_KEY} is not set"),
    ('identity = "grafana_broker"', "0.0.0.0", {BROKER_KEY: KEY}, "public_url"),
    ('identity = "grafana_broker"', "127.0.0.1", {BROKER_KEY: "short"}, "at least 16"),
    ('identity = "grafana_broker"', "127.0.0.1", {BROKER_KEY: "changeme"}, "placeholder"),
    ('public_url = "https://replan.example"', "127.0.0.1", {}, "others are meant to come"),
]


@pytest.mark.parametrize(("said", "host", "environment", "why"), SERVED)
def test_a_server_that_could_not_tell_who_asks_is_not_started(
    ledger: Ledger,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    said: str,
    host: str,
    environment: dict[str, str],
    why: str,
) -> None:
    """RELIABILITY C12, and fail closed."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    root = write_workspace(tmp_path / "shop", replan_toml=f"[review]\n{said}\n")
    with pytest.raises(NotSo, match=why) as refused:
        serve(Office(ledger, source()), ledger, open_workspace(root), "live", 0, host=host)
    assert KEY not in str(refused.value)


@pytest.mark.parametrize(
    ("said", "rule"),
    [
        ('identity = "anybody"', "range"),
        ('identity = "trusted_proxy"', "missing"),
        ('identity = "oidc"', "missing"),
        ('identity = "oidc"\noidc_issuer = "https://id.example"', "missing"),
        ('public_url = "http://replan.example"', "url"),
        ('public_url = "https://replan.example/replan"', "url"),
        ('public_url = "https://ana:pw@replan.example"', "url"),
        ('public_url = "replan.example"', "url"),
        ('grafana_url = "ftp://grafana.example"', "url"),
        ('oidc_issuer = "http://id.example"', "url"),
        ('trusted_proxies = ["proxy.example"]', "address"),
        ('trusted_proxies = ["10.0.0.1/8"]', "address"),
        ('trusted_proxies = "10.0.0.1"', "type"),
        ('user_header = "X User"', "charset"),
        ("session_minutes = 14", "range"),
        ("session_minutes = 31", "range"),
        ("login_per_second = 0", "range"),
    ],
)
def test_a_setting_that_cannot_be_meant_is_named(said: str, rule: str) -> None:
    _, findings = read_settings(f"[review]\n{said}\n".encode())
    assert [finding.rule for finding in findings] == [rule]
    assert "review" in findings[0].message


def test_by_default_grafana_vouches_where_its_key_is_set_and_nobody_else_does() -> None:
    with_key = provider_of(Review(), {BROKER_KEY: KEY})
    assert with_key is not None
    assert with_key.name == "grafana_broker"
    assert provider_of(Review(), {}) is None
    assert provider_of(Review(identity="dev"), {BROKER_KEY: KEY}) is None


def test_the_token_of_a_run_is_for_ones_own_machine() -> None:
    assert takes_run_token(Review())
    assert takes_run_token(Review(public_url="http://localhost:8321"))
    assert not takes_run_token(Review(public_url="https://replan.example"))
    assert not takes_run_token(Review(identity="grafana_broker"))


@pytest.mark.parametrize(
    ("host", "own"),
    [
        ("127.0.0.1", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("10.0.0.7", False),
        ("replan.example", False),
    ],
)
def test_which_addresses_only_this_machine_reaches(host: str, own: bool) -> None:
    assert is_loopback(host) is own


@pytest.mark.parametrize(
    ("public", "name", "secure"),
    [
        ("https://replan.example", "__Host-replan_session", True),
        ("http://localhost:8321", "replan_session", False),
        ("", "replan_session", False),
    ],
)
def test_over_tls_the_cookie_is_secure_and_no_other_host_can_set_it(
    ledger: Ledger, tmp_path: Path, public: str, name: str, secure: bool
) -> None:
    root = write_workspace(tmp_path / "shop", planners_yaml=PLANNERS)
    office = DeskReview(Office(ledger, source()), ledger, open_workspace(root), "live")
    decision_id = ledger.decisions()[0]["decision_id"]
    broker, review = GrafanaBroker(KEY, ""), Review(public_url=public)
    app = make_app(office, token=None, loopback=True, provider=broker, review=review)
    right = {"X-Replan-Broker-Key": KEY, "X-Grafana-User": "ann"}
    with TestClient(app, base_url=public or HOME, follow_redirects=False) as client:
        # Grafana reaches the engine by a name of its own.
        inner = right | {"Host": "replan:8321"}
        away = client.get(f"/grafana/review/{decision_id}", headers=inner)
        assert away.headers["location"].startswith(f"{public or 'http://127.0.0.1'}")
        inside = client.get(away.headers["location"])
        assert inside.status_code == 303
        cookie = inside.headers["set-cookie"]
    assert cookie.startswith(f"{name}=")
    assert ("secure" in cookie.lower()) is secure
    assert "path=/" in cookie.lower()
