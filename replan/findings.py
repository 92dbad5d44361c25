"""What is wrong in a file, said so that its owner can mend it?"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that a check found: file (relative to the workspace), line (from 1; None: the
    whole file), the value as written, the name of the rule it breaks, and a sentence with all
    three."""

    severity: Severity
    file: str
    line: int | None
    value: str | None
    rule: str
    message: str
    counterexample: Mapping[str, Any] | None = None


def finding_json(finding: Finding) -> dict[str, Any]:
    """A finding as plain JSON data."""
    return {
        "severity": finding.severity,
        "file": finding.file,
        "line": finding.line,
        "value": finding.value,
        "rule": finding.rule,
        "message": finding.message,
        "counterexample": None if finding.counterexample is None else dict(finding.counterexample),
    }


def finding_text(finding: Finding) -> str:
    """A finding as one line: file, line, severity, message, rule."""
    place = finding.file if finding.line is None else f"{finding.file}:{finding.line}"
    return f"{place}: {finding.severity}: {finding.message} [{finding.rule}]"


def has_errors(findings: Iterable[Finding]) -> bool:
    """Whether any of them is an error."""
    return any(finding.severity == "error" for finding in findings)


def in_file_order(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """By file, line, severity and message: the order in which a reader mends them."""
    return tuple(
        sorted(findings, key=lambda f: (f.file, f.line or 0, f.severity, f.rule, f.message))
    )


def folded(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """The findings with the gaps of one table told in one line: they are legal, and often many."""
    kept: list[Finding] = []
    gaps: dict[str, list[Finding]] = {}
    for finding in findings:
        if finding.severity == "warning" and finding.rule == "gap":
            gaps.setdefault(finding.file, []).append(finding)
            if len(gaps[finding.file]) > 1:
                continue
        kept.append(finding)
    return tuple(
        _fold(gaps[f.file]) if f.severity == "warning" and f.rule == "gap" else f for f in kept
    )


def _fold(gaps: Sequence[Finding]) -> Finding:
    first = gaps[0]
    if len(gaps) == 1:
        return first
    text = (
        f"{len(gaps)} kinds of cases are covered by no row and escalate; authority check lists them"
    )
    return replace(first, message=text, counterexample=None)
