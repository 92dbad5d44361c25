"""The reference order system: replenishment, sales, commands and what acting has gained.

By their phases S1 is reviewed on Tuesdays (5 May 2026), S2 on Fridays; both are counted on Mondays.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from replan.canonical import canonical_bytes
from replan.effects import Command
from replan.errors import BrokenPromise
from replan.events import SaleRecorded
from replan.infra.erp.reference import ReferenceErp
from replan.infra.executors.inbox import InboxConflict
from replan.network import Network
from replan.units import SiteId, Units
from tests.erp_cases import (
    MILK,
    command,
    contract,
    expedite,
    lane,
    local,
    move,
    network,
    rule,
    sale,
    stock,
)

START = local("04")
MORNING = local("04", "08:00")


class Shop:
    """An order system that a test advances, and all it has said so far."""

    def __init__(self, folder: Path, world: Network, start: datetime | None = START, **units: int):
        self.folder, self.network, self.start = folder, world, start
        self.opening = stock(**units)
        self.said: list[dict[str, Any]] = []
        self.reopen()

    def reopen(self) -> None:
        self.erp = ReferenceErp(self.folder, self.network, self.opening, self.start)

    def to(
        self, at: datetime, sales: Sequence[SaleRecorded] = (), commands: Sequence[Command] = ()
    ) -> list[dict[str, Any]]:
        answers = list(self.erp.advance(at, sales, commands))
        self.said += answers
        return answers

    def on_hand(self, site: str) -> float:
        return self.erp.stock()[(MILK, SiteId(site))] / 1_000

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [event for event in self.said if event["type"] == kind]


@pytest.fixture
def shops(tmp_path: Path) -> Iterator[list[Shop]]:
    opened: list[Shop] = []
    yield opened
    for shop in opened:
        shop.erp.close()


@pytest.fixture
def shop(tmp_path: Path, shops: list[Shop]) -> Shop:
    """Milk in two stores with 100 pieces each, up to 100, three days from order to receipt."""
    shops.append(Shop(tmp_path, network(), S1=100, S2=100))
    return shops[-1]


def told(events: Sequence[dict[str, Any]], *members: str) -> list[tuple[Any, ...]]:
    """Type and the named members of time and data."""
    return [
        (event["type"], *(event["data"].get(name, event.get(name)) for name in members))
        for event in events
    ]


# Sales and counts


def test_all_shelves_are_counted_at_the_start(shop: Shop) -> None:
    assert told(shop.to(MORNING), "subject", "on_hand", "as_of")[:2] == [
        ("inv.snapshot.v1", "MILK@S1", 100, "2026-05-03T22:00:00Z"),
        ("inv.snapshot.v1", "MILK@S2", 100, "2026-05-03T22:00:00Z"),
    ]


def test_without_a_start_it_begins_at_the_midnight_before_the_first_sale(
    tmp_path: Path, shops: list[Shop]
) -> None:
    shops.append(Shop(tmp_path, network(), start=None, S1=100, S2=100))
    answers = shops[-1].to(local("06"), [sale(local("05", "09:59"), 3)])

    assert told(answers, "as_of")[0] == ("inv.snapshot.v1", "2026-05-04T22:00:00Z")


def test_before_its_start_nothing_happens(shop: Shop) -> None:
    assert shop.to(local("03"), [sale(local("02"), 60)]) == []
    shop.to(MORNING, [sale(local("03", "23:00"), 60, n=1)])

    assert shop.on_hand("S1") == 100


def test_a_sale_takes_from_the_shelf_of_its_store(shop: Shop) -> None:
    shop.to(local("04", "12:00"), [sale(local("04", "10:00"), 30)])

    assert (shop.on_hand("S1"), shop.on_hand("S2")) == (70, 100)


def test_a_return_goes_back_on_the_shelf(shop: Shop) -> None:
    shop.to(local("04", "12:00"), [sale(local("04", "10:00"), 30), sale(local("04", "11:00"), -2)])

    assert shop.on_hand("S1") == 72


def test_what_is_not_there_is_lost_and_stock_is_never_negative(shop: Shop) -> None:
    shop.to(local("04", "12:00"), [sale(local("04", "10:00"), 130)])

    assert shop.on_hand("S1") == 0
    assert shop.erp.gain()["lost_units"] == {"with": 30, "without": 30}
    # A unit short costs 40.
    assert shop.erp.gain()["lost_margin_minor"] == {"with": 1_200, "without": 1_200}


def test_a_shelf_found_empty_is_reported_at_once(shop: Shop) -> None:
    shop.to(MORNING)
    answers = shop.to(local("04", "12:00"), [sale(local("04", "10:00"), 130)])

    assert told(answers, "subject", "on_hand", "as_of") == [
        ("inv.snapshot.v1", "MILK@S1", 0, "2026-05-04T08:00:00Z")
    ]


def test_each_site_is_counted_once_a_week_at_night(shop: Shop) -> None:
    shop.to(MORNING)
    shop.to(local("18", "12:00"))

    counted = [e["time"] for e in shop.of("inv.snapshot.v1") if e["subject"] == "MILK@S1"]
    assert counted[1:] == ["2026-05-04T02:30:00Z", "2026-05-11T02:30:00Z", "2026-05-18T02:30:00Z"]


def test_a_sale_known_only_after_the_count_makes_another_one_the_next_night(shop: Shop) -> None:
    shop.to(MORNING)
    shop.to(local("04", "12:00"), [sale(local("04", "01:00"), 30)])
    answers = shop.to(local("05", "12:00"))

    assert told(answers, "subject", "on_hand", "as_of") == [
        ("inv.snapshot.v1", "MILK@S1", 70, "2026-05-05T02:30:00Z")
    ]


def test_sales_count_in_order_of_their_own_time(tmp_path: Path, shops: list[Shop]) -> None:
    # The delivery comes at 06:00 of the 8th: what was asked for before it is lost, not after.
    shops.append(Shop(tmp_path, network(), S1=10, S2=100))
    early, later = sale(local("08", "05:00"), 20), sale(local("08", "07:00"), 20)
    shops[-1].to(local("08", "12:00"), [later, early])

    assert shops[-1].erp.gain()["lost_units"]["with"] == 10
    assert shops[-1].on_hand("S1") == 70


# Replenishment


def test_a_review_orders_up_to_the_level_in_whole_lots(tmp_path: Path, shops: list[Shop]) -> None:
    # 63 are left, 37 missing, and 48 are four dozen.
    world = network(contracts=[contract(lot=12), contract(site="S2")])
    shops.append(Shop(tmp_path, world, S1=100, S2=100))
    shops[-1].to(local("06"), [sale(local("04", "10:00"), 37)])

    (ordered,) = shops[-1].of("po.created.v1")
    assert ordered["time"] == "2026-05-05T18:00:00Z"
    assert ordered["subject"] == "S1-SUP1-20260505@MILK"
    assert ordered["data"] == {
        "po": "S1-SUP1-20260505",
        "line": "MILK",
        "item": "MILK",
        "supplier": "SUP1",
        "ship_to": "S1",
        "qty": 48,
        "price": 60,
        "need_by": "2026-05-08",
        "promised": "2026-05-08",
        "status": "approved",
    }


def test_what_is_on_order_is_not_ordered_again(tmp_path: Path, shops: list[Shop]) -> None:
    # Ten days from order to receipt: the line of the 5th is still open at the review of the 12th.
    world = network(contracts=[contract(p50=10), contract(site="S2")])
    shops.append(Shop(tmp_path, world, S1=100, S2=100))
    shops[-1].to(local("13"), [sale(local("04", "10:00"), 37), sale(local("11", "10:00"), 5)])

    assert [e["data"]["qty"] for e in shops[-1].of("po.created.v1")] == [37, 5]


def test_what_is_promised_and_not_late_arrives_on_the_morning_promised(shop: Shop) -> None:
    shop.to(local("08", "05:59"), [sale(local("04", "10:00"), 37)])
    answers = shop.to(local("08", "06:00"))

    assert told(answers, "subject", "qty_received", "qty_damaged", "at") == [
        ("receipt.v1", "S1-SUP1-20260505@MILK", 37, 0, "2026-05-08T04:00:00Z")
    ]
    assert shop.on_hand("S1") == 100


def test_a_late_delivery_is_announced_before_its_promise_and_comes_as_said(
    tmp_path: Path, shops: list[Shop]
) -> None:
    world = network(
        rules=[rule(period=1), rule(site="S2")],
        contracts=[contract(p50=3, p90=6), contract(site="S2")],
    )
    shops.append(Shop(tmp_path, world, S1=100, S2=100))
    shops[-1].to(local("28"), [sale(local(f"{day:02}", "10:00"), 4) for day in range(4, 16)])

    first = {e["subject"]: e["data"]["promised"] for e in shops[-1].of("po.created.v1")}
    changes = {e["subject"]: e for e in shops[-1].of("po.changed.v1")}
    last = first | {name: event["data"]["promised"] for name, event in changes.items()}
    came = {e["subject"]: e["data"]["at"][:10] for e in shops[-1].of("receipt.v1")}
    assert came == last
    assert 0 < len(changes) < len(first)
    assert all(event["data"]["promised"] > first[name] for name, event in changes.items())
    assert all(event["time"][:10] < first[name] for name, event in changes.items())


# Asked again


def test_asked_again_for_the_same_clock_it_answers_the_same_and_sells_nothing_twice(
    shop: Shop,
) -> None:
    sales, at = [sale(local("04", "10:00"), 30)], local("04", "12:00")
    first = shop.to(at, sales, [move("a", 10, "04")])
    again = shop.to(at, sales, [move("a", 10, "04")])
    shop.reopen()
    after_a_crash = shop.to(at, sales, [move("a", 10, "04")])

    assert first == again == after_a_crash
    assert shop.on_hand("S1") == 70


def test_what_comes_on_top_at_the_same_clock_is_taken_in(shop: Shop) -> None:
    one, two = sale(local("04", "10:00"), 30), sale(local("04", "10:30"), 5)
    at = local("04", "12:00")
    first = shop.to(at, [one])
    answers = shop.to(at, [one, two], [expedite("a", 1, "NONE@1")])

    assert answers[: len(first)] == first
    assert told(answers[len(first) :], "subject") == [("action.fail.v1", "act-a")]
    assert shop.on_hand("S1") == 65


def test_a_clock_that_goes_back_is_refused(shop: Shop) -> None:
    shop.to(local("05"))

    with pytest.raises(BrokenPromise, match=r"2026-05-04T22:00:00Z.*2026-05-04T06:00:00Z"):
        shop.to(MORNING)


def test_closed_after_every_step_it_says_the_same(tmp_path: Path, shops: list[Shop]) -> None:
    said = []
    for name in ("kept", "closed"):
        folder = tmp_path / name
        folder.mkdir()
        world = network(contracts=[contract(p90=5), contract(site="S2", p90=5)])
        shop = Shop(folder, world, S1=40, S2=100)
        shops.append(shop)
        for half_day in range(40):
            since = START + half_day * timedelta(hours=12)
            commands = [move(f"m{half_day}", 3, f"{4 + half_day // 2:02}")] if half_day % 4 else []
            shop.to(
                since + timedelta(hours=12),
                [
                    sale(since + timedelta(hours=h), 3, site)
                    for h in (2, 9)
                    for site in ("S1", "S2")
                ],
                commands,
            )
            if name == "closed":
                shop.erp.close()
                shop.reopen()
        said.append(canonical_bytes(shop.said))

    assert said[0] == said[1]


# Transfers


def test_a_transfer_is_requested_ships_at_the_cut_off_and_arrives_the_next_morning(
    shop: Shop,
) -> None:
    shop.to(MORNING)
    requested = shop.to(local("04", "09:00"), [], [move("a", 20, "04")])
    shipped = shop.to(local("04", "15:00"))
    received = shop.to(local("05", "12:00"))

    assert told(requested, "status", "qty", "at") == [
        ("transfer.status.v1", "requested", 20, "2026-05-04T07:00:00Z")
    ]
    assert told(shipped, "status", "reason", "at") == [
        ("transfer.status.v1", "shipped", None, "2026-05-04T12:00:00Z"),
        ("action.ack.v1", None, None, "2026-05-04T12:00:00Z"),
    ]
    assert told(received, "subject", "status", "from", "to", "at") == [
        ("transfer.status.v1", "act-a", "received", "S1", "S2", "2026-05-05T04:00:00Z")
    ]
    assert (shop.on_hand("S1"), shop.on_hand("S2")) == (80, 120)


def test_a_lane_of_less_than_a_day_arrives_the_same_day(tmp_path: Path, shops: list[Shop]) -> None:
    shops.append(Shop(tmp_path, network(lanes=[lane("L", "S1", "S2", p50=0.25)]), S1=100, S2=0))
    shops[-1].to(MORNING, [], [move("a", 20, "04")])
    shops[-1].to(local("05"))

    assert shops[-1].of("transfer.status.v1")[-1]["data"]["at"] == "2026-05-04T18:00:00Z"


def test_only_what_is_on_hand_ships(shop: Shop) -> None:
    shop.to(MORNING, [], [move("a", 20, "04")])
    shop.to(local("04", "15:00"), [sale(local("04", "13:00"), 88)])

    (ack,) = shop.of("action.ack.v1")
    assert ack["data"]["reason"] == "12 of 20 shipped"
    assert shop.of("transfer.status.v1")[-1]["data"]["qty"] == 12
    # 150 for the lane and 4 a piece.
    assert shop.erp.gain()["direct_cost_minor"] == 198


def test_if_nothing_can_ship_the_action_has_failed_and_cost_nothing(shop: Shop) -> None:
    shop.to(MORNING, [], [move("a", 20, "04")])
    shop.to(local("05"), [sale(local("04", "13:00"), 100)])

    (fail,) = shop.of("action.fail.v1")
    assert (fail["subject"], fail["correlationid"]) == ("act-a", "act-a")
    assert fail["data"]["reason"] == "no load of 20 MILK could leave S1 by lane S1-S2: 0 on hand"
    assert shop.erp.gain()["direct_cost_minor"] == 0
    assert shop.on_hand("S2") == 100


def test_what_a_lane_carries_in_a_day_is_limited(tmp_path: Path, shops: list[Shop]) -> None:
    world = network(lanes=[lane("L", "S1", "S2", capacity=30)])
    shops.append(Shop(tmp_path, world, S1=100, S2=0))
    shops[-1].to(MORNING, [], [move("a", 20, "04"), move("b", 20, "04"), move("c", 20, "05")])
    shops[-1].to(local("06"))

    shipped = [e["data"] for e in shops[-1].of("transfer.status.v1")]
    assert [d["qty"] for d in shipped if d["status"] == "shipped"] == [20, 10, 20]


@pytest.mark.parametrize(
    ("wanted", "reason"),
    [
        (move("a", 20, "03"), "lane S1-S2: the last departure of 2026-05-03 has left"),
        (move("a", 20, "04", to="S9"), "no lane from S1 to S9"),
        (move("a", 20, "04", lane="L7"), "no lane L7 from S1 to S2"),
        (move("a", 20, "04", item="BEER"), "item BEER is not stocked at S1"),
        (move("a", 0, "04"), "qty is 0, must be a quantity above 0"),
        (move("a", 20, "99"), "ship_on is 2026-05-99, must be a date"),
        (command("a", kind="ration"), "actions of kind ration are not carried out here"),
        (
            command("a", not_after=local("04", "07:00"), kind="reallocate"),
            "came after its last moment 2026-05-04T05:00:00Z",
        ),
    ],
)
def test_what_cannot_be_done_is_refused_with_a_reason(
    shop: Shop, wanted: Command, reason: str
) -> None:
    shop.to(MORNING, [], [wanted])

    assert [e["data"]["reason"] for e in shop.of("action.fail.v1")] == [reason]


def test_without_a_cut_off_a_transfer_can_leave_until_midnight(
    tmp_path: Path, shops: list[Shop]
) -> None:
    shops.append(Shop(tmp_path, network(lanes=[lane("L", "S1", "S2", cutoff=None)]), S1=100, S2=0))
    answers = shops[-1].to(local("04", "21:00"), [], [move("a", 20, "04")])

    assert told(answers, "status")[-3:] == [
        ("transfer.status.v1", "requested"),
        ("transfer.status.v1", "shipped"),
        ("action.ack.v1", None),
    ]


# Once per key


def test_a_command_sent_again_later_is_answered_again_and_not_carried_out_again(shop: Shop) -> None:
    shop.to(MORNING, [], [move("a", 20, "04")])
    shop.to(local("04", "15:00"))
    (ack,) = shop.of("action.ack.v1")
    again = shop.to(local("06"), [], [move("a", 20, "04")])

    assert ack in again
    assert (shop.on_hand("S1"), shop.on_hand("S2")) == (80, 120)
    assert shop.erp.gain()["direct_cost_minor"] == 230


def test_another_command_under_a_used_key_stores_nothing(shop: Shop) -> None:
    shop.to(MORNING, [], [move("a", 20, "04")])
    with pytest.raises(InboxConflict):
        shop.to(local("04", "12:00"), [sale(local("04", "10:00"), 30)], [move("a", 21, "04")])

    assert shop.on_hand("S1") == 100
    shop.to(local("04", "12:00"), [sale(local("04", "10:00"), 30)])
    assert shop.on_hand("S1") == 70


# Expedites

LINE = "S1-SUP1-20260505@MILK"
"""Ordered on Tuesday evening, promised for the 8th."""


@pytest.fixture
def ordered(shop: Shop) -> Shop:
    """37 pieces are on order for the 8th, and two days can be saved."""
    shop.to(local("05", "21:00"), [sale(local("04", "10:00"), 37)])
    return shop


def test_an_expedited_line_comes_earlier_by_the_days_of_the_contract(ordered: Shop) -> None:
    answers = ordered.to(local("05", "21:30"), [], [expedite("a", 37, LINE)])
    ordered.to(local("06", "06:00"))

    assert told(answers, "subject", "qty", "promised") == [
        ("po.changed.v1", LINE, 37, "2026-05-06"),
        ("action.ack.v1", "act-a", None, None),
    ]
    assert [e["data"]["at"] for e in ordered.of("receipt.v1")] == ["2026-05-06T04:00:00Z"]
    # 250 fixed and 6 a piece.
    assert ordered.erp.gain()["direct_cost_minor"] == 472


def test_a_part_of_a_line_becomes_a_line_of_its_own(ordered: Shop) -> None:
    answers = ordered.to(local("05", "21:30"), [], [expedite("a", 10, LINE)])
    ordered.to(local("09"))

    assert told(answers, "subject", "line", "qty", "promised") == [
        ("po.changed.v1", LINE, "MILK", 27, "2026-05-08"),
        ("po.created.v1", f"{LINE}.1", "MILK.1", 10, "2026-05-06"),
        ("action.ack.v1", "act-a", None, None, None),
    ]
    assert told(ordered.of("receipt.v1"), "subject", "qty_received", "at") == [
        ("receipt.v1", f"{LINE}.1", 10, "2026-05-06T04:00:00Z"),
        ("receipt.v1", LINE, 27, "2026-05-08T04:00:00Z"),
    ]
    assert ordered.on_hand("S1") == 100


def push_out(name: str, units: int, until: str) -> Command:
    """Let the line come on a later day of May 2026."""
    wanted = {"kind": "postpone", "qty": units, "order_id": LINE}
    return command(name, **wanted, arrive_on={"p50": f"2026-05-{until}"})


def test_a_line_that_is_pushed_out_comes_on_the_new_day_and_costs_nothing(ordered: Shop) -> None:
    answers = ordered.to(local("05", "21:30"), [], [push_out("a", 37, "12")])
    ordered.to(local("13"))

    assert told(answers, "subject", "qty", "promised") == [
        ("po.changed.v1", LINE, 37, "2026-05-12"),
        ("action.ack.v1", "act-a", None, None),
    ]
    came = {e["subject"]: e["data"]["at"][:10] for e in ordered.of("receipt.v1")}
    assert came[LINE] == "2026-05-12"
    assert ordered.erp.gain()["direct_cost_minor"] == 0


def test_the_part_that_is_pushed_out_becomes_a_line_of_its_own(ordered: Shop) -> None:
    answers = ordered.to(local("05", "21:30"), [], [push_out("a", 10, "12")])
    assert told(answers, "subject", "qty", "promised") == [
        ("po.changed.v1", LINE, 27, "2026-05-08"),
        ("po.created.v1", f"{LINE}.1", 10, "2026-05-12"),
        ("action.ack.v1", "act-a", None, None),
    ]


def test_a_line_is_not_pushed_out_to_an_earlier_day(ordered: Shop) -> None:
    ordered.to(local("05", "21:30"), [], [push_out("a", 10, "07")])
    (failed,) = ordered.of("action.fail.v1")
    assert failed["data"]["reason"] == f"order line {LINE}: 2026-05-07 is not after 2026-05-08"


def buffered(tmp_path: Path) -> Shop:
    """SUP1 holds 30 for S1, two days away, for 5 a piece more."""
    held = replace(
        contract(),
        buffer_qty=Units(30_000),
        buffer_lead_time_days=2,
        buffer_unit_premium_minor=5,
    )
    return Shop(tmp_path, network(contracts=[held, contract(site="S2")]), S1=100, S2=100)


def call(name: str, units: int) -> Command:
    """Milk from the buffer of SUP1 for S1."""
    return command(name, **{"kind": "buffer_call", "from": "SUP1", "to": "S1", "qty": units})


def test_a_buffer_call_makes_an_order_that_bears_the_action(
    tmp_path: Path, shops: list[Shop]
) -> None:
    shops.append(buffered(tmp_path))
    answers = shops[-1].to(MORNING, [], [call("a", 20)])
    shops[-1].to(local("07"))

    assert told(answers[-2:], "subject", "qty", "promised") == [
        ("po.created.v1", "act-a@1", 20, "2026-05-06"),
        ("action.ack.v1", "act-a", None, None),
    ]
    assert told(shops[-1].of("receipt.v1"), "subject", "qty_received") == [
        ("receipt.v1", "act-a@1", 20)
    ]
    # The goods cost what they always cost; the premium is what acting adds.
    assert shops[-1].erp.gain()["direct_cost_minor"] == 100


def test_a_buffer_gives_no_more_than_it_holds_until_it_is_full_again(
    tmp_path: Path, shops: list[Shop]
) -> None:
    shops.append(buffered(tmp_path))
    shops[-1].to(MORNING, [], [call("a", 20), call("b", 20)])
    (failed,) = shops[-1].of("action.fail.v1")
    assert failed["data"]["reason"] == "the buffer of SUP1 for S1 has 10 MILK left, asked were 20"
    shops[-1].reopen()
    shops[-1].to(local("08"), [], [call("c", 20)])
    assert len(shops[-1].of("action.ack.v1")) == 2


def test_what_is_expedited_still_counts_as_on_order(tmp_path: Path, shops: list[Shop]) -> None:
    world = network(contracts=[contract(p50=10), contract(site="S2")])
    shops.append(Shop(tmp_path, world, S1=100, S2=100))
    shops[-1].to(local("05", "21:00"), [sale(local("04", "10:00"), 37)])
    shops[-1].to(local("06"), [], [expedite("a", 10, LINE)])
    shops[-1].to(local("13"), [sale(local("11", "10:00"), 5)])

    # The second line is the part split off; the review of the 12th finds just the five missing.
    assert [e["data"]["qty"] for e in shops[-1].of("po.created.v1")] == [37, 10, 5]


@pytest.mark.parametrize("name", ["S1-SUP1-20260429@MILK", "nonsense"])
def test_an_unknown_line_cannot_be_expedited(ordered: Shop, name: str) -> None:
    ordered.to(local("06"), [], [expedite("a", 10, name)])

    (fail,) = ordered.of("action.fail.v1")
    assert fail["data"]["reason"].startswith(f"order line {name} is not open")


def test_a_received_line_cannot_be_expedited(ordered: Shop) -> None:
    ordered.to(local("09"))
    ordered.to(local("10"), [], [expedite("a", 10, LINE)])

    assert [e["data"]["reason"] for e in ordered.of("action.fail.v1")] == [
        f"order line {LINE} is not open: never placed here, or received"
    ]
    assert ordered.erp.gain()["direct_cost_minor"] == 0


def test_a_line_that_comes_tomorrow_cannot_come_earlier(ordered: Shop) -> None:
    ordered.to(local("07", "12:00"), [], [expedite("a", 10, LINE)])

    assert [e["data"]["reason"] for e in ordered.of("action.fail.v1")] == [
        f"order line {LINE}: cannot come before 2026-05-08"
    ]


# What acting has gained


def test_without_commands_both_worlds_are_the_same(shop: Shop) -> None:
    shop.to(local("25"), [sale(local(f"{day:02}", "10:00"), 29) for day in range(4, 25)])
    gain = shop.erp.gain()

    assert gain["lost_units"]["with"] == gain["lost_units"]["without"] > 0
    assert gain["holding_minor"]["with"] == gain["holding_minor"]["without"] > 0
    assert (gain["on_hand_units"]["with"], gain["net_gain_minor"]) == (
        gain["on_hand_units"]["without"],
        0,
    )


def test_what_a_transfer_has_gained_is_the_loss_avoided_less_its_costs(shop: Shop) -> None:
    # Twenty pieces reach S2 on the morning of the 5th, where 115 are asked for that day.
    shop.to(MORNING, [], [move("a", 20, "04")])
    shop.to(local("06", "00:00"), [sale(local("05", "10:00"), 115, "S2")])
    gain = shop.erp.gain()

    assert gain["lost_units"] == {"with": 0, "without": 15}
    assert gain["lost_margin_minor"] == {"with": 0, "without": 600}
    assert gain["direct_cost_minor"] == 230
    # Half a cent a piece and day. On the evening of the 4th 80 + 100 lie there (20 are on the
    # lorry) against 100 + 100; on the 5th 80 + 5 against 100 + 0.
    assert gain["holding_minor"] == {"with": 133, "without": 150}
    assert gain["net_gain_minor"] == 600 - 230 + 17


def test_what_was_gained_is_told_by_day(shop: Shop) -> None:
    shop.to(MORNING, [], [move("a", 20, "04")])
    shop.to(local("06", "00:00"), [sale(local("05", "10:00"), 115, "S2")])

    assert [
        (row["day"], row["direct_cost_minor"], row["lost_units"]["without"])
        for row in shop.erp.gain()["by_day"]
    ] == [("2026-05-04", 230, 0), ("2026-05-05", 0, 15)]


def test_what_was_gained_is_known_after_a_restart(shop: Shop) -> None:
    shop.to(MORNING, [], [move("a", 20, "04")])
    shop.to(local("06"), [sale(local("05", "10:00"), 115, "S2")])
    before = shop.erp.gain()
    shop.reopen()

    assert shop.erp.gain() == before
    assert before["actions"] == {"done": 1, "refused": 0}
