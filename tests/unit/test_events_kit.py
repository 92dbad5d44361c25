"""The producer's kit: verdicts in the order of the file, and schemas."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from replan.errors import UsageError
from replan.infra.running import events_kit
from tests.event_lines import network, order, receipt, sale


def checked(path: Path) -> list[dict[str, Any]]:
    return list(
        events_kit.check(
            path, network=network(), lateness=timedelta(hours=48), max_jump=timedelta(days=30)
        )
    )


def test_check_prints_one_object_per_event_in_the_order_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    records = [receipt(), order(), sale(), [sale(), sale(id="b", data={})], sale(id="c")]
    path.write_text("\n".join(map(json.dumps, records)))
    found = checked(path)
    assert [(row["line"], row["id"], row["status"], row["code"]) for row in found] == [
        (1, "r-1", "ACCEPTED", None),
        (2, "po-1", "ACCEPTED", None),
        (3, "e-1", "ACCEPTED", None),
        (4, "e-1", "DUPLICATE", "duplicate"),
        (4, "b", "REJECTED", "missing"),
        (5, "c", "ACCEPTED", None),
    ]
    assert set(found[0]) == {"line", "id", "type", "status", "code", "pointer", "sha256"}


def test_check_calls_a_last_line_cut_short_malformed(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_text('{"id": ')
    assert [row["code"] for row in checked(path)] == ["malformed"]


def test_check_of_a_missing_file_is_bad_usage(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"none\.jsonl"):
        checked(tmp_path / "none.jsonl")


def test_schema_of_an_unknown_type_is_bad_usage() -> None:
    with pytest.raises(UsageError, match=r"pos\.sales\.v1"):
        list(events_kit.schemas("pos.sales.v1"))


def test_schemas_without_a_type_are_all_of_them() -> None:
    titles = [schema["title"] for schema in events_kit.schemas()]
    assert titles == sorted(titles)
    assert "receipt.v1" in titles


def test_a_summary_counts_what_there_was_and_leaves_out_the_rest() -> None:
    assert (
        events_kit.summary({"REJECTED": 1, "ACCEPTED": 11}) == "12 events: 11 ACCEPTED, 1 REJECTED"
    )
    assert events_kit.summary({"ACCEPTED": 1}) == "1 event: 1 ACCEPTED"
    assert events_kit.summary({}) == "0 events: nothing to judge"
