"""Are bad rows quarantined with what depends on them, while the others live?"""

from datetime import time
from pathlib import Path

import pytest

from replan.infra.workspace.network_files import LoadedNetwork, load_network
from tests.workspaces import edited, write_workspace

ITEMS, SITES, LANES = "network/items.csv", "network/sites.csv", "network/lanes.csv"
SUPPLY, STOCKING = "network/supply.csv", "network/stocking.csv"


def load(root: Path, name: str = "", old: str = "", new: str = "") -> LoadedNetwork:
    changed = {name.replace("/", "_").replace(".", "_"): edited(name, old, new)} if name else {}
    return load_network(write_workspace(root, **changed))


def test_a_valid_network_has_no_findings(tmp_path: Path) -> None:
    loaded = load(tmp_path)
    assert loaded.findings == ()
    assert loaded.network.quarantined == frozenset()
    assert (loaded.regions, loaded.classes) == (("EAST", "WEST"), ("A", "B"))


def test_cells_become_typed_values(tmp_path: Path) -> None:
    network = load(tmp_path).network
    lane = network.lanes["L12"]  # type: ignore[index]  # ids are text
    assert (lane.lead_time_days_p50, lane.lot_multiple, lane.capacity_units_per_day) == (
        0.5,
        6000,
        200_000,
    )
    assert (lane.cutoff_local, lane.departures) == (time(14), (0, 2, 4))
    assert network.lanes["L21"].capacity_units_per_day is None  # type: ignore[index]
    assert network.items["RICE"].shelf_life_days is None  # type: ignore[index]
    assert network.stocking["MILK", "S2"].order_up_to == 40_500  # type: ignore[index]
    assert network.supply["SUP", "RICE", "S1"].buffer_qty == 100_000  # type: ignore[index]


def test_further_columns_are_left_alone_and_group_is_read(tmp_path: Path) -> None:
    text = (
        "item,description,category,abc,uom,unit_cost_minor,unit_price_minor,currency,"
        "shelf_life_days,group,colour\nMILK,,DAIRY,A,EA,80,129,EUR,9,fresh,white\n"
    )
    loaded = load_network(write_workspace(tmp_path, network_items_csv=text))
    assert loaded.network.items["MILK"].group == "fresh"  # type: ignore[index]


@pytest.mark.parametrize(
    ("name", "old", "new", "rule", "line", "value"),
    [
        (ITEMS, ",80,", ",1e3,", "type", 2, "1e3"),
        (ITEMS, ",80,", ", 80,", "type", 2, " 80"),
        (ITEMS, ",80,", ',"8,0",', "type", 2, "8,0"),
        (ITEMS, ",80,", ",080,", "type", 2, "080"),
        (ITEMS, ",80,", ",80.5,", "type", 2, "80.5"),
        (ITEMS, ",80,", ",-80,", "range", 2, "-80"),
        (ITEMS, ",80,", ",,", "missing", 2, ""),
        (ITEMS, ",129,", ",0,", "range", 2, "0"),
        (ITEMS, ",129,", ",99999999999999,", "range", 2, "99999999999999"),
        (ITEMS, ",EUR,9", ",EURO,9", "currency", 2, "EURO"),
        (ITEMS, ",EUR,9", ",EUR,0", "range", 2, "0"),
        (ITEMS, ",EUR,9", ",EUR", "cells", 2, "8"),
        (SITES, "S1,store", "S1,kiosk", "type", 2, "kiosk"),
        (SITES, "Europe/Paris", "Mars/Base", "timezone", 5, "Mars/Base"),
        (SITES, "EAST,Eur", '"E=A",Eur', "charset", 2, "E=A"),
        (LANES, "L12,S1,S2", "L12,S1,S1", "self_lane", 2, "S1"),
        (LANES, "L12,S1,S2", "L12,S1,MOON", "unknown_name", 2, "MOON"),
        (LANES, ",0.5,1,", ",2,1,", "range", 2, "1"),
        (LANES, ",0.5,1,", ",0.5,4000,", "range", 2, "4000"),
        (LANES, ",0.5,1,", ",,1,", "missing", 2, ""),
        (LANES, ",0,6,200,", ",300,6,200,", "min_over_capacity", 2, "300"),
        (LANES, ",0,6,200,", ",0,6,-200,", "range", 2, "-200"),
        (LANES, ",0,6,200,", ",0,0,200,", "range", 2, "0"),
        (LANES, ",0,6,200,", ",0,1.2345,200,", "type", 2, "1.2345"),
        (LANES, "14:00", "2pm", "type", 2, "2pm"),
        (LANES, "mon,wed,fri", "mon,someday", "type", 2, "mon,someday"),
        (SUPPLY, "SUP,MILK,S1,true", "SUP,MILK,S1,yes", "type", 2, "yes"),
        (SUPPLY, "SUP,MILK,S1", "S2,MILK,S1", "unknown_name", 2, "S2"),
        (SUPPLY, "SUP,MILK,S1", "SUP,MILK,SUP", "unknown_name", 2, "SUP"),
        (SUPPLY, ",1,5000,5,", ",1,,5,", "missing", 2, ""),
        (STOCKING, "MILK,S1,0.95", "MILK,S1,1", "range", 2, "1"),
        (STOCKING, "MILK,S1,0.95", "CHEESE,S1,0.95", "unknown_name", 2, "CHEESE"),
        (STOCKING, "0.25,90", "0.25,-1", "range", 3, "-1"),
    ],
)
def test_a_wrong_cell_is_named_with_file_line_value_and_rule(
    tmp_path: Path, name: str, old: str, new: str, rule: str, line: int, value: str
) -> None:
    (found,) = load(tmp_path, name, old, new).findings
    assert (found.severity, found.file, found.line) == ("error", name, line)
    assert (found.rule, found.value) == (rule, value)


