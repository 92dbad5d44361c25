"""Who is signed in, which tickets are out, and what was answered first? The doors of the pages."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

KEY = sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "session",
        sa.Column("secret_sha", KEY, nullable=False),
        sa.Column("login", KEY, nullable=False),
        sa.Column("provider", KEY, nullable=False),
        sa.Column("org", KEY, nullable=False),
        sa.Column("client", KEY, nullable=False),
        sa.Column("until", sa.Text, nullable=False),
        sa.Column("ends", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("secret_sha", name=op.f("pk_session")),
    )
    op.create_table(
        "ticket",
        sa.Column("secret_sha", KEY, nullable=False),
        sa.Column("purpose", KEY, nullable=False),
        sa.Column("subject", KEY, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("until", sa.Text, nullable=False),
        sa.Column("used_at", sa.Text, nullable=True),
        sa.PrimaryKeyConstraint("secret_sha", name=op.f("pk_ticket")),
    )
    op.create_table(
        "first_answer",
        sa.Column("login", KEY, nullable=False),
        sa.Column("key", KEY, nullable=False),
        sa.Column("request_sha", KEY, nullable=False),
        sa.Column("answer", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("login", "key", name=op.f("pk_first_answer")),
    )
    op.add_column("verdict", sa.Column("via", sa.Text, nullable=True))
