"""How sure is a share of so many cases? An interval around it that honours small samples."""

from math import sqrt

Z_95 = 1.959964
"""Two-sided 95 % of a normal distribution."""


def wilson(hits: int, cases: int, z: float = Z_95) -> tuple[float, float]:
    """Lower and upper end of the score interval of a share (Wilson 1927), rounded to 1e-4; from 0
    to 1 without cases.
    """
    if cases == 0:
        return 0.0, 1.0
    share = hits / cases
    scale = 1 + z * z / cases
    middle = share + z * z / (2 * cases)
    half = z * sqrt(share * (1 - share) / cases + z * z / (4 * cases * cases))
    low, high = (middle - half) / scale, (middle + half) / scale
    return round(max(0.0, low), 4), round(min(1.0, high), 4)
