"""Does whatever stands on a topic get its answer, while what is good behind it is accepted?"""

import json
import pickle
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaAdminClient, KafkaProducer
from kafka.admin import ConfigResource, ConfigResourceType

from replan.infra.rules import open_ledger
from replan.infra.running.run import run_workspace
from replan.infra.running.topics import create_all
from replan.infra.workspace.folder import open_workspace
from tests.broker.kafka_world import published, write_kafka_world
from tests.broker.test_producers import sale

Headers = list[tuple[str, bytes]]


def text(n: int, **changed: Any) -> bytes:
    return json.dumps(sale(n) | changed).encode()


def binary(n: int, **changed: str) -> Headers:
    attributes = {k: v for k, v in sale(n).items() if k != "data"} | changed
    return [("ce_" + name, value.encode()) for name, value in attributes.items()]


SENT: list[tuple[str, bytes | None, Headers, list[tuple[str, str | None]]]] = [
    ("no JSON", b"{ no", [], [("REJECTED", "malformed")]),
    ("no text", b'{"id": "\xff"}', [], [("REJECTED", "encoding")]),
    ("nested without end", b"[" * 100_000, [], [("REJECTED", "malformed")]),
    ("pickled", pickle.dumps({"qty": 1}), [], [("REJECTED", "encoding")]),
    ("a class by name", b'{"__class__": "os.system"}', [], [("REJECTED", "missing")]),
    ("ten megabytes", b"x" * 10_000_000, [], [("REJECTED", "size")]),
    ("a tombstone", None, [], []),
    ("an unknown type", text(1, type="pos.sale.v9"), [], [("QUARANTINED", "schema_version")]),
    (
        "one bad event of three",
        b"[" + text(2) + b"," + text(3, data={"qty": -1}) + b"," + text(4) + b"]",
        [],
        [("ACCEPTED", None), ("REJECTED", "sign"), ("ACCEPTED", None)],
    ),
    ("a schema registry's prefix", b"\0\0\0\0\7" + text(5), [], [("ACCEPTED", None)]),
    ("attributes in headers", b'{"qty": 1}', binary(6), [("ACCEPTED", None)]),
    ("a header without end", b"{}", binary(7, id="i" * 100_000), [("REJECTED", "malformed")]),
    ("a header that is no text", b"{}", [("ce_id", b"\xff")], [("REJECTED", "malformed")]),
    (
        "headers that are not asked for",
        text(8),
        [("Faust-Ag-ReplyTo", b"evil"), ("idem", b"forged"), ("bulk", b"x" * 900_000)],
        [("ACCEPTED", None)],
    ),
    ("a good one behind all of them", text(9), [], [("ACCEPTED", None)]),
]


@pytest.fixture
def root(tmp_path: Path, broker: str, prefix: str) -> Path:
    root = write_kafka_world(tmp_path / "world", broker, prefix, None)
    create_all(root, None)
    large = {"max.message.bytes": str(2**24)}
    with closing(KafkaAdminClient(bootstrap_servers=broker)) as admin:
        admin.alter_configs(
            [ConfigResource(ConfigResourceType.TOPIC, f"{prefix}pos", configs=large)]
        )
    return root


def test_every_record_is_answered_by_its_rule_and_none_stops_what_is_behind_it(
    root: Path, broker: str, prefix: str
) -> None:
    with closing(KafkaProducer(bootstrap_servers=broker, max_request_size=2**24)) as producer:
        for _, value, headers, _ in SENT:
            producer.send(f"{prefix}pos", value, b"I1", headers=headers, partition=0).get(60)
    status = run_workspace(root, source=None, until_end=True, mode=None)
    expected = Counter(answer for *_, answers in SENT for answer in answers)
    replies = [json.loads(x) for x in published(root)["accepted.jsonl"]]
    assert Counter((reply["status"], reply["code"]) for reply in replies) == expected
    assert sum(status["events"].values()) == expected.total()
    letters = [json.loads(x) for x in published(root)["dlq.jsonl"]]
    refused = Counter(code for (said, code), n in expected.items() for _ in range(n) if code)
    assert Counter(letter["code"] for letter in letters) == refused
    with closing(open_ledger(open_workspace(root))) as ledger:
        assert ledger.standing().tombstones == 1


def test_what_a_producer_took_back_is_not_heard(root: Path, broker: str, prefix: str) -> None:
    pos = f"{prefix}pos"
    producer = KafkaProducer(bootstrap_servers=broker, transactional_id=f"{prefix}w")
    with closing(producer):
        producer.init_transactions()
        for n, ends in enumerate((producer.abort_transaction, producer.commit_transaction)):
            producer.begin_transaction()
            producer.send(pos, text(n), partition=0).get(60)
            ends()
    run_workspace(root, source=None, until_end=True, mode=None)
    (reply,) = published(root)["accepted.jsonl"]
    assert (json.loads(reply)["id"], json.loads(reply)["status"]) == ("sale-1", "ACCEPTED")


def test_keys_and_partitions_of_any_kind_change_nothing(
    root: Path, broker: str, prefix: str
) -> None:
    keys = [b"RYE", None, b"\xff\xfe", b"k" * 100_000]
    with closing(KafkaProducer(bootstrap_servers=broker)) as producer:
        for n, key in enumerate(keys):
            producer.send(f"{prefix}pos", text(n), key, partition=n).get(60)
    status = run_workspace(root, source=None, until_end=True, mode=None)
    assert status["events"]["accepted"] == len(keys)
