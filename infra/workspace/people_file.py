"""Who is who, and who has signed for the use? Reads planners.yaml and risk_record.yaml."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import Field, ValidationError

from replan.findings import Finding, Severity
from replan.infra.workspace.safe_read import read_config
from replan.infra.workspace.shapes import StrictShape, findings_of, parsed_by
from replan.infra.workspace.strict_yaml import YamlDocument, read_yaml
from replan.infra.workspace.text_values import MAX_MINOR, NotAValue
from replan.people import ANY_REGION, PROCESS_OWNER, Login, People, Planner, may_answer

__all__ = [
    "People",
    "Planner",
    "RiskRecord",
    "may_answer",
    "parse_people",
    "parse_risk_record",
    "read_people",
    "read_risk_record",
]

PLANNERS_FILE = "planners.yaml"
RISK_FILE = "risk_record.yaml"

_RULES = {"missing": "missing", "extra_forbidden": "unknown_key", "*": "yaml"}
_LOGIN = re.compile(r"[A-Za-z0-9._@+-]{1,64}")
_ROLE = re.compile(r"[A-Za-z0-9._:/-]{1,64}")


def _fits(pattern: re.Pattern[str], what: str) -> Any:
    def parse(value: object) -> str:
        if not isinstance(value, str) or not pattern.fullmatch(value):
            raise NotAValue("yaml", f"{value!r} is not {what}")
        return value

    return parsed_by(parse)


def _limit(number: object) -> int | None:
    if number is None:
        return None
    if isinstance(number, bool) or not isinstance(number, int) or not 0 <= number <= MAX_MINOR:
        text = f"{number} must be whole minor units from 0 to {MAX_MINOR}, or null for no limit"
        raise NotAValue("number", text)
    return number


class _PlannerShape(StrictShape):
    login: Annotated[str, _fits(_LOGIN, "a login of letters, digits and . _ @ + -")]
    roles: list[Annotated[str, _fits(_ROLE, "a role of letters, digits and . _ : / -")]]
    regions: list[Annotated[str, Field(min_length=1, max_length=100)]]
    limit_minor: Annotated[int | None, parsed_by(_limit)]
    delegate_to: str | None = None
    active: bool = True


class _PlannersShape(StrictShape):
    planners: list[_PlannerShape]


_Words = Annotated[str, Field(min_length=1, max_length=4000)]


class _RiskShape(StrictShape):
    classification: Literal["not_high_risk", "high_risk"]
    intended_use: _Words
    excluded_use: list[_Words]
    rationale: _Words
    signed_by: str | None = None
    signed_on: date | None = None
    expires_on: date | None = None
    signature: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskRecord:
    """Why the use is what it is, and who signed for it; unsigned while any of the last three is
    None."""

    classification: str
    intended_use: str
    excluded_use: tuple[str, ...]
    rationale: str
    signed_by: Login | None
    signed_on: date | None
    expires_on: date | None

    def why_invalid(self, people: People, now: datetime | None, zone: ZoneInfo) -> str | None:
        """Why live mode must not start under this record, or None.

        It holds up to, not including, `expires_on` in the policy zone; `now` None leaves the
        expiry unjudged (no clock yet).
        """
        if self.signed_by is None or self.signed_on is None or self.expires_on is None:
            return "it is not signed: signed_by, signed_on and expires_on are needed"
        if not people.has_role(self.signed_by, PROCESS_OWNER):
            return f"signed_by {self.signed_by} is no active login with role {PROCESS_OWNER}"
        if self.expires_on <= self.signed_on:
            return f"expires_on {self.expires_on} is not after signed_on {self.signed_on}"
        if now is not None and now >= datetime.combine(self.expires_on, time(0), tzinfo=zone):
            return f"it expired on {self.expires_on}"
        return None


def read_people(
    root: Path, regions: tuple[str, ...] | None, file: str = PLANNERS_FILE
) -> tuple[People, tuple[Finding, ...]]:
    """Everybody of planners.yaml; with an error nobody, so that nobody may answer."""
    content = read_config(root, file, private=True)
    if isinstance(content, Finding):
        return People(), (content,)
    return parse_people(content, regions, file)


def parse_people(
    content: bytes, regions: tuple[str, ...] | None, file: str = PLANNERS_FILE
) -> tuple[People, tuple[Finding, ...]]:
    """The same from bytes; `regions` None: the known regions cannot be told."""
    document, refused = _single(content, file)
    if document is None:
        return People(), refused
    try:
        shape = _PlannersShape.model_validate(document.data)
    except ValidationError as wrong:
        return People(), tuple(findings_of(wrong, file, document.line, _RULES))
    findings = tuple(_people_findings(shape, regions, document, file))
    if any(finding.severity == "error" for finding in findings):
        return People(), findings
    planners = (
        Planner(
            login=Login(row.login),
            roles=tuple(sorted(set(row.roles))),
            regions=tuple(sorted(set(row.regions))),
            limit_minor=row.limit_minor,
            delegate_to=None if row.delegate_to is None else Login(row.delegate_to),
            active=row.active,
        )
        for row in shape.planners
    )
    return People(planners=tuple(sorted(planners, key=lambda planner: planner.login))), findings


def read_risk_record(
    root: Path, file: str = RISK_FILE
) -> tuple[RiskRecord | None, tuple[Finding, ...]]:
    """The risk record, or None with the reason as a finding; whether that matters is the run's
    mode."""
    content = read_config(root, file)
    if isinstance(content, Finding):
        return None, (content,)
    return parse_risk_record(content, file)


def parse_risk_record(
    content: bytes, file: str = RISK_FILE
) -> tuple[RiskRecord | None, tuple[Finding, ...]]:
    """The same from bytes."""
    document, refused = _single(content, file)
    if document is None:
        return None, refused
    try:
        shape = _RiskShape.model_validate(document.data)
    except ValidationError as wrong:
        return None, tuple(findings_of(wrong, file, document.line, _RULES))
    return RiskRecord(
        classification=shape.classification,
        intended_use=shape.intended_use,
        excluded_use=tuple(shape.excluded_use),
        rationale=shape.rationale,
        signed_by=None if shape.signed_by is None else Login(shape.signed_by),
        signed_on=shape.signed_on,
        expires_on=shape.expires_on,
    ), ()


def _single(content: bytes, file: str) -> tuple[YamlDocument | None, tuple[Finding, ...]]:
    documents, refused = read_yaml(content, file)
    if refused:
        return None, refused
    if len(documents) != 1:
        text = f"{file} holds {len(documents)} YAML documents, exactly one is needed"
        return None, (_finding("error", file, None, str(len(documents)), "yaml", text),)
    return documents[0], ()


def _people_findings(
    shape: _PlannersShape, regions: tuple[str, ...] | None, document: YamlDocument, file: str
) -> Iterator[Finding]:
    first_at: dict[str, int] = {}
    logins = {row.login for row in shape.planners}
    for at, row in enumerate(shape.planners):
        line = document.line(("planners", at, "login"))
        # Two spellings of one login would let one person be two.
        first = first_at.setdefault(row.login.casefold(), at)
        if first != at:
            there = document.line(("planners", first, "login"))
            text = f"login {row.login} stands on line {there} already"
            yield _finding("error", file, line, row.login, "duplicate", text)
        if row.delegate_to is not None and row.delegate_to not in logins - {row.login}:
            text = f"delegate_to {row.delegate_to} of {row.login} is not another login of this file"
            where = document.line(("planners", at, "delegate_to"))
            yield _finding("error", file, where, row.delegate_to, "unknown_name", text)
        for name in row.regions:
            if regions is not None and name != ANY_REGION and name not in regions:
                text = f"region {name} of {row.login} is not the region of any store or DC"
                where = document.line(("planners", at, "regions"))
                yield _finding("warning", file, where, name, "unknown_name", text)


def _finding(
    severity: Severity, file: str, line: int | None, value: str | None, rule: str, message: str
) -> Finding:
    return Finding(severity=severity, file=file, line=line, value=value, rule=rule, message=message)
