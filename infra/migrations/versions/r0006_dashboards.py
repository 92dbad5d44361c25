"""What do dashboards show beside decisions? Stock to come, models of series, former tables."""

import json
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

KEY = sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")
COUNT = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "projection",
        sa.Column("item", KEY, nullable=False),
        sa.Column("site", KEY, nullable=False),
        sa.Column("decision_id", KEY, nullable=False),
        sa.Column("made_at", sa.Text, nullable=False),
        sa.Column("first_day", sa.Text, nullable=False),
        sa.Column("safety_stock", sa.Double, nullable=True),
        sa.Column("body", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("item", "site", name=op.f("pk_projection")),
    )
    op.create_table(
        "series",
        sa.Column("item", KEY, nullable=False),
        sa.Column("site", KEY, nullable=False),
        sa.Column("region", KEY, nullable=False),
        sa.Column("category", KEY, nullable=False),
        sa.Column("class", KEY, nullable=False),
        sa.Column("model", KEY, nullable=True),
        sa.Column("degraded", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("item", "site", name=op.f("pk_series")),
    )
    op.create_table(
        "authority_row",
        sa.Column("hash", KEY, nullable=False),
        sa.Column("n", COUNT, autoincrement=False, nullable=False),
        sa.Column("table_name", KEY, nullable=False),
        sa.Column("version", COUNT, nullable=False),
        sa.Column("effective_from", sa.Text, nullable=False),
        sa.Column("effective_to", sa.Text, nullable=False),
        sa.Column("author", KEY, nullable=False),
        sa.Column("approver", KEY, nullable=False),
        sa.Column("seen_at", sa.Text, nullable=False),
        sa.Column("rule_id", KEY, nullable=False),
        sa.Column("mode", KEY, nullable=False),
        sa.Column("limit_minor", COUNT, nullable=True),
        sa.Column("currency", KEY, nullable=False),
        sa.Column("recipient", KEY, nullable=True),
        sa.Column("text", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("hash", "n", name=op.f("pk_authority_row")),
    )
    for name in ("episode", "asked", "found"):
        op.add_column("decision_now", sa.Column(name, KEY, nullable=True))
    _fill(op.get_bind())


def _fill(conn: sa.Connection) -> None:
    """The new columns of decisions that stand."""
    rows = conn.execute(sa.text("SELECT decision_id, body FROM decision_now")).all()
    for decision_id, text in rows:
        body: dict[str, Any] = json.loads(text)
        asked = body.get("clarification")
        conn.execute(
            sa.text(
                "UPDATE decision_now SET episode = :episode, asked = :asked, found = :found "
                "WHERE decision_id = :decision_id"
            ),
            {
                "decision_id": decision_id,
                "episode": body.get("episode"),
                "asked": None
                if asked is None
                else ("answered" if asked.get("answers") else "asked"),
                "found": (body.get("spot_check") or {}).get("found"),
            },
        )
