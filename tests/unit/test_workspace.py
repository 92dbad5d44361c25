"""Is a workspace opened whole, checked, and begun from a template?"""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from replan.errors import UsageError
from replan.findings import finding_json
from replan.infra.workspace.folder import check_workspace, init_workspace, open_workspace
from tests.authority_worlds import NOW
from tests.workspaces import edited, write_workspace


def errors(root: Path) -> list[tuple[str, int | None, str]]:
    return [(f.file, f.line, f.rule) for f in check_workspace(root) if f.severity == "error"]


def test_a_valid_workspace_has_no_error_and_may_run_in_every_mode(tmp_path: Path) -> None:
    workspace = open_workspace(write_workspace(tmp_path))
    assert errors(tmp_path) == []
    assert workspace.stopping("live", NOW) == ()
    assert workspace.authority.in_force(NOW).table is not None


def test_findings_come_by_file_and_line(tmp_path: Path) -> None:
    write_workspace(
        tmp_path,
        replan_toml="[plan]\nhorizon_days = 0\n",
        network_items_csv=edited("network/items.csv", ",80,", ",x,"),
        planners_yaml=edited("planners.yaml", "login: pia", "login: ADA"),
    )
    assert errors(tmp_path) == [
        ("network/items.csv", 2, "type"),
        ("planners.yaml", 4, "duplicate"),
        ("replan.toml", 2, "range"),
    ]


def test_a_finding_is_written_with_the_keys_of_the_contract(tmp_path: Path) -> None:
    write_workspace(tmp_path, replan_toml="colour = 1")
    found = finding_json(next(f for f in check_workspace(tmp_path) if f.severity == "error"))
    assert list(found) == [
        "severity",
        "file",
        "line",
        "value",
        "rule",
        "message",
        "counterexample",
    ]


@pytest.mark.parametrize("name", ["replan.toml", "planners.yaml"])
def test_a_missing_settings_or_planners_file_stops_every_run(tmp_path: Path, name: str) -> None:
    (write_workspace(tmp_path) / name).unlink()
    stopping = open_workspace(tmp_path).stopping("shadow")
    assert [(f.file, f.rule) for f in stopping] == [(name, "missing")]


def test_a_bad_table_or_network_row_stops_no_run(tmp_path: Path) -> None:
    write_workspace(
        tmp_path,
        authority_yaml="rules: [",
        network_items_csv=edited("network/items.csv", ",80,", ",x,"),
    )
    workspace = open_workspace(tmp_path)
    assert workspace.stopping("live", NOW) == ()
    assert workspace.authority.in_force(NOW).code == "no_table"


@pytest.mark.parametrize(
    "text", ["", "classification: [", edited("risk_record.yaml", "signed_by: pia\n", "")]
)
def test_without_a_valid_risk_record_only_live_is_stopped(tmp_path: Path, text: str) -> None:
    workspace = open_workspace(write_workspace(tmp_path, risk_record_yaml=text))
    assert {f.file for f in workspace.stopping("live")} == {"risk_record.yaml"}
    assert workspace.stopping("recommend") == ()


def test_a_risk_record_that_expired_stops_live(tmp_path: Path) -> None:
    workspace = open_workspace(write_workspace(tmp_path))
    later = datetime(2028, 1, 1, tzinfo=UTC)
    assert [f.rule for f in workspace.stopping("live", later)] == ["unsigned"]


def test_check_calls_an_unsigned_record_an_error_only_where_the_mode_is_live(
    tmp_path: Path,
) -> None:
    unsigned = edited("risk_record.yaml", "signed_by: pia\n", "")
    write_workspace(tmp_path / "a", risk_record_yaml=unsigned)
    write_workspace(tmp_path / "b", risk_record_yaml=unsigned, replan_toml='mode = "live"')
    assert errors(tmp_path / "a") == []
    assert errors(tmp_path / "b") == [("risk_record.yaml", None, "unsigned")]


def test_a_replaced_table_is_seen_by_reloading(tmp_path: Path) -> None:
    workspace = open_workspace(write_workspace(tmp_path))
    (tmp_path / "authority.yaml").write_text("")
    assert workspace.reload_authority().in_force(NOW).code == "no_table"


def test_no_folder_is_no_workspace(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="not a folder"):
        open_workspace(tmp_path / "nowhere")


def template(root: Path) -> Path:
    write_workspace(root / "small")
    return root


def test_init_writes_a_workspace_that_checks_clean(tmp_path: Path) -> None:
    init_workspace(tmp_path / "new", "small", defaults=template(tmp_path / "defaults"))
    assert errors(tmp_path / "new") == []
    assert (tmp_path / "new" / "events").is_dir()


def test_init_gives_strangers_no_right_to_write(tmp_path: Path) -> None:
    defaults = template(tmp_path / "defaults")
    (defaults / "small" / "authority.yaml").chmod(0o666)
    init_workspace(tmp_path / "new", "small", defaults=defaults)
    assert (tmp_path / "new" / "authority.yaml").stat().st_mode & 0o002 == 0


def test_init_leaves_a_folder_with_files_alone(tmp_path: Path) -> None:
    write_workspace(tmp_path / "mine", replan_toml="# mine")
    with pytest.raises(UsageError, match="not empty"):
        init_workspace(tmp_path / "mine", "small", defaults=template(tmp_path / "defaults"))
    assert (tmp_path / "mine" / "replan.toml").read_text() == "# mine"


def test_an_unknown_template_names_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="small"):
        init_workspace(tmp_path / "new", "../x", defaults=template(tmp_path / "defaults"))
