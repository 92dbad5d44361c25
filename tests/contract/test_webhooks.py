"""What is put to a web address, and what its answer proves, with a real server that fails."""

import dataclasses
from typing import Any

import pytest

from replan.canonical import sha256_hex
from replan.errors import LedgerMoved
from replan.infra.executors.signing import Seal
from replan.infra.executors.ways import Carried, leaving
from replan.infra.executors.webhooks import Webhooks, WebTarget
from replan.infra.ledger.rows import OutboxRow
from replan.infra.web_call import NotConnected, checked_addresses
from tests.ledger_builders import HOUR, TICK, command
from tests.web_targets import WebShop, web_shop


def row(name: str = "a-1", **changes: Any) -> OutboxRow:
    made = command(action_id=name)
    members = {
        "idem": made.idem,
        "action_id": made.action_id,
        "decision_id": made.decision_id,
        "body": made.body,
        "not_after": made.not_after,
        "state": "claimed",
        "created_at": TICK,
        "sent_at": None,
        "claimed_at": TICK,
        "attempts": 1,
    }
    return OutboxRow(**(members | changes))


def target(url: str, **changes: Any) -> WebTarget:
    members = {"name": "erp", "url": url, "idempotent": False, "private": True}
    return WebTarget(**(members | changes))


def put(
    shop: WebShop, *, idempotent: bool = False, seconds: float = 5.0, url: str | None = None
) -> tuple[Carried, list[str]]:
    """One command to the shop: what became of it, and what was stored as attempted before."""
    attempted: list[str] = []
    way = Webhooks([target(url or f"{shop.url}/orders", idempotent=idempotent)], seconds)
    one = leaving(row(), authority_hash="sha256:aa", seal=Seal(b"a shared secret"))
    [[carried]] = way.carry([one], TICK, lambda sent: attempted.append(sent.idem))
    return carried, attempted


def test_in11_a_command_is_one_post_under_its_key() -> None:
    with web_shop() as shop:
        carried, _ = put(shop)
    [asked] = shop.asked
    assert (carried.state, [e["type"] for e in carried.events]) == ("sent", ["action.ack.v1"])
    assert asked["headers"]["Idempotency-Key"] == "idem-a-1"
    assert asked["body"]["data"] == dict(command().body)


def test_headers_let_a_gateway_check_a_command_without_reading_it() -> None:
    with web_shop() as shop:
        put(shop)
    said = shop.asked[0]["headers"]
    line = leaving(row(), authority_hash="sha256:aa", seal=None).line.encode()
    assert said["Replan-Sha256"] == sha256_hex(line)
    assert said["Replan-Not-After"] == "2026-05-04T14:00:00Z"
    assert said["Replan-Authority-Hash"] == "sha256:aa"
    assert Seal(b"a shared secret").holds(line, said["Replan-Signature"])


def test_the_same_command_has_the_same_bytes_each_time() -> None:
    with web_shop() as shop:
        put(shop)
        put(shop)
    assert shop.asked[0]["body"] == shop.asked[1]["body"]


AMBIGUOUS = [500, 503, 408, 409, "reset_after", "silence_after", "drip", "redirect"]


@pytest.mark.parametrize("fault", AMBIGUOUS)
def test_g4_lost_answer_of_a_target_asked_once_is_unknown(fault: Any) -> None:
    with web_shop(fault) as shop:
        carried, attempted = put(shop, seconds=0.5)
    assert (carried.state, carried.events, attempted) == ("unknown", (), ["idem-a-1"])


@pytest.mark.parametrize("fault", AMBIGUOUS)
def test_lost_answer_of_an_idempotent_target_is_asked_for_again(fault: Any) -> None:
    with web_shop(fault) as shop:
        first, _ = put(shop, idempotent=True, seconds=0.5)
        second, _ = put(shop, idempotent=True)
    assert (first.state, second.state) == ("again", "sent")
    assert list(shop.orders) == ["idem-a-1"]


