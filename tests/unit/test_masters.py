"""Master data as events: what they change, from when on, and what waited for them (E7, E9)."""

import json
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from replan.events import OrderLineStated, Retracted, SaleRecorded
from replan.network import Network, SupplyContract, network_of
from replan.streams.codec import Decoder
from replan.streams.intake import Intake
from replan.streams.messages import Outcome, Place
from replan.units import ItemId, LaneId, SiteId, SupplierId, Units
from tests.event_lines import network, order, sale
from tests.unit.test_corrections import correction
from tests.unit.test_intake import new_intake


def judging(known: Network | None = None, state: dict[str, Any] | None = None) -> Intake:
    """An intake that looks names up itself, as a run does."""
    fresh = new_intake()
    return Intake(
        lateness=fresh._lateness,
        max_jump=fresh._max_jump,
        network=known or network(),
        state=state,
    )


def take(intake: Intake, *events: dict[str, Any]) -> list[Outcome]:
    decoder = Decoder(None)
    return [
        intake.take(result)
        for line, event in enumerate(events, 1)
        for result in decoder.record(json.dumps(event).encode(), Place("events.jsonl", line))
    ]


def master(table: str, name: str, hour: int = 6, day: int = 4, **data: Any) -> dict[str, Any]:
    time = f"2026-05-{day:02}T{hour:02}:00:00Z"
    event_id = f"{table}-{name}-{day}-{hour}".replace("@", "-")
    return sale(id=event_id, type=f"master.{table}.v1", subject=name, time=time, data=data)


MILK = ItemId("MILK")
CASE = {"uom": "CS", "factor": 12, "from": "2026-05-01"}


def codes(outcomes: list[Outcome]) -> list[str | None]:
    return [o.reply.code for o in outcomes]


def sold(outcome: Outcome) -> int:
    (fact,) = outcome.facts
    assert isinstance(fact, SaleRecorded)
    return fact.sold


def test_sale_in_packs_is_counted_in_base_units() -> None:
    told, case = take(
        judging(), master("item", "MILK", packs=[CASE]), sale(data={"qty": 2, "uom": "CS"})
    )
    assert (told.reply.status, sold(case)) == ("ACCEPTED", 24_000)


def test_order_in_packs_is_counted_in_base_units() -> None:
    outcomes = take(judging(), master("item", "MILK", packs=[CASE]), order(uom="CS", qty=3))
    (line,) = outcomes[1].facts
    assert isinstance(line, OrderLineStated)
    assert line.qty == 36_000


def test_pack_holds_what_it_held_on_the_events_own_day() -> None:
    larger = {"uom": "CS", "factor": "10.5", "from": "2026-05-04"}
    intake = judging()
    outcomes = take(
        intake,
        master("item", "MILK", packs=[CASE, larger]),
        sale(id="a", time="2026-05-03T21:59:00Z", data={"qty": 1, "uom": "CS"}),
        sale(id="b", time="2026-05-03T22:00:00Z", data={"qty": 1, "uom": "CS"}),
    )
    # Midnight in Berlin lies between the two.
    assert [sold(o) for o in outcomes[1:]] == [12_000, 10_500]


@pytest.mark.parametrize(
    ("pack", "qty", "code"),
    [
        (CASE | {"from": "2026-05-05"}, 1, "unit"),
        (CASE | {"factor": "0.001"}, "0.5", "unit"),
        (CASE, 1, None),
    ],
)
def test_unit_that_nobody_has_explained_is_refused(
    pack: dict[str, Any], qty: Any, code: Any
) -> None:
    outcomes = take(
        judging(), master("item", "MILK", packs=[pack]), sale(data={"qty": qty, "uom": "CS"})
    )
    assert codes(outcomes) == [None, code]


def test_correction_of_packs_takes_back_what_they_held_then() -> None:
    boxed = sale(data={"qty": 2, "uom": "CS"})
    smaller = master(
        "item", "MILK", hour=14, packs=[{"uom": "CS", "factor": 10, "from": "2026-05-05"}]
    )
    outcomes = take(
        judging(),
        master("item", "MILK", packs=[CASE]),
        boxed,
        smaller,
        correction(boxed, time="2026-05-05T12:00:00Z"),
    )
    (back,) = outcomes[3].facts
    assert isinstance(back, Retracted)
    assert back.of.sold == 24_000  # type: ignore[union-attr]


def test_what_is_bought_in_its_place_is_kept_with_the_network() -> None:
    intake = judging()
    take(intake, master("item", "MILK", substitutes=["OATS", "MILK"]))
    assert intake.network is not None
    again = network_of(intake.network.record)
    assert (again.replaced_by, again) == ({ItemId("OATS"): (MILK,)}, intake.network)


