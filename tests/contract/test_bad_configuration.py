"""Is every bad configuration and bad network refused the way the list of bad inputs says?"""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from replan.authority import judge
from replan.infra.workspace.folder import Workspace, open_workspace
from replan.limits import in_window
from tests.authority_worlds import NOW, case
from tests.workspaces import edited, write_workspace

AUTHORITY = "authority.yaml"


def with_table(root: Path, old: str, new: str) -> Workspace:
    return open_workspace(write_workspace(root, authority_yaml=edited(AUTHORITY, old, new)))


def rules(workspace: Workspace, severity: str = "error") -> list[str]:
    return sorted({f.rule for f in workspace.findings if f.severity == severity})


def escalates(workspace: Workspace) -> bool:
    standing = workspace.authority.in_force(NOW)
    return judge(standing.table, case(), NOW).mode == "ESCALATE"


def test_c0_the_valid_workspace_lets_the_case_of_these_tests_run(tmp_path: Path) -> None:
    assert not escalates(open_workspace(write_workspace(tmp_path)))


def test_c1_overlapping_rows_are_refused_with_both_lines(tmp_path: Path) -> None:
    workspace = with_table(tmp_path, "(5000,inf)", "(4000,inf)")
    (found,) = (f for f in workspace.findings if f.severity == "error")
    assert "EXP-AUTO (line 9)" in found.message
    assert "EXP-HI (line 13)" in found.message
    assert escalates(workspace)


def test_c2_a_gap_escalates_and_is_a_warning(tmp_path: Path) -> None:
    workspace = with_table(tmp_path, "(5000,inf)", "(6000,inf)")
    assert rules(workspace) == []
    assert any("5,000.01 EUR up to 6,000.00 EUR" in f.message for f in workspace.findings)
    table = workspace.authority.in_force(NOW).table
    assert judge(table, case(value_minor=550_000), NOW).code == "no_rule"


@pytest.mark.parametrize(
    "bad", ["[-5,5000]", "[0,nan]", "[0,5000.25]", "[0,99999999999999999]", "[0,5e3]"]
)
def test_c3_a_limit_is_a_whole_number_of_sane_size(tmp_path: Path, bad: str) -> None:
    workspace = with_table(tmp_path, "[0,5000]", bad)
    assert rules(workspace) == ["number"]
    assert escalates(workspace)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("role:planner-lead", "role:nobody"),
        ("action: expedite", "action: teleport"),
        ("region: [EAST]", "region: [MOON]"),
    ],
)
def test_c4_unknown_names_are_refused(tmp_path: Path, old: str, new: str) -> None:
    workspace = with_table(tmp_path, old, new)
    assert rules(workspace) == ["unknown_name"]
    assert escalates(workspace)


BOMB = "\n".join(["a0: &a0 [x, x]", *(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, 40))])


@pytest.mark.parametrize(
    "text",
    [
        BOMB,
        "table: &t x\nowner: *t",
        "table: !!python/object/apply:os.system [id]",
        "table: a\ntable: b",
        "table:\ta",
        "table: yes",
        "version: 1e3",
        "- " * 20_000,
        "x" * 300_000,
        "\x00",
        "[" * 50_000,
    ],
)
def test_c5_yaml_surprises_are_refused(tmp_path: Path, text: str) -> None:
    workspace = open_workspace(write_workspace(tmp_path, authority_yaml=text))
    assert rules(workspace) in (["yaml"], ["number"], ["size"])
    assert escalates(workspace)


def test_c7_overlapping_windows_are_refused(tmp_path: Path) -> None:
    twice = edited(AUTHORITY, "version: 12", "version: 11") + "---\n" + edited(AUTHORITY, "", "")
    workspace = open_workspace(write_workspace(tmp_path, authority_yaml=twice))
    assert rules(workspace) == ["unique"]
    assert escalates(workspace)


def test_c7_a_start_in_the_past_needs_two_people(tmp_path: Path) -> None:
    workspace = with_table(tmp_path, "approver: grace", "approver: ada")
    assert rules(workspace) == ["author_is_approver"]
    assert escalates(workspace)


def test_c8_an_empty_table_escalates_everything(tmp_path: Path) -> None:
    workspace = open_workspace(write_workspace(tmp_path, authority_yaml=""))
    assert rules(workspace) == []
    assert escalates(workspace)


def test_c9_with_signatures_required_an_unsigned_table_is_refused(tmp_path: Path) -> None:
    workspace = open_workspace(
        write_workspace(tmp_path, replan_toml="[security]\nrequire_signatures = true\n")
    )
    assert "signature" in rules(workspace)
    assert escalates(workspace)
    assert workspace.stopping("live", NOW)


@pytest.mark.parametrize(
    "name", [AUTHORITY, "planners.yaml", "risk_record.yaml", "replan.toml", "network/items.csv"]
)
def test_c10_a_symbolic_link_is_refused(tmp_path: Path, name: str) -> None:
    root = write_workspace(tmp_path / "w")
    outside = tmp_path / "outside"
    (root / name).rename(outside)
    (root / name).symlink_to(outside)
    assert "symlink" in rules(open_workspace(root)) + rules(open_workspace(root), "warning")


