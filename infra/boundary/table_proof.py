"""Is a table that intervals prove also without a counterexample to be found? The second proof.

Two ways that share no step but the meaning of a row: subtracting boxes (`replan.authority_proof`)
and an integer programme that searches a case (`replan.solver.table_search`).
"""

from collections.abc import Iterator, Sequence
from typing import Final

from replan.authority import AuthorityTable, KnownNames
from replan.findings import Finding
from replan.solver.table_search import search

PROVED: Final = """\
proved, by intervals over all cases and by a search that finds no counterexample:
  every case has one verdict; no two rows match one case; what no row covers escalates
  more value, less confidence or worse data never gives more autonomy
  every bound is a whole number of cents, millionths or seconds, so nothing runs by rounding
"""


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
