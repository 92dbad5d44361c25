"""How many examples does a property test try? All of them, or a third where time matters more."""

import os


def examples(whole: int) -> int:
    """So many examples; with FEWER_EXAMPLES set, as `make check` does, a third of them. The same
    ones each time.
    """
    return max(whole // 3, 5) if os.environ.get("FEWER_EXAMPLES") else whole
