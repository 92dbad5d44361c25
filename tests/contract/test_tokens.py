"""Does a personal token speak for its login alone, while it holds, and to nobody who guesses?"""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from typer.testing import CliRunner

from replan.errors import UsageError
from replan.infra.cli import app as cli
from replan.infra.identity.grafana_broker import GrafanaBroker
from replan.infra.identity.tokens import Tokens
from replan.infra.ledger.columns import sortable_instant
from replan.infra.ledger.store import Ledger
from replan.infra.planners.office import Office
from replan.infra.review.api import make_app
from replan.infra.review.serving import DeskReview
from replan.infra.workspace.folder import open_workspace
from tests.databases import Place
from tests.desk_cases import case
from tests.offices import source, tick
from tests.workspaces import write_workspace

HOME = "http://127.0.0.1"
DAY = timedelta(days=1)
PLANNERS = """\
planners:
- {login: ann, roles: [planner], regions: ["*"], limit_minor: null}
- {login: bob, roles: [planner], regions: ["*"], limit_minor: null}
"""


@pytest.fixture
def now() -> list[float]:
    return [0.0]


@pytest.fixture
def ledger(place: Place) -> Iterator[Ledger]:
    ledger = place.open(busy_seconds=30.0)
    yield ledger
    ledger.close()


@pytest.fixture
def tokens(ledger: Ledger, now: list[float]) -> Tokens:
    return Tokens(ledger, lambda: now[0])


def test_a_token_speaks_for_its_login(tokens: Tokens) -> None:
    token, row = tokens.make("ann", DAY)
    assert tokens.login_of(token) == "ann"
    assert token.startswith(f"rp_{row.token_id}_")
    assert len(token.split("_", 2)[2]) == 43


def test_a_token_is_kept_only_as_its_hash(tokens: Tokens, place: Place) -> None:
    token, _ = tokens.make("ann", DAY)
    secret = token.split("_", 2)[2]
    assert secret not in str(place.rows("SELECT * FROM token"))
    assert secret not in str(place.rows("SELECT * FROM audit"))


def test_a_token_that_was_revoked_speaks_for_nobody(tokens: Tokens, ledger: Ledger) -> None:
    token, row = tokens.make("ann", DAY)
    first = tokens.revoke(row.token_id)
    assert tokens.login_of(token) is None
    assert tokens.revoke(row.token_id).revoked_at == first.revoked_at
    assert ledger.verify_audit().ok


def test_a_token_ends_by_itself(tokens: Tokens, place: Place) -> None:
    token, _ = tokens.make("ann", DAY)
    over = sortable_instant(datetime.now(UTC) - timedelta(seconds=1))
    place.run("UPDATE token SET ends = :over", {"over": over})
    assert tokens.login_of(token) is None


@pytest.mark.parametrize("days", [0, -1, 367])
def test_a_token_for_no_time_or_for_ever_is_not_made(tokens: Tokens, days: int) -> None:
    with pytest.raises(UsageError, match="366"):
        tokens.make("ann", timedelta(days=days))


def test_what_is_no_token_is_nobodys(tokens: Tokens) -> None:
    token, row = tokens.make("ann", DAY)
    other, _ = tokens.make("bob", DAY)
    mixed = f"rp_{row.token_id}_{other.split('_', 2)[2]}"
    for said in ("", "rp_", token[:-1], token + "x", token.upper(), mixed, "rp_\x00_x"):
        assert tokens.login_of(said) is None


def test_guessing_locks_a_token_for_a_while_and_no_other(tokens: Tokens, now: list[float]) -> None:
    token, row = tokens.make("ann", DAY)
    other, _ = tokens.make("bob", DAY)
    for _ in range(5):
        now[0] += 1
        assert tokens.login_of(f"rp_{row.token_id}_{'x' * 43}") is None
    assert (tokens.login_of(token), tokens.login_of(other)) == (None, "bob")
    now[0] += 15 * 60
    assert tokens.login_of(token) == "ann"


def test_slips_now_and_then_lock_nothing(tokens: Tokens, now: list[float]) -> None:
    token, row = tokens.make("ann", DAY)
    for _ in range(9):
        now[0] += 16
        assert tokens.login_of(f"rp_{row.token_id}_{'x' * 43}") is None
    assert tokens.login_of(token) == "ann"


def test_a_program_answers_with_its_token_where_others_come_from_grafana(
    ledger: Ledger, tmp_path: Path
) -> None:
    tick(ledger, source(), case())
    decision_id = ledger.decisions()[0]["decision_id"]
    root = write_workspace(tmp_path / "shop", planners_yaml=PLANNERS)
    office = DeskReview(Office(ledger, source()), ledger, open_workspace(root), "live")
    broker = GrafanaBroker("a-key-that-only-grafana-has", "")
    app = make_app(office, token=None, loopback=True, provider=broker)
    token, _ = Tokens(ledger).make("ann", DAY)
    said = {"Authorization": f"Bearer {token}", "Idempotency-Key": "k1"}
    given = {"verdict": "approve", "version": 1, "chip": "policy"}
    path = f"/api/decisions/{decision_id}/verdict"
    with TestClient(app, base_url=HOME) as client:
        as_bob = said | {"X-Replan-Login": "bob"}
        assert client.post(path, json=given, headers=as_bob).status_code == 401
        assert client.post(path, json=given, headers=said).status_code == 200
        root.joinpath("planners.yaml").write_text(PLANNERS.replace("ann", "eve"))
        assert client.get("/api/escalations", headers=said).status_code == 401
    [kept] = ledger.decision(decision_id).verdicts
    assert (kept["login"], '"provider":"token"' in kept["via"]) == ("ann", True)


def test_there_is_no_revoking_what_there_is_not(tokens: Tokens) -> None:
    with pytest.raises(UsageError, match="no token"):
        tokens.revoke("0123456789ab")


def test_a_token_is_made_listed_and_revoked_from_a_terminal(tmp_path: Path) -> None:
    root = write_workspace(tmp_path / "shop")

    def said(*words: str) -> dict[str, str]:
        done = CliRunner().invoke(cli, ["-C", str(root), "token", *words, "--json"])
        assert done.exit_code == 0, done.output
        return dict(json.loads(done.stdout))

    made = said("create", "ada", "--days", "7")
    assert made["token"].startswith(f"rp_{made['token_id']}_")
    listed = said("list")
    assert ("token" in listed, listed["revoked_at"]) == (False, None)
    assert said("revoke", made["token_id"])["revoked_at"] is not None
    nobody = CliRunner().invoke(cli, ["-C", str(root), "token", "create", "nobody"])
    assert isinstance(nobody.exception, UsageError)
