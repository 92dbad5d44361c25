"""Are the dashboards that Grafana is given the ones of the code, and do their rules hold?"""

import json
from copy import deepcopy
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from replan.infra.grafana.boards import BOARDS, FOLDER, board_text, build, kept
from replan.infra.grafana.lint import lint
from replan.infra.grafana.macros import expanded
from replan.infra.grafana.model import LEDGER
from replan.infra.grafana.pushing import broker_source, ledger_source
from replan.infra.grafana.wording import BROKER, REVIEW
from replan.infra.identity.grafana_broker import PREFIX, ROUTE

PROVISIONING = FOLDER.parent / "provisioning"
NIGHT = datetime(2026, 5, 4, tzinfo=UTC)
MORNING = datetime(2026, 5, 4, 6, tzinfo=UTC)


@pytest.mark.parametrize("name", sorted(BOARDS))
def test_the_kept_file_is_what_the_code_builds(name: str) -> None:
    file = FOLDER / f"{name}.json"
    assert file.read_text(encoding="utf-8") == board_text(BOARDS[name]), "replan grafana build"


def test_no_file_is_kept_that_nobody_builds() -> None:
    assert sorted(kept(FOLDER)) == sorted(BOARDS)


def test_building_twice_changes_nothing_the_second_time(tmp_path: Path) -> None:
    assert len(build(tmp_path)) == len(BOARDS)
    assert build(tmp_path) == []


def test_the_dashboards_keep_all_rules() -> None:
    assert lint(kept(FOLDER)) == []


def test_the_way_to_a_case_stands_second_where_no_screen_cuts_it_off() -> None:
    queue = next(p for p in BOARDS["escalations"].panels if p.kind == "table")
    shown = [column.name for column in queue.columns]
    assert shown.index("decision_id") == 1
    select = queue.sql.split("FROM")[0]
    assert select.index("decision_id") < select.index("headline")


def broken(change: str) -> list[tuple[str, str]]:
    """The rules that are broken by one change to the page of escalations."""
    board: dict[str, Any] = deepcopy(json.loads(board_text(BOARDS["escalations"])))
    first, queue = board["panels"][0], board["panels"][8]
    match change:
        case "two panels with one id":
            board["panels"][1]["id"] = first["id"]
        case "a panel over another":
            first["gridPos"]["w"] = 4
        case "a panel beyond the grid":
            queue["gridPos"]["w"] = 25
        case "a panel of a plugin":
            first["type"] = "volkovlabs-form-panel"
        case "another data source":
            first["targets"][0]["datasource"] = {"type": "postgres", "uid": "other"}
        case "an unknown variable":
            first["targets"][0]["rawSql"] += " AND x = ${nobody:sqlstring}"
        case "an unknown macro":
            first["targets"][0]["rawSql"] += " AND $__unixEpochFilter(x)"
        case "a write":
            first["targets"][0]["rawSql"] = "DELETE FROM v_queue"
        case "urgency of its own":
            queue["targets"][0]["rawSql"] += ", urgency * 2"
        case "thresholds that fall":
            steps = first["fieldConfig"]["defaults"]["thresholds"]["steps"]
            steps += [{"color": "red", "value": 2}, {"color": "green", "value": 1}]
        case "a link to the engine itself":
            _link(queue)["url"] = "https://replan.example/review/${__data.fields.decision_id}"
        case "a link in the same tab":
            _link(queue)["targetBlank"] = False
        case "an unknown unit":
            first["fieldConfig"]["defaults"]["unit"] = "percent"
        case "open to changes":
            board["editable"] = True
    return [(fault.place, fault.rule) for fault in lint({"escalations": board})]


