"""Are planners.yaml and risk_record.yaml read strictly?"""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from replan.infra.workspace.people_file import RiskRecord, parse_people, parse_risk_record
from replan.people import People
from tests.workspaces import FILES, edited

BERLIN = ZoneInfo("Europe/Berlin")
PEOPLE, _ = parse_people(FILES["planners.yaml"].encode(), None)


def record(old: str = "", new: str = "") -> RiskRecord:
    text = edited("risk_record.yaml", old, new) if old else FILES["risk_record.yaml"]
    found, findings = parse_risk_record(text.encode())
    assert findings == ()
    assert found is not None
    return found


def test_planners_are_read_with_their_defaults() -> None:
    ada, pia = PEOPLE.get("ada"), PEOPLE.get("pia")
    assert ada is not None
    assert pia is not None
    assert (ada.limit_minor, ada.delegate_to, ada.active) == (1_000_000, "max", True)
    assert pia.roles == ("operator", "process-owner")


@pytest.mark.parametrize(
    ("old", "new", "rule", "line"),
    [
        ("login: pia", "login: ADA", "duplicate", 4),
        ("delegate_to: max", "delegate_to: moon", "unknown_name", 2),
        ("delegate_to: max", "delegate_to: ada", "unknown_name", 2),
        ("limit_minor: 1000000", "limit_minor: -1", "number", 2),
        ("limit_minor: 1000000", "limit_minor: 10.5", "number", 2),
        ("limit_minor: 1000000", "limit_minor: 1e6", "number", 2),
        (", limit_minor: 0", "", "missing", 4),
        ("active: true", "active: yes", "yaml", 3),
        ("active: true", "colour: red", "unknown_key", 3),
        ("login: ada", "login: a b", "yaml", 2),
    ],
)
def test_a_mistake_leaves_nobody_who_may_answer(old: str, new: str, rule: str, line: int) -> None:
    people, findings = parse_people(edited("planners.yaml", old, new).encode(), None)
    assert people == People()
    assert [(f.file, f.rule, f.line) for f in findings] == [("planners.yaml", rule, line)]


def test_a_region_that_is_nowhere_is_pointed_out() -> None:
    people, findings = parse_people(FILES["planners.yaml"].encode(), ("WEST",))
    assert people == PEOPLE
    assert [(f.severity, f.value) for f in findings] == [("warning", "EAST")]


def test_a_signed_record_holds_until_it_expires() -> None:
    before = datetime(2027, 1, 9, 22, 59, tzinfo=UTC)
    assert record().why_invalid(PEOPLE, before, BERLIN) is None


def test_a_record_ends_at_midnight_of_its_last_date_in_the_policy_zone() -> None:
    at = datetime(2027, 1, 9, 23, 0, tzinfo=UTC)
    assert record().why_invalid(PEOPLE, at, BERLIN) == "it expired on 2027-01-10"


@pytest.mark.parametrize(
    ("old", "new", "word"),
    [
        ("signed_by: pia\n", "", "not signed"),
        ("signed_on: 2026-01-10\n", "", "not signed"),
        ("expires_on: 2027-01-10\n", "", "not signed"),
        ("signed_by: pia", "signed_by: null", "not signed"),
        ("signed_by: pia", "signed_by: ada", "process-owner"),
        ("expires_on: 2027-01-10", "expires_on: 2026-01-10", "not after"),
    ],
)
def test_a_record_that_is_not_signed_says_why(old: str, new: str, word: str) -> None:
    why = record(old, new).why_invalid(PEOPLE, None, BERLIN)
    assert why is not None
    assert word in why


@pytest.mark.parametrize(
    ("old", "new", "rule"),
    [
        ("not_high_risk", "harmless", "yaml"),
        ("rationale: no safety component\n", "", "missing"),
        ("signed_on: 2026-01-10", "signed_on: 10.1.2026", "yaml"),
        ("signed_on: 2026-01-10", "colour: red", "unknown_key"),
    ],
)
def test_a_mistake_in_the_record_is_a_finding(old: str, new: str, rule: str) -> None:
    found, findings = parse_risk_record(edited("risk_record.yaml", old, new).encode())
    assert found is None
    assert [f.rule for f in findings] == [rule]
