"""A run that puts its commands to a web target: what it answers, and what is lost on the way."""

import json
import shutil
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from replan.infra.running.opened import opened_office
from replan.infra.running.run import run_workspace
from tests.golden.told import BASE, HERE
from tests.golden.world import CASE_FIRST, ordinary, write_lines
from tests.web_targets import WebShop, web_shop

pytestmark = pytest.mark.slow


def workspace(root: Path, shop: WebShop, *, idempotent: bool, query: str = "") -> None:
    shutil.copytree(BASE, root)
    write_lines(root / "events" / "history.jsonl", ordinary(CASE_FIRST - timedelta(days=1)))
    shutil.copy(HERE / "surge" / "events.jsonl", root / "events" / "case.jsonl")
    with (root / "replan.toml").open("a") as settings:
        settings.write(
            '\n[executor]\nkind = "http"\nallowed_hosts = ["127.0.0.1"]\n'
            f'[executor.targets.erp]\nurl = "{shop.url}/orders"\nprivate = true\n'
            f"idempotent = {str(idempotent).lower()}\n{query}"
        )


def run(root: Path, mode: str | None = None) -> list[dict[str, Any]]:
    run_workspace(root, source=None, until_end=True, mode=mode)
    with opened_office(root) as desk:
        return [dict(b) for b in desk.office.decisions(state=None, item=None, since=None)]


def acting(bodies: Sequence[dict[str, Any]]) -> list[str]:
    return [b["state"] for b in bodies if b["state"] not in ("escalated", "no_action")]


def test_what_a_web_target_confirms_is_executed_and_nothing_stands_in_the_out_file(
    tmp_path: Path,
) -> None:
    root = tmp_path / "world"
    with web_shop() as shop:
        workspace(root, shop, idempotent=False)
        states = acting(run(root))
    assert set(states) == {"executed"}
    assert len(shop.orders) == len(shop.asked) > 0
    assert not (root / "out" / "commands.jsonl").exists()


def test_g4_a_lost_answer_is_unknown_and_never_asked_for_again(tmp_path: Path) -> None:
    root = tmp_path / "world"
    with web_shop("reset_after") as shop:
        workspace(root, shop, idempotent=False)
        first = run(root)
        asked = len(shop.asked)
        again = run(root)
    assert "unknown" in acting(first)
    assert (acting(again), len(shop.asked)) == (acting(first), asked)


def test_a_target_that_can_be_asked_tells_what_became_of_it(tmp_path: Path) -> None:
    root = tmp_path / "world"
    with web_shop("reset_after") as shop:
        query = f'query_url = "{shop.url}/state"\n'
        workspace(root, shop, idempotent=False, query=query)
        states = acting(run(root))
    assert set(states) == {"executed"}


def test_g4_late_proof_settles_what_was_unknown(tmp_path: Path) -> None:
    root = tmp_path / "world"
    with web_shop("reset_after") as shop:
        workspace(root, shop, idempotent=False)
        run(root)
    lost = shop.asked[0]["body"]
    with opened_office(root) as desk:
        clock = desk.ledger.clock()
    assert clock is not None
    at = (clock + timedelta(minutes=5)).isoformat()
    ack = {name: lost[name] for name in ("specversion", "subject", "correlationid")} | {
        "id": "found-by-hand",
        "source": "/erp/by-hand",
        "type": "action.ack.v1",
        "time": at,
        "data": {"idem": lost["data"]["idem"], "at": at, "reason": None},
    }
    (root / "events" / "answers.jsonl").write_text(json.dumps(ack) + "\n")
    assert "unknown" not in acting(run(root))


def test_g11_nobody_is_called_in_shadow(tmp_path: Path) -> None:
    root = tmp_path / "world"
    with web_shop() as shop:
        workspace(root, shop, idempotent=False)
        run(root, mode="shadow")
    assert shop.asked == []
