"""How do the order system's suppliers answer questions? Asked on Wednesday 6 May 2026 at noon."""

from pathlib import Path
from typing import Any

import pytest

from replan.infra.erp.reference import ReferenceErp
from replan.infra.executors.execution import Respondent
from tests.erp_cases import local, network, stock, with_legs

A_DAY = 1_440
QUESTION = {
    "clarification_id": "dec-1.q1",
    "decision_id": "dec-1",
    "to": ["SUP1"],
    "actions": [{"kind": "buffer_call", "from": "SUP1", "to": "S1"}],
}


def replies(folder: Path, *days: str, reopen: bool = False) -> list[tuple[str, str, str]]:
    """Time, subject and answer of what is said until noon of these days, the question being out."""
    said: list[dict[str, Any]] = []
    erp = ReferenceErp(folder, network(), stock(S1=100, S2=100), local("04"))
    for day in ("05", "06", *days):
        erp.hear(local(day, "12:00"), [] if day == "05" else [QUESTION])
        said += erp.advance(local(day, "12:00"), [], [])
        if reopen:
            erp.close()
            erp = ReferenceErp(folder, network(), stock(S1=100, S2=100))
    erp.close()
    return [
        (event["time"], event["subject"], event["data"]["answer"])
        for event in said
        if event["type"] == "clarification.answered.v1"
    ]


def test_the_order_system_hears_questions(tmp_path: Path) -> None:
    with ReferenceErp(tmp_path, network(), stock(S1=100)) as erp:
        assert isinstance(erp, Respondent)


def test_a_supplier_without_tables_confirms_after_four_hours(tmp_path: Path) -> None:
    assert replies(tmp_path, "07") == [("2026-05-06T14:00:00Z", "dec-1", "accepted")]


def test_a_supplier_whose_goods_left_late_answers_as_much_later(tmp_path: Path) -> None:
    with_legs(tmp_path, "orders", (0, 0), (A_DAY, 0))
    assert replies(tmp_path, "07", "08") == [("2026-05-07T14:00:00Z", "dec-1", "accepted")]


def test_a_supplier_whose_goods_arrive_late_has_none_to_spare(tmp_path: Path) -> None:
    with_legs(tmp_path, "orders", (0, 0), (0, 2 * A_DAY))
    assert replies(tmp_path, "07") == [("2026-05-06T14:00:00Z", "dec-1", "declined")]


def test_on_a_day_without_a_departure_nobody_answers(tmp_path: Path) -> None:
    with_legs(tmp_path, "orders", (0, 0), (None, None))
    assert replies(tmp_path, "07", "08", "09", "10", "11") == []


@pytest.mark.parametrize("reopen", [False, True])
def test_a_question_that_stays_out_is_answered_once(tmp_path: Path, reopen: bool) -> None:
    with_legs(tmp_path, "orders", (0, 0), (A_DAY, 0))
    assert len(replies(tmp_path, "07", "08", "09", "10", reopen=reopen)) == 1
