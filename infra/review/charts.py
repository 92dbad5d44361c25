"""What do the three pictures of a case show? Inline SVG, made on the server.

Colours come from the style sheet. Every text is escaped and every number formatted here; nothing of
a chart is copied in as markup.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from markupsafe import Markup, escape

from replan.currencies import money_text
from replan.wording import day_text, quantity_text

WIDTH, HEIGHT = 440, 230
LEFT, RIGHT, TOP, BOTTOM = 44, 12, 14, 30
BAR = 36
"""Height of one option in the comparison."""


def band_chart(band: Mapping[str, Any]) -> Markup | None:
    """Units sold a day against the band they were expected in; None without a day."""
    days = [row for row in band.get("days") or [] if row.get("p50") is not None]
    if len(days) < 2:
        return None
    sold = [row["actual"] for row in days if row.get("actual") is not None]
    frame = _Frame(len(days), 0.0, max([row["p95"] for row in days] + sold))
    parts = [
        frame.grid([row["date"] for row in days]),
        frame.area([row["p05"] for row in days], [row["p95"] for row in days], "band"),
        frame.line([row["p50"] for row in days], "middle"),
    ]
    for n, row in enumerate(days):
        if row.get("actual") is not None:
            style = "sold unsure" if row.get("censored") else "sold"
            x, y = frame.x(n), frame.y(row["actual"])
            parts.append(Markup('<circle class="{}" cx="{}" cy="{}" r="3.5"/>').format(style, x, y))
    return _svg("Units sold a day and the band they were expected in", HEIGHT, parts)


def stock_chart(stock: Mapping[str, Any]) -> Markup | None:
    """Stock at the end of each day with the plan and without it; None without a day."""
    days, without, planned = stock.get("days"), stock.get("without"), stock.get("with")
    if not days or len(days) < 2 or not without or not planned:
        return None
    frame = _Frame(len(days), 0.0, max(row["p90"] for row in [*without, *planned]))
    parts = [frame.grid(days)]
    for rows, style in ((without, "without"), (planned, "with")):
        parts.append(frame.area([r["p10"] for r in rows], [r["p90"] for r in rows], style))
        parts.append(frame.line([r["p50"] for r in rows], f"middle {style}"))
    return _svg("Stock at the end of each day, with the plan and without it", HEIGHT, parts)


def cost_chart(
    options: Sequence[Mapping[str, Any]], recommended: str, currency: str
) -> Markup | None:
    """What each option costs, from p10 to p90 with a mark at the middle; None without options."""
    if not options:
        return None
    costs = [option["cost_minor"] for option in options]
    low, high = min(0, *(c["p10"] for c in costs)), max(1, *(c["p90"] for c in costs))
    left, right = 12, WIDTH - 12

    def x(amount: float) -> str:
        return f"{left + (right - left) * (amount - low) / (high - low):.1f}"

    parts = []
    for n, (option, cost) in enumerate(zip(options, costs, strict=True)):
        top = TOP + n * (BAR + 14)
        name = "do nothing" if option["name"] == "none" else option["name"]
        style = "with" if option["name"] == recommended else "without"
        parts.append(_text(left, top + 10, f"{n + 1}. {name}", "start", "strong"))
        middle = f"middle {money_text(cost['p50'], currency)}"
        parts.append(_text(right, top + 10, middle, "end"))
        width = max(float(x(cost["p90"])) - float(x(cost["p10"])), 2.0)
        parts.append(
            Markup('<rect class="bar {}" x="{}" y="{}" width="{}" height="14" rx="2"/>').format(
                style, x(cost["p10"]), top + 19, f"{width:.1f}"
            )
        )
        parts.append(
            Markup('<line class="tick" x1="{0}" x2="{0}" y1="{1}" y2="{2}"/>').format(
                x(cost["p50"]), top + 16, top + 36
            )
        )
    height = TOP + len(options) * (BAR + 14) + 12
    parts.append(_text(left, height - 4, money_text(low, currency), "start"))
    parts.append(_text(right, height - 4, money_text(high, currency), "end"))
    return _svg("Cost of each option as a range", height, parts)


class _Frame:
    """Days from left to right, a quantity from the bottom up, both scaled to the picture."""

    def __init__(self, days: int, low: float, high: float) -> None:
        self._days, self._low = days, low
        self._step = _step(high - low)
        self._high = low + self._step * max(1, -(-(high - low) // self._step))

    def x(self, day: int) -> str:
        return f"{LEFT + (WIDTH - LEFT - RIGHT) * day / (self._days - 1):.1f}"

    def y(self, qty: float) -> str:
        share = (qty - self._low) / (self._high - self._low)
        return f"{HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * share:.1f}"

    def grid(self, days: Sequence[str]) -> Markup:
        """Horizontal lines with their quantity, and some of the days."""
        parts = []
        level = self._low
        while level <= self._high + 1e-9:
            y = self.y(level)
            parts.append(
                Markup('<line class="grid" x1="{}" x2="{}" y1="{}" y2="{}"/>').format(
                    LEFT, WIDTH - RIGHT, y, y
                )
            )
            parts.append(_text(LEFT - 6, float(y) + 4, quantity_text(level), "end"))
            level += self._step
        last = len(days) - 1
        for n in sorted({0, last // 2, last}):
            anchor = "start" if n == 0 else "end" if n == last else "middle"
            label = day_text(date.fromisoformat(days[n]))
            parts.append(_text(float(self.x(n)), HEIGHT - 10, label, anchor))
        return Markup("").join(parts)

    def area(self, low: Sequence[float], high: Sequence[float], style: str) -> Markup:
        points = [f"{self.x(n)},{self.y(v)}" for n, v in enumerate(high)]
        points += [f"{self.x(n)},{self.y(v)}" for n, v in reversed(list(enumerate(low)))]
        return Markup('<polygon class="area {}" points="{}"/>').format(style, " ".join(points))

    def line(self, values: Sequence[float], style: str) -> Markup:
        points = " ".join(f"{self.x(n)},{self.y(v)}" for n, v in enumerate(values))
        return Markup('<polyline class="line {}" points="{}"/>').format(style, points)


def _step(span: float) -> float:
    """A round distance between lines, so that there are three to six of them."""
    size = 1.0
    while size * 5 < span:
        size *= 10
    while size * 5 > span * 10 and size > 0.001:
        size /= 10
    return next((s for s in (size / 5, size / 2, size) if s * 5 >= span), size)


def _text(x: float, y: float, text: str, anchor: str, style: str = "label") -> Markup:
    return Markup('<text class="{}" x="{}" y="{}" text-anchor="{}">{}</text>').format(
        style, x, y, anchor, text
    )


def _svg(title: str, height: int, parts: Sequence[Markup]) -> Markup:
    return Markup(
        '<svg class="chart" viewBox="0 0 {} {}" role="img"><title>{}</title>{}</svg>'
    ).format(WIDTH, height, escape(title), Markup("").join(parts))
