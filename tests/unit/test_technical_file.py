"""Is the technical file what the record says, and does every control name tests that exist? R58."""

import re
from pathlib import Path

from replan.infra.boundary.technical_file import hazards
from replan.infra.running.figures import technical_file_of
from tests.workspaces import write_workspace

ROOT = Path(__file__).parents[2]


def test_every_test_that_a_control_names_exists() -> None:
    missing = []
    for name in (name for row in hazards() for name in row["tests"]):
        path, _, test = name.partition("::")
        text = (ROOT / path).read_text("utf-8") if (ROOT / path).is_file() else ""
        if not text or (test and not re.search(rf"^def {test}\(", text, re.MULTILINE)):
            missing.append(name)
    assert missing == []


def test_it_says_what_the_risk_record_and_the_ledger_say(tmp_path: Path) -> None:
    root = write_workspace(tmp_path / "shop")
    text = technical_file_of(root)
    assert "- classification: not_high_risk" in text
    assert "- excluded use: monitoring of single workers" in text
    assert "- operator: pia" in text
    assert "the chain holds" in text
    assert text.count("\n| ") == len(hazards()) + 2


def test_without_a_risk_record_it_says_so(tmp_path: Path) -> None:
    root = write_workspace(tmp_path / "shop")
    (root / "risk_record.yaml").unlink()
    assert "There is no risk record that can be read" in technical_file_of(root)


def test_a_risk_record_without_a_signature_is_signed_by_nobody(tmp_path: Path) -> None:
    root = write_workspace(tmp_path / "shop")
    record = root / "risk_record.yaml"
    text = re.sub(r"(?m)^(signed_by|signed_on|expires_on): .*$", r"\1: null", record.read_text())
    record.write_text(text)
    assert "- signed by nobody\n" in technical_file_of(root)
