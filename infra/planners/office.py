"""What can a planner see and say, whatever the way in? Queue, decisions, verdicts and status of a
workspace.

The command line, the pages and the API ask here, so the same rules hold for each.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from replan.alarms import alarm_json
from replan.desk_state import (
    PENDING,
    WAITING_ASIDE,
    CaseOpened,
    Policy,
    VerdictGiven,
)
from replan.errors import UsageError
from replan.infra.desk.incidents_due import open_due
from replan.infra.desk.policy import PolicySource
from replan.infra.desk.room import Taken, take, transact
from replan.infra.desk.stop_switch import StopSwitch
from replan.infra.ledger.checks import CheckRow
from replan.infra.ledger.records import LedgerRecords
from replan.infra.ledger.store import Ledger
from replan.infra.ledger.writer import LedgerWriter
from replan.infra.planners import check_desk, planting
from replan.infra.planners.answerable import Standing, standings
from replan.infra.planners.first_estimate import FirstEstimate, estimate_of, keep_estimate
from replan.infra.planners.latest_look import basis_of
from replan.infra.planners.one_answer import Together, take_all
from replan.infra.planners.request_key import AnsweredBefore, RequestKey
from replan.infra.planners.what_if import Tried, tried
from replan.infra.planners.wishes import NO_WISH, Wish
from replan.people import People, may_answer
from replan.together import apart
from replan.units import DecisionId
from replan.urgency import urgency
from replan.verdicts import CHIPS, VERDICTS, VerdictResult

LISTED_WITHOUT = ("brief", "versions")
"""Members of a decision that lists leave out."""


class Office:
    """The open cases of a workspace and what may be done about them."""

    def __init__(self, ledger: Ledger, policies: PolicySource) -> None:
        self._ledger = ledger
        self._policies = policies
        self.switch = StopSwitch(ledger, policies)

    def people_now(self, people: People) -> People:
        """These people from here on, with what was stated of them; as they stand at the clock."""
        self._policies.people = people
        clock = self._ledger.clock()
        return people if clock is None else self._policies.at_work(clock)

    def queue(self) -> list[dict[str, Any]]:
        """Decisions that wait for a planner, the most urgent first: value at risk by time left."""
        clock = self._ledger.clock()
        if clock is None:
            return []
        bodies = [
            body
            for state in sorted(PENDING - WAITING_ASIDE)
            for body in self._ledger.decisions(state=state)
        ]
        bodies += planting.waiting(self._ledger.checks(), clock)
        bodies = [{**body, "urgency": _urgency(body, clock)} for body in bodies]
        return sorted(bodies, key=lambda b: (-b["urgency"], b["deadline"], b["decision_id"]))

    def ended(self, most: int) -> list[dict[str, Any]]:
        """The newest decisions that wait for nothing any more, the newest first."""
        return list(self._ledger.ended(most))

    def standings(self, login: str) -> dict[str, Standing]:
        """By id of each case that waits, how this login stands to it."""
        clock = self._ledger.clock()
        if clock is None:
            return {}
        people, network = self._policies.at(clock, "").people, self._policies.network
        found = standings(self._ledger, self._ledger.desk_seqs(), people, login, clock, network)
        for check in self._ledger.checks():
            if not planting.waits(check, clock):
                continue
            region, value = self._receiving(check.body), int(check.body["value_minor"])
            code = may_answer(people, login, check.recipient, region, value)
            found[check.decision_id] = Standing(
                code=code,
                region=region,
                together=check_desk.together(check, code, clock, network),
            )
        return found

    def estimate(self, decision_id: str, login: str) -> FirstEstimate:
        """Whether this login owes its own estimate before it sees the engine's."""
        return estimate_of(self._ledger, decision_id, login)

    def keep_estimate(self, decision_id: str, login: str, units: str) -> None:
        """Put this login's own estimate on record; UsageError for what is no quantity."""
        keep_estimate(self._ledger, decision_id, login, units)

    def decision(self, decision_id: str) -> dict[str, Any]:
        """A decision as it stands, with its brief; UsageError for an unknown id."""
        check = self._ledger.check(decision_id)
        if check is not None:
            return planting.shown(
                check,
                _standing(self._ledger.clock()),
                planting.taken_up(self._ledger, decision_id),
            )
        return dict(self._ledger.decision(decision_id).body)

    def decisions(
        self, state: str | None, item: str | None, since: datetime | None
    ) -> list[dict[str, Any]]:
        """Decisions as listed, ordered by time and id."""
        rows = self._ledger.decisions(state=state, item=item, since=since)
        return [{k: v for k, v in row.items() if k not in LISTED_WITHOUT} for row in rows]

    def verdict(
        self,
        decision_id: str,
        verdict: str,
        *,
        login: str,
        chip: str,
        note: str = "",
        option: str | None = None,
        version: int | None = None,
        confirm: bool = False,
        wish: Wish = NO_WISH,
        via: Mapping[str, str] | None = None,
        key: RequestKey | None = None,
    ) -> VerdictResult:
        """Take a verdict at the clock as it stands. UsageError for an unknown id, login, chip,
        option or verdict, and for a wish that does not go with the verdict. `via`: how the login
        was known. `key`: AnsweredBefore if it was answered before, KeyReused if that was another
        request.
        """
        body = self._checked(decision_id, verdict, login, option, wish)
        checked_reason(chip, note)
        wish.check_reason(chip)

        check = self._ledger.check(decision_id)
        if check is not None:
            return self._answer_check(
                check, verdict, login=login, option=option, version=version, key=key
            )

        def given(ledger: LedgerRecords) -> VerdictGiven:
            return self._given(
                ledger,
                decision_id,
                verdict,
                login=login,
                chip=chip,
                note=note,
                option=option,
                version=version,
                confirm=confirm,
                wish=wish,
                via=via,
            )

        def unanswered(write: LedgerWriter) -> None:
            known = None if key is None else write.first_answer(key.login, key.key)
            if key is not None and known is not None:
                key.same(known[0])
                raise AnsweredBefore(VerdictResult(**known[1]))

        def keep(write: LedgerWriter, taken: Taken) -> None:
            if key is not None and taken.result is not None:
                write.keep_answer(key.login, key.key, key.request_sha, taken.result.json())

        self.switch.notice_file()
        policy = self._policy(body)
        taken = transact(
            self._ledger, body["group"], given, policy, first=unanswered, answered=keep
        )
        result = taken.result
        assert result is not None, "a verdict always has a result"
        return result

    def _answer_check(
        self,
        check: CheckRow,
        verdict: str,
        *,
        login: str,
        option: str | None,
        version: int | None,
        key: RequestKey | None,
    ) -> VerdictResult:
        """An answer to a planted check, in a transaction that orders nothing."""
        with self._ledger.transaction() as write:
            known = None if key is None else write.first_answer(key.login, key.key)
            if key is not None and known is not None:
                key.same(known[0])
                raise AnsweredBefore(VerdictResult(**known[1]))
            result = self._check_answered(
                write, check, verdict, login=login, option=option, version=version
            )
            if key is not None:
                write.keep_answer(key.login, key.key, key.request_sha, result.json())
        open_due(self._ledger, self.switch)
        return result

    def _check_answered(
        self,
        write: LedgerWriter,
        check: CheckRow,
        verdict: str,
        *,
        login: str,
        option: str | None,
        version: int | None,
    ) -> VerdictResult:
        return planting.answer(
            write,
            check,
            self._policy(check.body).people,
            self._receiving(check.body),
            login=login,
            verdict=verdict,
            option=option,
            version=version,
            at=_standing(write.clock()),
        )

    def approve_together(
        self,
        cases: Sequence[tuple[str, int]],
        *,
        login: str,
        chip: str,
        note: str = "",
        via: Mapping[str, str] | None = None,
    ) -> Together:
        """Approve the recommended plans of several cases, each named with its version: all of them
        or none.

        UsageError as for a verdict, and where the cases are not alike enough for one answer.
        """
        bodies = self._alike([decision_id for decision_id, _ in cases], login)
        checked_reason(chip, note)
        self.switch.notice_file()

        def given(decision_id: str, version: int) -> Callable[[LedgerRecords], VerdictGiven]:
            return lambda ledger: self._given(
                ledger,
                decision_id,
                "approve",
                login=login,
                chip=chip,
                note=note,
                option=None,
                version=version,
                confirm=False,
                wish=NO_WISH,
                via=via,
            )

        checks = {c.decision_id: c for c in self._ledger.checks()}
        asked = [
            (body["group"], given(*case), self._policy(body))
            for case, body in zip(cases, bodies, strict=True)
            if case[0] not in checks
        ]

        def beside(write: LedgerWriter) -> list[VerdictResult]:
            return [
                self._check_answered(
                    write, checks[name], "approve", login=login, option=None, version=version
                )
                for name, version in cases
                if name in checks
            ]

        taken = take_all(self._ledger, asked, beside)
        place = [name for name, _ in cases]
        return Together(
            taken=taken.taken,
            results=tuple(sorted(taken.results, key=lambda r: place.index(r.decision_id))),
        )

    def approve_each(
        self,
        cases: Sequence[tuple[str, int]],
        *,
        login: str,
        chip: str,
        note: str = "",
        via: Mapping[str, str] | None = None,
        keys: Mapping[str, RequestKey] | None = None,
    ) -> tuple[VerdictResult, ...]:
        """Approve those of several cases that can be approved, each named with its version. `keys`:
        by decision; what was answered under its key before is not judged again.

        UsageError as for `approve_together`; KeyReused if a key came with another request.
        """
        known = keys or {}
        before = {d for d, k in known.items() if self._ledger.first_answer(k.login, k.key)}
        self._alike([decision_id for decision_id, _ in cases], login, before)
        results = []
        for decision_id, version in cases:
            key = known.get(decision_id)
            try:
                result = self.verdict(
                    decision_id,
                    "approve",
                    login=login,
                    chip=chip,
                    note=note,
                    version=version,
                    via=via if key is None else {**(via or {}), "key": key.key},
                    key=key,
                )
            except AnsweredBefore as answered:
                result = answered.first
            results.append(result)
        return tuple(results)

    def _alike(
        self, ids: Sequence[str], login: str, answered: Collection[str] = ()
    ) -> list[dict[str, Any]]:
        """The bodies of cases that one answer is enough for, leaving aside what was `answered`;
        UsageError where it is not.
        """
        if len(set(ids)) != len(ids) or not ids:
            raise UsageError("cases: name each case once, and at least one")
        bodies = [self._checked(d, "approve", login, None, NO_WISH) for d in ids]
        clock, network = _standing(self._ledger.clock()), self._policies.network
        opened = {
            row["decision_id"]: row
            for group in sorted({body["group"] for body in bodies})
            for row in (self._ledger.desk(group).body or {"decisions": []})["decisions"]
        } | {
            check.decision_id: check_desk.as_case(check)
            for check in self._ledger.checks()
            if planting.waits(check, clock)
        }
        asked = [body for body in bodies if body["decision_id"] not in answered]
        for body in asked:
            if body["decision_id"] not in opened:
                raise UsageError(
                    f"one answer is not enough: {body['decision_id']} is {body['state']} and needs "
                    "an answer of its own"
                )
        reason = apart([opened[body["decision_id"]] for body in asked], clock, network)
        if reason is not None:
            raise UsageError(f"one answer is not enough: {reason}")
        return bodies

    def open_case(self, decision_id: str, *, login: str) -> Mapping[str, Any] | None:
        """Somebody has a case before them; who has it now and since when (`by`, `at`), None where
        nobody has who may answer it. UsageError for an unknown id or login.
        """
        body = self.decision(decision_id)
        if self._policies.people.get(login) is None:
            raise UsageError(f"login {login!r} is not in planners.yaml")
        held: Mapping[str, Any] | None = body.get("opened")
        if body["state"] not in PENDING or (held is not None and held["by"] == login):
            return held
        clock = _standing(self._ledger.clock())
        check = self._ledger.check(decision_id)
        if check is not None:
            code = may_answer(
                self._policies.at_work(clock), login, check.recipient, self._receiving(body), 0
            )
            if code is None:
                with self._ledger.transaction() as write:
                    planting.take_up(write, decision_id, login, clock)
            return self.decision(decision_id).get("opened")
        given = CaseOpened(at=clock, decision_id=DecisionId(decision_id), login=login)
        transact(self._ledger, body["group"], given, self._policy(body))
        return self.decision(decision_id).get("opened")

    def what_if(
        self,
        decision_id: str,
        verdict: str,
        *,
        login: str,
        option: str | None = None,
        version: int | None = None,
        confirm: bool = False,
        wish: Wish = NO_WISH,
    ) -> Tried:
        """What this login's verdict would come to now; nothing is recorded. UsageError as for the
        verdict itself.
        """
        body = self._checked(decision_id, verdict, login, option, wish)
        check = self._ledger.check(decision_id)
        given = self._given(
            self._ledger,
            decision_id,
            verdict,
            login=login,
            chip=CHIPS[0],
            note="",
            option=option,
            version=version,
            confirm=confirm,
            wish=wish,
        )
        policy = self._policy(body)
        if check is not None:
            return check_desk.worked_out(self._ledger, check, given, policy)
        return tried(take(self._ledger, body["group"], given, policy), decision_id)

    def _checked(
        self, decision_id: str, verdict: str, login: str, option: str | None, wish: Wish
    ) -> dict[str, Any]:
        """The decision's body; UsageError for what no verdict can mean."""
        body = self.decision(decision_id)
        if verdict not in VERDICTS:
            raise UsageError(f"verdict {verdict!r} is not one of {', '.join(VERDICTS)}")
        wish.check(verdict)
        if self._policies.people.get(login) is None:
            raise UsageError(f"login {login!r} is not in planners.yaml")
        names = [o["name"] for o in body["options"]]
        if option is not None and option not in names:
            raise UsageError(f"option {option!r} is not one of {', '.join(names)}")
        return body

    def _given(
        self,
        ledger: LedgerRecords,
        decision_id: str,
        verdict: str,
        *,
        login: str,
        chip: str,
        note: str,
        option: str | None,
        version: int | None,
        confirm: bool,
        wish: Wish,
        via: Mapping[str, str] | None = None,
    ) -> VerdictGiven:
        """The verdict as the desk takes it, on the ledger as it stands."""
        check = ledger.check(decision_id)
        now = ledger.decision(decision_id).body if check is None else check.body
        return VerdictGiven(
            at=_standing(ledger.clock()),
            decision_id=DecisionId(decision_id),
            version=version,
            verdict=verdict,
            login=login,
            chip=chip,
            note=note,
            option=option,
            confirm=confirm,
            last_state=now["state"],
            last_version=now["version"],
            basis=basis_of(ledger, now["group"], decision_id)
            if verdict == "modify" or option not in (None, now["chosen"], "none")
            else None,
            spot_check=self._drawn(now),
            **wish.given(),
            via=via,
        )

    def _policy(self, body: Mapping[str, Any]) -> Policy:
        clock = _standing(self._ledger.clock())
        return self._policies.at(clock, body["versions"]["models"])

    def spot_checks(self) -> list[dict[str, Any]]:
        """Plans that ran by themselves and were drawn for a look afterwards, the oldest first."""
        return [
            body
            for state in ("executed", "failed", "cancelled")
            for body in self._ledger.decisions(state=state)
            if (body.get("spot_check") or {"found": True})["found"] is None
        ]

    def regions(self, body: Mapping[str, Any]) -> tuple[str, ...]:
        """The regions that a case touches: of the site in trouble, and of all that its plans send
        goods to or take goods from.
        """
        touched = [body["site"]]
        for option in body["options"]:
            for action in option["actions"]:
                touched.append(action["to"])
                if action["kind"] == "reallocate":
                    touched.append(action["from"])
        sites = self._policies.network.sites
        return tuple(sorted({sites[site].region for site in touched if site in sites}))

    def _drawn(self, body: Mapping[str, Any]) -> dict[str, Any] | None:
        """What the desk has to know of a plan that is to be looked at; None for any other."""
        drawn = body.get("spot_check")
        return None if drawn is None else {**drawn, "region": self._receiving(body)}

    def _receiving(self, body: Mapping[str, Any]) -> str | None:
        """The one region that all goods of the chosen plan go to; None for several."""
        sites = self._policies.network.sites
        option = next(o for o in body["options"] if o["name"] == body["chosen"])
        regions = {sites[a["to"]].region for a in option["actions"] if a["to"] in sites}
        return regions.pop() if len(regions) == 1 else None

    def status(self, mode: str) -> dict[str, Any]:
        """The state of everything, as `replan status` prints it."""
        clock = self._ledger.clock()
        counts = self._ledger.counts()
        names = ("accepted", "rejected", "duplicate", "late", "quarantined")
        return {
            "clock": None if clock is None else clock.isoformat().replace("+00:00", "Z"),
            "mode": mode,
            "stopped": self.switch.standing(),
            "authority": self._authority(clock),
            "events": {name: counts.get(name, 0) for name in names},
            "state_digest": self._ledger.control("state_digest"),
            "decisions_digest": self._ledger.decisions_digest(),
            "alarms": [alarm_json(alarm) for alarm in self._ledger.alarms()],
        }

    def _authority(self, clock: datetime | None) -> Mapping[str, Any]:
        if clock is None:
            return {"version": None, "hash": None, "in_force": False, "reason": "no clock yet"}
        table, absent = self._policies.authority_at(clock)
        return {
            "version": None if table is None else table.version,
            "hash": None if table is None else table.hash,
            "in_force": table is not None,
            "reason": absent,
        }


def _urgency(body: Mapping[str, Any], clock: datetime) -> float:
    """How urgent a case is at the clock."""
    deadline = body["deadline"]
    last = None if deadline is None else datetime.fromisoformat(deadline)
    return urgency(body["at_risk_minor"], last, clock)


def checked_reason(chip: str, note: str) -> None:
    """UsageError for a reason that there is not, and for `other` without words."""
    if chip not in CHIPS:
        raise UsageError(f"reason {chip!r} is not one of {', '.join(CHIPS)}")
    if chip == "other" and not note.strip():
        raise UsageError("reason other needs a note that says what it is")


def _standing(clock: datetime | None) -> datetime:
    assert clock is not None, "a decision was made, so the clock stands somewhere"
    return clock
