"""Who was told what, which way? Messages to people, and what became of each."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

KEY = sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")
COUNT = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "notice",
        sa.Column("notice_id", KEY, nullable=False),
        sa.Column("recipient", KEY, nullable=False),
        sa.Column("decision_id", KEY, nullable=True),
        sa.Column("at", sa.Text, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("notice_id", name=op.f("pk_notice")),
    )
    op.create_table(
        "notice_way",
        sa.Column("notice_id", KEY, nullable=False),
        sa.Column("way", KEY, nullable=False),
        sa.Column("state", KEY, nullable=False),
        sa.Column("claim", KEY, nullable=True),
        sa.Column("claimed_until", sa.Text, nullable=True),
        sa.Column("attempts", COUNT, nullable=False),
        sa.Column("retry_at", sa.Text, nullable=True),
        sa.Column("told_at", sa.Text, nullable=True),
        sa.Column("note", sa.Text, nullable=True),
        sa.ForeignKeyConstraint(
            ["notice_id"], ["notice.notice_id"], name=op.f("fk_notice_way_notice_id")
        ),
        sa.PrimaryKeyConstraint("notice_id", "way", name=op.f("pk_notice_way")),
    )
    op.create_index(op.f("ix_notice_way_state"), "notice_way", ["state"])
