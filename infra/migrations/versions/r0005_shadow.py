"""How do played plans compare with what people did? One row a plan, and the sums of each day."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

KEY = sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")
COUNT = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "shadow_case",
        sa.Column("decision_id", KEY, nullable=False),
        sa.Column("date", KEY, nullable=False),
        sa.Column("category", KEY, nullable=False),
        sa.Column("item", KEY, nullable=False),
        sa.Column("site", KEY, nullable=True),
        sa.Column("model", KEY, nullable=False),
        sa.Column("dq", KEY, nullable=False),
        sa.Column("at", sa.Text, nullable=False),
        sa.Column("agreed", sa.Boolean, nullable=False),
        sa.Column("difference", KEY, nullable=True),
        sa.Column("cost_delta_minor", COUNT, nullable=True),
        sa.Column("currency", KEY, nullable=False),
        sa.Column("found_by", KEY, nullable=False),
        sa.PrimaryKeyConstraint("decision_id", name=op.f("pk_shadow_case")),
    )
    op.create_index(op.f("ix_shadow_case_date"), "shadow_case", ["date"])
    op.create_table(
        "shadow_day",
        sa.Column("date", KEY, nullable=False),
        sa.Column("category", KEY, nullable=False),
        sa.Column("currency", KEY, nullable=False),
        sa.Column("cases", COUNT, nullable=False),
        sa.Column("agreed", COUNT, nullable=False),
        sa.Column("agreement_low", sa.Double, nullable=False),
        sa.Column("agreement_high", sa.Double, nullable=False),
        sa.Column("cost_delta_minor", COUNT, nullable=False),
        sa.Column("cause", KEY, nullable=True),
        sa.PrimaryKeyConstraint("date", "category", "currency", name=op.f("pk_shadow_day")),
    )
