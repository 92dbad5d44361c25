"""Does the demo's workspace hold the real sales, the same bytes each time, and no later month?"""

import csv
import gzip
import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from replan.errors import UsageError
from replan.infra.demo.events import SaleLine, read_extract
from replan.infra.demo.network import SUPPLIERS, LearntDemand, buffer_of, order_up_to
from replan.infra.demo.promotions import read_promotions
from replan.infra.demo.world import (
    DEMO_DEFAULTS,
    EXTRACT,
    LAST_HOUR,
    LEARN_UNTIL,
    PROMOTIONS,
    build_demo_workspace,
    initial_stock,
)
from replan.infra.erp.legs import read_legs
from replan.infra.workspace.folder import open_workspace
from replan.units import day_number

pytestmark = pytest.mark.slow  # each builds a workspace of a year

NEW_YORK = ZoneInfo("America/New_York")
LAST_DAY = date(2017, 12, 31)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo")
    build_demo_workspace(folder)
    return folder


@pytest.fixture(scope="module")
def demo_events(demo: Path) -> list[dict[str, Any]]:
    return list(events_of(demo))


def events_of(folder: Path) -> Iterator[dict[str, Any]]:
    for path in sorted((folder / "events").glob("pos-*.jsonl.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            yield from map(json.loads, lines)


def files_of(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def table(folder: Path, name: str) -> list[dict[str, str]]:
    with (folder / "network" / name).open(encoding="utf-8", newline="") as rows:
        return list(csv.DictReader(rows))


def write_extract(path: Path, lines: Sequence[SaleLine]) -> Path:
    rows = [f"{s},{i},{d},{h},{q},{v}\n" for s, i, d, h, q, v in lines]
    path.write_bytes(
        gzip.compress(("site,item,date,hour,qty,value_minor\n" + "".join(rows)).encode())
    )
    return path


def small_extract(path: Path, *, june_qty: int = 3) -> Path:
    """Two sites, one item: two pieces a day until May, then `june_qty`."""
    lines = []
    for offset in range(160):
        day = date(2017, 1, 1) + timedelta(days=offset)
        qty = 2 + offset % 2 if day < LEARN_UNTIL else june_qty
        lines += [SaleLine(site, "milk", day, 17, qty, 150 * qty) for site in ("S01", "S02")]
    return write_extract(path, lines)


@pytest.mark.slow
def test_two_builds_are_byte_equal(demo: Path, tmp_path: Path) -> None:
    build_demo_workspace(tmp_path)
    assert files_of(tmp_path) == files_of(demo)


def test_building_again_in_place_changes_nothing(tmp_path: Path) -> None:
    extract = small_extract(tmp_path / "extract.csv.gz")
    build_demo_workspace(tmp_path / "demo", extract=extract)
    before = files_of(tmp_path / "demo")
    build_demo_workspace(tmp_path / "demo", extract=extract)
    assert files_of(tmp_path / "demo") == before


def test_sales_events_add_up_to_the_extract(demo_events: list[dict[str, Any]]) -> None:
    told: Counter[tuple[str, date]] = Counter()
    for event in demo_events:
        if event["type"] == "pos.sale.v1":
            day = datetime.fromisoformat(event["time"]).astimezone(NEW_YORK).date()
            told[event["subject"], day] += event["data"]["qty"]
    extract: Counter[tuple[str, date]] = Counter()
    for line in read_extract(EXTRACT):
        if (line.day, line.hour) < (LAST_DAY, LAST_HOUR):
            extract[f"{line.item}@{line.site}", line.day] += line.qty
    assert told == extract


def test_the_stream_stops_in_the_morning_of_its_last_day(demo_events: list[dict[str, Any]]) -> None:
    """After the planning at 12:00 UTC, before the lanes' cut-off at 14:00 local time."""
    newest = max(datetime.fromisoformat(event["recordedtime"]) for event in demo_events)
    assert newest.astimezone(NEW_YORK).date() == LAST_DAY
    assert time(7) < newest.astimezone(NEW_YORK).time() < time(13, 30)


def test_every_site_closes_every_day_once(demo_events: list[dict[str, Any]]) -> None:
    closes = Counter(
        (event["subject"], event["data"]["business_date"])
        for event in demo_events
        if event["type"] == "pos.day_close.v1"
    )
    assert len(closes) == 12 * 364  # the last day is still open
    assert set(closes.values()) == {1}


def test_event_ids_are_unique(demo_events: list[dict[str, Any]]) -> None:
    assert len({event["id"] for event in demo_events}) == len(demo_events)


def test_events_stand_in_order_of_arrival(demo_events: list[dict[str, Any]]) -> None:
    arrivals = [event["recordedtime"] for event in demo_events]
    assert arrivals == sorted(arrivals)


def test_no_event_arrives_before_it_happened(demo_events: list[dict[str, Any]]) -> None:
    early = [
        event["id"]
        for event in demo_events
        if datetime.fromisoformat(event["recordedtime"]) < datetime.fromisoformat(event["time"])
    ]
    assert early == []


def test_the_close_of_a_day_arrives_after_its_last_sale(demo_events: list[dict[str, Any]]) -> None:
    closed: set[tuple[str, str]] = set()
    for event in demo_events:
        if event["type"] == "pos.day_close.v1":
            closed.add((event["subject"], event["data"]["business_date"]))
        else:
            day = datetime.fromisoformat(event["time"]).astimezone(NEW_YORK).date()
            assert (event["subject"].split("@")[1], day.isoformat()) not in closed, event["id"]


def test_sales_of_a_promoted_week_name_their_promotion(demo: Path) -> None:
    promoted = {
        (row.item, row.site): row.name
        for row in read_promotions(PROMOTIONS)
        if row.first == date(2017, 5, 29)
    }
    seen: Counter[bool] = Counter()
    for event in events_of(demo):
        at = datetime.fromisoformat(event["time"]).date()
        if event["type"] == "pos.sale.v1" and date(2017, 5, 29) <= at <= date(2017, 6, 4):
            item, site = event["subject"].split("@")
            assert event["data"].get("promo_id") == promoted.get((item, site)), event["id"]
            seen["promo_id" in event["data"]] += 1
    assert min(seen[True], seen[False]) > 0


def test_a_sale_that_was_given_away_has_no_price(tmp_path: Path) -> None:
    given = SaleLine("S01", "milk", date(2017, 1, 1), 9, 2, 0)
    sold = SaleLine("S02", "milk", date(2017, 1, 2), 9, 2, 301)
    extract = write_extract(tmp_path / "extract.csv.gz", [given, sold])
    build_demo_workspace(tmp_path / "demo", extract=extract)
    sales = [e["data"] for e in events_of(tmp_path / "demo") if e["type"] == "pos.sale.v1"]
    assert sales == [{"qty": 2}, {"qty": 2, "price": 151}]


def test_later_months_change_nothing_in_the_network(tmp_path: Path) -> None:
    for name, june_qty in (("calm", 3), ("surge", 90)):
        extract = small_extract(tmp_path / f"{name}.csv.gz", june_qty=june_qty)
        build_demo_workspace(tmp_path / name, extract=extract)
    calm, surge = (files_of(tmp_path / name / "network") for name in ("calm", "surge"))
    assert calm == surge


def test_the_days_asked_for_change_the_events_alone(demo: Path, tmp_path: Path) -> None:
    build_demo_workspace(tmp_path, first_day=date(2017, 3, 1), last_day=date(2017, 3, 7))
    assert files_of(tmp_path / "network") == files_of(demo / "network")
    assert [path.name for path in sorted((tmp_path / "events").iterdir())] == [
        "pos-2017-03.jsonl.gz",
        "promotions.jsonl.gz",
        "weather.jsonl.gz",
    ]
    closes = {e["data"].get("business_date") for e in events_of(tmp_path)} - {None}
    assert closes == {f"2017-03-0{day}" for day in range(1, 8)}


def test_event_files_of_other_days_are_refused(tmp_path: Path) -> None:
    extract = small_extract(tmp_path / "extract.csv.gz")
    build_demo_workspace(tmp_path / "demo", extract=extract)
    with pytest.raises(UsageError, match=r"holds pos-2017-01\.jsonl\.gz"):
        build_demo_workspace(tmp_path / "demo", extract=extract, first_day=date(2017, 3, 1))


def test_an_extract_without_learning_months_is_refused(tmp_path: Path) -> None:
    line = SaleLine("S01", "milk", LEARN_UNTIL, 9, 2, 300)
    extract = write_extract(tmp_path / "extract.csv.gz", [line])
    with pytest.raises(UsageError, match="no sale before 2017-05-01"):
        build_demo_workspace(tmp_path / "demo", extract=extract)


def test_an_extract_of_one_site_is_refused(tmp_path: Path) -> None:
    line = SaleLine("S01", "milk", date(2017, 1, 1), 9, 2, 300)
    extract = write_extract(tmp_path / "extract.csv.gz", [line])
    with pytest.raises(UsageError, match="names site S01 alone"):
        build_demo_workspace(tmp_path / "demo", extract=extract)


def test_a_bad_row_of_an_extract_is_named_by_line(tmp_path: Path) -> None:
    extract = tmp_path / "extract.csv.gz"
    extract.write_bytes(
        gzip.compress(b"site,item,date,hour,qty,value_minor\nS01,milk,2017-01-01,9,two,300\n")
    )
    with pytest.raises(UsageError, match="line 2"):
        read_extract(extract)


def test_opening_stock_is_the_order_up_to_level(demo: Path) -> None:
    stock = initial_stock(demo)
    assert {
        (row["item"], row["site"]): int(row["order_up_to"]) * 1000
        for row in table(demo, "stocking.csv")
    } == stock


def test_order_up_to_of_steady_demand_covers_lead_time_and_review() -> None:
    three_days = SUPPLIERS[0]
    # 10 a day over 3 + 7 days, and 1.645 deviations of 10 * 2 / 1.2816 for the late deliveries.
    assert order_up_to(LearntDemand(mean=10.0, variance=0.0), three_days) == 126


def test_every_lane_joins_two_stores_and_every_store_has_one_supplier_an_item(demo: Path) -> None:
    stores = {row["site"] for row in table(demo, "sites.csv") if row["kind"] == "store"}
    ends = {(row["origin"], row["destination"]) for row in table(demo, "lanes.csv")}
    assert all(a in stores and b in stores and a != b for a, b in ends)
    supplied = Counter((row["item"], row["site"]) for row in table(demo, "supply.csv"))
    assert set(supplied) == {(row["item"], row["site"]) for row in table(demo, "stocking.csv")}
    assert set(supplied.values()) == {1}


def test_every_row_of_the_network_says_what_is_assumed(demo: Path) -> None:
    for name in ("items.csv", "sites.csv", "lanes.csv", "supply.csv", "stocking.csv"):
        assert all(row["assumed"] for row in table(demo, name)), name


def test_the_readme_states_the_digest_of_the_bundled_extract() -> None:
    plain = gzip.decompress(EXTRACT.read_bytes())
    readme = (DEMO_DEFAULTS / "README.md").read_text(encoding="utf-8")
    assert hashlib.sha256(plain).hexdigest() in readme


def test_every_supplier_of_the_network_has_legs_to_every_region(demo: Path) -> None:
    legs = read_legs(demo)
    days = range(day_number(date(2017, 1, 1)), day_number(date(2018, 1, 1)))
    regions = {row["region"] for row in table(demo, "sites.csv") if row["kind"] == "store"}
    for supplier in sorted({row["supplier"] for row in table(demo, "supply.csv")}):
        for region in sorted(regions):
            assert all((supplier, region, day) in legs.rows for day in days), (supplier, region)


def test_weather_alerts_name_suppliers_of_the_network(demo: Path) -> None:
    suppliers = {row["site"] for row in table(demo, "sites.csv") if row["kind"] == "supplier"}
    with gzip.open(demo / "events" / "weather.jsonl.gz", "rt", encoding="utf-8") as lines:
        named = {site for line in lines for site in json.loads(line)["data"]["area"]["locations"]}
    assert named == suppliers


def test_a_buffer_is_whole_lots_of_about_three_days(demo: Path) -> None:
    held = [row for row in table(demo, "supply.csv") if row["buffer_qty"]]
    assert {row["supplier"] for row in held} == {"SUP2", "SUP3"}
    assert all(int(row["buffer_qty"]) % int(row["lot_multiple"]) == 0 for row in held)


def test_three_days_of_demand_are_rounded_up_to_lots() -> None:
    # 4 a day: 12 pieces are two lots of six.
    assert buffer_of(LearntDemand(mean=4.0, variance=0.0), SUPPLIERS[0]) == 12
    assert buffer_of(LearntDemand(mean=4.1, variance=0.0), SUPPLIERS[0]) == 18


def test_the_workspace_of_the_demo_may_run_live(demo: Path) -> None:
    workspace = open_workspace(demo)
    assert [finding for finding in workspace.findings if finding.severity == "error"] == []
