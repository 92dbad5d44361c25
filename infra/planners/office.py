"""What can planners say, whatever the way in? Verdicts, several at once, what one would come to.

The command line, the pages and the API ask here, so the same rules hold for each.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from replan.desk_state import PENDING, CaseOpened, VerdictGiven
from replan.errors import UsageError
from replan.infra.desk.incidents_due import open_due
from replan.infra.desk.room import Taken, take, transact
from replan.infra.ledger.checks import CheckRow
from replan.infra.ledger.records import LedgerRecords
from replan.infra.ledger.writer import LedgerWriter
from replan.infra.planners import check_desk, planting
from replan.infra.planners.first_estimate import keep_estimate
from replan.infra.planners.latest_look import basis_of
from replan.infra.planners.looking import Looking, standing_clock
from replan.infra.planners.one_answer import Together, take_all
from replan.infra.planners.request_key import AnsweredBefore, RequestKey
from replan.infra.planners.what_if import Tried, tried
from replan.infra.planners.wishes import NO_WISH, Wish
from replan.people import may_answer
from replan.together import apart
from replan.units import DecisionId
from replan.verdicts import CHIPS, VERDICTS, VerdictResult


class Office(Looking):
    """The open cases of a workspace and what may be done about them."""

    def keep_estimate(self, decision_id: str, login: str, units: str) -> None:
        """Put this login's own estimate on record; UsageError for what is no quantity."""
        keep_estimate(self._ledger, decision_id, login, units)

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
            at=standing_clock(write.clock()),
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
        clock, network = standing_clock(self._ledger.clock()), self._policies.network
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
        clock = standing_clock(self._ledger.clock())
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
            at=standing_clock(ledger.clock()),
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

    def _drawn(self, body: Mapping[str, Any]) -> dict[str, Any] | None:
        """What the desk has to know of a plan that is to be looked at; None for any other."""
        drawn = body.get("spot_check")
        return None if drawn is None else {**drawn, "region": self._receiving(body)}


def checked_reason(chip: str, note: str) -> None:
    """UsageError for a reason that there is not, and for `other` without words."""
    if chip not in CHIPS:
        raise UsageError(f"reason {chip!r} is not one of {', '.join(CHIPS)}")
    if chip == "other" and not note.strip():
        raise UsageError("reason other needs a note that says what it is")
