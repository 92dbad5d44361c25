"""Does any request, however odd, break the API or get past its doors? Every operation of the
OpenAPI document, with and without a token, on a real office.
"""

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from replan.infra.ledger.store import Ledger
from replan.infra.planners.office import Office
from replan.infra.review.api import make_app
from replan.infra.review.serving import DeskReview
from replan.infra.workspace.folder import open_workspace
from tests.desk_cases import case
from tests.examples import examples
from tests.fake_office import an_office
from tests.ledger_builders import new_ledger
from tests.offices import source, tick
from tests.pages_served import served
from tests.workspaces import write_workspace

pytestmark = pytest.mark.slow

TOKEN = "a-token-for-this-test-alone"
PLANNERS = """\
planners:
- {login: ann, roles: [planner, operator], regions: ["*"], limit_minor: null}
- {login: bob, roles: [operator], regions: ["*"], limit_minor: null}
"""
OPEN = ("/healthz", "/readyz", "/metrics")


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ledger]:
    folder = tmp_path_factory.mktemp("ledger")
    new_ledger(folder).close()
    ledger = Ledger.open("sqlite:///ledger.db", folder)
    tick(ledger, source(), *(case(item=f"I{n}") for n in range(1, 5)))
    yield ledger
    ledger.close()


@pytest.fixture(scope="module")
def app(ledger: Ledger, tmp_path_factory: pytest.TempPathFactory) -> FastAPI:
    root = write_workspace(tmp_path_factory.mktemp("shop"), planners_yaml=PLANNERS)
    office = DeskReview(Office(ledger, source()), ledger, open_workspace(root), "live")
    return make_app(office, token=TOKEN, loopback=True, metrics=lambda: b"")


@pytest.fixture(scope="module")
def home(app: FastAPI) -> Iterator[str]:
    with served(app) as home:
        yield home


REPEATED = settings(
    max_examples=examples(40),
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
SCHEMA = schemathesis.openapi.from_dict(
    make_app(an_office(), token=TOKEN, loopback=True, metrics=lambda: b"").openapi()
)
OPERATIONS = [found.ok() for found in SCHEMA.get_all_operations()]
each_operation = pytest.mark.parametrize("operation", OPERATIONS, ids=lambda o: o.label)


@each_operation
def test_no_request_with_a_token_breaks_the_api(operation: Any, ledger: Ledger, home: str) -> None:
    """RELIABILITY T10."""
    known = ledger.decisions()[0]["decision_id"]
    said = {"Authorization": f"Bearer {TOKEN}", "X-Replan-Login": "ann"}

    @REPEATED
    @given(operation.as_strategy(), st.booleans())
    def ask(made_up: schemathesis.Case, is_known: bool) -> None:
        if is_known and "decision_id" in (made_up.path_parameters or {}):
            made_up.path_parameters["decision_id"] = known
        answer = made_up.call(headers=said, base_url=home)
        assert answer.status_code < 500, answer.text

    ask()


@each_operation
def test_no_request_without_a_token_gets_in(operation: Any, ledger: Ledger, home: str) -> None:
    """RELIABILITY T10, A1."""
    before = [row["state"] for row in ledger.decisions()], ledger.stops()

    @REPEATED
    @given(operation.as_strategy())
    def ask(made_up: schemathesis.Case) -> None:
        answer = made_up.call(base_url=home)
        if operation.path not in OPEN:
            assert answer.status_code in (400, 401, 405), answer.text

    ask()
    assert ([row["state"] for row in ledger.decisions()], ledger.stops()) == before
