"""What waits to be told, and who is told it now? One round over all ways, and rounds without end.

Everything stands in the ledger: a message is claimed, told and marked, so that a killed process
loses none and two processes do not tell the same. One that nobody waits for any more is not told.
Nothing of this enters a decision, and a mail server that is down holds up no run.
"""

import json
import secrets
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from threading import Event
from typing import Final
from zoneinfo import ZoneInfo

from replan.desk_state import PENDING, WAITING_ASIDE
from replan.errors import LedgerMoved, UsageError
from replan.infra.ledger.notices import NoticeRow
from replan.infra.ledger.store import Ledger
from replan.infra.notify.messages import (
    Message,
    announcement,
    digest_message,
    message_from_json,
)
from replan.infra.notify.ways import Notifier, Said
from replan.infra.process.logs import tell
from replan.infra.workspace.notify_settings import Notify

DIGEST_DAY: Final = "digest_day"
"""Under this key the ledger keeps the last day whose digest was made."""
AT_ONCE: Final = 20
"""Messages that are claimed together."""
LONGEST_PAUSE: Final = timedelta(hours=1)
SHORTEST_PAUSE: Final = timedelta(seconds=15)
EVERY_SECONDS: Final = 5.0


class Telling:
    """Tells people, for one process."""

    def __init__(
        self,
        ledger: Ledger,
        ways: Mapping[str, Notifier],
        settings: Notify,
        zone: ZoneInfo,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._ledger = ledger
        self._ways = ways
        self._settings = settings
        self._zone: tzinfo = zone
        self._now = now
        self._token = secrets.token_hex(8)

    def round(self) -> dict[str, int]:
        """Tell all that may be told now; how many messages were `told`, put off (`later`),
        `refused`, or `over` because nobody waits for them any more.
        """
        self._make_digest()
        serves = {name: self._settings.ways[name].serves for name in self._ways}
        with self._ledger.transaction() as write:
            write.spread_notices(serves)
        done: Counter[str] = Counter()
        while True:
            now = self._now()
            until = now + timedelta(seconds=2 * AT_ONCE * self._settings.timeout_seconds)
            with self._ledger.transaction() as write:
                taken = write.claim_notices(sorted(self._ways), self._token, now, until, AT_ONCE)
            if not taken:
                return dict(sorted(done.items()))
            for row in taken:
                done[self._tell(row)] += 1

    def rounds(self, over: Event, every: float = EVERY_SECONDS) -> None:
        """Rounds until somebody says that it is over."""
        while not over.is_set():
            done = self.round()
            if done:
                tell("notified", **done)
            over.wait(every)

    def _tell(self, row: NoticeRow) -> str:
        if not self._still_waits(row):
            said, state = Said(fate="told", note="decided before it was told"), "over"
        else:
            try:
                said = self._ways[row.way].tell(self._message(row))
            except Exception as wrong:  # noqa: BLE001 (a plug-in may raise anything; it is kept)
                said = Said(fate="later", note=f"{type(wrong).__name__}: {wrong}")
            state = said.fate
        now = self._now()
        try:
            with self._ledger.transaction() as write:
                if state == "later":
                    pause = min(SHORTEST_PAUSE * 2 ** min(row.attempts, 10), LONGEST_PAUSE)
                    write.notice_waits(row, self._token, now + pause, said.note)
                else:
                    write.notice_ended(row, self._token, state, now, said.note or None)
        except LedgerMoved:
            # Our claim ran out meanwhile; whoever took it over marks it.
            return "later"
        return state

    def _still_waits(self, row: NoticeRow) -> bool:
        if row.decision_id is None:
            return True
        try:
            body = self._ledger.decision(row.decision_id).body
        except UsageError:
            return False
        return body["state"] in PENDING and body["recipient"] == row.recipient

    def _message(self, row: NoticeRow) -> Message:
        plain = json.loads(row.body)
        if row.decision_id is None:
            return message_from_json(plain)
        return announcement(row.notice_id, plain, link=self._settings.link, zone=self._zone)

    def _make_digest(self) -> None:
        """Once a day by the clock that decides: what waits, for each recipient."""
        clock = self._ledger.clock()
        if clock is None or self._settings.digest_at is None:
            return
        local = clock.astimezone(self._zone)
        begun = local.time() >= self._settings.digest_at
        day = (local if begun else local - timedelta(days=1)).date().isoformat()
        with self._ledger.transaction() as write:
            known = write.control(DIGEST_DAY)
            if known is not None and day <= known:
                return
            write.set_control(DIGEST_DAY, day)
            waiting: dict[str, list[Mapping[str, object]]] = {}
            for state in sorted(PENDING - WAITING_ASIDE):
                for body in write.decisions(state=state):
                    if body["mode"] != "shadow":
                        waiting.setdefault(body["recipient"], []).append(body)
            for recipient, bodies in sorted(waiting.items()):
                message = digest_message(
                    day, recipient, bodies, at=clock, link=self._settings.link, zone=self._zone
                )
                write.add_notice(message.notice_id, recipient, None, clock, message.json())
