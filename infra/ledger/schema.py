"""What does the ledger keep? Its tables, one set for SQLite and PostgreSQL.

Instants are text of one width in UTC, so that they sort as text in every database. JSON is
canonical text where a view or a person reads it; what is large or private to the engine is a blob
of zlib bytes with the SHA-256 of its plain bytes beside it.
"""

from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.compiler import compiles

HEAD: Final = "0011"
"""The schema revision this code works with; the newest file in `migrations/versions`."""

POSTGRESQL: Final = ("postgresql", "postgresql+psycopg", "postgres")
"""How the URL of a ledger in PostgreSQL may begin."""

APPEND_ONLY: Final = ("audit", "decision", "decision_move", "verdict")
"""Tables whose rows are never changed or removed; triggers hold this."""


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
Key = sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")
Count = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

metadata = sa.MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "ix": "ix_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
    }
)


def _key(name: str, kind: Any = Key) -> sa.Column[Any]:
    return sa.Column(name, kind, primary_key=True)


def _must(name: str, kind: Any = Key, **options: Any) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=False, **options)


def _may(name: str, kind: Any = Key) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=True)


# The run: what was read, when it was applied, and from where the next process goes on.

control = sa.Table("control", metadata, _key("key"), _must("value", sa.Text))

counter = sa.Table("counter", metadata, _key("name"), _must("value", Count))

segment = sa.Table(
    "segment",
    metadata,
    sa.Column("id", Count, primary_key=True, autoincrement=False),
    _must("files", sa.Text),
    _must("state"),
    _must("next_offset", Count),
)

manifest = sa.Table(
    "manifest",
    metadata,
    sa.Column("batch_seq", Count, primary_key=True, autoincrement=False),
    sa.Column("segment", Count, sa.ForeignKey("segment.id"), nullable=False),
    _must("partition", Count),
    _must("first_offset", Count),
    _must("last_offset", Count),
    sa.Column("tick", Instant, nullable=True, index=True),
    _must("statuses", sa.Text),
    _must("counts", sa.Text),
    _must("replied", sa.Boolean),
)

artefact = sa.Table("artefact", metadata, _key("sha"), _must("kind"), _must("body", sa.LargeBinary))

snapshot = sa.Table(
    "snapshot",
    metadata,
    _key("tick", Instant),
    _must("batch_seq", Count),
    _must("body", sa.LargeBinary),
    _must("sha"),
)

fit = sa.Table(
    "fit",
    metadata,
    _key("asked_at", Instant),
    _may("effective", Instant),
    _must("sha"),
    _must("body", sa.LargeBinary),
)

answer = sa.Table(
    "answer",
    metadata,
    _key("tick", Instant),
    _key("executor"),
    _must("body", sa.LargeBinary),
    _must("sha"),
    _must("acks_applied", sa.Boolean),
)

dlq = sa.Table(
    "dlq",
    metadata,
    sa.Column("n", Count, primary_key=True),
    _may("event_id"),
    _must("place"),
    _must("status"),
    _must("code"),
    _may("pointer"),
    _must("reason", sa.Text),
    _must("raw", sa.LargeBinary),
    _must("sha"),
    _must("at", Instant),
)

publication = sa.Table(
    "publication",
    metadata,
    sa.Column("n", Count, primary_key=True),
    _must("file"),
    _must("line", sa.Text),
    # Why its target refused it for good.
    _may("refused", sa.Text),
    sqlite_autoincrement=True,
)

alarm = sa.Table(
    "alarm",
    metadata,
    _key("alarm_id"),
    _must("kind"),
    _may("item"),
    _may("site"),
    _may("model"),
    _may("source"),
    sa.Column("opened_at", Instant, nullable=False, index=True),
    _may("closed_at", Instant),
    _must("text", sa.Text),
)

out_file = sa.Table("out_file", metadata, _key("file"), _must("length", Count))

