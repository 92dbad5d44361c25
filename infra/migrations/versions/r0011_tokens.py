"""Which programs may speak for whom? Personal tokens, by the hash of their secret."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

KEY = sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "token",
        sa.Column("token_id", KEY, nullable=False),
        sa.Column("login", KEY, nullable=False),
        sa.Column("secret_sha", KEY, nullable=False),
        sa.Column("made_at", sa.Text, nullable=False),
        sa.Column("ends", sa.Text, nullable=False),
        sa.Column("revoked_at", sa.Text, nullable=True),
        sa.PrimaryKeyConstraint("token_id", name=op.f("pk_token")),
    )
