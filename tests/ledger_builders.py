"""What does a small ledger hold? Decisions, commands and series that a planner would recognise."""

from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from replan.effects import (
    Command,
    DayRow,
    DecisionMade,
    DeskOutcome,
    ForecastRow,
    Move,
    VerdictTaken,
)
from replan.infra.ledger.rows import ManifestRow, SegmentFile
from replan.infra.ledger.store import Ledger
from replan.units import ActionId, DecisionId, ItemId, SiteId, Units, instant_text

TICK = datetime(2026, 5, 4, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def new_ledger(folder: Path) -> Ledger:
    """A ledger in a folder; an empty one is copied, since most tests begin with it."""
    if not (folder / "ledger.db").exists():
        (folder / "ledger.db").write_bytes(_empty())
    return open_ledger(folder)


@cache
def _empty() -> bytes:
    with TemporaryDirectory() as folder:
        open_ledger(Path(folder)).close()
        return (Path(folder) / "ledger.db").read_bytes()


def open_ledger(folder: Path) -> Ledger:
    return Ledger.open("sqlite:///ledger.db", folder, busy_seconds=0.05)


def decision_body(decision_id: str = "d-1", **members: Any) -> dict[str, Any]:
    return {
        "decision_id": decision_id,
        "version": 1,
        "item": "MILK",
        "site": "LYO",
        "category": "demand_surge",
        "cause": "item:MILK",
        "incident_id": "inc-1",
        "event_time": "2026-05-04T11:58:00Z",
        "decided_at": instant_text(TICK),
        "mode": "live",
        "state": "executing",
        "rule_id": "R1",
        "why_escalated": None,
        "value_minor": 120_000,
        "currency": "EUR",
        "confidence": 0.93,
        "chosen": "reallocate",
        "deadline": None,
        **members,
    }


def escalated(decision_id: str = "d-1", **members: Any) -> dict[str, Any]:
    return decision_body(
        decision_id,
        state="escalated",
        deadline="2026-05-04T16:00:00Z",
        recipient="role:planner-north",
        why_escalated={"code": "limit"},
        **members,
    )


def made(body: dict[str, Any]) -> DecisionMade:
    return DecisionMade(
        decision_id=body["decision_id"],
        version=body["version"],
        body=body,
        inputs={"problem": {"item": body["item"], "seed": 7}},
    )


def command(decision_id: str = "d-1", action_id: str = "a-1") -> Command:
    idem = f"idem-{action_id}"
    return Command(
        idem=idem,
        action_id=ActionId(action_id),
        decision_id=DecisionId(decision_id),
        not_after=TICK + 2 * HOUR,
        body={
            "action_id": action_id,
            "decision_id": decision_id,
            "idem": idem,
            "not_after": instant_text(TICK + 2 * HOUR),
            "kind": "reallocate",
            "item": "MILK",
            "from": "PAR",
            "to": "LYO",
            "qty": 80.5,
            "cost_minor": 4_200,
        },
    )


def move(action_id: str = "a-1", at: datetime = TICK) -> Move:
    return Move(
        action_id=ActionId(action_id),
        decision_id=DecisionId("d-1"),
        at=at,
        value_minor=120_000,
        keys={"action": "reallocate", "region": "NORTH", "item": "MILK"},
        account="live",
    )


def verdict(decision_id: str = "d-1") -> VerdictTaken:
    return VerdictTaken(
        decision_id=DecisionId(decision_id),
        version=1,
        login="planner-north-1",
        verdict="approve",
        chip="known_event",
        note="street market on Saturday",
        at=TICK + HOUR,
        result="accepted",
        code=None,
        plan_sha="sha256:00",
    )


def segment_file(name: str = "pos.jsonl", from_line: int = 1, to_line: int = 100) -> SegmentFile:
    return SegmentFile(
        name=name, from_line=from_line, to_line=to_line, sha256="aa", prefix_sha256="bb"
    )


def batch(batch_seq: int, first: int, last: int, **members: Any) -> ManifestRow:
    plain: dict[str, Any] = {"segment": 1, "tick": None, "statuses": [], "counts": {}, **members}
    return ManifestRow(batch_seq=batch_seq, first_offset=first, last_offset=last, **plain)


def forecast(
    site: str = "LYO", first_day: date = date(2026, 5, 4), days: int = 2, made_at: datetime = TICK
) -> ForecastRow:
    return ForecastRow(
        item=ItemId("MILK"),
        site=SiteId(site),
        made_at=made_at,
        first_day=first_day,
        quantiles=tuple(tuple(10.0 * k + t for t in range(days)) for k in range(1, 8)),
    )


def closed_day(
    day: date = date(2026, 5, 3), actual: int = 21_500, *, censored: bool = False
) -> DayRow:
    return DayRow(
        item=ItemId("MILK"),
        site=SiteId("LYO"),
        day=day,
        actual=Units(actual),
        censored=censored,
    )


def decide(
    ledger: Ledger,
    outcome: DeskOutcome,
    *,
    at: datetime = TICK,
    tick: datetime | None = TICK,
    expected_reserve_seq: int | None = None,
) -> int:
    """One desk transaction of the group `all`; its place in the group's order."""
    with ledger.transaction() as write:
        seq = write.advance_desk(
            "all", ledger.desk("all").seq, tick, {"open": []}, "tick", at, {"proposals": []}
        )
        write.apply_outcome("all", seq, outcome, at, expected_reserve_seq=expected_reserve_seq)
    return seq
