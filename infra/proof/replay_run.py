"""How is a ledger replayed? Reads back what each desk transaction was given and tells it again."""

from collections.abc import Iterator

from replan.errors import UsageError
from replan.infra.desk.policy import kept_policy
from replan.infra.ledger.store import Ledger
from replan.planning import JointChooser, Planner
from replan.records import desk_input_from_json, move_from_json
from replan.replay import Compared, Given, retell


def replay(
    ledger: Ledger,
    groups: list[str],
    planner: Planner,
    chooser: JointChooser,
    decision_id: str | None = None,
) -> Iterator[Compared]:
    """Each decision decided again, or one of them; UsageError for an unknown id."""
    recorded: dict[str, dict[tuple[str, int], dict[str, object]]] = {g: {} for g in groups}
    for key in ledger.decision_versions():
        row, _ = ledger.decision_made(*key)
        # A group that the network no longer has still has its decisions.
        recorded.setdefault(row.group, {})[key] = dict(row.body)
    groups = sorted(recorded)
    if decision_id is not None:
        homes = [g for g in groups if any(d == decision_id for d, _ in recorded[g])]
        if not homes:
            raise UsageError(f"decision {decision_id!r}: there is none of that id")
        groups = homes
    for group in groups:
        told = retell(group, _given(ledger, group, chooser), recorded[group], planner)
        for compared in told:
            if decision_id in (None, compared.decision_id):
                yield compared


def _given(ledger: Ledger, group: str, chooser: JointChooser) -> Iterator[Given]:
    policies = {}
    for row in ledger.desk_log(group):
        named = row.input["policy"]
        key = str(sorted(named.items(), key=str))
        if key not in policies:
            policies[key] = kept_policy(ledger, named, chooser)
        kept = {p.item: p.body for p in ledger.proposals_for(row.at, group)}
        given = desk_input_from_json(row.input["given"], kept if row.kind == "tick" else {})
        moves = tuple(move_from_json(m) for m in row.input["moves"])
        yield Given(given=given, policy=policies[key], moves=moves)
