"""Which incidents does the engine open by itself? What is noticed inside a transaction is kept as
due in it, and opened with its scope stopped (`incidents_due`) before anything more is sent.

Noticed are: a cap that is exceeded by what ran by itself, a chain or record that no longer holds, a
planted fault that was approved, and somebody who tries again and again to get in. Of the last
nothing is stopped, or any stranger could stop the engine: its token is locked. That a category or a
model steps down by itself is an incident too (`stepping_down`).
"""

from collections.abc import Sequence
from typing import Any, Final

from replan.authority_table import AuthorityTable
from replan.commitments import cap_breach, cap_text
from replan.effects import Move
from replan.infra.desk.incident_record import CAP_BREACH
from replan.infra.ledger.writer import LedgerWriter
from replan.stops import STOP_KEYS

DUE: Final = "incidents_due"
"""Under this key the ledger keeps what was noticed and is not opened yet."""


def notice(
    write: LedgerWriter, kind: str, scope: str | None, said: str, *, caused_by: str | None = None
) -> None:
    """Something of this kind was noticed; `caused_by`: a login that may not let the scope go on."""
    due: list[dict[str, Any]] = write.control(DUE) or []
    one = {"kind": kind, "scope": scope, "said": said, "caused_by": caused_by}
    if all((d["kind"], d["scope"]) != (kind, scope) for d in due):
        write.set_control(DUE, [*due, one])


def notice_cap(
    write: LedgerWriter,
    table: AuthorityTable,
    counted: Sequence[Move],
    fresh: Sequence[Move],
) -> None:
    """Hold what was just reserved without a person against the caps, by the reservations as they
    are stored: a second look, after the one that decided.
    """
    ids = {move.action_id for move in fresh}
    before = [move for move in counted if move.action_id not in ids]
    for at in sorted({move.at for move in fresh}):
        use = cap_breach(table, before, [move for move in fresh if move.at == at], at)
        if use is not None:
            said = f"{use.scope} per {use.window} holds {cap_text(use, table.currency)}"
            notice(write, CAP_BREACH, _stop_scope(use.scope), said)


def _stop_scope(cap_scope: str) -> str | None:
    """What a stop can name of the scope of a cap, such as `region=EAST`; None: everything."""
    parts = [part for part in cap_scope.split(",") if part.partition("=")[0] in STOP_KEYS]
    return min(parts, key=lambda part: STOP_KEYS.index(part.partition("=")[0]), default=None)
