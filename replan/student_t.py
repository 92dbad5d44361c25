"""How likely is a value of Student's t, and which value has a given likelihood? Whole degrees of
freedom, by the finite series of Abramowitz and Stegun, Handbook of Mathematical Functions, 26.7.3
and 26.7.4.
"""

import math
from functools import lru_cache


def t_tail(t: float, freedom: int) -> float:
    """P(T > t), in (0, 1)."""
    theta = math.atan(abs(t) / math.sqrt(freedom))
    cos2 = math.cos(theta) ** 2
    total, term = 0.0, 1.0
    if freedom % 2:
        # Odd: 2/pi (theta + sin cos (1 + 2/3 cos² + 2·4/(3·5) cos⁴ + …)).
        for k in range(1, freedom - 1, 2):
            total += term
            term *= cos2 * (k + 1) / (k + 2)
        inside = (theta + math.sin(theta) * math.cos(theta) * total) * 2.0 / math.pi
    else:
        # Even: sin (1 + 1/2 cos² + 1·3/(2·4) cos⁴ + …).
        for k in range(0, freedom, 2):
            total += term
            term *= cos2 * (k + 1) / (k + 2)
        inside = math.sin(theta) * total
    tail = min(max((1.0 - inside) / 2.0, 1e-12), 0.5)
    return tail if t >= 0 else 1.0 - tail


@lru_cache(maxsize=4096)
def t_quantile(p: float, freedom: int) -> float:
    """The t with P(T ≤ t) = p, 0 < p < 1, to nine decimals, by bisection; within ±1000."""
    low, high = -1_000.0, 1_000.0
    while high - low > 1e-9:
        middle = (low + high) / 2
        if t_tail(middle, freedom) > 1.0 - p:
            low = middle
        else:
            high = middle
    return round((low + high) / 2, 9)
