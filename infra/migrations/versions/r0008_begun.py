"""What was forecast of a day before it began? It is kept apart until the day closes."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

KEY = sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "forecast_begun",
        sa.Column("item", KEY, nullable=False),
        sa.Column("site", KEY, nullable=False),
        sa.Column("date", sa.Text, nullable=False),
        sa.Column("made_at", sa.Text, nullable=False),
        *(
            sa.Column(level, sa.Double, nullable=False)
            for level in ("p05", "p10", "p25", "p50", "p75", "p90", "p95")
        ),
        sa.PrimaryKeyConstraint("item", "site", "date", name=op.f("pk_forecast_begun")),
    )
