"""What do planners see, whatever the way in? The queue, decisions, whose each is, status."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from replan.alarms import alarm_json
from replan.desk_state import PENDING, WAITING_ASIDE, Policy
from replan.infra.desk.policy import PolicySource
from replan.infra.desk.stop_switch import StopSwitch
from replan.infra.ledger.store import Ledger
from replan.infra.planners import check_desk, planting
from replan.infra.planners.answerable import Answerable, standings
from replan.infra.planners.first_estimate import FirstEstimate, estimate_of
from replan.people import People, may_answer
from replan.urgency import urgency

LISTED_WITHOUT = ("brief", "versions")
"""Members of a decision that lists leave out."""


class Looking:
    """The open cases of a workspace, as planners see them."""

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

    def standings(self, login: str) -> dict[str, Answerable]:
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
            found[check.decision_id] = Answerable(
                code=code,
                region=region,
                together=check_desk.together(check, code, clock, network),
            )
        return found

    def estimate(self, decision_id: str, login: str) -> FirstEstimate:
        """Whether this login owes its own estimate before it sees the engine's."""
        return estimate_of(self._ledger, decision_id, login)

    def decision(self, decision_id: str) -> dict[str, Any]:
        """A decision as it stands, with its brief; UsageError for an unknown id."""
        check = self._ledger.check(decision_id)
        if check is not None:
            return planting.shown(
                check,
                standing_clock(self._ledger.clock()),
                planting.taken_up(self._ledger, decision_id),
            )
        return dict(self._ledger.decision(decision_id).body)

    def decisions(
        self, state: str | None, item: str | None, since: datetime | None
    ) -> list[dict[str, Any]]:
        """Decisions as listed, ordered by time and id."""
        rows = self._ledger.decisions(state=state, item=item, since=since)
        return [{k: v for k, v in row.items() if k not in LISTED_WITHOUT} for row in rows]

    def _policy(self, body: Mapping[str, Any]) -> Policy:
        clock = standing_clock(self._ledger.clock())
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


def standing_clock(clock: datetime | None) -> datetime:
    """The clock of a ledger in which something was decided."""
    assert clock is not None, "a decision was made, so the clock stands somewhere"
    return clock