@pytest.mark.parametrize("idempotent", [True, False])
def test_a_target_that_refuses_says_that_nothing_was_done(idempotent: bool) -> None:
    with web_shop(422) as shop:
        carried, _ = put(shop, idempotent=idempotent)
    [event] = carried.events
    assert (event["type"], event["data"]["reason"]) == ("action.fail.v1", "no truck left")


def test_taken_for_later_is_no_answer_yet() -> None:
    with web_shop(202) as shop:
        carried, _ = put(shop)
    assert (carried.state, carried.events) == ("sent", ())


def test_b7_a_target_that_does_not_let_us_in_is_asked_again_or_given_up() -> None:
    with web_shop(401, 401) as shop:
        states = [put(shop, idempotent=i)[0].state for i in (True, False)]
    assert states == ["later", "failed"]


def test_a17_redirect_is_not_followed() -> None:
    with web_shop("redirect") as shop:
        put(shop)
    assert shop.followed == 0


def test_nothing_is_attempted_where_nobody_listens() -> None:
    with web_shop() as shop:
        url = shop.url
    carried, attempted = put(shop, url=url)
    assert (carried.state, attempted) == ("later", [])


def test_no_byte_leaves_where_the_last_check_forbids_it() -> None:
    def forbid(_: OutboxRow) -> None:
        raise LedgerMoved("somebody stopped everything")

    one = leaving(row(), authority_hash="", seal=None)
    with web_shop() as shop, pytest.raises(LedgerMoved):
        list(Webhooks([target(shop.url)], 5.0).carry([one], TICK, forbid))
    assert shop.asked == []


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "169.254.169.254", "10.1.2.3", "::1", "0.0.0.0", "224.0.0.1"]
)
def test_a17_private_addresses_are_not_called_unless_a_target_says_so(host: str) -> None:
    with pytest.raises(NotConnected, match=r"this machine, a private network or reserved"):
        checked_addresses(host, 80, private=False)
    assert checked_addresses(host, 80, private=True) == [(host, 80)]


def test_an_ipv6_address_does_not_hide_a_private_one() -> None:
    with pytest.raises(NotConnected):
        checked_addresses("::ffff:10.0.0.1", 80, private=False)


def test_an_action_that_no_target_carries_out_fails_with_a_reason() -> None:
    way = Webhooks([target("http://127.0.0.1:9", actions=("expedite",))], 1.0)
    one = leaving(row(), authority_hash="", seal=None)
    [[carried]] = way.carry([one], TICK, lambda _: None)
    assert (carried.state, carried.note) == ("failed", "no target carries out reallocate")


def test_a_target_is_asked_what_became_of_a_key() -> None:
    with web_shop() as shop:
        way = Webhooks([target(shop.url, query_url=f"{shop.url}/state")], 5.0)
        before = [way.found_out(row(), TICK + n * HOUR) for n in (0, 3)]
        put(shop)
        after = way.found_out(row(), TICK)
    assert after is not None
    assert after["type"] == "action.ack.v1"
    # Until its last moment it may still be on its way.
    assert [found and found["type"] for found in before] == [None, "action.fail.v1"]


@pytest.mark.parametrize(
    ("state", "idempotent", "late", "fate"),
    [
        ("pending", False, False, "go"),
        ("pending", False, True, "expired"),
        ("claimed", False, False, "go"),
        ("claimed", False, True, "expired"),
        ("attempted", False, False, "unknown"),
        ("claimed", True, False, "go"),
        ("claimed", True, True, "unknown"),
    ],
)
def test_what_a_crash_leaves_behind_goes_on_only_where_that_is_safe(
    state: str, idempotent: bool, late: bool, fate: str
) -> None:
    way = Webhooks([target("http://127.0.0.1:9", idempotent=idempotent)], 1.0)
    found = dataclasses.replace(row(), state=state, not_after=TICK + HOUR)
    assert way.fate(found, is_late=late) == fate
