"""How does one decision leave the house with its proof? As a zip that checks itself.

    python pack.zip

needs Python and nothing else. Two packs of an unchanged ledger are the same bytes.
"""

import zipfile
from pathlib import Path
from typing import Any

from replan.errors import UsageError
from replan.infra.ledger.rows import text
from replan.infra.ledger.store import Ledger
from replan.infra.proof import evidence_check

_EPOCH = (1980, 1, 1, 0, 0, 0)
"""The earliest instant that a zip can say; no machine's time goes into a pack."""


def write_evidence(ledger: Ledger, name: str, file: Path) -> dict[str, Any]:
    """Write the pack of a decision or an action; what it says of itself. UsageError for an unknown
    id, or a file that is there already.
    """
    if file.exists():
        raise UsageError(f"{file} is there already; name another file")
    pack = ledger.evidence(name)
    checker = Path(evidence_check.__file__).read_bytes()
    members = {"__main__.py": checker, "evidence.json": text(pack).encode()}
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for member, data in members.items():
            archive.writestr(zipfile.ZipInfo(member, _EPOCH), data, zipfile.ZIP_DEFLATED)
    faults = evidence_check.faults(pack, [])
    return {
        "decision_id": pack["decision_id"],
        "file": str(file),
        "rows": len(pack["rows"]),
        "links": len(pack["links"]),
        "faults": faults,
    }
