"""How is a ledger kept for the releases to come? `python -m tests.golden_ledgers.make`, once a
release, before its tag.

Some golden cases are run from their first day, and what they leave is kept under the version of the
code: the workspace without its events, and the ledger, packed.
"""

import gzip
import shutil
import sqlite3
import sys
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Final

from replan import __version__
from tests.golden.told import HERE as CASES
from tests.golden.told import tell

HERE: Final = Path(__file__).parent
KEPT_CASES: Final = ("three_outcomes", "two_steps_approved", "verdict_modify")
"""Between them: run by itself, asked of a supplier, escalated, approved, expired, changed."""
LEDGER: Final = "ledger.db"
PACKED: Final = "ledger.db.gz"
LEFT_OUT: Final = ("events", "out", "*.lock", f"{LEDGER}*")


def keep(root: Path, target: Path) -> None:
    """Keep a workspace that has run, without what its ledger does not need to be replayed."""
    shutil.copytree(root, target, ignore=shutil.ignore_patterns(*LEFT_OUT))
    with tempfile.TemporaryDirectory() as folder:
        whole = Path(folder) / LEDGER
        with closing(sqlite3.connect(root / LEDGER)) as conn:
            conn.execute("VACUUM INTO ?", (str(whole),))
        with (target / PACKED).open("wb") as sink, gzip.GzipFile("", "wb", 9, sink, 0) as packed:
            packed.write(whole.read_bytes())


def unpacked(kept: Path, root: Path) -> Path:
    """A kept workspace with its ledger at `root`, to be opened by the code of today."""
    shutil.copytree(kept, root, ignore=shutil.ignore_patterns(PACKED))
    (root / LEDGER).write_bytes(gzip.decompress((kept / PACKED).read_bytes()))
    (root / "events").mkdir(exist_ok=True)
    return root


def main() -> None:
    """Keep the ledgers of this version, in place of those kept under it before."""
    home = HERE / __version__
    shutil.rmtree(home, ignore_errors=True)
    with tempfile.TemporaryDirectory() as folder:
        for name in KEPT_CASES:
            tell(CASES / name, Path(folder) / name)
            keep(Path(folder) / name, home / name)
            size = (home / name / PACKED).stat().st_size
            sys.stdout.write(f"{home / name}: {size // 1024} KiB\n")


if __name__ == "__main__":
    main()
