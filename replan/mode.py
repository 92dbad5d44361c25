"""How far may the engine go by itself? Live, spot check, recommend, shadow, halted: the lower
holds.
"""

MODE_ORDER = ("halted", "shadow", "recommend", "spot_check", "live")
"""From nothing at all to everything that the table allows."""


def lower_of(mode: str, stage: str) -> str:
    """The mode that holds where a run's mode and a category's stage differ."""
    return min(mode, stage, key=MODE_ORDER.index)


def account_of(mode: str) -> str:
    """Where reservations of a mode count: what is only played does not use up real limits."""
    return "shadow" if mode == "shadow" else "live"
