"""How does somebody sign a table or a risk record? By a signature in a file beside it."""

from pathlib import Path

from replan.errors import NotSo, UsageError
from replan.findings import finding_text, has_errors
from replan.infra.workspace.authority_file import load_authority
from replan.infra.workspace.folder import open_workspace
from replan.infra.workspace.keys import SigningKey, make_signing_key, read_signing_key
from replan.infra.workspace.people_file import RISK_FILE
from replan.infra.workspace.signatures import (
    RISK,
    SIGNATURE,
    TABLE,
    add_signature,
    risk_hash,
    sign,
)


def new_key(file: Path) -> SigningKey:
    """A new private key in a new file."""
    return make_signing_key(file)


def sign_tables(root: Path, file: Path, login: str, key_file: Path) -> list[str]:
    """Sign every version of a file that this login approved; their hashes. NotSo where the file is
    refused or names another approver throughout.
    """
    workspace, key = open_workspace(root), read_signing_key(key_file)
    if not file.is_file():
        raise UsageError(f"{file}: there is no such table")
    loaded = load_authority(
        file.resolve().parent,
        workspace.known,
        currency=workspace.settings.currency,
        policy_zone=workspace.settings.timezone,
        file=file.name,
    )
    if has_errors(loaded.findings) or not loaded.tables:
        wrong = [finding_text(f) for f in loaded.findings if f.severity == "error"]
        raise NotSo("\n".join(wrong) or str(loaded.reason))
    mine = [table for table in loaded.tables if table.approver == login]
    if not mine:
        raise NotSo(f"{file} holds no version that {login} is the approver of")
    for table in mine:
        add_signature(file, sign(key, TABLE, table.hash, login))
    return [table.hash for table in mine]


def sign_risk_record(root: Path, login: str, key_file: Path) -> str:
    """Sign the risk record of a workspace; its hash. NotSo where it cannot be read or somebody else
    is said to sign it.
    """
    workspace, key = open_workspace(root), read_signing_key(key_file)
    risk = workspace.risk
    if risk is None:
        raise NotSo(f"{RISK_FILE}: there is none, or it cannot be read")
    if risk.signed_by != login:
        raise NotSo(f"{RISK_FILE} says signed_by {risk.signed_by}, not {login}")
    content = risk_hash(risk)
    add_signature(root / RISK_FILE, sign(key, RISK, content, login))
    return content


def signature_file(file: Path) -> Path:
    """Where the signatures of a file lie."""
    return file.with_name(file.name + SIGNATURE)
