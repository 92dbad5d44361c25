"""B3, P4, C9: does what must be signed hold only under the name of who answers for it?"""

import base64
from datetime import UTC, datetime
from pathlib import Path

import pytest

from replan.errors import NotSo, UsageError
from replan.infra.proof.evidence_check import is_signed as is_signed_offline
from replan.infra.rules import AuthorityOnDisk, policy_source
from replan.infra.running.signed import new_key, sign_risk_record, sign_tables
from replan.infra.workspace.folder import Workspace, open_workspace
from replan.infra.workspace.keys import is_signed
from tests.workspaces import write_workspace

NOW = datetime(2026, 6, 1, tzinfo=UTC)
STRICT = "[security]\nrequire_signatures = true\n"


def shop(root: Path, *signs: str, **changed: str) -> Path:
    """A workspace in which the table's approver and the risk record's signer have keys, and those
    named have signed."""
    write_workspace(root, replan_toml=STRICT, **changed)
    approver = open_workspace_approver(root)
    keys = {login: new_key(root / f"{login}.pem") for login in sorted({approver, "pia"})}
    rows = [f'- {{login: {login}, public: "{key.public}"}}' for login, key in keys.items()]
    (root / "keys.yaml").write_text("keys:\n" + "\n".join(rows) + "\n")
    (root / "keys.yaml").chmod(0o600)
    if "table" in signs:
        sign_tables(root, root / "authority.yaml", approver, root / f"{approver}.pem")
    if "risk" in signs:
        sign_risk_record(root, "pia", root / "pia.pem")
    return root


def open_workspace_approver(root: Path) -> str:
    [line] = [
        row for row in (root / "authority.yaml").read_text().splitlines() if "approver:" in row
    ]
    return line.partition("approver:")[2].split("#")[0].strip()


def standing(workspace: Workspace) -> str | None:
    return workspace.authority.in_force(NOW).code


def test_a_table_that_its_approver_signed_is_in_force(tmp_path: Path) -> None:
    workspace = open_workspace(shop(tmp_path, "table", "risk"))
    assert standing(workspace) is None
    assert workspace.stopping("live", NOW) == ()


def test_p4_an_unsigned_table_escalates_everything(tmp_path: Path) -> None:
    workspace = open_workspace(shop(tmp_path, "risk"))
    assert standing(workspace) == "no_table"
    assert "is not signed by its approver" in str(workspace.authority.reason)


def test_an_unsigned_risk_record_allows_no_live_mode(tmp_path: Path) -> None:
    workspace = open_workspace(shop(tmp_path, "table"))
    assert [f.rule for f in workspace.stopping("live", NOW)] == ["signature"]
    assert workspace.why_no_risk(NOW) is not None
    assert workspace.stopping("shadow", NOW) == ()


def test_one_limit_raised_after_signing_is_refused_and_another_layout_is_not(
    tmp_path: Path,
) -> None:
    root = shop(tmp_path, "table", "risk")
    file = root / "authority.yaml"
    text = file.read_text()
    file.write_text("# looked through again\n" + text)
    assert standing(open_workspace(root)) is None
    file.write_text(text.replace("[0,8000]", "[0,9000]"))
    assert standing(open_workspace(root)) == "no_table"


def test_a_change_of_the_risk_record_takes_its_signature_away(tmp_path: Path) -> None:
    root = shop(tmp_path, "table", "risk")
    file = root / "risk_record.yaml"
    file.write_text(file.read_text().replace("2027-01-10", "2029-01-10"))
    assert [f.rule for f in open_workspace(root).stopping("live", NOW)] == ["signature"]


def test_a_key_that_is_not_the_approvers_signs_nothing(tmp_path: Path) -> None:
    root = shop(tmp_path, "risk")
    new_key(root / "thief.pem")
    approver = open_workspace_approver(root)
    sign_tables(root, root / "authority.yaml", approver, root / "thief.pem")
    assert standing(open_workspace(root)) == "no_table"


def test_without_the_file_of_keys_nothing_counts_as_signed(tmp_path: Path) -> None:
    root = shop(tmp_path, "table", "risk")
    (root / "keys.yaml").unlink()
    workspace = open_workspace(root)
    assert standing(workspace) == "no_table"
    assert workspace.stopping("live", NOW) != ()


def test_a_file_of_keys_that_everybody_may_write_is_none(tmp_path: Path) -> None:
    root = shop(tmp_path, "table", "risk")
    (root / "keys.yaml").chmod(0o666)
    assert standing(open_workspace(root)) == "no_table"


def test_keys_may_lie_elsewhere(tmp_path: Path) -> None:
    root = shop(tmp_path / "shop", "table", "risk")
    (root / "keys.yaml").rename(tmp_path / "trusted.yaml")
    (root / "replan.toml").write_text(f'{STRICT}keys = "{tmp_path / "trusted.yaml"}"\n')
    assert standing(open_workspace(root)) is None


def test_only_the_approver_and_the_named_signer_sign(tmp_path: Path) -> None:
    root = shop(tmp_path)
    other = next(n for n in ("ada", "max") if n != open_workspace_approver(root))
    with pytest.raises(NotSo, match="is the approver of"):
        sign_tables(root, root / "authority.yaml", other, root / "pia.pem")
    with pytest.raises(NotSo, match=r"signed_by pia, not ada"):
        sign_risk_record(root, "ada", root / "pia.pem")
    with pytest.raises(UsageError, match="is there already"):
        new_key(root / "pia.pem")


def test_a_private_key_is_its_owners_alone(tmp_path: Path) -> None:
    new_key(tmp_path / "pia.pem")
    assert (tmp_path / "pia.pem").stat().st_mode & 0o777 == 0o600


def test_a_run_that_goes_on_takes_a_table_once_it_is_signed(tmp_path: Path) -> None:
    root = shop(tmp_path, "risk")
    on_disk = AuthorityOnDisk(open_workspace(root))
    assert on_disk(NOW)[0] is None
    approver = open_workspace_approver(root)
    sign_tables(root, root / "authority.yaml", approver, root / f"{approver}.pem")
    table, _ = on_disk(NOW)
    assert table is not None


def test_a_decision_says_under_whose_signature_it_was_made(tmp_path: Path) -> None:
    root = shop(tmp_path, "table", "risk")
    policy = policy_source(open_workspace(root), "live").at(NOW, "sha256:0")
    assert policy.table is not None
    content, login, _ = policy.versions["signature"].split()
    assert (content, login) == (policy.table.hash, policy.table.approver)


def test_a_pack_checks_signatures_as_the_library_does(tmp_path: Path) -> None:
    """RFC 8032 in plain Python beside `cryptography`."""
    key = new_key(tmp_path / "one.pem")
    message = b"what was anchored"
    raw, public = base64.b64decode(key.sign(message)), base64.b64decode(key.public)
    for n in range(0, 64, 7):
        bent = bytes([*raw[:n], raw[n] ^ 1, *raw[n + 1 :]])
        assert not is_signed_offline(message, bent, public)
        assert not is_signed(message, base64.b64encode(bent).decode(), key.public)
    assert is_signed_offline(message, raw, public)
    assert is_signed(message, key.sign(message), key.public)
    assert not is_signed_offline(message + b".", raw, public)


def test_the_vector_of_the_standard_holds_offline() -> None:
    """RFC 8032, 7.1, test 2."""
    public = "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"
    signature = (
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
        "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
    )
    assert is_signed_offline(b"\x72", bytes.fromhex(signature), bytes.fromhex(public))