notice = sa.Table(
    "notice",
    metadata,
    _key("notice_id"),
    _must("recipient"),
    # None for a digest.
    _may("decision_id"),
    _must("at", Instant),
    _must("body", sa.Text),
)

notice_way = sa.Table(
    "notice_way",
    metadata,
    sa.Column("notice_id", Key, sa.ForeignKey("notice.notice_id"), primary_key=True),
    _key("way"),
    sa.Column("state", Key, nullable=False, index=True),
    # Who is telling it and until when nobody else may, by the machine's clock, as all below.
    _may("claim"),
    _may("claimed_until", Instant),
    _must("attempts", Count),
    _may("retry_at", Instant),
    _may("told_at", Instant),
    _may("note", sa.Text),
)

planted = sa.Table(
    "planted",
    metadata,
    _key("decision_id"),
    _must("month"),
    _must("recipient"),
    _must("fault"),
    _must("source_id"),
    _must("at", Instant),
    _must("deadline", Instant),
    _must("body", sa.Text),
    _may("answered_at", Instant),
    _may("verdict"),
    _may("caught", sa.Boolean),
)

lease = sa.Table(
    "lease",
    metadata,
    _key("role"),
    # Counts the holders: one more each time the lease is taken.
    _must("epoch", Count),
    _must("owner"),
    # By the database's time, unlike every other instant here.
    _must("until", Instant),
)

# Sense: proposals, what it learns back, and forecasts for people to look at.

proposal = sa.Table(
    "proposal",
    metadata,
    _key("tick", Instant),
    _key("planning_group"),
    _key("item"),
    sa.Column("n", Count, primary_key=True, autoincrement=False),
    _must("body", sa.LargeBinary),
    _must("sha"),
)

feedback = sa.Table(
    "feedback",
    metadata,
    _key("planning_group"),
    sa.Column("seq", Count, primary_key=True, autoincrement=False),
    sa.Column("n", Count, primary_key=True, autoincrement=False),
    _must("item"),
    _may("tick", Instant),
    _must("body", sa.Text),
    sa.Index("ix_feedback_tick", "tick"),
)

forecast_now = sa.Table(
    "forecast_now",
    metadata,
    _key("item"),
    _key("site"),
    _must("made_at", Instant),
    _must("first_day", Day),
    # One list per day from first_day, each with the quantiles p05 … p95.
    _must("body", sa.Text),
)

# A day that has begun and is not closed: the last forecast made before it.
forecast_begun = sa.Table(
    "forecast_begun",
    metadata,
    _key("item"),
    _key("site"),
    _key("date", Day),
    _must("made_at", Instant),
    *(_must(name, sa.Double) for name in ("p05", "p10", "p25", "p50", "p75", "p90", "p95")),
)

forecast_day = sa.Table(
    "forecast_day",
    metadata,
    _key("item"),
    _key("site"),
    _key("date", Day),
    _may("made_at", Instant),
    *(_may(name, sa.Double) for name in ("p05", "p10", "p25", "p50", "p75", "p90", "p95")),
    # Thousandths of a base unit.
    _must("actual", Count),
    _must("censored", sa.Boolean),
)

# Only to be looked at: no decision rests on what these hold.

projection = sa.Table(
    "projection",
    metadata,
    _key("item"),
    _key("site"),
    _must("decision_id"),
    _must("made_at", Instant),
    _must("first_day", Day),
    # Base units; None where nobody says how the item is stocked there.
    _may("safety_stock", sa.Double),
    # One list per day from first_day: p10, p50, p90 of the stock without the plan, then with it.
    _must("body", sa.Text),
)

series = sa.Table(
    "series",
    metadata,
    _key("item"),
    _key("site"),
    _must("region"),
    _must("category"),
    _must("class"),
    _may("model"),
    _must("degraded", sa.Boolean),
)

