"""Do approvals still read what they approve? Planted checks and their answers."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

KEY = sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "planted",
        sa.Column("decision_id", KEY, nullable=False),
        sa.Column("month", KEY, nullable=False),
        sa.Column("recipient", KEY, nullable=False),
        sa.Column("fault", KEY, nullable=False),
        sa.Column("source_id", KEY, nullable=False),
        sa.Column("at", sa.Text, nullable=False),
        sa.Column("deadline", sa.Text, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("answered_at", sa.Text, nullable=True),
        sa.Column("verdict", KEY, nullable=True),
        sa.Column("caught", sa.Boolean, nullable=True),
        sa.PrimaryKeyConstraint("decision_id", name=op.f("pk_planted")),
    )
