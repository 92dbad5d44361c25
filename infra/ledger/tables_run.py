"""What is kept of a run? What was read, when it was applied, and where the next process goes on."""

import sqlalchemy as sa

from replan.infra.ledger.columns import Count, Instant, Key, key, may, metadata, must

control = sa.Table("control", metadata, key("key"), must("value", sa.Text))

counter = sa.Table("counter", metadata, key("name"), must("value", Count))

segment = sa.Table(
    "segment",
    metadata,
    sa.Column("id", Count, primary_key=True, autoincrement=False),
    must("files", sa.Text),
    must("state"),
    must("next_offset", Count),
)

manifest = sa.Table(
    "manifest",
    metadata,
    sa.Column("batch_seq", Count, primary_key=True, autoincrement=False),
    sa.Column("segment", Count, sa.ForeignKey("segment.id"), nullable=False),
    must("partition", Count),
    must("first_offset", Count),
    must("last_offset", Count),
    sa.Column("tick", Instant, nullable=True, index=True),
    must("statuses", sa.Text),
    must("counts", sa.Text),
    must("replied", sa.Boolean),
)

artefact = sa.Table("artefact", metadata, key("sha"), must("kind"), must("body", sa.LargeBinary))

snapshot = sa.Table(
    "snapshot",
    metadata,
    key("tick", Instant),
    must("batch_seq", Count),
    must("body", sa.LargeBinary),
    must("sha"),
)

fit = sa.Table(
    "fit",
    metadata,
    key("asked_at", Instant),
    may("effective", Instant),
    must("sha"),
    must("body", sa.LargeBinary),
)

answer = sa.Table(
    "answer",
    metadata,
    key("tick", Instant),
    key("executor"),
    must("body", sa.LargeBinary),
    must("sha"),
    must("acks_applied", sa.Boolean),
)

dlq = sa.Table(
    "dlq",
    metadata,
    sa.Column("n", Count, primary_key=True),
    may("event_id"),
    must("place"),
    must("status"),
    must("code"),
    may("pointer"),
    must("reason", sa.Text),
    must("raw", sa.LargeBinary),
    must("sha"),
    must("at", Instant),
)

publication = sa.Table(
    "publication",
    metadata,
    sa.Column("n", Count, primary_key=True),
    must("file"),
    must("line", sa.Text),
    # Why its target refused it for good.
    may("refused", sa.Text),
    sqlite_autoincrement=True,
)

alarm = sa.Table(
    "alarm",
    metadata,
    key("alarm_id"),
    must("kind"),
    may("item"),
    may("site"),
    may("model"),
    may("source"),
    sa.Column("opened_at", Instant, nullable=False, index=True),
    may("closed_at", Instant),
    must("text", sa.Text),
)

out_file = sa.Table("out_file", metadata, key("file"), must("length", Count))

notice = sa.Table(
    "notice",
    metadata,
    key("notice_id"),
    must("recipient"),
    # None for a digest.
    may("decision_id"),
    must("at", Instant),
    must("body", sa.Text),
)

notice_way = sa.Table(
    "notice_way",
    metadata,
    sa.Column("notice_id", Key, sa.ForeignKey("notice.notice_id"), primary_key=True),
    key("way"),
    sa.Column("state", Key, nullable=False, index=True),
    # Who is telling it and until when nobody else may, by the machine's clock, as all below.
    may("claim"),
    may("claimed_until", Instant),
    must("attempts", Count),
    may("retry_at", Instant),
    may("told_at", Instant),
    may("note", sa.Text),
)

planted = sa.Table(
    "planted",
    metadata,
    key("decision_id"),
    must("month"),
    must("recipient"),
    must("fault"),
    must("source_id"),
    must("at", Instant),
    must("deadline", Instant),
    must("body", sa.Text),
    may("answered_at", Instant),
    may("verdict"),
    may("caught", sa.Boolean),
)

lease = sa.Table(
    "lease",
    metadata,
    key("role"),
    # Counts the holders: one more each time the lease is taken.
    must("epoch", Count),
    must("owner"),
    # By the database's time, unlike every other instant here.
    must("until", Instant),
)