def test_sale_of_an_unknown_item_waits_and_follows_its_master_record() -> None:
    early, told, later = take(
        judging(),
        sale(subject="TEA@S1", data={"qty": "1.5"}),
        master("item", "TEA", hour=13, unit_cost=200, margin=100),
        sale(id="e-2", subject="TEA@S1", time="2026-05-04T14:00:00Z"),
    )
    assert (early.reply.status, early.reply.code) == ("QUARANTINED", "unknown_item")
    (released,) = told.released
    (fact,) = released.facts
    assert isinstance(fact, SaleRecorded)
    assert (fact.sold, fact.arrived_at.hour, released.reply.status) == (1_500, 13, "ACCEPTED")
    assert later.reply.status == "ACCEPTED"


def test_released_event_counts_once_and_its_repeat_is_a_duplicate() -> None:
    intake = judging()
    tea = sale(subject="TEA@S1")
    told = master("item", "TEA", hour=13, unit_cost=200, margin=100)
    outcomes = take(intake, tea, tea, told, tea)
    assert [o.reply.status for o in outcomes] == [
        "QUARANTINED",
        "QUARANTINED",
        "ACCEPTED",
        "DUPLICATE",
    ]
    assert len(outcomes[2].released) == 1
    assert sum(intake.counts.values()) == 4


def test_new_store_is_known_from_its_record_on() -> None:
    outcomes = take(
        judging(),
        sale(id="a", subject="MILK@S9"),
        master("location", "S9", hour=13, kind="store", region="SOUTH", tz="Europe/Berlin"),
    )
    assert [len(o.released) for o in outcomes] == [0, 1]


def test_what_waits_is_released_when_the_files_know_it_too() -> None:
    nothing = Network(items={}, sites=network().sites, lanes={}, supply={}, stocking={})
    first = judging(nothing)
    take(first, sale())
    state = json.loads(json.dumps(first.state_json()))
    again = judging(network(), state)
    (outcome,) = take(again, sale(id="e-2", time="2026-05-04T15:00:00Z"))
    assert [len(o.facts) for o in outcome.released] == [1]


def test_masters_survive_a_restart() -> None:
    intake = judging()
    take(intake, master("item", "MILK", packs=[CASE], unit_cost=80))
    again = judging(state=json.loads(json.dumps(intake.state_json())))
    assert again.network == intake.network
    assert again.network is not None
    assert network_of(again.network.record) == again.network


def test_lane_site_supplier_and_cost_change_their_rows() -> None:
    intake = judging()
    take(
        intake,
        master("lane", "S1-S2", origin="S1", dest="S2", lead_time_s=86_400, per_unit=4),
        master("lane", "S1-S2", hour=7, capacity=0, cut_offs=["09:00", "14:30"]),
        master("location", "S2", priority=3),
        master("item", "MILK", unit_cost=80, margin=25, shelf_life=864_000),
    )
    now = intake.network
    assert now is not None
    lane, milk = now.lanes[LaneId("S1-S2")], now.items[ItemId("MILK")]
    assert (lane.unit_cost_minor, lane.capacity_units_per_day) == (4, 0)
    assert (lane.cutoff_local.hour, lane.lead_time_days_p50) == (14, 1.0)  # type: ignore[union-attr]
    assert now.sites[SiteId("S2")].priority == 3
    assert (milk.unit_price_minor, milk.shelf_life_days) == (105, 10.0)


def contracts(intake: Intake) -> list[SupplyContract]:
    """What SUP1 owes for milk, at S1 and at S2."""
    assert intake.network is not None
    return [c for (s, i, _), c in sorted(intake.network.supply.items()) if (s, i) == ("SUP1", MILK)]


BUFFER = {"qty": 200, "notice": 172_800, "price": 140, "expires": "2026-06-30"}


def test_buffer_of_a_supplier_is_stated_with_its_price_and_last_day() -> None:
    intake = judging(supplied())
    take(intake, master("supplier", "SUP1", price=120, buffer=BUFFER))
    assert [
        (c.buffer_qty, c.buffer_lead_time_days, c.buffer_unit_premium_minor, c.buffer_until)
        for c in contracts(intake)
    ] == [(200_000, 2.0, 20, date(2026, 6, 30))] * 2


def test_contract_of_one_site_is_changed_alone() -> None:
    intake = judging(supplied())
    take(intake, master("supplier", "SUP1@MILK@S2", approved=False))
    assert [c.approved for c in contracts(intake)] == [True, False]


def test_quickest_way_to_bring_a_line_forward_is_on_offer() -> None:
    modes = [
        {"mode": "road", "days_saved": 1, "fixed": 900, "per_unit": 3},
        {"mode": "air", "days_saved": 4, "fixed": 9_000, "per_unit": 40},
    ]
    intake = judging(supplied())
    take(intake, master("supplier", "SUP1@MILK", expedite=modes))
    assert {(c.expedite_days_saved, c.expedite_unit_minor) for c in contracts(intake)} == {(4, 40)}
    take(intake, master("supplier", "SUP1@MILK", hour=8, expedite=[]))
    assert {c.expedite_days_saved for c in contracts(intake)} == {None}


