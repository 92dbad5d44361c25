"""What is kept of the doors? Who is signed in, who may come in once, what was answered.

All by the database's time. Secrets stand here only as hashes.
"""

import sqlalchemy as sa

from replan.infra.ledger.columns import Instant, key, may, metadata, must

session = sa.Table(
    "session",
    metadata,
    key("secret_sha"),
    must("login"),
    must("provider"),
    must("org"),
    must("client"),
    must("until", Instant),
    must("ends", Instant),
)

ticket = sa.Table(
    "ticket",
    metadata,
    key("secret_sha"),
    must("purpose"),
    # What it opens, and for whom: a decision and a login, or a sign-in that was begun.
    must("subject"),
    must("body", sa.Text),
    must("until", Instant),
    may("used_at", Instant),
)

token = sa.Table(
    "token",
    metadata,
    key("token_id"),
    must("login"),
    must("secret_sha"),
    must("made_at", Instant),
    must("ends", Instant),
    may("revoked_at", Instant),
)

first_answer = sa.Table(
    "first_answer",
    metadata,
    key("login"),
    key("key"),
    must("request_sha"),
    must("answer", sa.Text),
)
