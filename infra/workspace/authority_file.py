"""Which decision table is in force? Versions of authority.yaml, whose mistakes stop no run.

A file may hold several YAML documents, one per version, with windows that do not overlap.
Whatever is wrong with any of them, the whole file is refused and everything escalates: half a
table is nobody's intention.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import pairwise
from pathlib import Path

from pydantic import ValidationError

from replan.authority import AbsentCode, AuthorityTable, KnownNames, check_table
from replan.findings import Finding, has_errors
from replan.infra.workspace.authority_shapes import TableShape, table_of
from replan.infra.workspace.safe_read import read_config
from replan.infra.workspace.shapes import findings_of
from replan.infra.workspace.strict_yaml import YamlDocument, read_yaml
from replan.infra.workspace.text_values import NotAValue

AUTHORITY_FILE = "authority.yaml"

_RULES = {"missing": "yaml", "extra_forbidden": "yaml", "rule:duration": "number", "*": "yaml"}


@dataclass(frozen=True, slots=True, kw_only=True)
class InForce:
    """The table in force at an instant, or the code and words of why there is none."""

    table: AuthorityTable | None
    code: AbsentCode | None
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedAuthority:
    """What a file gave: versions by the start of their windows (none if the file was refused),
    findings, why there is no table (None: there is one), the `sha256:` of the bytes, to
    notice a change, and by hash of a table who signed it."""

    tables: tuple[AuthorityTable, ...]
    findings: tuple[Finding, ...]
    reason: str | None
    content_hash: str | None
    signed: Mapping[str, str] = field(default_factory=dict)

    def in_force(self, now: datetime) -> InForce:
        """The version whose window contains the instant: from its start up to, not including,
        its end."""
        for table in self.tables:
            if table.holds_at(now):
                return InForce(table=table, code=None, text=f"version {table.version} is in force")
        if self.reason is not None:
            return InForce(table=None, code="no_table", text=self.reason)
        ended = [table for table in self.tables if table.effective_to <= now]
        if ended:
            last = ended[-1]
            until = last.effective_to.isoformat()
            text = f"version {last.version} ended at {until} and none follows it yet"
            return InForce(table=None, code="table_expired", text=text)
        text = f"no version is in force before {self.tables[0].effective_from.isoformat()}"
        return InForce(table=None, code="no_table", text=text)


def load_authority(
    root: Path,
    known: KnownNames,
    *,
    currency: str,
    policy_zone: str,
    file: str = AUTHORITY_FILE,
) -> LoadedAuthority:
    """The decision tables of a workspace; never raises for what stands in the file, or that
    there is none."""
    content = read_config(root, file, private=True)
    if isinstance(content, Finding):
        missing = content.rule == "missing"
        told = replace(content, severity="warning") if missing else content
        return _refused((told,), content.message, None)
    return parse_authority(content, known, currency=currency, policy_zone=policy_zone, file=file)


def parse_authority(
    content: bytes,
    known: KnownNames,
    *,
    currency: str,
    policy_zone: str,
    file: str = AUTHORITY_FILE,
) -> LoadedAuthority:
    """The same from the bytes of a file."""
    content_hash = "sha256:" + hashlib.sha256(content).hexdigest()
    documents, refused = read_yaml(content, file)
    if refused:
        return _refused(refused, f"{file} is refused: {refused[0].message}", content_hash)
    documents = tuple(document for document in documents if document.data is not None)
    if not documents:
        text = f"{file} holds no table: everything escalates"
        return _refused((_finding(file, None, None, "yaml", text, "warning"),), text, content_hash)
    findings: list[Finding] = []
    tables: list[AuthorityTable] = []
    for document in documents:
        table, wrong = _table(document, file, policy_zone)
        findings += wrong
        if table is not None:
            findings += _checked(table, known, currency, file, document)
            tables.append(table)
    findings += _versions(tables, file)
    if has_errors(findings):
        first = next(finding for finding in findings if finding.severity == "error")
        return _refused(tuple(findings), f"{file} is refused: {first.message}", content_hash)
    return LoadedAuthority(
        tables=tuple(sorted(tables, key=lambda table: table.effective_from)),
        findings=tuple(findings),
        reason=None,
        content_hash=content_hash,
    )


def _table(
    document: YamlDocument, file: str, policy_zone: str
) -> tuple[AuthorityTable | None, tuple[Finding, ...]]:
    try:
        shape = TableShape.model_validate(document.data)
        return table_of(shape, policy_zone, document.line), ()
    except NotAValue as wrong:
        return None, (_finding(file, document.line(()), None, wrong.rule, str(wrong)),)
    except ValidationError as wrong:
        return None, tuple(
            _no_end(finding) for finding in findings_of(wrong, file, document.line, _RULES)
        )


def _no_end(finding: Finding) -> Finding:
    """A missing end of the window is a rule of its own."""
    if finding.message.startswith(("effective: is missing", "effective.to: ")):
        return replace(finding, rule="no_end", message=f"{finding.message}; an end is mandatory")
    return finding


def _checked(
    table: AuthorityTable, known: KnownNames, currency: str, file: str, document: YamlDocument
) -> Iterator[Finding]:
    if table.currency != currency:
        text = f"the table is in {table.currency}, the workspace in {currency}"
        yield _finding(file, document.line(("currency",)), table.currency, "unknown_name", text)
    for finding in check_table(table, known):
        where = {"author_is_approver": ("approver",), "no_end": ("effective", "to")}
        path = where.get(finding.rule)
        line = finding.line if path is None else document.line(path)
        yield replace(finding, file=file, line=line)


def _versions(tables: list[AuthorityTable], file: str) -> Iterator[Finding]:
    seen: dict[int, AuthorityTable] = {}
    for table in tables:
        first = seen.setdefault(table.version, table)
        if first is not table:
            text = f"version {table.version} stands on line {first.line} already"
            yield _finding(file, table.line, str(table.version), "unique", text)
    for one, other in pairwise(sorted(tables, key=lambda table: table.effective_from)):
        if other.effective_from < one.effective_to:
            text = (
                f"versions {one.version} and {other.version} are both in force from "
                f"{other.effective_from.isoformat()}; windows must not overlap"
            )
            yield _finding(file, other.line, str(other.version), "unique", text)


def _refused(
    findings: tuple[Finding, ...], reason: str, content_hash: str | None
) -> LoadedAuthority:
    return LoadedAuthority(tables=(), findings=findings, reason=reason, content_hash=content_hash)


def _finding(
    file: str, line: int | None, value: str | None, rule: str, message: str, severity: str = "error"
) -> Finding:
    return Finding(
        severity="warning" if severity == "warning" else "error",
        file=file,
        line=line,
        value=value,
        rule=rule,
        message=message,
    )
