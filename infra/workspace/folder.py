"""Where does a team keep its files, are they right, and how does a new workspace begin?

A workspace is a folder of plain files. Opening one never raises for what stands in a file: every
mistake is a finding, and `stopping` says which of them forbid a run. A bad table or network row
never does; it narrows what may happen.
"""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from sqlalchemy.engine import make_url

from replan.authority import KnownNames
from replan.errors import UsageError
from replan.findings import Finding, in_file_order
from replan.infra.workspace.authority_file import AUTHORITY_FILE, LoadedAuthority, load_authority
from replan.infra.workspace.network_files import LoadedNetwork, load_network
from replan.infra.workspace.people_file import (
    PLANNERS_FILE,
    RISK_FILE,
    RiskRecord,
    read_people,
    read_risk_record,
)
from replan.infra.workspace.safe_read import read_config
from replan.infra.workspace.secret_values import known_secrets
from replan.infra.workspace.settings import SETTINGS_FILE, RunMode, Settings, read_settings
from replan.infra.workspace.signatures import (
    RISK,
    SIGNATURE,
    TABLE,
    by_whom,
    keys_of,
    risk_hash,
    signatures_of,
)
from replan.network import Network
from replan.people import ROLE_PREFIX, People

DEFAULTS = Path(__file__).parent.parent / "defaults"

_JUDGED = ("unsigned", "signature")
"""Rules that are judged again for the mode and clock of a run."""

_FILE_MODE = 0o644
_FOLDER_MODE = 0o755


