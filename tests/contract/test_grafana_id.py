"""Where Grafana signs for whom it names, is nobody else let in?"""

import json
import threading
import time
from collections.abc import Iterator
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from replan.infra.identity.choice import provider_of
from replan.infra.review.api import make_app
from replan.infra.workspace.review_settings import BROKER_KEY, Review
from tests.escalations import DECISION
from tests.fake_grafana_proxy import Got, get
from tests.fake_office import an_office
from tests.fake_openid import FakeOpenId
from tests.pages_served import served

KEY = "a-key-that-only-grafana-has"
GRAFANA = "https://grafana.example"


class Signing(FakeOpenId):
    """A Grafana that publishes the key with which it signs who asks."""

    def __init__(self) -> None:
        super().__init__()
        self.signer = ec.generate_private_key(ec.SECP256R1())

    @property
    def public_key(self) -> dict[str, Any]:
        plain = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(self.signer.public_key()))
        return {**plain, "kid": "k1", "use": "sig"}

    def signed(self, **changes: Any) -> str:
        now = int(time.time())
        claims = {
            "iss": f"{GRAFANA}/",
            "aud": "org:1",
            "sub": "user:aef1",
            "iat": now,
            "exp": now + 300,
            "type": "user",
            "username": "ana",
        } | changes
        return jwt.encode(claims, self.signer, algorithm="ES256", headers={"kid": "k1"})


@pytest.fixture(scope="module")
def signing() -> Iterator[Signing]:
    with Signing() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join(30)


@pytest.fixture(scope="module")
def home(signing: Signing) -> Iterator[str]:
    review = Review(
        identity="grafana_broker",
        grafana_url=GRAFANA,
        grafana_keys=f"{signing.issuer}/keys",
        login_per_second=1000,
        address_per_second=1000,
    )
    provider = provider_of(review, {BROKER_KEY: KEY})
    app = make_app(an_office(), token=None, loopback=True, provider=provider, review=review)
    with served(app) as home:
        yield home


def asked(home: str, *tokens: str, login: str = "ana") -> Got:
    shown = {"X-Replan-Broker-Key": KEY, "X-Grafana-User": login}
    for token in tokens:
        shown["X-Grafana-Id"] = token
    return get(home, f"/grafana/review/{DECISION}", shown)


def test_whom_grafana_signed_for_comes_in(home: str, signing: Signing) -> None:
    assert asked(home, signing.signed()).status == 302


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"username": "ben"}, "for somebody else"),
        ({"type": "service-account"}, "for somebody else"),
        ({"iss": "https://other.example/"}, "another Grafana"),
        ({"exp": 1_700_000_000}, "cannot be believed"),
    ],
    ids=["another login", "a program", "another Grafana", "long over"],
)
def test_what_was_signed_for_something_else_opens_nothing(
    home: str, signing: Signing, changes: dict[str, Any], says: str
) -> None:
    answer = asked(home, signing.signed(**changes))
    assert answer.status == 403
    assert says in answer.text


def test_the_key_of_grafana_alone_opens_nothing(home: str) -> None:
    answer = asked(home)
    assert (answer.status, json.loads(answer.text)["message"]) == (
        403,
        "Grafana did not sign who asks",
    )


def test_what_somebody_else_signed_opens_nothing(home: str, signing: Signing) -> None:
    stranger = ec.generate_private_key(ec.SECP256R1())
    claims = jwt.decode(signing.signed(), options={"verify_signature": False})
    forged = jwt.encode(claims, stranger, algorithm="ES256", headers={"kid": "k1"})
    assert asked(home, forged).status == 403


def test_what_nobody_signed_opens_nothing(home: str, signing: Signing) -> None:
    claims = jwt.decode(signing.signed(), options={"verify_signature": False})
    plain = jwt.encode(claims, None, algorithm="none", headers={"kid": "k1"})
    assert asked(home, plain).status == 403


def test_keys_that_cannot_be_had_open_nothing(signing: Signing) -> None:
    review = Review(
        identity="grafana_broker", grafana_url=GRAFANA, grafana_keys=f"{signing.issuer}/gone"
    )
    provider = provider_of(review, {BROKER_KEY: KEY})
    app = make_app(an_office(), token=None, loopback=True, provider=provider, review=review)
    with served(app) as home:
        assert asked(home, signing.signed()).status == 403
