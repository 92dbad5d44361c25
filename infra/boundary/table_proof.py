"""Is a table that intervals prove also without a counterexample to be found? The second proof.

Two ways that share no step but the meaning of a row: subtracting boxes (`replan.authority_proof`)
and an integer programme that searches a case (`replan.solver.table_search`).
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from replan.authority import AuthorityTable, KnownNames
from replan.findings import Finding, finding_text
from replan.solver.table_search import search

PROVED: Final = (
    "proved, by intervals over all cases and by a search that finds no counterexample:",
    "  every case has one verdict; no two rows match one case; what no row covers escalates",
    "  more value, less confidence or worse data never gives more autonomy",
    "  every bound is a whole number of cents, millionths or seconds, so nothing runs by rounding",
)


def told(found: Sequence[Finding], holds: bool) -> Iterator[str]:
    """What a reader needs, in lines: what must be mended, each with the case that shows it; what is
    left to people, with one such case; and the sum of it.
    """
    errors = [f for f in found if f.severity == "error"]
    warnings = [f for f in found if f.severity != "error"]
    for n, finding in enumerate((*errors, *warnings)):
        yield finding_text(finding)
        if finding.counterexample is not None and (finding.severity == "error" or n == 0):
            yield f"    for example: {_example(finding.counterexample)}"
    yield f"{_counted(len(errors), 'error')}, {_counted(len(warnings), 'warning')}"
    if holds and not errors:
        yield from PROVED


def _example(case: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {_plain(value)}" for name, value in case.items())


def _plain(value: Any) -> str:
    if isinstance(value, Mapping):
        return f"({_example(value)})"
    if isinstance(value, list | tuple):
        return " and ".join(map(_plain, value))
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


def _counted(n: int, what: str) -> str:
    return f"{n} {what}" if n == 1 else f"{n} {what}s"


def searched(tables: Sequence[AuthorityTable], known: KnownNames, file: str) -> Iterator[Finding]:
    """What a search finds against tables that were proven: nothing, or one of the two is wrong."""
    for table in tables:
        for found in search(table, known):
            text = (
                f"version {table.version}: a search finds a case about {found.action} that breaks "
                f"what intervals prove; do not use this table, and report it"
            )
            yield Finding(
                severity="error",
                file=file,
                line=table.line or None,
                value=found.action,
                rule=found.rule,
                message=text,
                counterexample=found.example,
            )