@dataclass(frozen=True, slots=True, kw_only=True)
class Workspace:
    """An opened workspace. With an error in replan.toml `settings` are the defaults, with one in
    planners.yaml `people` is empty; neither may run, see `stopping`."""

    root: Path
    settings: Settings
    network: Network
    people: People
    risk: RiskRecord | None
    authority: LoadedAuthority
    findings: tuple[Finding, ...]
    known: KnownNames
    risk_unsigned: str | None = None

    def why_no_risk(self, now: datetime) -> str | None:
        """Why the risk record carries nothing at an instant; None: it does."""
        if self.risk is None:
            return "there is none, or it cannot be read"
        return self.risk_unsigned or self.risk.why_invalid(self.people, now, self.settings.zone)

    @property
    def events(self) -> Path:
        """Folder of the event files."""
        return self.root / "events"

    @property
    def out(self) -> Path:
        """Folder of the out-topics of the file source."""
        return self.root / "out"

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must not stand in a log."""
        password = make_url(self.settings.ledger.url).password
        return (*known_secrets(), *(() if password is None else (str(password),)))

    def stopping(self, mode: RunMode, now: datetime | None = None) -> tuple[Finding, ...]:
        """The findings that forbid a run in that mode at that clock (None: no clock yet).

        Errors in replan.toml and planners.yaml always do; in live mode also a risk record that
        is missing, wrong, unsigned or expired.
        """
        always = (SETTINGS_FILE, PLANNERS_FILE)
        wrong = [f for f in self.findings if f.severity == "error" and f.file in always]
        if mode == "live":
            risk = [f for f in self.findings if f.file == RISK_FILE and f.rule not in _JUDGED]
            wrong += [replace(finding, severity="error") for finding in risk]
            wrong += _risk_findings(
                self.risk, self.people, self.settings, now, "live", self.risk_unsigned
            )
        return tuple(wrong)

    def reload_authority(self) -> LoadedAuthority:
        """The decision table as the file is now; it may be replaced between runs and while one
        goes on."""
        return _authority(self.root, self.settings, self.known)


def open_workspace(root: Path) -> Workspace:
    """Reads everything there is; UsageError only if there is no such folder."""
    if not root.is_dir():
        raise UsageError(f"{root} is not a folder; replan init {root} makes a workspace")
    settings, findings = _settings(root)
    loaded = load_network(root)
    people, people_findings = read_people(root, loaded.regions)
    risk, risk_findings = read_risk_record(root)
    known = _known(loaded, people, people_findings)
    authority = _authority(root, settings, known)
    findings += tuple(_unknown_recipients(settings, known))
    live = settings.mode == "live"
    findings += loaded.findings + people_findings + authority.findings
    findings += tuple(f if live else replace(f, severity="warning") for f in risk_findings)
    unsigned = _risk_unsigned(root, settings, risk)
    findings += tuple(_risk_findings(risk, people, settings, None, settings.mode, unsigned))
    return Workspace(
        root=root,
        settings=settings,
        network=loaded.network,
        people=people,
        risk=risk,
        authority=authority,
        findings=in_file_order(findings),
        known=known,
        risk_unsigned=unsigned,
    )


def check_workspace(root: Path) -> list[Finding]:
    """Everything wrong or open in a workspace, by file and line."""
    return list(open_workspace(root).findings)


def init_workspace(root: Path, template: str = "grocery", *, defaults: Path = DEFAULTS) -> None:
    """Writes a new workspace from a template; UsageError for an unknown template or a folder
    that is not empty."""
    source = defaults / template
    if template not in _templates(defaults):
        there = ", ".join(_templates(defaults)) or "none"
        raise UsageError(f"there is no template {template!r}; there are: {there}")
    if root.exists() and (not root.is_dir() or any(root.iterdir())):
        raise UsageError(f"{root} is not empty; a workspace is made in a new or empty folder")
    shutil.copytree(
        source,
        root,
        dirs_exist_ok=True,
        copy_function=shutil.copyfile,
        ignore=shutil.ignore_patterns("__pycache__", "*.pyc", "*.py"),
    )
    # Whatever the umask and the installed files say, strangers must not write who may do what.
    root.chmod(_FOLDER_MODE)
    for folder in (root / "network", root / "events"):
        folder.mkdir(exist_ok=True)
    for path in sorted(root.rglob("*")):
        path.chmod(_FOLDER_MODE if path.is_dir() else _FILE_MODE)


def _templates(defaults: Path) -> list[str]:
    return sorted(path.parent.name for path in defaults.glob(f"*/{SETTINGS_FILE}"))


def _settings(root: Path) -> tuple[Settings, tuple[Finding, ...]]:
    content = read_config(root, SETTINGS_FILE)
    if isinstance(content, Finding):
        return Settings(), (content,)
    return read_settings(content)


def _known(loaded: LoadedNetwork, people: People, wrong: tuple[Finding, ...]) -> KnownNames:
    no_people = any(finding.severity == "error" for finding in wrong)
    return KnownNames(
        regions=loaded.regions,
        classes=loaded.classes,
        roles=None if no_people else people.active_roles,
    )


def _unknown_recipients(settings: Settings, known: KnownNames) -> Iterator[Finding]:
    """Ways that name a role which no active planner has: nobody would be told."""
    for recipient in settings.notify.roles:
        if known.roles is not None and recipient.removeprefix(ROLE_PREFIX) not in known.roles:
            yield Finding(
                severity="error",
                file=SETTINGS_FILE,
                line=None,
                value=recipient,
                rule="unknown_name",
                message=f"{SETTINGS_FILE}: notify names {recipient}, which no active planner has",
            )


def _authority(root: Path, settings: Settings, known: KnownNames) -> LoadedAuthority:
    loaded = load_authority(
        root,
        known,
        currency=settings.currency,
        policy_zone=settings.timezone,
        file=AUTHORITY_FILE,
    )
    if not settings.security.require_signatures:
        return loaded
    keys = keys_of(root, settings.security.keys)
    if isinstance(keys, str):
        return _unsigned_table(loaded, _unverified(AUTHORITY_FILE, keys))
    there = signatures_of(root, AUTHORITY_FILE)
    signed: dict[str, str] = {}
    for table in loaded.tables:
        found = by_whom(TABLE, table.hash, table.approver, there, keys)
        if found is None:
            why = f"version {table.version} is not signed by its approver {table.approver}"
            return _unsigned_table(loaded, _unverified(AUTHORITY_FILE, why, table.line))
        signed[table.hash] = found.line
    return replace(loaded, signed=signed)


def _unsigned_table(loaded: LoadedAuthority, wrong: Finding) -> LoadedAuthority:
    """The whole file is refused for one table that nobody answers for; what is wrong with it else
    is said first.
    """
    if not loaded.tables:
        return loaded
    text = f"{AUTHORITY_FILE} is refused: {wrong.message}"
    return LoadedAuthority(
        tables=(),
        findings=(*loaded.findings, wrong),
        reason=text,
        content_hash=loaded.content_hash,
    )


def _risk_unsigned(root: Path, settings: Settings, risk: RiskRecord | None) -> str | None:
    """Why a risk record that must be signed is not; None: nothing is missing."""
    if not settings.security.require_signatures or risk is None or risk.signed_by is None:
        return None
    keys = keys_of(root, settings.security.keys)
    if isinstance(keys, str):
        return keys
    login = str(risk.signed_by)
    found = by_whom(RISK, risk_hash(risk), login, signatures_of(root, RISK_FILE), keys)
    return None if found is not None else f"{RISK_FILE}{SIGNATURE} holds no signature of {login}"


def _risk_findings(
    risk: RiskRecord | None,
    people: People,
    settings: Settings,
    now: datetime | None,
    mode: RunMode,
    unsigned: str | None,
) -> Iterator[Finding]:
    """Why the risk record does not carry live mode: an error there, elsewhere a warning."""
    if unsigned is not None:
        yield replace(
            _unverified(RISK_FILE, unsigned), severity="error" if mode == "live" else "warning"
        )
        return
    why = None if risk is None else risk.why_invalid(people, now, settings.zone)
    if why is not None:
        yield Finding(
            severity="error" if mode == "live" else "warning",
            file=RISK_FILE,
            line=None,
            value=None,
            rule="unsigned",
            message=f"{RISK_FILE} does not allow live mode: {why}",
        )


def _unverified(file: str, why: str, line: int | None = None) -> Finding:
    """With signatures required and none that can be verified, nothing is taken as signed."""
    return Finding(
        severity="error",
        file=file,
        line=line,
        value="require_signatures = true",
        rule="signature",
        message=f"{file} has no signature that can be verified, and one is required: {why}",
    )