def _link(panel: dict[str, Any]) -> dict[str, Any]:
    column = next(
        one
        for one in panel["fieldConfig"]["overrides"]
        if one["matcher"]["options"] == "decision_id"
    )
    found: dict[str, Any] = next(p for p in column["properties"] if p["id"] == "links")["value"][0]
    return found


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ("two panels with one id", "unique"),
        ("a panel over another", "grid"),
        ("a panel beyond the grid", "grid"),
        ("a panel of a plugin", "type"),
        ("another data source", "datasource"),
        ("an unknown variable", "query"),
        ("an unknown macro", "query"),
        ("a write", "query"),
        ("urgency of its own", "query"),
        ("thresholds that fall", "thresholds"),
        ("a link to the engine itself", "link"),
        ("a link in the same tab", "link"),
        ("an unknown unit", "unit"),
        ("open to changes", "head"),
    ],
)
def test_a_broken_rule_is_named(change: str, rule: str) -> None:
    assert rule in {found for _, found in broken(change)}


def test_the_link_to_a_case_leads_to_what_the_review_pages_serve() -> None:
    """Grafana puts what follows the data source's uid behind its address, which ends with
    /grafana."""
    base = provisioned("replanbroker")["url"]
    assert base == "$REPLAN_BROKER_URL"
    path = REVIEW.split(f"/uid/{BROKER}", 1)[1].replace("${__data.fields.decision_id}", "dec-7")
    assert ROUTE.fullmatch(f"{PREFIX}{path}".encode())


def test_provisioned_data_sources_are_those_that_the_dashboards_ask() -> None:
    ledger = provisioned(LEDGER["uid"])
    assert ledger["type"] == LEDGER["type"]
    assert ledger["user"] == "grafana_ro"
    # Both places: older versions read the one, newer ones the other.
    assert ledger["database"] == ledger["jsonData"]["database"]


def test_what_is_pushed_is_what_is_provisioned() -> None:
    pushed = {
        one["uid"]: one
        for one in (ledger_source("db:5432", "d", "p", "require"), broker_source("https://r", "k"))
    }
    for uid, one in pushed.items():
        from_file = provisioned(uid)
        assert {k: one[k] for k in ("name", "type", "access")} == {
            k: from_file[k] for k in ("name", "type", "access")
        }
        assert one["jsonData"].keys() == from_file["jsonData"].keys()
        assert one["secureJsonData"].keys() == from_file["secureJsonData"].keys()


def test_dashboards_from_files_are_changed_by_files_alone() -> None:
    text = (PROVISIONING / "dashboards" / "replan.yaml").read_text(encoding="utf-8")
    [provider] = yaml.safe_load(text)["providers"]
    assert provider["allowUiUpdates"] is False
    assert provider["disableDeletion"] is True
    assert provider["folderUid"] == "replan"


def provisioned(uid: str) -> dict[str, Any]:
    """A data source as the file for provisioning has it."""
    text = (PROVISIONING / "datasources" / "replan.yaml").read_text(encoding="utf-8")
    [found] = [one for one in yaml.safe_load(text)["datasources"] if one["uid"] == uid]
    assert found["editable"] is False
    plain: dict[str, Any] = found
    return plain


def test_two_dashboards_with_one_uid_are_named() -> None:
    board = json.loads(board_text(BOARDS["system"]))
    assert [f.rule for f in lint({"one": board, "two": board})] == ["unique"]


def test_what_a_reader_chose_is_quoted_and_the_time_range_filled_in() -> None:
    sql = "SELECT 1 WHERE a IN (${a:sqlstring}) AND $__timeFilter(at) AND at > $__timeFrom()"
    assert expanded(sql, {"a": ["O'Hara", "b"]}, NIGHT, MORNING) == (
        "SELECT 1 WHERE a IN ('O''Hara', 'b') "
        "AND at BETWEEN '2026-05-04T00:00:00Z' AND '2026-05-04T06:00:00Z' "
        "AND at > '2026-05-04T00:00:00Z'"
    )


def test_time_is_grouped_by_whole_steps() -> None:
    found = expanded("SELECT $__timeGroup(at, '$__interval')", {}, NIGHT, MORNING, "6h")
    assert found == "SELECT floor(extract(epoch from at)/21600)"
