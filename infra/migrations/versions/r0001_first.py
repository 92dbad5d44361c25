"""What was the ledger's first schema? What the closed loop stores, and rows nobody may change."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

KEY = sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")
COUNT = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
APPEND_ONLY = ("audit", "decision", "decision_move", "verdict")


def upgrade() -> None:
    op.create_table(
        "answer",
        sa.Column("tick", sa.Text, nullable=False),
        sa.Column("executor", KEY, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("sha", KEY, nullable=False),
        sa.Column("acks_applied", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("tick", "executor", name=op.f("pk_answer")),
    )
    op.create_table(
        "artefact",
        sa.Column("sha", KEY, nullable=False),
        sa.Column("kind", KEY, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("sha", name=op.f("pk_artefact")),
    )
    op.create_table(
        "audit",
        sa.Column("writer", KEY, nullable=False),
        sa.Column("seq", COUNT, autoincrement=False, nullable=False),
        sa.Column("prev", KEY, nullable=False),
        sa.Column("hash", KEY, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("at", sa.Text, nullable=False),
        sa.Column("subject", KEY, nullable=False),
        sa.PrimaryKeyConstraint("writer", "seq", name=op.f("pk_audit")),
    )
    op.create_index(op.f("ix_audit_subject"), "audit", ["subject"])
    op.create_table(
        "cap_now",
        sa.Column("scope", KEY, nullable=False),
        sa.Column("window", KEY, nullable=False),
        sa.Column("used_minor", COUNT, nullable=False),
        sa.Column("limit_minor", COUNT, nullable=True),
        sa.Column("used_count", COUNT, nullable=False),
        sa.Column("limit_count", COUNT, nullable=True),
        sa.PrimaryKeyConstraint("scope", "window", name=op.f("pk_cap_now")),
    )
    op.create_table(
        "control",
        sa.Column("key", KEY, nullable=False),
        sa.Column("value", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_control")),
    )
    op.create_table(
        "counter",
        sa.Column("name", KEY, nullable=False),
        sa.Column("value", COUNT, nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_counter")),
    )
    op.create_table(
        "decision",
        sa.Column("decision_id", KEY, nullable=False),
        sa.Column("version", COUNT, autoincrement=False, nullable=False),
        sa.Column("planning_group", KEY, nullable=False),
        sa.Column("seq", COUNT, nullable=False),
        sa.Column("at", sa.Text, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("sha", KEY, nullable=False),
        sa.Column("inputs", sa.LargeBinary, nullable=False),
        sa.Column("inputs_sha", KEY, nullable=False),
        sa.PrimaryKeyConstraint("decision_id", "version", name=op.f("pk_decision")),
    )
    op.create_table(
        "decision_move",
        sa.Column("planning_group", KEY, nullable=False),
        sa.Column("seq", COUNT, autoincrement=False, nullable=False),
        sa.Column("n", COUNT, autoincrement=False, nullable=False),
        sa.Column("decision_id", KEY, nullable=False),
        sa.Column("version", COUNT, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("planning_group", "seq", "n", name=op.f("pk_decision_move")),
    )
    op.create_index(op.f("ix_decision_move_decision_id"), "decision_move", ["decision_id"])
    op.create_table(
        "decision_now",
        sa.Column("decision_id", KEY, nullable=False),
        sa.Column("version", COUNT, nullable=False),
        sa.Column("state", KEY, nullable=False),
        sa.Column("planning_group", KEY, nullable=False),
        sa.Column("item", KEY, nullable=False),
        sa.Column("site", KEY, nullable=True),
        sa.Column("category", KEY, nullable=True),
        sa.Column("cause", KEY, nullable=True),
        sa.Column("incident_id", KEY, nullable=True),
        sa.Column("event_time", KEY, nullable=True),
        sa.Column("decided_at", sa.Text, nullable=False),
        sa.Column("mode", KEY, nullable=True),
        sa.Column("chosen", KEY, nullable=True),
        sa.Column("rule_id", KEY, nullable=True),
        sa.Column("why_code", KEY, nullable=True),
        sa.Column("value_minor", COUNT, nullable=True),
        sa.Column("currency", KEY, nullable=True),
        sa.Column("confidence", sa.Double, nullable=True),
        sa.Column("deadline", KEY, nullable=True),
        sa.Column("recipient", KEY, nullable=True),
        sa.Column("urgency", sa.Text, nullable=True),
        sa.Column("was_escalated", sa.Boolean, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("updated", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("decision_id", name=op.f("pk_decision_now")),
    )
    op.create_index(op.f("ix_decision_now_decided_at"), "decision_now", ["decided_at"])
    op.create_index(op.f("ix_decision_now_item"), "decision_now", ["item"])
    op.create_index(op.f("ix_decision_now_state"), "decision_now", ["state"])
    op.create_table(
        "desk",
        sa.Column("planning_group", KEY, nullable=False),
        sa.Column("seq", COUNT, nullable=False),
        sa.Column("tick", sa.Text, nullable=True),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("sha", KEY, nullable=False),
        sa.PrimaryKeyConstraint("planning_group", name=op.f("pk_desk")),
    )
    op.create_table(
        "desk_log",
        sa.Column("planning_group", KEY, nullable=False),
        sa.Column("seq", COUNT, autoincrement=False, nullable=False),
        sa.Column("kind", KEY, nullable=False),
        sa.Column("tick", sa.Text, nullable=True),
        sa.Column("at", sa.Text, nullable=False),
        sa.Column("input", sa.LargeBinary, nullable=False),
        sa.Column("sha", KEY, nullable=False),
        sa.PrimaryKeyConstraint("planning_group", "seq", name=op.f("pk_desk_log")),
    )
    op.create_table(
        "dlq",
        sa.Column("n", COUNT, nullable=False),
        sa.Column("event_id", KEY, nullable=True),
        sa.Column("place", KEY, nullable=False),
        sa.Column("status", KEY, nullable=False),
        sa.Column("code", KEY, nullable=False),
        sa.Column("pointer", KEY, nullable=True),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("raw", sa.LargeBinary, nullable=False),
        sa.Column("sha", KEY, nullable=False),
        sa.Column("at", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("n", name=op.f("pk_dlq")),
    )
    op.create_table(
        "feedback",
        sa.Column("planning_group", KEY, nullable=False),
        sa.Column("seq", COUNT, autoincrement=False, nullable=False),
        sa.Column("n", COUNT, autoincrement=False, nullable=False),
        sa.Column("item", KEY, nullable=False),
        sa.Column("tick", sa.Text, nullable=True),
        sa.Column("body", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("planning_group", "seq", "n", name=op.f("pk_feedback")),
    )
    op.create_index("ix_feedback_tick", "feedback", ["tick"])
    op.create_table(
        "fit",
        sa.Column("asked_at", sa.Text, nullable=False),
        sa.Column("effective", sa.Text, nullable=True),
        sa.Column("sha", KEY, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("asked_at", name=op.f("pk_fit")),
    )
    op.create_table(
        "forecast_day",
        sa.Column("item", KEY, nullable=False),
        sa.Column("site", KEY, nullable=False),
        sa.Column("date", sa.Text, nullable=False),
        sa.Column("made_at", sa.Text, nullable=True),
        sa.Column("p05", sa.Double, nullable=True),
        sa.Column("p10", sa.Double, nullable=True),
        sa.Column("p25", sa.Double, nullable=True),
        sa.Column("p50", sa.Double, nullable=True),
        sa.Column("p75", sa.Double, nullable=True),
        sa.Column("p90", sa.Double, nullable=True),
        sa.Column("p95", sa.Double, nullable=True),
        sa.Column("actual", COUNT, nullable=False),
        sa.Column("censored", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("item", "site", "date", name=op.f("pk_forecast_day")),
    )
    op.create_table(
        "forecast_now",
        sa.Column("item", KEY, nullable=False),
        sa.Column("site", KEY, nullable=False),
        sa.Column("made_at", sa.Text, nullable=False),
        sa.Column("first_day", sa.Text, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("item", "site", name=op.f("pk_forecast_now")),
    )
    op.create_table(
        "out_file",
        sa.Column("file", KEY, nullable=False),
        sa.Column("length", COUNT, nullable=False),
        sa.PrimaryKeyConstraint("file", name=op.f("pk_out_file")),
    )
    op.create_table(
        "proposal",
        sa.Column("tick", sa.Text, nullable=False),
        sa.Column("planning_group", KEY, nullable=False),
        sa.Column("item", KEY, nullable=False),
        sa.Column("n", COUNT, autoincrement=False, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("sha", KEY, nullable=False),
        sa.PrimaryKeyConstraint("tick", "planning_group", "item", "n", name=op.f("pk_proposal")),
    )
    op.create_table(
        "publication",
        sa.Column("n", COUNT, nullable=False),
        sa.Column("file", KEY, nullable=False),
        sa.Column("line", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("n", name=op.f("pk_publication")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "reservation",
        sa.Column("action_id", KEY, nullable=False),
        sa.Column("decision_id", KEY, nullable=False),
        sa.Column("planning_group", KEY, nullable=False),
        sa.Column("at", sa.Text, nullable=False),
        sa.Column("value_minor", COUNT, nullable=False),
        sa.Column("counts_for", sa.Text, nullable=False),
        sa.Column("account", KEY, nullable=False),
        sa.Column("released", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("action_id", name=op.f("pk_reservation")),
    )
    op.create_index(op.f("ix_reservation_at"), "reservation", ["at"])
    op.create_table(
        "segment",
        sa.Column("id", COUNT, autoincrement=False, nullable=False),
        sa.Column("files", sa.Text, nullable=False),
        sa.Column("state", KEY, nullable=False),
        sa.Column("next_offset", COUNT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_segment")),
    )
    op.create_table(
        "snapshot",
        sa.Column("tick", sa.Text, nullable=False),
        sa.Column("batch_seq", COUNT, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("sha", KEY, nullable=False),
        sa.PrimaryKeyConstraint("tick", name=op.f("pk_snapshot")),
    )
    op.create_table(
        "verdict",
        sa.Column("planning_group", KEY, nullable=False),
        sa.Column("seq", COUNT, autoincrement=False, nullable=False),
        sa.Column("n", COUNT, autoincrement=False, nullable=False),
        sa.Column("decision_id", KEY, nullable=False),
        sa.Column("version", COUNT, nullable=False),
        sa.Column("login", KEY, nullable=False),
        sa.Column("verdict", KEY, nullable=False),
        sa.Column("chip", KEY, nullable=False),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("at", sa.Text, nullable=False),
        sa.Column("result", KEY, nullable=False),
        sa.Column("code", KEY, nullable=True),
        sa.Column("plan_sha", KEY, nullable=False),
        sa.PrimaryKeyConstraint("planning_group", "seq", "n", name=op.f("pk_verdict")),
    )
    op.create_index(op.f("ix_verdict_decision_id"), "verdict", ["decision_id"])
    op.create_table(
        "action",
        sa.Column("action_id", KEY, nullable=False),
        sa.Column("decision_id", KEY, nullable=False),
        sa.Column("kind", KEY, nullable=False),
        sa.Column("item", KEY, nullable=False),
        sa.Column("from_site", KEY, nullable=False),
        sa.Column("to_site", KEY, nullable=False),
        sa.Column("qty", COUNT, nullable=False),
        sa.Column("cost_minor", COUNT, nullable=False),
        sa.Column("state", KEY, nullable=False),
        sa.Column("idem", KEY, nullable=False),
        sa.Column("sent_at", sa.Text, nullable=True),
        sa.Column("acked_at", sa.Text, nullable=True),
        sa.ForeignKeyConstraint(
            ["decision_id"], ["decision_now.decision_id"], name=op.f("fk_action_decision_id")
        ),
        sa.PrimaryKeyConstraint("action_id", name=op.f("pk_action")),
    )
    op.create_index(op.f("ix_action_decision_id"), "action", ["decision_id"])
    op.create_table(
        "manifest",
        sa.Column("batch_seq", COUNT, autoincrement=False, nullable=False),
        sa.Column("segment", COUNT, nullable=False),
        sa.Column("partition", COUNT, nullable=False),
        sa.Column("first_offset", COUNT, nullable=False),
        sa.Column("last_offset", COUNT, nullable=False),
        sa.Column("tick", sa.Text, nullable=True),
        sa.Column("statuses", sa.Text, nullable=False),
        sa.Column("counts", sa.Text, nullable=False),
        sa.Column("replied", sa.Boolean, nullable=False),
        sa.ForeignKeyConstraint(["segment"], ["segment.id"], name=op.f("fk_manifest_segment")),
        sa.PrimaryKeyConstraint("batch_seq", name=op.f("pk_manifest")),
    )
    op.create_index(op.f("ix_manifest_tick"), "manifest", ["tick"])
    op.create_table(
        "outbox",
        sa.Column("idem", KEY, nullable=False),
        sa.Column("action_id", KEY, nullable=False),
        sa.Column("decision_id", KEY, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("sha", KEY, nullable=False),
        sa.Column("not_after", sa.Text, nullable=False),
        sa.Column("state", KEY, nullable=False),
        sa.Column("created_at", sa.Text, nullable=False),
        sa.Column("sent_at", sa.Text, nullable=True),
        sa.ForeignKeyConstraint(
            ["action_id"], ["action.action_id"], name=op.f("fk_outbox_action_id")
        ),
        sa.PrimaryKeyConstraint("idem", name=op.f("pk_outbox")),
    )
    op.create_index(op.f("ix_outbox_action_id"), "outbox", ["action_id"])
    op.create_index(op.f("ix_outbox_state"), "outbox", ["state"])

    dialect = op.get_bind().dialect.name
    if dialect == "postgresql":
        op.execute(_REFUSE)
    for table in APPEND_ONLY:
        # SQLite has no TRUNCATE.
        for change in ("UPDATE", "DELETE", *(("TRUNCATE",) if dialect == "postgresql" else ())):
            op.execute(_refusal(dialect, table, change))


_REFUSE = """
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$
"""


def _refusal(dialect: str, table: str, change: str) -> str:
    name = f"no_{change.lower()}_of_{table}"
    if dialect == "sqlite":
        return (
            f"CREATE TRIGGER {name} BEFORE {change} ON {table} "
            f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
        )
    return (
        f"CREATE TRIGGER {name} BEFORE {change} ON {table} "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
    )
