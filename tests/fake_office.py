"""A review office in memory: cases with scripted situations, and every verdict that reached it."""

import atexit
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from typing import Any

from replan.desk_state import PENDING
from replan.errors import UsageError
from replan.infra.identity.book import Book, LedgerBook
from replan.infra.planners.answerable import Answerable
from replan.infra.planners.first_estimate import FirstEstimate
from replan.infra.planners.request_key import RequestKey
from replan.infra.planners.what_if import Tried
from replan.infra.review.office import VerdictRequest, WhatIfRequest
from replan.people import Login, People, Planner
from replan.units import DecisionId
from replan.verdicts import CHIPS, STATUS_OF, VerdictResult
from tests.escalations import body_of, chart_of, proposal
from tests.ledger_builders import new_ledger

TOKEN = "a-token-for-this-test-alone"
PERSONAL = {"rp_ana": "ana", "rp_ben": "ben"}


STATE_AFTER = {
    "approve": "approved",
    "modify": "modified",
    "reject": "rejected",
    "ask": "clarifying",
    "defer": "deferred",
    "takeover": "taken_over",
}


def person(login: str, *roles: str, **more: Any) -> Planner:
    """Somebody of planners.yaml; of every region unless said otherwise."""
    row: dict[str, Any] = {"regions": ("*",), "limit_minor": None, "delegate_to": None}
    return Planner(login=Login(login), roles=roles, **{**row, "active": True, **more})


PEOPLE = People(planners=(person("ana", "planner", "operator"), person("ben", "planner")))


@cache
def shared_folder() -> Path:
    """Where the ledger of that book is."""
    folder = Path(mkdtemp(prefix="replan-book-"))
    atexit.register(rmtree, folder, ignore_errors=True)
    return folder


@cache
def shared_book() -> Book:
    """A book in a real ledger, one for all the tests of this process."""
    ledger = new_ledger(shared_folder())
    atexit.register(ledger.close)
    return LedgerBook(ledger, timedelta(minutes=30))


