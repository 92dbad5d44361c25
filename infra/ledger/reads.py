"""What does the ledger know? Everything that the engine, the commands and the pages ask it.

Each question sees one committed state, however many statements it takes.
"""

from replan.infra.ledger.desk_reads import DeskReads
from replan.infra.ledger.out_reads import OutReads
from replan.infra.ledger.run_reads import RunReads


class LedgerReads(RunReads, DeskReads, OutReads):
    """Questions about the run and the desk; a ledger and a running transaction both answer them."""
