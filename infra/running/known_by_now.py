"""What does a ledger know that judges an event: master data stated since the files, usual sales?"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from replan.delegation import Grant, grants_from_text
from replan.errors import NotSo
from replan.infra.ledger.standing import GRANTS, NETWORK
from replan.infra.ledger.store import Ledger
from replan.infra.rules import open_ledger, sense_rules
from replan.infra.workspace.folder import Workspace
from replan.network import Network, network_of
from replan.panel import Panel, typical_daily
from replan.state import empty_state
from replan.state_record import state_from_bytes
from replan.units import ItemId, SiteId

if TYPE_CHECKING:
    from replan.streams.intake import TypicalDaily

_SQLITE = "sqlite:///"


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownByNow:
    """The network as it holds now; mean daily sale of a series, None where there is no ledger."""

    network: Network
    typical_daily: "TypicalDaily | None"


def known_by_now(workspace: Workspace) -> KnownByNow:
    """What the newest kept state of a workspace's ledger knows; no ledger is made."""
    url = workspace.settings.ledger.url
    if url.startswith(_SQLITE) and not (workspace.root / url.removeprefix(_SQLITE)).exists():
        return KnownByNow(network=workspace.network, typical_daily=None)
    ledger = open_ledger(workspace)
    try:
        usual = _usual(workspace, ledger)
        return KnownByNow(network=stated_network(ledger) or workspace.network, typical_daily=usual)
    finally:
        ledger.close()


def stated_network(ledger: Ledger) -> Network | None:
    """The network where more was stated than the files say; None where nothing was."""
    stated = ledger.control(NETWORK)
    record = None if stated is None else ledger.artefact(stated.removeprefix("sha256:"))
    return None if record is None else network_of(record)


def stated_grants(ledger: Ledger) -> tuple[Grant, ...]:
    """What was stated of logins."""
    return grants_from_text(ledger.control(GRANTS))


def _usual(workspace: Workspace, ledger: Ledger) -> "TypicalDaily | None":
    snapshot = ledger.latest_snapshot()
    if snapshot is None:
        return None
    empty = empty_state(workspace.network, sense_rules(workspace.settings))
    try:
        state, _ = state_from_bytes(empty, snapshot.body, None)
    except NotSo:
        # Other series are stocked by now: what was usual is not known any more.
        return None
    return lambda item, site: _typical(state.panel, item, site)


def _typical(panel: Panel, item: ItemId, site: SiteId) -> float | None:
    row = panel.row_of.get((item, site))
    return None if row is None else typical_daily(panel, row)
