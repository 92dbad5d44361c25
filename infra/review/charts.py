"""What do the three pictures of a case show? Inline SVG, made on the server, and the same in words.

Colours come from the style sheet. Every text is escaped and every number formatted here; nothing of
a chart is copied in as markup.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from markupsafe import Markup

from replan.currencies import money_text
from replan.wording import day_text, estimate_text, money_range, quantity_range, quantity_text

WIDTH, HEIGHT = 440, 230
LEFT, RIGHT, TOP, BOTTOM = 44, 12, 14, 30
BAR = 36
"""Height of one option in the comparison."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """A picture, what it is of, what it says in one sentence, and the same as a table."""

    title: str
    says: str
    svg: Markup
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def band_chart(band: Mapping[str, Any]) -> Chart | None:
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
    outside = []
    for n, row in enumerate(days):
        if row.get("actual") is None:
            continue
        style = "sold unsure" if row.get("censored") else "sold"
        if not row.get("censored") and not row["p05"] <= row["actual"] <= row["p95"]:
            outside.append(row)
            style += " out"
        x, y = frame.x(n), frame.y(row["actual"])
        parts.append(Markup('<circle class="{}" cx="{}" cy="{}" r="3.5"/>').format(style, x, y))
    title = "Sold a day, and the band it was expected in"
    says = _outside_text(outside, len(sold))
    return Chart(
        title=title,
        says=says,
        svg=_svg(f"{title}, {band.get('site', '')}", says, HEIGHT, parts),
        columns=("day", "expected, 9 days of 10", "middle", "sold"),
        rows=tuple(
            (
                day_text(date.fromisoformat(row["date"])),
                f"{estimate_text(row['p05'])}–{estimate_text(row['p95'])}",
                estimate_text(row["p50"]),
                _sold_text(row),
            )
            for row in days
        ),
    )


def _sold_text(row: Mapping[str, Any]) -> str:
    if row.get("actual") is None:
        return ""
    sold = quantity_text(row["actual"])
    return f"{sold}, out of stock" if row.get("censored") else sold


def _outside_text(outside: Sequence[Mapping[str, Any]], days: int) -> str:
    if not outside:
        return f"On none of the {days} days shown was it outside."
    last = outside[-1]
    day = day_text(date.fromisoformat(last["date"]))
    times = "once" if len(outside) == 1 else f"on {len(outside)} days"
    return (
        f"Outside {times} of {days}, last on {day}: {quantity_text(last['actual'])} sold where "
        f"{estimate_text(last['p05'])}–{estimate_text(last['p95'])} were expected."
    )


def stock_chart(stock: Mapping[str, Any]) -> Chart | None:
    """Stock at the end of each day with the plan and without it; None without a day."""
    days, without, planned = stock.get("days"), stock.get("without"), stock.get("with")
    if not days or len(days) < 2 or not without or not planned:
        return None
    frame = _Frame(len(days), 0.0, max(row["p90"] for row in [*without, *planned]))
    parts = [frame.grid(days)]
    for rows, style in ((without, "without"), (planned, "with")):
        parts.append(frame.area([r["p10"] for r in rows], [r["p90"] for r in rows], style))
        parts.append(frame.line([r["p50"] for r in rows], f"middle {style}"))
    empty = next((n for n, row in enumerate(without) if row["p50"] <= 0), None)
    if empty is not None:
        parts.append(frame.mark(empty, "runs out without it"))
    title = "Stock at the end of each day, with the plan and without it"
    says = f"Without it, {_empty_text(days, without)}; with it, {_empty_text(days, planned)}."
    return Chart(
        title=title,
        says=says,
        svg=_svg(f"{title}, {stock.get('site', '')}", says, HEIGHT, parts),
        columns=("day", "without", "middle", "with the plan", "middle"),
        rows=tuple(
            (
                day_text(date.fromisoformat(day)),
                quantity_range(left),
                estimate_text(left["p50"]),
                quantity_range(right),
                estimate_text(right["p50"]),
            )
            for day, left, right in zip(days, without, planned, strict=True)
        ),
    )


def _empty_text(days: Sequence[str], rows: Sequence[Mapping[str, float]]) -> str:
    for day, row in zip(days, rows, strict=True):
        if row["p50"] <= 0:
            return f"the shelf is empty on {day_text(date.fromisoformat(day))} in half of the cases"
    return "in half of the cases or more the shelf is never empty"


def cost_chart(
    options: Sequence[Mapping[str, Any]], recommended: str, currency: str
) -> Chart | None:
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
        style = "with" if option["name"] == recommended else "without"
        parts.append(_text(left, top + 10, f"{n + 1}. {_name(option)}", "start", "strong"))
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
    title = "What each option costs in all"
    cheapest = min(range(len(costs)), key=lambda n: (costs[n]["p50"], n))
    says = (
        f"In the middle {_name(options[cheapest])} costs least, "
        f"{money_text(costs[cheapest]['p50'], currency)}."
    )
    return Chart(
        title=title,
        says=says,
        svg=_svg(title, says, height, parts),
        columns=("option", "8 cases of 10", "middle"),
        rows=tuple(
            (_name(option), money_range(cost, currency), money_text(cost["p50"], currency))
            for option, cost in zip(options, costs, strict=True)
        ),
    )


def _name(option: Mapping[str, Any]) -> str:
    return "do nothing" if option["name"] == "none" else str(option["name"]).replace("_", " ")


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

    def mark(self, day: int, text: str) -> Markup:
        """A day worth looking at."""
        x = self.x(day)
        anchor = "start" if day < self._days / 2 else "end"
        shift = 5 if anchor == "start" else -5
        return Markup('<line class="mark" x1="{0}" x2="{0}" y1="{1}" y2="{2}"/>').format(
            x, TOP, HEIGHT - BOTTOM
        ) + _text(float(x) + shift, TOP + 10, text, anchor, "marked")

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


def _svg(title: str, says: str, height: int, parts: Sequence[Markup]) -> Markup:
    return Markup(
        '<svg class="chart" viewBox="0 0 {} {}" role="img" aria-label="{}"><title>{}</title>'
        "<desc>{}</desc>{}</svg>"
    ).format(WIDTH, height, f"{title}. {says}", title, says, Markup("").join(parts))
