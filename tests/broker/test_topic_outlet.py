"""Lines reach topics of a real broker in order and at least once, each topic for itself."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from replan.errors import SourceAway
from replan.infra.executors.inbox import open_inbox
from replan.infra.executors.receiving import obey, read_command
from replan.infra.executors.signing import Seal
from replan.infra.executors.ways import command_line, leaving
from replan.infra.kafka.outlet import TopicOutlet, opened_producers
from replan.infra.kafka.producer import TopicProducer
from replan.infra.ledger.store import Ledger
from replan.infra.out_names import COMMANDS, DECISIONS, ESCALATIONS
from replan.infra.outlets import Outgoing
from replan.infra.running.topics import create_all
from replan.streams.topics import TopicNames
from tests.broker.kafka_world import records_of, write_kafka_world
from tests.contract.test_webhooks import row
from tests.ledger_builders import TICK, new_ledger

SEAL = Seal(b"a shared secret")


@pytest.fixture
def root(tmp_path: Path, broker: str, prefix: str) -> Path:
    root = write_kafka_world(tmp_path / "world", broker, prefix, None)
    create_all(root, None)
    return root


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return new_ledger(tmp_path)


@pytest.fixture
def outlet(broker: str, prefix: str, ledger: Ledger) -> Iterator[TopicOutlet]:
    with opened_producers({"bootstrap_servers": broker}, shadow=False) as (told, commands):
        yield TopicOutlet(ledger, TopicNames(prefix=prefix), told, commands)


def decision(n: int, item: str = "MILK", **members: Any) -> str:
    return json.dumps({"decision_id": f"d-{n}", "item": item, **members})


def publish(ledger: Ledger, *lines: str, name: str = DECISIONS) -> None:
    with ledger.transaction() as write:
        write.publish(name, lines)


def values(root: Path, table: str) -> list[str]:
    return [record.value.decode() for record in records_of(root, table)]


def test_waiting_lines_reach_their_topic_in_order_and_leave_the_ledger(
    root: Path, ledger: Ledger, outlet: TopicOutlet
) -> None:
    lines = [decision(n) for n in range(25)]
    publish(ledger, *lines)
    assert (outlet.flush(), outlet.flush()) == (25, 0)
    assert values(root, "decisions") == lines


def test_what_is_about_one_item_stays_in_one_partition(
    root: Path, ledger: Ledger, outlet: TopicOutlet
) -> None:
    publish(ledger, *(decision(n, item=f"I{n % 5}") for n in range(20)))
    outlet.flush()
    found = {record.key: record.partition for record in records_of(root, "decisions")}
    assert sorted(found) == [f"I{n}".encode() for n in range(5)]
    assert len({(r.key, r.partition) for r in records_of(root, "decisions")}) == 5


def test_b7_line_too_large_is_kept_and_holds_nothing_up(
    root: Path, ledger: Ledger, outlet: TopicOutlet
) -> None:
    # As letters that no codec makes small.
    publish(ledger, decision(1), decision(2, brief="x" * 1_200_000), decision(3))
    assert outlet.flush() == 2
    assert values(root, "decisions") == [decision(1), decision(3)]
    assert ledger.waiting_targets() == ()
    assert len(ledger.publications(10)) == 1


def test_b7_topic_that_is_missing_holds_up_no_other(
    root: Path, broker: str, prefix: str, ledger: Ledger
) -> None:
    publish(ledger, decision(1), name=ESCALATIONS)
    publish(ledger, decision(2))
    names = TopicNames(prefix=prefix, renamed={"decisions": f"{prefix}nowhere"})
    told = TopicProducer({"bootstrap_servers": broker}, timeout_ms=2_000)
    try:
        assert TopicOutlet(ledger, names, told, None).flush() == 1
    finally:
        told.close()
    assert values(root, "escalations") == [decision(1)]
    assert ledger.waiting_targets() == (DECISIONS,)


def test_replies_are_under_way_until_they_are_settled(
    root: Path, ledger: Ledger, outlet: TopicOutlet
) -> None:
    for n in range(8):
        outlet.append("accepted.jsonl", [f'{{"id":"e-{n}-{k}"}}' for k in range(500)])
    outlet.settle()
    assert len(set(values(root, "accepted"))) == 4_000


def test_commands_say_in_headers_what_a_gateway_asks(root: Path, outlet: TopicOutlet) -> None:
    one = leaving(row(), authority_hash="sha256:aa", seal=SEAL)
    assert outlet.deliver(COMMANDS, [Outgoing(line=one.line, headers=one.headers)]) == [None]
    [record] = records_of(root, "commands")
    said = {name: value.decode() for name, value in record.headers}
    assert record.key == b"LYO"
    assert said["idem"] == "idem-a-1"
    assert said["content-type"].startswith("application/cloudevents+json")
    assert read_command(record.value, said["signature"], SEAL) is not None


def test_g4_command_sent_twice_is_one_order_at_an_executor_with_an_inbox(
    root: Path, tmp_path: Path, outlet: TopicOutlet
) -> None:
    # A process died after the broker had it and before the ledger knew: the same bytes again.
    line = Outgoing(line=command_line(row()))
    outlet.deliver(COMMANDS, [line])
    outlet.deliver(COMMANDS, [line])
    inbox, orders = open_inbox(tmp_path / "inbox.db"), []
    for record in records_of(root, "commands"):
        command = read_command(record.value)
        assert command is not None
        obey(inbox, command, TICK, lambda qty=command.data["qty"]: orders.append(qty))
    assert orders == [80.5]


def test_g11_in_shadow_there_is_nobody_to_send_commands(broker: str, ledger: Ledger) -> None:
    publish(ledger, decision(1), name=COMMANDS)
    with opened_producers({"bootstrap_servers": broker}, shadow=True) as (told, commands):
        outlet = TopicOutlet(ledger, TopicNames(), told, commands)
        assert commands is None
        assert outlet.flush() == 0
        with pytest.raises(AssertionError):
            outlet.deliver(COMMANDS, [Outgoing(line=decision(1))])


def test_b1_no_broker_leaves_everything_in_the_ledger(ledger: Ledger) -> None:
    publish(ledger, decision(1))
    told = TopicProducer({"bootstrap_servers": "127.0.0.1:9"}, timeout_ms=1_000)
    try:
        with pytest.raises(SourceAway):
            TopicOutlet(ledger, TopicNames(), told, None).flush()
    finally:
        told.close()
    assert ledger.waiting_targets() == (DECISIONS,)
