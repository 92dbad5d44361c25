"""How is a command sent, and what did its target refuse? Claims, attempts, notes on the way out."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

KEY = sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")
COUNT = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.add_column("outbox", sa.Column("claim", KEY, nullable=True))
    op.add_column("outbox", sa.Column("claimed_at", sa.Text, nullable=True))
    op.add_column("outbox", sa.Column("attempts", COUNT, nullable=False, server_default="0"))
    op.add_column("outbox", sa.Column("retry_at", sa.Text, nullable=True))
    op.add_column("outbox", sa.Column("note", sa.Text, nullable=True))
    op.add_column("publication", sa.Column("refused", sa.Text, nullable=True))