def test_lane_runs_on_its_days_and_carries_its_most() -> None:
    intake = judging()
    days = {"from": "2026-05-10", "to": "2026-05-20"}
    lane = {"origin": "S1", "dest": "S2", "lead_time_s": 86_400}
    take(intake, master("lane", "S1-S2", **lane, max=40, effective=days))
    assert intake.network is not None
    row = intake.network.lanes[LaneId("S1-S2")]
    assert row.max_qty == 40_000
    runs = [row.runs_on(date(2026, 5, day)) for day in (9, 10, 20, 21)]
    assert runs == [False, True, True, False]
    assert network_of(intake.network.record) == intake.network


def test_network_without_later_members_keeps_the_record_it_had() -> None:
    later = (b'"max_qty"', b'"effective_from"', b'"price_minor"', b'"buffer_until"')
    assert not any(name in supplied().record for name in later)


def supplied() -> Network:
    """Milk at S1 and S2, which SUP1 brings."""
    known = network()
    given: dict[str, Any] = {
        "approved": True,
        "lead_time_days_p50": 2.0,
        "lead_time_days_p90": 3.0,
        "moq": Units(1_000),
        "lot_multiple": Units(1_000),
        "expedite_days_saved": None,
        "expedite_fixed_minor": None,
        "expedite_unit_minor": None,
        "buffer_qty": None,
        "buffer_lead_time_days": None,
        "buffer_unit_premium_minor": None,
        "contract_clause": "",
    }
    keys = [(SupplierId("SUP1"), MILK, SiteId(site)) for site in ("S1", "S2")]
    supply = {
        key: SupplyContract(supplier=key[0], item=key[1], site=key[2], **given) for key in keys
    }
    return replace(known, supply=supply)


def test_record_that_comes_after_a_newer_one_changes_nothing() -> None:
    intake = judging()
    newer = master("item", "MILK", hour=8, unit_cost=90)
    older = master("item", "MILK", hour=7, unit_cost=80) | {"recordedtime": "2026-05-04T09:00:00Z"}
    take(intake, newer, older)
    assert intake.network is not None
    assert intake.network.items[ItemId("MILK")].unit_cost_minor == 90


@pytest.mark.parametrize(
    ("event", "status", "code", "pointer"),
    [
        (master("item", "TEA"), "REJECTED", "missing", "/data/unit_cost"),
        (master("item", "TEA", unit_cost=1), "REJECTED", "missing", "/data/margin"),
        (master("item", "MILK", uom="KG"), "REJECTED", "scope", "/data/uom"),
        (master("item", "MILK", packs=[CASE | {"factor": 0}]), "REJECTED", "range", "/data/packs"),
        (master("item", "MILK", unit_cost=-1), "REJECTED", "sign", "/data/unit_cost"),
        (master("item", "MILK", colour="red"), "REJECTED", "extra", "/data/colour"),
        (master("location", "S9", tz="Mars/Base"), "REJECTED", "type", "/data/tz"),
        (master("location", "S9", kind="store"), "REJECTED", "missing", "/data/region"),
        (master("lane", "L", origin="S1", dest="S9"), "QUARANTINED", "unknown_site", "/data/dest"),
        (
            master("lane", "L", origin="S1", dest="S1", lead_time_s=9),
            "REJECTED",
            "scope",
            "/data/dest",
        ),
        (
            master("lane", "L", origin="S1", dest="S2", lead_time_s=9)
            | {
                "data": {
                    "origin": "S1",
                    "dest": "S2",
                    "lead_time_s": 9,
                    "effective": {"from": "2026-05-20", "to": "2026-05-10"},
                }
            },
            "REJECTED",
            "range",
            "/data/effective/to",
        ),
        (master("supplier", "SUP1@TEA", moq=1), "QUARANTINED", "unknown_item", "/subject"),
        (master("supplier", "SUP9", approved=False), "QUARANTINED", "unknown_site", "/subject"),
        (master("cost", "TEA", shortage=5), "QUARANTINED", "unknown_item", "/subject"),
        (master("cost", "MILK@S1", shortage=5), "REJECTED", "scope", "/subject"),
    ],
)
def test_bad_master_record_is_refused_or_parked_with_its_rule(
    event: dict[str, Any], status: str, code: str, pointer: str
) -> None:
    (outcome,) = take(judging(), event)
    reply = outcome.reply
    assert (reply.status, reply.code, reply.pointer) == (status, code, pointer)


def test_lane_to_a_store_not_known_yet_waits_for_the_store() -> None:
    intake = judging()
    take(
        intake,
        master("lane", "L", origin="S1", dest="S9", lead_time_s=86_400),
        master("location", "S9", hour=7, kind="store", region="SOUTH", tz="Europe/Berlin"),
    )
    assert intake.network is not None
    assert LaneId("L") in intake.network.lanes
