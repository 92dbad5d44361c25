"""A monitor is told whether a run lives, can work, and what it has done; it can change nothing."""

import http.client
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from replan.errors import NotSo, SourceAway
from replan.infra.ledger.store import Ledger
from replan.infra.process.health_port import answering, observed
from replan.infra.process.metrics import Observer
from replan.infra.workspace.settings import Observe
from tests.ledger_builders import new_ledger


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    ledger = new_ledger(tmp_path)
    yield ledger
    ledger.close()


@pytest.fixture
def observer(ledger: Ledger) -> Observer:
    return Observer(ledger.standing)


@pytest.fixture
def port(observer: Observer) -> Iterator[int]:
    with answering(observer, "127.0.0.1", 0) as port:
        yield port


def ask(port: int, path: str, method: str = "GET") -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request(method, path)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, body


def test_a_process_that_lives_says_so(port: int) -> None:
    assert ask(port, "/healthz") == (200, b'{"status": "ok"}')


def test_a_run_with_broker_and_ledger_is_ready(port: int) -> None:
    assert ask(port, "/readyz") == (200, b'{"ready": true, "reasons": []}')


def test_a_run_without_its_broker_lives_and_is_not_ready(port: int, observer: Observer) -> None:
    """B1."""
    observer.trouble(SourceAway("broker: no one answers at 127.0.0.1:9092"))
    status, body = ask(port, "/readyz")
    assert status == 503
    reasons = ["broker: no one answers at 127.0.0.1:9092"]
    assert json.loads(body) == {"ready": False, "reasons": reasons}
    assert ask(port, "/healthz")[0] == 200


def test_metrics_are_in_the_format_of_prometheus(port: int) -> None:
    status, body = ask(port, "/metrics")
    assert status == 200
    assert b"# TYPE replan_ledger_up gauge\nreplan_ledger_up 1.0\n" in body


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/", 404), ("GET", "/metrics/../etc", 404), ("POST", "/metrics", 501)],
)
def test_there_is_nothing_else_to_ask_for(port: int, method: str, path: str, status: int) -> None:
    assert ask(port, path, method)[0] == status


def test_a_port_that_is_taken_is_named(port: int, observer: Observer) -> None:
    with (
        pytest.raises(NotSo, match=f"observe.port {port} on 127.0.0.1"),
        answering(observer, "127.0.0.1", port),
    ):
        pass


def test_without_a_port_nobody_listens(ledger: Ledger) -> None:
    with observed(Observe(), ledger.standing) as observer:
        assert observer.not_ready() == []
