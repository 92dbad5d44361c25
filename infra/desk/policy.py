"""Under which rules does the desk decide now? The table in force, people, mode and network, as one
value.

What a policy is made of is kept in the ledger by content (artefacts), and every desk transaction
names it, so that a replay decides under the very same rules.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, tzinfo
from functools import lru_cache
from pathlib import Path
from typing import Any

from replan import __version__
from replan.authority import table_from_json, table_json
from replan.authority_table import AuthorityTable
from replan.canonical import canonical_bytes, sha256_hex
from replan.delegation import Grant, people_on
from replan.desk_state import Policy
from replan.errors import LedgerBroken
from replan.infra.ledger.records import LedgerRecords
from replan.infra.ledger.writer import LedgerWriter
from replan.ladder import move_from_json, move_json
from replan.network import Network, network_of
from replan.people import People, Planner
from replan.planning import JointChooser
from replan.stops import stop_from_json, stop_json
from replan.throttle import ALERTS_PER_DAY, told_from_json, told_json


@dataclass(slots=True, kw_only=True)
class PolicySource:
    """Makes the policy of a moment; what does not change during a run is given once. The network
    follows the master data that are stated meanwhile.
    """

    authority_at: Callable[[datetime], tuple[AuthorityTable | None, str | None]]
    people: People
    network: Network
    mode: str
    change_cost_minor: int
    currency: str
    chooser: JointChooser
    settings_sha: str
    stop_file: Path | None = None
    """Where a file stops everything by standing there."""
    alerts_per_day: int = ALERTS_PER_DAY
    zone: tzinfo = UTC
    """Where a day begins for what people may do."""
    grants: tuple[Grant, ...] = ()
    signature_of: Callable[[str], str | None] = lambda _: None
    """How the table of a hash was signed, where it must be."""

    def know(self, network: Network, grants: tuple[Grant, ...] = ()) -> None:
        """From here on the network is this one, and this was stated of people."""
        self.network, self.grants = network, grants

    def at_work(self, now: datetime) -> People:
        """The people, with what was stated of them for that day."""
        return people_on(self.people, self.grants, now.astimezone(self.zone).date())

    def at(self, now: datetime, fit_sha: str) -> Policy:
        """The policy in force at an instant, naming every version that shapes a decision."""
        table, absent = self.authority_at(now)
        signed = None if table is None else self.signature_of(table.hash)
        return Policy(
            table=table,
            absent="table_expired" if absent == "table_expired" else "no_table",
            people=self.at_work(now),
            mode=self.mode,
            network=self.network,
            change_cost_minor=self.change_cost_minor,
            alerts_per_day=self.alerts_per_day,
            currency=self.currency,
            versions={
                "code": __version__,
                "network": self.network.version,
                "authority": table.hash if table is not None else "none",
                "models": fit_sha,
                "settings": self.settings_sha,
                **({} if signed is None else {"signature": signed}),
            },
            chooser=self.chooser,
        )


def keep_policy(write: LedgerWriter, policy: Policy) -> dict[str, Any]:
    """Keep what a policy is made of by content, once, and name it."""
    table = policy.table
    people, people_sha = _people_record(policy.people)
    named: dict[str, Any] = {
        "authority": None,
        "absent": policy.absent,
        "people": people_sha,
        "network": policy.network.version.removeprefix("sha256:"),
        "mode": policy.mode,
        "change_cost_minor": policy.change_cost_minor,
        "alerts_per_day": policy.alerts_per_day,
        "currency": policy.currency,
        "versions": dict(policy.versions),
        "stops": [stop_json(stop) for stop in policy.stops],
        **({"told": [told_json(told) for told in policy.told]} if policy.told else {}),
        "ladder": [move_json(move) for move in policy.moved],
    }
    if table is not None:
        named["authority"] = table.hash.removeprefix("sha256:")
    kept = write.artefacts_among([named["people"], named["network"], named["authority"] or ""])
    if table is not None and named["authority"] not in kept:
        write.add_artefact("authority", canonical_bytes(table_json(table)))
    if named["people"] not in kept:
        write.add_artefact("people", people)
    if named["network"] not in kept:
        write.add_artefact("network", policy.network.record)
    return named


@lru_cache(maxsize=4)
def _people_record(people: People) -> tuple[bytes, str]:
    """Canonical bytes and hex SHA-256; the same people decide at most ticks of a run."""
    record = canonical_bytes(asdict(people))
    return record, sha256_hex(record)


def kept_policy(ledger: LedgerRecords, named: Mapping[str, Any], chooser: JointChooser) -> Policy:
    """The policy that `keep_policy` named; LedgerBroken if a part of it is gone."""

    def part(sha: str) -> bytes:
        body = ledger.artefact(sha)
        if body is None:
            raise LedgerBroken(f"artefact {sha} is not in the ledger")
        return body

    table = (
        None
        if named["authority"] is None
        else table_from_json(json.loads(part(named["authority"])))
    )
    people = People(
        planners=tuple(
            Planner(**{**row, "roles": tuple(row["roles"]), "regions": tuple(row["regions"])})
            for row in json.loads(part(named["people"]))["planners"]
        )
    )
    return Policy(
        table=table,
        absent=named["absent"],
        people=people,
        mode=named["mode"],
        network=network_of(part(named["network"])),
        change_cost_minor=named["change_cost_minor"],
        alerts_per_day=named["alerts_per_day"],
        currency=named["currency"],
        versions=named["versions"],
        chooser=chooser,
        # What was written down before there were stops knows of none.
        stops=tuple(stop_from_json(stop) for stop in named.get("stops", ())),
        told=tuple(told_from_json(told) for told in named.get("told", ())),
        moved=tuple(move_from_json(move) for move in named.get("ladder", ())),
    )
