"""Is authority.yaml read into typed tables, and refused as a whole when anything is wrong?"""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from replan.authority import KnownNames
from replan.authority_table import Band
from replan.infra.workspace.authority_file import LoadedAuthority, load_authority, parse_authority
from replan.limits import CalendarDay, Cap, Rolling
from tests.authority_worlds import NOW, TABLE_YAML

KNOWN = KnownNames(
    regions=("EAST", "WEST"),
    classes=("A", "B"),
    roles=("planner-east", "planner-lead", "process-owner"),
)


def parse(text: str) -> LoadedAuthority:
    return parse_authority(text.encode(), KNOWN, currency="EUR", policy_zone="Europe/Berlin")


def edit(old: str, new: str) -> str:
    assert old in TABLE_YAML
    return TABLE_YAML.replace(old, new, 1)


def version(number: int, start: str, end: str) -> str:
    return (
        edit("version: 12", f"version: {number}")
        .replace("2026-01-01T00:00:00Z", start)
        .replace("2027-01-01T00:00:00Z", end)
    )


def test_a_good_file_gives_its_table() -> None:
    loaded = parse(TABLE_YAML)
    assert loaded.reason is None
    assert {finding.severity for finding in loaded.findings} == {"warning"}
    assert loaded.in_force(NOW).table == loaded.tables[0]


def test_conditions_become_closed_intervals_of_integers() -> None:
    """P13: no row is reached by rounding."""
    when = parse(TABLE_YAML).tables[0].rules[0].when
    assert when.value == Band(lo=0, hi=500_000)
    assert when.confidence == Band(lo=850_000, hi=1_000_000)
    assert when.reversible_for == Band(lo=7200, hi=None)
    assert (when.regions, when.classes, when.dq) == (("EAST",), ("A", "B"), ("green",))
    assert when.supplier_approved is True
    assert when.categories is None


def test_caps_become_minor_units_and_windows() -> None:
    caps = parse(TABLE_YAML).tables[0].caps
    assert caps == (
        Cap(
            scope=("action", "region"),
            window=CalendarDay(zone="Europe/Berlin"),
            value_minor=2_500_000,
            count=40,
        ),
        Cap(
            scope=("supplier",),
            window=Rolling(length=timedelta(days=7)),
            value_minor=6_000_000,
            count=None,
        ),
        Cap(
            scope=("global",), window=Rolling(length=timedelta(hours=1)), value_minor=None, count=20
        ),
    )


def test_a_calendar_day_without_zone_is_the_policy_zones() -> None:
    table = parse(edit("calendar_day@Europe/Berlin", "calendar_day")).tables[0]
    assert table.caps[0].window == CalendarDay(zone="Europe/Berlin")


def test_what_is_left_out_has_the_stated_defaults() -> None:
    table = parse(TABLE_YAML.split("caps:")[0]).tables[0]
    assert table.caps == ()
    assert table.aggregate.keys == ("item", "supplier", "lane", "cause")
    assert table.aggregate.window == timedelta(hours=24)
    assert table.cooldown.after_action == timedelta(hours=72)
    assert table.cooldown.reverse_direction == timedelta(days=7)
    assert table.freeze.before_cutoff == timedelta(minutes=30)
    assert table.stage("disruption") == "live"
    assert table.value_basis["expedite"] == ("incremental_cost_p90",)
    assert table.rules[1].approvals == 2
    assert table.rules[2].spot_check == 0


def test_lines_of_rows_are_kept_for_findings_and_stay_out_of_the_hash() -> None:
    table = parse(TABLE_YAML).tables[0]
    shifted = parse("# a comment\n" + TABLE_YAML).tables[0]
    assert table.rules[0].line + 1 == shifted.rules[0].line
    assert table.hash == shifted.hash


def test_versions_follow_one_another_by_their_windows() -> None:
    loaded = parse(
        version(2, "2026-07-01T00:00:00Z", "2027-01-01T00:00:00Z")
        + "---\n"
        + version(1, "2026-01-01T00:00:00Z", "2026-07-01T00:00:00Z")
    )
    june, july = datetime(2026, 6, 30, tzinfo=UTC), datetime(2026, 7, 1, tzinfo=UTC)
    tables = loaded.in_force(june).table, loaded.in_force(july).table
    assert [table.version if table else None for table in tables] == [1, 2]


