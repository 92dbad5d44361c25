"""What does an office stand on in a test? A ledger with a tick in it, and the policy of then."""

from typing import Any

from replan.authority import AuthorityTable
from replan.desk_state import TickDue
from replan.effects import Proposal
from replan.infra.desk.policy import PolicySource
from replan.infra.desk.room import transact
from replan.infra.ledger.rows import ProposalRow
from replan.infra.ledger.store import Ledger
from replan.records import proposal_json
from replan.solver.joint import JointPlanner
from tests.authority_worlds import table
from tests.desk_cases import NOW, PEOPLE, network, rule

ASKING = table(rule("ASK", "ESCALATE"))


def source(rules: AuthorityTable | None = ASKING, **changes: Any) -> PolicySource:
    given: dict[str, Any] = {
        "authority_at": lambda now: (rules, None if rules is not None else "no_table"),
        "people": PEOPLE,
        "network": network(),
        "mode": "live",
        "change_cost_minor": 500,
        "currency": "EUR",
        "chooser": JointPlanner(),
        "settings_sha": "sha256:" + "3" * 64,
    }
    return PolicySource(**(given | changes))


def tick(ledger: Ledger, policies: PolicySource, *cases: Proposal) -> None:
    """A planning tick with these cases, as the engine stores it."""
    with ledger.transaction() as write:
        write.set_clock(NOW)
        rows = [ProposalRow(group="all", item=p.item, n=1, body=proposal_json(p)) for p in cases]
        write.add_proposals(NOW, rows)
    due = TickDue(at=NOW, proposals=cases, reassessed=(), cleared=())
    transact(ledger, "all", due, policies.at(NOW, "sha256:" + "2" * 64))
