"""When is a check planted, and what does an answer to it come to? Once a month for each recipient.

Checks are off unless `attention.planted_checks` is set. They stand in the queue beside the cases,
the same rules say who may answer, and nothing else of the engine knows of them.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta, tzinfo
from typing import Any, Final

from replan.canonical import digest
from replan.infra.desk.incident_record import PLANTED_MISSED
from replan.infra.desk.incident_watch import notice
from replan.infra.ledger.checks import CheckRow
from replan.infra.ledger.store import Ledger
from replan.infra.ledger.writer import LedgerWriter
from replan.people import People, may_answer
from replan.planted import STATE_AFTER, Planted, check_from, is_caught
from replan.units import DecisionId, instant_text
from replan.verdict_result import STATUS_OF, VerdictResult

MONTH: Final = "planted_month"
"""Under this key the ledger keeps the last month for which checks were planted."""
TAKEN_UP: Final = "planted_opened:{}"
"""Under this key, who has a check before them."""
LOOK_BACK: Final = timedelta(days=30)
"""A check is made from a case of this long before at most."""


def plant_if_due(ledger: Ledger, at: datetime, zone: tzinfo, timezone: str) -> list[Planted]:
    """The checks of a month that has begun since the last ones, one for each recipient that had a
    case lately; put in the queue at once.
    """
    month = f"{at.astimezone(zone):%Y-%m}"
    known = ledger.control(MONTH)
    if known is not None and month <= known:
        return []
    drawn: dict[str, Planted] = {}
    escalated = ledger.escalated_ids()
    for body in sorted(
        ledger.decided_within(at - LOOK_BACK, at),
        key=lambda b: digest(["planted", month, b["decision_id"]]),
    ):
        if body["decision_id"] in escalated and body["mode"] != "shadow":
            check = check_from(body, month, at, timezone)
            if check is not None:
                drawn.setdefault(check.recipient, check)
    if not drawn:
        # Nobody was asked anything yet; the month waits.
        return []
    with ledger.transaction() as write:
        write.set_control(MONTH, month)
        planted = [p for _, p in sorted(drawn.items()) if write.plant(p, month, at)]
    return planted


def waiting(checks: tuple[CheckRow, ...], at: datetime) -> list[dict[str, Any]]:
    """The bodies of checks that wait for an answer, as cases in the queue."""
    return [dict(c.body) for c in checks if waits(c, at)]


def waits(check: CheckRow, at: datetime) -> bool:
    """Whether a check still waits for an answer."""
    return check.answered_at is None and at < check.deadline


def take_up(write: LedgerWriter, decision_id: str, login: str, at: datetime) -> None:
    """Somebody has a check before them, and others see it, as with a case."""
    write.set_control(TAKEN_UP.format(decision_id), [login, instant_text(at)])


def taken_up(ledger: Ledger, decision_id: str) -> dict[str, str] | None:
    """Who has a check before them and since when; None where nobody has."""
    held = ledger.control(TAKEN_UP.format(decision_id))
    return None if held is None else {"by": held[0], "at": held[1]}


def shown(check: CheckRow, at: datetime, opened: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The body of a check; once it is over it says what it was. `opened`: who took it up."""
    body = dict(check.body)
    if opened is not None:
        body["opened"] = dict(opened)
    if check.answered_at is not None:
        body["state"] = STATE_AFTER[check.verdict or "reject"]
        body["planted"] = {"fault": check.fault, "caught": check.caught}
    elif at >= check.deadline:
        body["state"] = "expired"
        body["planted"] = {"fault": check.fault, "caught": None}
    return body


def answer(
    write: LedgerWriter,
    check: CheckRow,
    people: People,
    region: str | None,
    *,
    login: str,
    verdict: str,
    option: str | None,
    version: int | None,
    at: datetime,
) -> VerdictResult:
    """Take or refuse an answer by the rules of every other case. Nothing is ever carried out."""
    state = shown(check, at)["state"]
    code: str | None = None
    if state != "escalated":
        code = "expired" if state == "expired" else "already_decided"
    elif version not in (None, 1):
        code = "stale"
    else:
        value = int(check.body["value_minor"]) if verdict == "approve" else 0
        code = may_answer(people, login, check.recipient, region, value)
    if code is None and verdict in STATE_AFTER:
        caught = is_caught(verdict, option, check.body["chosen"])
        if write.answer_check(check.decision_id, at, verdict, caught):
            state = STATE_AFTER[verdict]
            if not caught:
                category = check.body["category"]
                said = f"a planted fault ({check.fault}) was approved, asked of {check.recipient}"
                notice(write, PLANTED_MISSED, f"category={category}", said, caused_by=login)
        else:
            code = "already_decided"
    return VerdictResult(
        decision_id=DecisionId(check.decision_id),
        verdict=verdict,
        result="accepted" if code is None else "refused",
        status=200 if code is None else STATUS_OF[code],
        code=code,
        state=state,
        diff=None,
    )


def checks_told(checks: tuple[CheckRow, ...], at: datetime) -> dict[str, Mapping[str, int]]:
    """By recipient, how many checks were `caught`, `passed` (approved with their fault),
    `unanswered`, or wait still (`open`). A team's figures, nobody's.
    """
    told: dict[str, dict[str, int]] = {}
    for check in checks:
        row = told.setdefault(
            check.recipient, dict.fromkeys(("caught", "passed", "unanswered", "open"), 0)
        )
        if check.answered_at is not None:
            row["caught" if check.caught else "passed"] += 1
        else:
            row["open" if at < check.deadline else "unanswered"] += 1
    return dict(sorted(told.items()))
