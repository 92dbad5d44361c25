"""Who carries out commands on the topic while one develops? A small order system that can fail.

It reads `commands`, does each key once, and answers on `acks`. What it is told to fail at it fails
at for the same keys each time, since the key decides. Its orders stand in `dev-erp.db`.
"""

import json
import sqlite3
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from kafka import KafkaConsumer, KafkaProducer

from replan.canonical import canonical_bytes, sha256_hex
from replan.errors import UsageError
from replan.infra.executors.inbox import Inbox, InboxConflict
from replan.infra.executors.receiving import NotACommand, Received, Refused, obey, read_command
from replan.infra.executors.signing import Seal
from replan.infra.workspace.executor_settings import COMMAND_SECRET
from replan.infra.workspace.folder import Workspace
from replan.infra.workspace.kafka_settings import connection
from replan.infra.workspace.secret_values import secret

FILE: Final = "dev-erp.db"
SOURCE: Final = "/dev-erp"
POLL_MS: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """Shares, in percent, of the keys that are refused, never answered, or answered twice."""

    refuse: int = 0
    silent: int = 0
    twice: int = 0

    def __post_init__(self) -> None:
        shares = (self.refuse, self.silent, self.twice)
        if min(shares) < 0 or sum(shares) > 100:
            raise UsageError(f"shares {shares}: each is 0 to 100, and together at most 100")

    def of(self, idem: str) -> str | None:
        """What goes wrong with a key; None: nothing."""
        drawn = int(sha256_hex(idem.encode())[:8], 16) % 100
        for name in ("refuse", "silent", "twice"):
            drawn -= getattr(self, name)
            if drawn < 0:
                return name
        return None


class OrderBook:
    """What was ordered, in one file with the inbox: both are stored, or neither."""

    def __init__(self, folder: Path) -> None:
        self._connection = sqlite3.connect(folder / FILE, isolation_level=None)
        self._connection.execute(
            "CREATE TABLE IF NOT EXISTS orders (action_id TEXT, idem TEXT, body TEXT)"
        )
        self.inbox = Inbox(self._connection)

    def order(self, command: Received) -> None:
        """Write an order down; it would be written twice if it came twice."""
        row = (command.action_id, command.idem, canonical_bytes(dict(command.data)).decode())
        self._connection.execute("INSERT INTO orders VALUES (?, ?, ?)", row)

    def undo(self, command: Received) -> None:
        """Take an order back. Raises Refused if there is none."""
        gone = self._connection.execute("DELETE FROM orders WHERE idem = ?", (command.undoes,))
        if gone.rowcount == 0:
            raise Refused("there is no such order")

    def keys(self) -> list[str]:
        """The keys of all orders, one for each time that one was written."""
        return [row[0] for row in self._connection.execute("SELECT idem FROM orders ORDER BY 1")]

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()


def carry_out(
    workspace: Workspace,
    faults: Faults,
    *,
    until_end: bool,
    goes_on: Callable[[], bool] = lambda: True,
) -> dict[str, int]:
    """Obey commands until told to stop, or until the topic's end; what was done, by word."""
    settings = workspace.settings
    options = connection(settings.kafka, workspace.root).for_kafka_python()
    names = settings.kafka.names
    signs = secret(COMMAND_SECRET)
    seal = None if signs is None else Seal(signs.encode())
    by_log = settings.clock == "log"
    done: Counter[str] = Counter()
    book = OrderBook(workspace.root)
    producer = KafkaProducer(**options)
    consumer = KafkaConsumer(
        names.of("commands"),
        **options,
        group_id=f"{settings.kafka.group}.dev-erp",
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        isolation_level="read_committed",
    )
    try:
        while goes_on():
            records = [r for rows in consumer.poll(timeout_ms=POLL_MS).values() for r in rows]
            for record in records:
                signature = dict(record.headers).get("signature", b"").decode("ascii", "replace")
                for event in _answers(record.value, signature, seal, book, faults, by_log, done):
                    producer.send(names.of("acks"), canonical_bytes(event), _key(event))
            producer.flush()
            if records:
                # Only now: a process that dies before reads these commands again, and knows them.
                consumer.commit()
            elif until_end and _at_end(consumer):
                break
    finally:
        consumer.close()
        producer.close()
        book.close()
    return dict(sorted(done.items()))


def _answers(
    value: bytes | None,
    signature: str,
    seal: Seal | None,
    book: OrderBook,
    faults: Faults,
    by_log: bool,
    done: Counter[str],
) -> Sequence[dict[str, Any]]:
    try:
        command = read_command(value or b"", signature, seal)
    except NotACommand:
        done["no_command"] += 1
        return ()
    if command is None:
        done["questions"] += 1
        return ()
    fault = faults.of(command.idem)

    def do() -> None:
        if fault == "refuse":
            raise Refused("refused on request")
        if command.undoes is None:
            book.order(command)
        else:
            book.undo(command)

    # On the log clock an answer bears the time that came with the command.
    now = command.time if by_log else datetime.now(UTC)
    try:
        answer = obey(book.inbox, command, now, do, source=SOURCE)
    except InboxConflict:
        done["conflicts"] += 1
        return ()
    done["acknowledged" if answer["type"] == "action.ack.v1" else "refused"] += 1
    return () if fault == "silent" else (answer,) * (2 if fault == "twice" else 1)


def _key(event: dict[str, Any]) -> bytes:
    return json.dumps(event["subject"]).strip('"').encode()


def _at_end(consumer: KafkaConsumer) -> bool:
    places = sorted(consumer.assignment())
    if not places:
        return False
    ends = consumer.end_offsets(places)
    return all(consumer.position(place) >= end for place, end in ends.items())