authority_row = sa.Table(
    "authority_row",
    metadata,
    _key("hash"),
    sa.Column("n", Count, primary_key=True, autoincrement=False),
    _must("table_name"),
    _must("version", Count),
    _must("effective_from", Instant),
    _must("effective_to", Instant),
    _must("author"),
    _must("approver"),
    # When it first was what a desk decided under.
    _must("seen_at", Instant),
    _must("rule_id"),
    _must("mode"),
    _may("limit_minor", Count),
    _must("currency"),
    _may("recipient"),
    _must("text", sa.Text),
)

# The desk: its state, what every transaction was given, what it decided, what counts against caps.

desk = sa.Table(
    "desk",
    metadata,
    _key("planning_group"),
    _must("seq", Count),
    _may("tick", Instant),
    _must("body", sa.LargeBinary),
    _must("sha"),
)

desk_log = sa.Table(
    "desk_log",
    metadata,
    _key("planning_group"),
    sa.Column("seq", Count, primary_key=True, autoincrement=False),
    _must("kind"),
    _may("tick", Instant),
    _must("at", Instant),
    _must("input", sa.LargeBinary),
    _must("sha"),
)

decision = sa.Table(
    "decision",
    metadata,
    _key("decision_id"),
    sa.Column("version", Count, primary_key=True, autoincrement=False),
    _must("planning_group"),
    _must("seq", Count),
    _must("at", Instant),
    _must("body", sa.LargeBinary),
    _must("sha"),
    _must("inputs", sa.LargeBinary),
    _must("inputs_sha"),
)

decision_move = sa.Table(
    "decision_move",
    metadata,
    _key("planning_group"),
    sa.Column("seq", Count, primary_key=True, autoincrement=False),
    sa.Column("n", Count, primary_key=True, autoincrement=False),
    _must("decision_id", index=True),
    _must("version", Count),
    _must("body", sa.Text),
)

decision_now = sa.Table(
    "decision_now",
    metadata,
    _key("decision_id"),
    _must("version", Count),
    sa.Column("state", Key, nullable=False, index=True),
    _must("planning_group"),
    sa.Column("item", Key, nullable=False, index=True),
    _may("site"),
    _may("category"),
    _may("cause"),
    _may("incident_id"),
    _may("event_time"),
    sa.Column("decided_at", Instant, nullable=False, index=True),
    _may("mode"),
    _may("chosen"),
    _may("rule_id"),
    _may("why_code"),
    _may("value_minor", Count),
    _may("currency"),
    _may("confidence", sa.Double),
    _may("deadline"),
    _may("recipient"),
    _may("urgency", sa.Text),
    _may("episode"),
    # What became of a question of the table: asked, answered; None where none was put.
    _may("asked"),
    # What a look afterwards found; None where nobody looked.
    _may("found"),
    # True from the moment it is put before a planner, whatever becomes of it.
    _must("was_escalated", sa.Boolean),
    _must("body", sa.Text),
    _must("updated", Instant),
)

action = sa.Table(
    "action",
    metadata,
    _key("action_id"),
    sa.Column(
        "decision_id",
        Key,
        sa.ForeignKey("decision_now.decision_id"),
        nullable=False,
        index=True,
    ),
    _must("kind"),
    _must("item"),
    _must("from_site"),
    _must("to_site"),
    # Thousandths of a base unit.
    _must("qty", Count),
    _must("cost_minor", Count),
    _must("state"),
    _must("idem"),
    _may("sent_at", Instant),
    _may("acked_at", Instant),
)

outbox = sa.Table(
    "outbox",
    metadata,
    _key("idem"),
    sa.Column("action_id", Key, sa.ForeignKey("action.action_id"), nullable=False, index=True),
    _must("decision_id"),
    _must("body", sa.Text),
    _must("sha"),
    _must("not_after", Instant),
    sa.Column("state", Key, nullable=False, index=True),
    _must("created_at", Instant),
    _may("sent_at", Instant),
    # True for a command that asks to undo its action.
    _must("compensates", sa.Boolean, server_default=sa.false()),
    # Who is sending it, since when by the clock that decides, how often it was tried, when it may
    # be tried again by the machine's clock, and what was wrong the last time.
    _may("claim"),
    _may("claimed_at", Instant),
    _must("attempts", Count, server_default="0"),
    _may("retry_at", Instant),
    _may("note", sa.Text),
)

