"""What is kept of sense? Proposals, what it learns back, forecasts, and what is only looked at."""

import sqlalchemy as sa

from replan.infra.ledger.columns import Count, Day, Instant, key, may, metadata, must

proposal = sa.Table(
    "proposal",
    metadata,
    key("tick", Instant),
    key("planning_group"),
    key("item"),
    sa.Column("n", Count, primary_key=True, autoincrement=False),
    must("body", sa.LargeBinary),
    must("sha"),
)

feedback = sa.Table(
    "feedback",
    metadata,
    key("planning_group"),
    sa.Column("seq", Count, primary_key=True, autoincrement=False),
    sa.Column("n", Count, primary_key=True, autoincrement=False),
    must("item"),
    may("tick", Instant),
    must("body", sa.Text),
    sa.Index("ix_feedback_tick", "tick"),
)

forecast_now = sa.Table(
    "forecast_now",
    metadata,
    key("item"),
    key("site"),
    must("made_at", Instant),
    must("first_day", Day),
    # One list per day from first_day, each with the quantiles p05 … p95.
    must("body", sa.Text),
)

# A day that has begun and is not closed: the last forecast made before it.
forecast_begun = sa.Table(
    "forecast_begun",
    metadata,
    key("item"),
    key("site"),
    key("date", Day),
    must("made_at", Instant),
    *(must(name, sa.Double) for name in ("p05", "p10", "p25", "p50", "p75", "p90", "p95")),
)

forecast_day = sa.Table(
    "forecast_day",
    metadata,
    key("item"),
    key("site"),
    key("date", Day),
    may("made_at", Instant),
    *(may(name, sa.Double) for name in ("p05", "p10", "p25", "p50", "p75", "p90", "p95")),
    # Thousandths of a base unit.
    must("actual", Count),
    must("censored", sa.Boolean),
)

# Only to be looked at: no decision rests on what these hold.

projection = sa.Table(
    "projection",
    metadata,
    key("item"),
    key("site"),
    must("decision_id"),
    must("made_at", Instant),
    must("first_day", Day),
    # Base units; None where nobody says how the item is stocked there.
    may("safety_stock", sa.Double),
    # One list per day from first_day: p10, p50, p90 of the stock without the plan, then with it.
    must("body", sa.Text),
)

series = sa.Table(
    "series",
    metadata,
    key("item"),
    key("site"),
    must("region"),
    must("category"),
    must("class"),
    may("model"),
    must("degraded", sa.Boolean),
)

authority_row = sa.Table(
    "authority_row",
    metadata,
    key("hash"),
    sa.Column("n", Count, primary_key=True, autoincrement=False),
    must("table_name"),
    must("version", Count),
    must("effective_from", Instant),
    must("effective_to", Instant),
    must("author"),
    must("approver"),
    # When it first was what a desk decided under.
    must("seen_at", Instant),
    must("rule_id"),
    must("mode"),
    may("limit_minor", Count),
    must("currency"),
    may("recipient"),
    must("text", sa.Text),
)
