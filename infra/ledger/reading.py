"""How is the ledger asked at all? Each question sees one committed state."""

import json
from abc import ABC, abstractmethod
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from replan.infra.ledger import schema as t


class Reading(ABC):
    """What answers questions: a ledger, and a running transaction."""

    @abstractmethod
    def _reading(self) -> AbstractContextManager[sa.Connection]:
        """A connection that sees one state."""

    def _all(self, statement: sa.Executable) -> list[Any]:
        with self._reading() as conn:
            return list(conn.execute(statement).all())

    def _first(self, statement: sa.Executable) -> Any:
        with self._reading() as conn:
            return conn.execute(statement).first()

    def _scalar(self, statement: sa.Executable) -> Any:
        with self._reading() as conn:
            return conn.execute(statement).scalar()

    def control(self, key: str) -> Any:
        """The value kept under a key, None if there is none."""
        value = self._scalar(sa.select(t.control.c.value).where(t.control.c.key == key))
        return None if value is None else json.loads(value)

    def clock(self) -> datetime | None:
        """Where the log clock stands; None before the first event."""
        value = self.control("clock")
        return None if value is None else datetime.fromisoformat(value)
