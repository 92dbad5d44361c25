"""Who is signed in, who may come in once, and what was answered first? Kept by hash of the secret.

A secret itself is never stored, so nobody who reads the ledger can use what it finds. The time is
the database's, so all processes that serve pages agree on it, and a restart ends nothing.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa

from replan.canonical import sha256_hex
from replan.infra.ledger import schema as t
from replan.infra.ledger.rows import text

KEPT: Final = timedelta(days=1)
"""How long a ticket stays known after it ran out, used or not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRow:
    """A browser that is signed in. `until` it ends unless it is used, `ends` it ends anyway."""

    secret_sha: str
    login: str
    provider: str
    org: str
    client: str
    until: datetime
    ends: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketRow:
    """Something that may be done once: for what and whom, and what it carries as plain JSON."""

    purpose: str
    subject: str
    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRow:
    """A token with which a program speaks for a login; `revoked_at` None: nobody revoked it."""

    token_id: str
    login: str
    secret_sha: str
    made_at: datetime
    ends: datetime
    revoked_at: datetime | None


def hashed(secret: str) -> str:
    """Only hashes are kept and compared, so that neither the ledger nor timing tells a secret."""
    return sha256_hex(secret.encode())


def session_of(conn: sa.Connection, secret: str, now: datetime) -> SessionRow | None:
    """The session of this secret, if it still holds."""
    c = t.session.c
    row = conn.execute(
        sa.select(t.session).where(c.secret_sha == hashed(secret), c.until > now, c.ends > now)
    ).first()
    return None if row is None else SessionRow(**row._asdict())


def start_session(conn: sa.Connection, row: SessionRow, now: datetime) -> None:
    """Keep a new session; those that are over go."""
    c = t.session.c
    conn.execute(sa.delete(t.session).where(sa.or_(c.until <= now, c.ends <= now)))
    values = {name: getattr(row, name) for name in SessionRow.__slots__}
    conn.execute(sa.insert(t.session).values(values))


def prolong_session(conn: sa.Connection, secret_sha: str, until: datetime) -> None:
    """It was used: it ends later. One that has been ended stays so."""
    mine = t.session.c.secret_sha == secret_sha
    conn.execute(sa.update(t.session).where(mine).values(until=until))


def end_session(conn: sa.Connection, secret: str) -> None:
    """Signed out."""
    conn.execute(sa.delete(t.session).where(t.session.c.secret_sha == hashed(secret)))


def add_ticket(
    conn: sa.Connection, secret: str, row: TicketRow, ttl: timedelta, now: datetime
) -> None:
    """Hand out a ticket; old ones go."""
    conn.execute(sa.delete(t.ticket).where(t.ticket.c.until < now - KEPT))
    conn.execute(
        sa.insert(t.ticket).values(
            secret_sha=hashed(secret),
            purpose=row.purpose,
            subject=row.subject,
            body=text(dict(row.body)),
            until=now + ttl,
            used_at=None,
        )
    )


def use_ticket(
    conn: sa.Connection, secret: str, purpose: str, subject: str, now: datetime
) -> TicketRow | None:
    """Use a ticket up; None if it is unknown, for something else, too old, or used already."""
    c = t.ticket.c
    used = conn.execute(
        sa.update(t.ticket)
        .where(
            c.secret_sha == hashed(secret),
            c.purpose == purpose,
            c.subject == subject,
            c.used_at.is_(None),
            c.until > now,
        )
        .values(used_at=now)
        .returning(c.purpose, c.subject, c.body)
    ).first()
    if used is None:
        return None
    return TicketRow(purpose=used.purpose, subject=used.subject, body=json.loads(used.body))


def first_answer(conn: sa.Connection, login: str, key: str) -> tuple[str, dict[str, Any]] | None:
    """Digest of the request and the answer that a key of this login got first."""
    c = t.first_answer.c
    row = conn.execute(
        sa.select(c.request_sha, c.answer).where(c.login == login, c.key == key)
    ).first()
    return None if row is None else (row.request_sha, json.loads(row.answer))


def keep_answer(
    conn: sa.Connection, login: str, key: str, request_sha: str, answer: Mapping[str, Any]
) -> None:
    """Keep an answer for good; the database refuses a second one to a key of this login."""
    row = {"login": login, "key": key, "request_sha": request_sha, "answer": text(dict(answer))}
    conn.execute(sa.insert(t.first_answer).values(row))


def add_token(conn: sa.Connection, row: TokenRow) -> None:
    """Keep a new token."""
    values = {name: getattr(row, name) for name in TokenRow.__slots__}
    conn.execute(sa.insert(t.token).values(values))


def tokens_of(conn: sa.Connection, token_id: str | None = None) -> tuple[TokenRow, ...]:
    """The token of an id, or all of them, by when they were made."""
    query = sa.select(t.token).order_by(t.token.c.made_at, t.token.c.token_id)
    if token_id is not None:
        query = query.where(t.token.c.token_id == token_id)
    return tuple(TokenRow(**row._asdict()) for row in conn.execute(query))


def revoke_token(conn: sa.Connection, token_id: str, now: datetime) -> TokenRow | None:
    """End a token; one that was ended before keeps its time. None if there is none of that id."""
    c = t.token.c
    conn.execute(
        sa.update(t.token)
        .where(c.token_id == token_id, c.revoked_at.is_(None))
        .values(revoked_at=now)
    )
    return next(iter(tokens_of(conn, token_id)), None)
