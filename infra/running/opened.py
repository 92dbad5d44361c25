"""How is a workspace opened beside whatever run goes on? With its ledger, at the clock of the
newest run: for the office, the boundary, incidents.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from replan.errors import ReplanError, UsageError
from replan.infra.boundary.incident_desk import IncidentDesk
from replan.infra.boundary.moves import Boundary
from replan.infra.desk.incidents_due import open_due
from replan.infra.ledger.standing import MODE
from replan.infra.ledger.store import Ledger
from replan.infra.planners.office import Office
from replan.infra.rules import open_ledger, policy_source, refuse_to_run
from replan.infra.running.known_by_now import stated_grants, stated_network
from replan.infra.workspace.folder import Workspace, open_workspace
from replan.infra.workspace.people_file import PLANNERS_FILE
from replan.infra.workspace.settings import SETTINGS_FILE, Source
from replan.promotion import Gate

SOURCE = "run_source"
"""Under this key the ledger keeps where the newest run took its events from: so goes the clock."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenDesk:
    """A workspace with its ledger and office."""

    workspace: Workspace
    ledger: Ledger
    office: Office
    mode: str

    def needs_people(self) -> None:
        """NotSo where planners.yaml is wrong: nobody can be known by a login then."""
        wrong = [f for f in self.workspace.findings if f.file == PLANNERS_FILE]
        refuse_to_run([f for f in wrong if f.severity == "error"])


@contextmanager
def opened_office(root: Path) -> Iterator[OpenDesk]:
    """The office of a workspace, beside whatever run goes on. UsageError where there is no
    workspace.
    """
    workspace = open_workspace(root)
    if not (root / SETTINGS_FILE).is_file():
        raise UsageError(f"{root} holds no {SETTINGS_FILE}, so it is no workspace; see replan init")
    ledger = open_ledger(workspace)
    source = ledger.control(SOURCE)
    if source is not None and source != workspace.settings.source.kind:
        # The clock is that of the newest run.
        ledger.close()
        workspace = reading_from(workspace, source)
        ledger = open_ledger(workspace)
    try:
        mode = str(ledger.control(MODE) or workspace.settings.mode)
        policies = policy_source(workspace, mode)
        policies.know(stated_network(ledger) or workspace.network, stated_grants(ledger))
        office = Office(ledger, policies)
        with suppress(ReplanError):
            open_due(ledger, office.switch)
        yield OpenDesk(workspace=workspace, ledger=ledger, office=office, mode=mode)
    finally:
        ledger.close()


@contextmanager
def opened_boundary(root: Path) -> Iterator[Boundary]:
    """What moves categories, regions and models of a workspace on the ladder."""
    with opened_office(root) as desk:
        desk.needs_people()
        asked = desk.workspace.settings.promotion
        gate = Gate(cases=asked.min_cases, days=asked.min_days, agreement=asked.agreement)
        policies = policy_source(desk.workspace, desk.mode)
        policies.know(
            stated_network(desk.ledger) or desk.workspace.network, stated_grants(desk.ledger)
        )
        yield Boundary(
            ledger=desk.ledger, policies=policies, gate=gate, risk=desk.workspace.why_no_risk
        )


@contextmanager
def opened_incidents(root: Path) -> Iterator[IncidentDesk]:
    """Where incidents of a workspace are opened and closed."""
    with opened_office(root) as desk:
        desk.needs_people()
        yield IncidentDesk(desk.ledger, desk.office.switch, desk.workspace.people)


def reading_from(workspace: Workspace, kind: str) -> Workspace:
    """The workspace with another source of events than its settings say. UsageError for one that
    there is not.
    """
    if kind not in ("file", "kafka"):
        raise UsageError(f"source {kind!r} is not one of file, kafka")
    settings = workspace.settings.model_copy(
        update={"source": Source.model_validate({"kind": kind})}
    )
    return replace(workspace, settings=settings)
