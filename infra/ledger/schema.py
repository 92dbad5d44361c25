"""What does the ledger keep? Its tables, one set for SQLite and PostgreSQL.

JSON is canonical text where a view or a person reads it; what is large or private to the engine is
a blob of zlib bytes with the SHA-256 of its plain bytes beside it.
"""

from typing import Final

from replan.infra.ledger.columns import metadata
from replan.infra.ledger.tables_desk import (
    action,
    audit,
    cap_now,
    decision,
    decision_move,
    decision_now,
    desk,
    desk_log,
    outbox,
    reservation,
    shadow_case,
    shadow_day,
    verdict,
)
from replan.infra.ledger.tables_doors import (
    first_answer,
    session,
    ticket,
    token,
)
from replan.infra.ledger.tables_run import (
    alarm,
    answer,
    artefact,
    control,
    counter,
    dlq,
    fit,
    lease,
    manifest,
    notice,
    notice_way,
    out_file,
    planted,
    publication,
    segment,
    snapshot,
)
from replan.infra.ledger.tables_sense import (
    authority_row,
    feedback,
    forecast_begun,
    forecast_day,
    forecast_now,
    projection,
    proposal,
    series,
)

__all__ = [
    "APPEND_ONLY",
    "HEAD",
    "POSTGRESQL",
    "action",
    "alarm",
    "answer",
    "artefact",
    "audit",
    "authority_row",
    "cap_now",
    "control",
    "counter",
    "decision",
    "decision_move",
    "decision_now",
    "desk",
    "desk_log",
    "dlq",
    "feedback",
    "first_answer",
    "fit",
    "forecast_begun",
    "forecast_day",
    "forecast_now",
    "lease",
    "manifest",
    "metadata",
    "notice",
    "notice_way",
    "out_file",
    "outbox",
    "planted",
    "projection",
    "proposal",
    "publication",
    "reservation",
    "segment",
    "series",
    "session",
    "shadow_case",
    "shadow_day",
    "snapshot",
    "ticket",
    "token",
    "verdict",
]

HEAD: Final = "0011"
"""The schema revision this code works with; the newest file in `migrations/versions`."""

POSTGRESQL: Final = ("postgresql", "postgresql+psycopg", "postgres")
"""How the URL of a ledger in PostgreSQL may begin."""

APPEND_ONLY: Final = ("audit", "decision", "decision_move", "verdict")
"""Tables whose rows are never changed or removed; triggers hold this."""
