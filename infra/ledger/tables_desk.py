"""What is kept of the desk? Its state, what it was given and decided, caps, answers, the chain."""

import sqlalchemy as sa

from replan.infra.ledger.columns import Count, Instant, Key, key, may, metadata, must

desk = sa.Table(
    "desk",
    metadata,
    key("planning_group"),
    must("seq", Count),
    may("tick", Instant),
    must("body", sa.LargeBinary),
    must("sha"),
)

desk_log = sa.Table(
    "desk_log",
    metadata,
    key("planning_group"),
    sa.Column("seq", Count, primary_key=True, autoincrement=False),
    must("kind"),
    may("tick", Instant),
    must("at", Instant),
    must("input", sa.LargeBinary),
    must("sha"),
)

decision = sa.Table(
    "decision",
    metadata,
    key("decision_id"),
    sa.Column("version", Count, primary_key=True, autoincrement=False),
    must("planning_group"),
    must("seq", Count),
    must("at", Instant),
    must("body", sa.LargeBinary),
    must("sha"),
    must("inputs", sa.LargeBinary),
    must("inputs_sha"),
)

decision_move = sa.Table(
    "decision_move",
    metadata,
    key("planning_group"),
    sa.Column("seq", Count, primary_key=True, autoincrement=False),
    sa.Column("n", Count, primary_key=True, autoincrement=False),
    must("decision_id", index=True),
    must("version", Count),
    must("body", sa.Text),
)

decision_now = sa.Table(
    "decision_now",
    metadata,
    key("decision_id"),
    must("version", Count),
    sa.Column("state", Key, nullable=False, index=True),
    must("planning_group"),
    sa.Column("item", Key, nullable=False, index=True),
    may("site"),
    may("category"),
    may("cause"),
    may("incident_id"),
    may("event_time"),
    sa.Column("decided_at", Instant, nullable=False, index=True),
    may("mode"),
    may("chosen"),
    may("rule_id"),
    may("why_code"),
    may("value_minor", Count),
    may("currency"),
    may("confidence", sa.Double),
    may("deadline"),
    may("recipient"),
    may("urgency", sa.Text),
    may("episode"),
    # What became of a question of the table: asked, answered; None where none was put.
    may("asked"),
    # What a look afterwards found; None where nobody looked.
    may("found"),
    # True from the moment it is put before a planner, whatever becomes of it.
    must("was_escalated", sa.Boolean),
    must("body", sa.Text),
    must("updated", Instant),
)

action = sa.Table(
    "action",
    metadata,
    key("action_id"),
    sa.Column(
        "decision_id",
        Key,
        sa.ForeignKey("decision_now.decision_id"),
        nullable=False,
        index=True,
    ),
    must("kind"),
    must("item"),
    must("from_site"),
    must("to_site"),
    # Thousandths of a base unit.
    must("qty", Count),
    must("cost_minor", Count),
    must("state"),
    must("idem"),
    may("sent_at", Instant),
    may("acked_at", Instant),
)

outbox = sa.Table(
    "outbox",
    metadata,
    key("idem"),
    sa.Column("action_id", Key, sa.ForeignKey("action.action_id"), nullable=False, index=True),
    must("decision_id"),
    must("body", sa.Text),
    must("sha"),
    must("not_after", Instant),
    sa.Column("state", Key, nullable=False, index=True),
    must("created_at", Instant),
    may("sent_at", Instant),
    # True for a command that asks to undo its action.
    must("compensates", sa.Boolean, server_default=sa.false()),
    # Who is sending it, since when by the clock that decides, how often it was tried, when it may
    # be tried again by the machine's clock, and what was wrong the last time.
    may("claim"),
    may("claimed_at", Instant),
    must("attempts", Count, server_default="0"),
    may("retry_at", Instant),
    may("note", sa.Text),
)

reservation = sa.Table(
    "reservation",
    metadata,
    key("action_id"),
    must("decision_id"),
    must("planning_group"),
    sa.Column("at", Instant, nullable=False, index=True),
    must("value_minor", Count),
    must("counts_for", sa.Text),
    must("account"),
    must("released", sa.Boolean),
)

cap_now = sa.Table(
    "cap_now",
    metadata,
    key("scope"),
    key("window"),
    must("used_minor", Count),
    may("limit_minor", Count),
    must("used_count", Count),
    may("limit_count", Count),
)

verdict = sa.Table(
    "verdict",
    metadata,
    key("planning_group"),
    sa.Column("seq", Count, primary_key=True, autoincrement=False),
    sa.Column("n", Count, primary_key=True, autoincrement=False),
    must("decision_id", index=True),
    must("version", Count),
    must("login"),
    must("verdict"),
    must("chip"),
    must("note", sa.Text),
    must("at", Instant),
    must("result"),
    may("code"),
    must("plan_sha"),
    # How the login was known: canonical JSON.
    may("via", sa.Text),
)

audit = sa.Table(
    "audit",
    metadata,
    key("writer"),
    sa.Column("seq", Count, primary_key=True, autoincrement=False),
    must("prev"),
    must("hash"),
    must("body", sa.Text),
    must("at", Instant),
    # Of whom the body speaks, to find the rows of one decision.
    sa.Column("subject", Key, nullable=False, index=True),
)

# Played plans beside what people did, and the sums of a day.

shadow_case = sa.Table(
    "shadow_case",
    metadata,
    key("decision_id"),
    sa.Column("date", Key, nullable=False, index=True),
    must("category"),
    must("item"),
    may("site"),
    must("model"),
    must("dq"),
    must("at", Instant),
    must("agreed", sa.Boolean),
    may("difference"),
    may("cost_delta_minor", Count),
    must("currency"),
    must("found_by"),
)

shadow_day = sa.Table(
    "shadow_day",
    metadata,
    key("date"),
    key("category"),
    key("currency"),
    must("cases", Count),
    must("agreed", Count),
    must("agreement_low", sa.Double),
    must("agreement_high", sa.Double),
    must("cost_delta_minor", Count),
    may("cause"),
)