def test_overlapping_windows_are_refused() -> None:
    loaded = parse(
        version(1, "2026-01-01T00:00:00Z", "2026-07-02T00:00:00Z")
        + "---\n"
        + version(2, "2026-07-01T00:00:00Z", "2027-01-01T00:00:00Z")
    )
    assert (loaded.tables, loaded.findings[-1].rule) == ((), "unique")


def test_a_version_number_stands_once() -> None:
    loaded = parse(
        version(1, "2026-01-01T00:00:00Z", "2026-07-01T00:00:00Z")
        + "---\n"
        + version(1, "2026-07-01T00:00:00Z", "2027-01-01T00:00:00Z")
    )
    assert loaded.tables == ()


def test_one_bad_version_refuses_the_whole_file() -> None:
    bad = version(2, "2027-01-01T00:00:00Z", "2028-01-01T00:00:00Z").replace("[EAST]", "[MOON]")
    assert parse(TABLE_YAML + "---\n" + bad).in_force(NOW).code == "no_table"


def test_after_the_end_the_table_is_expired() -> None:
    after = datetime(2027, 1, 1, tzinfo=UTC)
    assert parse(TABLE_YAML).in_force(after).code == "table_expired"


def test_before_the_first_start_there_is_no_table() -> None:
    before = datetime(2025, 12, 31, tzinfo=UTC)
    assert parse(TABLE_YAML).in_force(before).code == "no_table"


@pytest.mark.parametrize("text", ["", "# only a comment\n", "---\n"])
def test_an_empty_file_is_no_table_and_no_error(text: str) -> None:
    loaded = parse(text)
    assert [finding.severity for finding in loaded.findings] == ["warning"]
    assert loaded.in_force(NOW).code == "no_table"


def test_a_missing_file_is_no_table_and_no_error(tmp_path: Path) -> None:
    loaded = load_authority(tmp_path, KNOWN, currency="EUR", policy_zone="UTC")
    assert [(f.severity, f.rule) for f in loaded.findings] == [("warning", "missing")]
    assert loaded.in_force(NOW).code == "no_table"


@pytest.mark.parametrize(
    ("old", "new", "rule", "line"),
    [
        ("[0,5000]", "[0,6000]", "unique", 13),
        ("[0,8000]", "[10,8000]", "monotone", 16),
        (", to: 2027-01-01T00:00:00Z", "", "no_end", 3),
        ("to: 2027-01-01T00:00:00Z", "to: null", "no_end", 3),
        ("to: 2027-01-01T00:00:00Z", "to: 2026-01-01T00:00:00Z", "no_end", 3),
        ("approver: grace", "approver: ada", "author_is_approver", 6),
        ("region: [EAST]", "region: [MOON]", "unknown_name", 9),
        ("class: [A, B]", "class: [Q]", "unknown_name", 9),
        ("role:planner-lead", "role:nobody", "unknown_name", 13),
        ("action: reallocate", "action: teleport", "unknown_name", 17),
        ("demand_surge: live", "surges: live", "unknown_name", 26),
        ("disruption: shadow", "disruption: sometimes", "unknown_name", 26),
        ("[supplier]", "[moon]", "unknown_name", 24),
        ("currency: EUR", "currency: USD", "unknown_name", 7),
        ("[0,5000]", "[0,5000.5]", "number", 10),
        ("[0,5000]", "[-1,5000]", "number", 10),
        (">=0.85", ">=nan", "number", 10),
        ("value: 25000", "value: 25000.5", "number", 23),
        ("value: 25000", "value: -1", "number", 23),
        ("count: 40", "count: 1e3", "number", 23),
        ("approvals: 2", "approvals: 0", "number", 15),
        ("rolling_7d", "rolling_7w", "number", 24),
        ("@Europe/Berlin", "@Mars/Base", "yaml", 23),
        ("version: 12", "version: 12\ncolour: red", "yaml", 3),
        ("owner:", "# owner:", "yaml", 1),
        ("region: [EAST]", "region: [NO]", "yaml", 10),
        ("then: ESCALATE}", "then: AUTO}", "yaml", 21),
        ("id: BUF-ASK", "id: EXP-HI", "unique", 19),
    ],
)
def test_a_mistake_is_named_with_its_line_and_refuses_the_file(
    old: str, new: str, rule: str, line: int
) -> None:
    loaded = parse(edit(old, new))
    first = next(f for f in loaded.findings if f.severity == "error")
    assert (first.file, first.rule, first.line) == ("authority.yaml", rule, line)
    assert loaded.in_force(NOW).code == "no_table"
    assert loaded.reason
