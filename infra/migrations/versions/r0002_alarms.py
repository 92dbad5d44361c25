"""Where do alarms stand, and which commands undo an action? Troubles with feeds and models, opened
and closed; a mark on commands.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

KEY = sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "alarm",
        sa.Column("alarm_id", KEY, nullable=False),
        sa.Column("kind", KEY, nullable=False),
        sa.Column("item", KEY, nullable=True),
        sa.Column("site", KEY, nullable=True),
        sa.Column("model", KEY, nullable=True),
        sa.Column("source", KEY, nullable=True),
        sa.Column("opened_at", sa.Text, nullable=False),
        sa.Column("closed_at", sa.Text, nullable=True),
        sa.Column("text", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("alarm_id", name=op.f("pk_alarm")),
    )
    op.create_index(op.f("ix_alarm_opened_at"), "alarm", ["opened_at"])
    mark = sa.Column("compensates", sa.Boolean, nullable=False, server_default=sa.false())
    op.add_column("outbox", mark)