reservation = sa.Table(
    "reservation",
    metadata,
    _key("action_id"),
    _must("decision_id"),
    _must("planning_group"),
    sa.Column("at", Instant, nullable=False, index=True),
    _must("value_minor", Count),
    _must("counts_for", sa.Text),
    _must("account"),
    _must("released", sa.Boolean),
)

cap_now = sa.Table(
    "cap_now",
    metadata,
    _key("scope"),
    _key("window"),
    _must("used_minor", Count),
    _may("limit_minor", Count),
    _must("used_count", Count),
    _may("limit_count", Count),
)

# Played plans beside what people did, and the sums of a day.

shadow_case = sa.Table(
    "shadow_case",
    metadata,
    _key("decision_id"),
    sa.Column("date", Key, nullable=False, index=True),
    _must("category"),
    _must("item"),
    _may("site"),
    _must("model"),
    _must("dq"),
    _must("at", Instant),
    _must("agreed", sa.Boolean),
    _may("difference"),
    _may("cost_delta_minor", Count),
    _must("currency"),
    _must("found_by"),
)

shadow_day = sa.Table(
    "shadow_day",
    metadata,
    _key("date"),
    _key("category"),
    _key("currency"),
    _must("cases", Count),
    _must("agreed", Count),
    _must("agreement_low", sa.Double),
    _must("agreement_high", sa.Double),
    _must("cost_delta_minor", Count),
    _may("cause"),
)

verdict = sa.Table(
    "verdict",
    metadata,
    _key("planning_group"),
    sa.Column("seq", Count, primary_key=True, autoincrement=False),
    sa.Column("n", Count, primary_key=True, autoincrement=False),
    _must("decision_id", index=True),
    _must("version", Count),
    _must("login"),
    _must("verdict"),
    _must("chip"),
    _must("note", sa.Text),
    _must("at", Instant),
    _must("result"),
    _may("code"),
    _must("plan_sha"),
    # How the login was known: canonical JSON.
    _may("via", sa.Text),
)

# The doors: who is signed in, who may come in once, and what was answered to which request. All by
# the database's time. Secrets stand here only as hashes.

session = sa.Table(
    "session",
    metadata,
    _key("secret_sha"),
    _must("login"),
    _must("provider"),
    _must("org"),
    _must("client"),
    _must("until", Instant),
    _must("ends", Instant),
)

ticket = sa.Table(
    "ticket",
    metadata,
    _key("secret_sha"),
    _must("purpose"),
    # What it opens, and for whom: a decision and a login, or a sign-in that was begun.
    _must("subject"),
    _must("body", sa.Text),
    _must("until", Instant),
    _may("used_at", Instant),
)

token = sa.Table(
    "token",
    metadata,
    _key("token_id"),
    _must("login"),
    _must("secret_sha"),
    _must("made_at", Instant),
    _must("ends", Instant),
    _may("revoked_at", Instant),
)

first_answer = sa.Table(
    "first_answer",
    metadata,
    _key("login"),
    _key("key"),
    _must("request_sha"),
    _must("answer", sa.Text),
)

audit = sa.Table(
    "audit",
    metadata,
    _key("writer"),
    sa.Column("seq", Count, primary_key=True, autoincrement=False),
    _must("prev"),
    _must("hash"),
    _must("body", sa.Text),
    _must("at", Instant),
    # Of whom the body speaks, to find the rows of one decision.
    sa.Column("subject", Key, nullable=False, index=True),
)