@dataclass
class FakeOffice:
    """Decisions by id. `situation`: the code with which every verdict is refused, if any."""

    cases: dict[str, dict[str, Any]] = field(default_factory=dict)
    taken: list[VerdictRequest] = field(default_factory=list)
    situation: str | None = None
    diff: Mapping[str, Any] | None = None
    tried: list[WhatIfRequest] = field(default_factory=list)
    asked_first: set[str] = field(default_factory=set)
    estimates: dict[tuple[str, str], float] = field(default_factory=dict)
    codes: dict[str, str] = field(default_factory=dict)
    """Why cases are not for whoever asks, by id."""
    alone: set[str] = field(default_factory=set)
    """Cases that need an answer of their own."""
    stopped: list[dict[str, Any]] = field(default_factory=list)
    moved: list[tuple[str, str | None, str, str]] = field(default_factory=list)

    people: People = PEOPLE
    book: Book = field(default_factory=shared_book)
    answers: dict[tuple[str, str], tuple[str, VerdictResult]] = field(default_factory=dict)

    timezone = "Europe/Berlin"
    chips: Sequence[str] = CHIPS

    def regions(self, body: Mapping[str, Any]) -> tuple[str, ...]:
        return (body["region"],) if body.get("region") else ()

    def queue(self) -> list[dict[str, Any]]:
        return [b for b in self.cases.values() if b["state"] in ("escalated", "recommended")]

    def standings(self, login: str) -> Mapping[str, Answerable]:
        return {
            b["decision_id"]: Answerable(
                code=self.codes.get(b["decision_id"]),
                region=b.get("region"),
                together=None
                if b["decision_id"] in self.codes.keys() | self.alone
                else (b["rule_id"], b["chosen"]),
            )
            for b in self.queue()
        }

    def approve_each(self, cases: Sequence[tuple[str, VerdictRequest]]) -> list[VerdictResult]:
        asked = [d for d, r in cases if (r.login, r.key) not in self.answers]
        kinds = {(self.cases[d]["rule_id"], self.cases[d]["chosen"]) for d in asked}
        if len(kinds) > 1 or self.alone & frozenset(asked):
            raise UsageError("one answer is not enough")
        return [self.verdict(d, request)[0] for d, request in cases]

    def ended(self, most: int) -> list[dict[str, Any]]:
        bodies = [b for b in self.cases.values() if b["state"] not in PENDING | {"no_action"}]
        newest = sorted(bodies, key=lambda b: (b["decided_at"], b["decision_id"]), reverse=True)
        return newest[:most]

    def estimate(self, decision_id: str, login: str) -> FirstEstimate:
        asked = decision_id in self.asked_first
        return FirstEstimate(asked=asked, units=self.estimates.get((decision_id, login)))

    def keep_estimate(self, decision_id: str, login: str, units: str) -> None:
        if not units.isdecimal():
            raise UsageError(f"estimate {units!r} is not a number")
        self.estimates.setdefault((decision_id, login), float(units))

    def spot_checks(self) -> list[dict[str, Any]]:
        drawn = [b for b in self.cases.values() if b.get("spot_check")]
        return [b for b in drawn if b["spot_check"]["found"] is None]

    def decisions(
        self, state: str | None, item: str | None, since: str | None
    ) -> list[dict[str, Any]]:
        return [
            b
            for _, b in sorted(self.cases.items())
            if state in (None, b["state"]) and item in (None, b["item"])
        ]

    def decision(self, decision_id: str) -> dict[str, Any] | None:
        return self.cases.get(decision_id)

    def open_case(self, decision_id: str, login: str) -> None:
        self.cases[decision_id]["opened"] = {"by": login, "at": "2026-05-04T08:00:00Z"}

    def verdict(self, decision_id: str, request: VerdictRequest) -> tuple[VerdictResult, bool]:
        key = RequestKey.of(request.login, request.key, request.plain(decision_id))
        known = self.answers.get((key.login, key.key))
        if known is not None:
            key.same(known[0])
            return known[1], True
        result = self._verdict(decision_id, request)
        self.answers[(key.login, key.key)] = (key.request_sha, result)
        return result, False

    def first_answer(self, login: str, key: str) -> VerdictResult | None:
        known = self.answers.get((login, key))
        return None if known is None else known[1]

    def _verdict(self, decision_id: str, request: VerdictRequest) -> VerdictResult:
        self.taken.append(request)
        body = self.cases[decision_id]
        code, diff = self.situation or self.codes.get(decision_id), self.diff
        if code == "stale" and request.confirm:
            code = None
        if code is None and body["state"] != "escalated":
            code = "already_decided"
        if code is None and request.version != body["version"]:
            code = "stale"
            diff = {"version": {"answered": request.version, "now": body["version"]}}
        if code is None:
            body["state"] = STATE_AFTER[request.verdict]
        result = "accepted" if code is None else "refused"
        row: dict[str, Any] = {"login": request.login, "verdict": request.verdict}
        row |= {"chip": request.chip, "note": request.note, "at": "2026-05-04T08:00:00Z"}
        body["verdicts"].append(row | {"result": result, "code": code})
        return VerdictResult(
            decision_id=DecisionId(decision_id),
            verdict=request.verdict,
            result=result,
            status=200 if code is None else {**STATUS_OF, "stopped": 423}[code],
            code=code,
            state=body["state"],
            diff=diff if code is not None else None,
        )

    def what_if(self, decision_id: str, request: WhatIfRequest) -> Tried:
        body = self.cases[decision_id]
        code = self.situation
        result = VerdictResult(
            decision_id=DecisionId(decision_id),
            verdict=request.verdict,
            result="accepted" if code is None else "refused",
            status=200 if code is None else STATUS_OF[code],
            code=code,
            state=body["state"] if code else STATE_AFTER[request.verdict],
            diff=self.diff if code is not None else None,
        )
        self.tried.append(request)
        return Tried(result=result, body=None if code else {**body, "state": result.state})

    def status(self) -> Mapping[str, Any]:
        return {"clock": "2026-05-04T08:00:00Z", "mode": "live", "stopped": self.stopped}

    def move_switch(
        self, verb: str, scope: str | None, login: str, reason: str
    ) -> Mapping[str, Any]:
        if scope is not None and "=" not in scope:
            raise UsageError(f"scope {scope!r} is not KEY=VALUE")
        self.moved.append((verb, scope, login, reason))
        code = None if login == "ana" else "not_allowed"
        return {"verb": verb, "scope": scope, "code": code, "status": 200 if code is None else 403}

    def login_of(self, token: str) -> str | None:
        return PERSONAL.get(token)


def an_office() -> FakeOffice:
    """Three cases: an urgent one with everything on its page, a later one, and one that ran."""
    case = proposal(evidence=4, lacks=("S03: 2 sales of suspicious size",))
    urgent = body_of(
        case, urgency=9.5, chart=chart_of(case), verdicts=[], actions=[], region="east"
    )
    later = body_of(
        proposal(),
        decision_id="dec-later",
        urgency=1.5,
        deadline="2026-05-06T15:00:00Z",
        verdicts=[],
        actions=[],
        region="west",
        cause="supplier:SUP1",
        site="S09",
    )
    ran = body_of(
        proposal(),
        decision_id="dec-ran",
        state="executed",
        why_escalated=None,
        brief=None,
        deadline=None,
        recipient=None,
        verdicts=[],
        actions=[],
    )
    ran["actions"] = [{"action_id": ran["options"][0]["actions"][0]["action_id"], "state": "acked"}]
    return FakeOffice(cases={b["decision_id"]: b for b in (later, ran, urgent)})
