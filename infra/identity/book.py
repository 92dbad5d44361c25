"""Where are sessions and tickets kept? In the ledger, so that they outlive a restart and hold for
every process that serves the pages.
"""

import secrets
from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta
from typing import Any, Final, Protocol

from replan.errors import LedgerBusy
from replan.infra.desk.incident_record import UNAUTHORISED
from replan.infra.desk.incident_watch import notice
from replan.infra.ledger.doors import SessionRow, TicketRow
from replan.infra.ledger.store import Ledger

MOST: Final = timedelta(hours=12)
"""A session ends after this long, used or not: a working day."""
SELDOM: Final = timedelta(minutes=1)
"""How exactly it is known when a session was used last; every look would otherwise be a write."""


AN_HOUR: Final = timedelta(hours=1)
MANY: Final = 20
"""So many who are not let in within an hour are no chance."""


class Book(Protocol):
    """What the doors keep. A secret has 256 random bits and is stored as its hash."""

    def start(self, login: str, provider: str, org: str, client: str) -> str:
        """A new session; its secret."""
        ...

    def find(self, secret: str) -> SessionRow | None:
        """The session of a secret; looking keeps it alive."""
        ...

    def end(self, secret: str) -> None:
        """Sign out."""
        ...

    def hand_out(self, purpose: str, subject: str, body: Mapping[str, Any], ttl: timedelta) -> str:
        """A ticket for something that may be done once; its secret."""
        ...

    def use(self, secret: str, purpose: str, subject: str) -> Mapping[str, Any] | None:
        """What a ticket carries, which is used up by this; None if it opens nothing any more."""
        ...

    def refused(self, subject: str, note: Mapping[str, Any]) -> None:
        """Put on record that somebody was not let in."""
        ...


class LedgerBook:
    """The book in the ledger; `idle` is how long a session may rest."""

    def __init__(self, ledger: Ledger, idle: timedelta) -> None:
        self._ledger = ledger
        self._idle = idle

    def start(self, login: str, provider: str, org: str, client: str) -> str:
        """A new session; its secret."""
        secret = secrets.token_urlsafe(32)
        with self._ledger.transaction() as write:
            write.start_session(
                secret, self._idle, MOST, login=login, provider=provider, org=org, client=client
            )
        return secret

    def find(self, secret: str) -> SessionRow | None:
        """The session of a secret; looking keeps it alive."""
        row = self._ledger.session(secret)
        if row is not None and row.until - self._ledger.now() < self._idle - SELDOM:
            # Whoever only reads need not wait for those who write.
            with suppress(LedgerBusy), self._ledger.transaction() as write:
                write.prolong_session(row, self._idle)
        return row

    def end(self, secret: str) -> None:
        """Sign out."""
        with self._ledger.transaction() as write:
            write.end_session(secret)

    def hand_out(self, purpose: str, subject: str, body: Mapping[str, Any], ttl: timedelta) -> str:
        """A ticket for something that may be done once; its secret."""
        secret = secrets.token_urlsafe(32)
        with self._ledger.transaction() as write:
            write.add_ticket(secret, TicketRow(purpose=purpose, subject=subject, body=body), ttl)
        return secret

    def use(self, secret: str, purpose: str, subject: str) -> Mapping[str, Any] | None:
        """What a ticket carries, which is used up by this; None if it opens nothing any more."""
        with self._ledger.transaction() as write:
            ticket = write.use_ticket(secret, purpose, subject)
        return None if ticket is None else ticket.body

    def refused(self, subject: str, note: Mapping[str, Any]) -> None:
        """Put on record that somebody was not let in."""
        with self._ledger.transaction() as write:
            write.note_door(note, subject)
            if write.refused_lately(AN_HOUR, MANY) == MANY:
                notice(write, UNAUTHORISED, "door", f"{MANY} people were not let in within an hour")