def test_c10_a_linked_folder_is_refused(tmp_path: Path) -> None:
    root = write_workspace(tmp_path / "w")
    (root / "network").rename(tmp_path / "elsewhere")
    (root / "network").symlink_to(tmp_path / "elsewhere")
    assert "symlink" in rules(open_workspace(root))


def test_c10_a_table_that_everybody_may_write_is_refused(tmp_path: Path) -> None:
    root = write_workspace(tmp_path)
    (root / AUTHORITY).chmod(0o666)
    workspace = open_workspace(root)
    assert rules(workspace) == ["world_writable"]
    assert escalates(workspace)


def test_c10_planners_that_everybody_may_write_stop_every_run(tmp_path: Path) -> None:
    root = write_workspace(tmp_path)
    (root / "planners.yaml").chmod(0o666)
    assert [f.rule for f in open_workspace(root).stopping("shadow")] == ["world_writable"]


def test_c10_a_ledger_outside_by_dots_is_refused(tmp_path: Path) -> None:
    text = '[ledger]\nurl = "sqlite:///../elsewhere.db"\n'
    assert rules(open_workspace(write_workspace(tmp_path, replan_toml=text))) == ["outside"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("replan_toml", 'timezone = "Mars/Base"'),
        ("network_sites_csv", edited("network/sites.csv", "Europe/Paris", "Mars/Base")),
        ("authority_yaml", edited(AUTHORITY, "@Europe/Berlin", "@Mars/Base")),
    ],
)
def test_c11_an_unknown_zone_is_refused(tmp_path: Path, name: str, text: str) -> None:
    assert rules(open_workspace(write_workspace(tmp_path, **{name: text})))


def test_c11_a_cap_of_a_day_lasts_the_23_hours_that_the_day_has(tmp_path: Path) -> None:
    (table,) = open_workspace(write_workspace(tmp_path)).authority.tables
    noon = datetime(2026, 3, 29, 10, tzinfo=UTC)
    first, last = datetime(2026, 3, 28, 23, tzinfo=UTC), datetime(2026, 3, 29, 22, tzinfo=UTC)
    assert in_window(table.caps[0], first, noon)
    assert not in_window(table.caps[0], last, noon)


@pytest.mark.parametrize("password", ["changeme", ""])
def test_c12_a_placeholder_for_a_secret_is_refused(tmp_path: Path, password: str) -> None:
    text = f'[ledger]\nurl = "postgresql://me:{password}@localhost/replan"\n'
    workspace = open_workspace(write_workspace(tmp_path, replan_toml=text))
    assert [f.rule for f in workspace.stopping("shadow")] == ["secret"]


def test_m1_lanes_in_a_circle_are_allowed(tmp_path: Path) -> None:
    workspace = open_workspace(write_workspace(tmp_path))
    assert sorted(workspace.network.lanes) == ["L12", "L21"]


@pytest.mark.parametrize(("capacity", "is_used"), [("0", True), ("-1", False)])
def test_m2_no_capacity_is_closed_and_negative_is_refused(
    tmp_path: Path, capacity: str, is_used: bool
) -> None:
    text = edited("network/lanes.csv", ",0,6,200,", f",0,6,{capacity},")
    workspace = open_workspace(write_workspace(tmp_path, network_lanes_csv=text))
    assert ("L12" in workspace.network.lanes) == is_used


@pytest.mark.parametrize(("old", "new"), [(",1500,10,0", ",,10,0"), (",0.5,1,", ",,,")])
def test_m3_a_lane_without_cost_or_lead_time_is_not_used(
    tmp_path: Path, old: str, new: str
) -> None:
    text = edited("network/lanes.csv", old, new)
    workspace = open_workspace(write_workspace(tmp_path, network_lanes_csv=text))
    assert rules(workspace) == ["missing"]
    assert workspace.network.is_quarantined("lane", "L12")


@pytest.mark.parametrize(
    ("file", "old", "new", "rule"),
    [
        ("network/items.csv", "RICE,", "MILK,", "duplicate"),
        ("network/lanes.csv", "L12,S1,S2", "L12,S2,S2", "self_lane"),
        ("network/lanes.csv", ",0,6,200,", ",201,6,200,", "min_over_capacity"),
    ],
)
def test_m4_a_contradiction_quarantines_its_row_and_others_live(
    tmp_path: Path, file: str, old: str, new: str, rule: str
) -> None:
    changed = {file.replace("/", "_").replace(".", "_"): edited(file, old, new)}
    workspace = open_workspace(write_workspace(tmp_path, **changed))
    assert rule in rules(workspace)
    assert "L21" in workspace.network.lanes


def test_m4_goods_that_perish_on_the_way_are_no_mistake_of_the_lane(tmp_path: Path) -> None:
    text = edited("network/items.csv", ",EUR,9", ",EUR,0.5")
    workspace = open_workspace(write_workspace(tmp_path, network_items_csv=text))
    assert rules(workspace) == []
