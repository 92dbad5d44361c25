"""Of which kinds are the columns of the ledger, alike in SQLite and PostgreSQL?

Instants are text of one width in UTC, so that they sort as text in every database.
"""

from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles


class Instant(sa.types.TypeDecorator[datetime]):
    """An aware instant, kept as `YYYY-MM-DDTHH:MM:SS.ffffffZ`."""

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> str | None:
        return None if value is None else sortable_instant(value)

    def process_result_value(self, value: str | None, dialect: sa.Dialect) -> datetime | None:
        return None if value is None else datetime.fromisoformat(value)


class Day(sa.types.TypeDecorator[date]):
    """A calendar date, kept as `YYYY-MM-DD`."""

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: date | None, dialect: sa.Dialect) -> str | None:
        return None if value is None else value.isoformat()

    def process_result_value(self, value: str | None, dialect: sa.Dialect) -> date | None:
        return None if value is None else date.fromisoformat(value)


# Rows of one transaction mostly bear the same instant.
@lru_cache(maxsize=256)
def sortable_instant(at: datetime) -> str:
    """An aware instant as text that sorts in time order."""
    if at.tzinfo is None:
        raise ValueError(f"instant {at.isoformat()} has no zone")
    return at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


class as_bytes(sa.sql.functions.GenericFunction[bytes]):
    """The bytes of a text column, UTF-8 or not."""

    type = sa.LargeBinary()
    inherit_cache = True


@compiles(as_bytes, "sqlite")
def _sqlite_bytes(element: Any, compiler: Any, **options: Any) -> str:
    return f"CAST({compiler.process(element.clauses, **options)} AS BLOB)"


@compiles(as_bytes, "postgresql")
def _postgres_bytes(element: Any, compiler: Any, **options: Any) -> str:
    # A cast would read backslashes as escapes.
    return f"convert_to({compiler.process(element.clauses, **options)}, 'UTF8')"


# Ids and hashes sort by code point, as Python does, whatever the locale of the database.
Key = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
Count = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

metadata = sa.MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "ix": "ix_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
    }
)


def key(name: str, kind: Any = Key) -> sa.Column[Any]:
    """A column of the primary key."""
    return sa.Column(name, kind, primary_key=True)


def must(name: str, kind: Any = Key, **options: Any) -> sa.Column[Any]:
    """A column that always says something."""
    return sa.Column(name, kind, nullable=False, **options)


def may(name: str, kind: Any = Key) -> sa.Column[Any]:
    """A column that may be empty."""
    return sa.Column(name, kind, nullable=True)