def test_a_missing_column_is_one_error_that_names_it(tmp_path: Path) -> None:
    (found,) = load(tmp_path, ITEMS, ",abc,", ",klass,").findings
    assert (found.line, found.rule, found.value) == (1, "column", "abc")


def test_a_missing_column_takes_the_whole_file_out_of_use(tmp_path: Path) -> None:
    loaded = load(tmp_path, ITEMS, ",abc,", ",klass,")
    assert loaded.network.items == {}
    assert loaded.network.is_quarantined("stocking", "RICE@S1")
    assert loaded.classes is None


def test_a_missing_file_is_one_error(tmp_path: Path) -> None:
    root = write_workspace(tmp_path)
    (root / SITES).unlink()
    (found,) = load_network(root).findings
    assert (found.file, found.rule) == (SITES, "missing")


def test_a_bad_item_takes_its_stocking_and_supply_with_it(tmp_path: Path) -> None:
    network = load(tmp_path, ITEMS, ",80,", ",cheap,").network
    assert sorted(network.quarantined) == [
        ("item", "MILK"),
        ("stocking", "MILK@S1"),
        ("stocking", "MILK@S2"),
        ("supply", "SUP@MILK@S1"),
        ("supply", "SUP@MILK@S2"),
    ]
    assert sorted(network.stocking) == [("RICE", "S1")]


def test_a_bad_site_takes_its_lanes_with_it(tmp_path: Path) -> None:
    network = load(tmp_path, SITES, "S2,store", "S2,kiosk").network
    assert network.is_quarantined("lane", "L12")
    assert network.is_quarantined("lane", "L21")
    assert network.lanes == {}


def test_a_bad_supply_row_marks_its_item_and_site_but_keeps_them_watched(tmp_path: Path) -> None:
    network = load(tmp_path, SUPPLY, "SUP,MILK,S1,true,2", "SUP,MILK,S1,true,soon").network
    assert network.is_quarantined("stocking", "MILK@S1")
    assert ("MILK", "S1") in network.stocking


def test_of_two_rows_with_one_id_neither_is_used(tmp_path: Path) -> None:
    network = load(tmp_path, ITEMS, "RICE,", "MILK,").network
    assert network.items == {}
    assert network.is_quarantined("item", "MILK")


def test_the_region_of_a_bad_row_stays_a_known_name(tmp_path: Path) -> None:
    loaded = load(tmp_path, SITES, "S2,store,WEST,Europe/Berlin,2", "S2,store,WEST,Mars/Base,2")
    assert loaded.regions == ("EAST", "WEST")


def test_a_lane_that_costs_nothing_is_pointed_out_and_used(tmp_path: Path) -> None:
    loaded = load(tmp_path, LANES, ",0.5,1,1500,10,", ",0.5,1,0,0,")
    assert [(f.severity, f.rule) for f in loaded.findings] == [("warning", "free_lane")]
    assert "L12" in loaded.network.lanes


def test_a_price_below_cost_is_pointed_out_and_used(tmp_path: Path) -> None:
    loaded = load(tmp_path, ITEMS, ",129,", ",79,")
    assert [(f.severity, f.rule) for f in loaded.findings] == [("warning", "margin")]
    assert "MILK" in loaded.network.items


def test_a_row_after_one_with_a_line_break_inside_keeps_its_line(tmp_path: Path) -> None:
    text = edited(ITEMS, '"Milk, fresh"', '"Milk\nfresh"').replace("RICE,,", "RICE,,,")
    loaded = load_network(write_workspace(tmp_path, network_items_csv=text))
    assert [(f.line, f.rule) for f in loaded.findings if f.rule in ("charset", "cells")] == [
        (2, "charset"),
        (4, "cells"),
    ]


def test_an_id_that_events_could_not_carry_is_refused(tmp_path: Path) -> None:
    first = load(tmp_path, ITEMS, "RICE,", "RI CE,").findings[0]
    assert (first.line, first.rule, first.value) == (3, "charset", "RI CE")


def test_a_second_row_of_one_id_names_the_first(tmp_path: Path) -> None:
    first = load(tmp_path, ITEMS, "RICE,", "MILK,").findings[0]
    assert (first.line, first.rule, first.value) == (3, "duplicate", "MILK")
    assert "line 2" in first.message


def test_the_network_version_changes_with_its_content(tmp_path: Path) -> None:
    before = load(tmp_path / "a").network.version
    assert load(tmp_path / "b").network.version == before
    assert load(tmp_path / "c", ITEMS, ",80,", ",81,").network.version != before
