"""Does a real Grafana take what we push? Asked where GRAFANA_URL and GRAFANA_TOKEN name one.

Its data source `replan-pg` must reach a ledger. What is made here is taken away again.
"""

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from replan.infra.grafana.adapter import Grafana
from replan.infra.grafana.boards import FOLDER, kept
from replan.infra.grafana.macros import variables_in
from replan.infra.grafana.model import LEDGER
from replan.infra.grafana.pushing import push

URL, TOKEN = os.environ.get("GRAFANA_URL"), os.environ.get("GRAFANA_TOKEN")
OURS = "replan-live-test"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (URL and TOKEN), reason="GRAFANA_URL and GRAFANA_TOKEN name no Grafana"),
]


@pytest.fixture(scope="module")
def grafana() -> Iterator[Grafana]:
    grafana = Grafana(URL or "", TOKEN or "")
    yield grafana
    grafana.remove_folder(OURS)


def boards() -> dict[str, dict[str, object]]:
    """Ours under uids of their own, so that those of the installation stay as they are."""
    return {name: {**board, "uid": f"{OURS}-{name}"} for name, board in kept(FOLDER).items()}


def test_pushing_twice_changes_nothing_the_second_time(grafana: Grafana) -> None:
    assert grafana.health().database == "ok"
    assert any(one.changed for one in push(grafana, boards(), folder_uid=OURS))
    assert not any(one.changed for one in push(grafana, boards(), folder_uid=OURS))


def test_every_query_without_a_choice_runs_through_grafana(grafana: Grafana) -> None:
    until = datetime.now(UTC)
    for board in kept(FOLDER).values():
        for panel in board["panels"]:
            sql = panel["targets"][0]["rawSql"]
            if not variables_in(sql):
                grafana.run_sql(sql, until - timedelta(days=30), until, source=LEDGER)


def test_a_mark_is_made_once(grafana: Grafana) -> None:
    at = datetime.now(UTC)
    key = f"live-{at.timestamp():.0f}"
    assert grafana.annotate(key, "a test", at)
    assert not grafana.annotate(key, "a test", at)
