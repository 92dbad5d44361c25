"""What do the dashboards show of a small shop? Pictures drawn here, from the same queries.

    .venv/bin/python -m tests.e2e.grafana_preview infra/docs/images

They are drawn by this page and not by Grafana: where panels stand, what they ask and what comes of
it is the same, the looks are our own. Needs Chromium.
"""

import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from html import escape
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import sqlalchemy as sa
from playwright.sync_api import sync_playwright
from sqlalchemy.engine import make_url

from replan.infra.grafana.boards import BOARDS
from replan.infra.grafana.macros import expanded
from replan.infra.grafana.model import COLUMNS, Column, Dashboard, Panel, Step
from tests.databases import server
from tests.e2e.test_grafana_queries import asked, values
from tests.grafana_world import READER, SINCE, UNTIL, fill

ROW = 30
"""Pixels of one row of the grid."""
COLOURS = ("#5794f2", "#73bf69", "#ff9830", "#b877d9", "#f2495c", "#8ab8ff")
NAMED = {"green": "#73bf69", "orange": "#ff9830", "red": "#f2495c", "blue": "#5794f2",
         "purple": "#b877d9", "gray": "#8e8e8e", "text": "#d8d9da"}  # fmt: skip
STYLE = f"""
body {{ background:#111217; color:#d8d9da; font:13px/1.35 Inter,Helvetica,sans-serif; margin:12px }}
h1 {{ font-size:18px; margin:0 0 2px }}
p {{ margin:0 0 10px; color:#9a9b9d }}
main {{ display:grid; grid-template-columns:repeat({COLUMNS},1fr); grid-auto-rows:{ROW}px;
  gap:6px }}
section {{ background:#181b1f; border:1px solid #25282d; overflow:hidden; padding:5px 8px }}
h2 {{ font-size:12.5px; font-weight:600; margin:0 0 4px; white-space:nowrap }}
.value {{ font-size:25px; font-weight:600; padding-top:10px; white-space:nowrap }}
.none {{ color:#8e8e8e; padding-top:12px }}
table {{ border-collapse:collapse; width:100% }}
td, th {{ text-align:left; padding:3px 8px 3px 0; border-bottom:1px solid #25282d;
  vertical-align:top }}
th {{ color:#6e9fff; font-weight:600 }}
a {{ color:#6e9fff }}
text {{ fill:#9a9b9d; font-size:10px }}
"""


def shown(value: Any, unit: str | None, decimals: int | None) -> str:
    """A value as a reader sees it."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M")
    if isinstance(value, str) or unit == "dateTimeAsIso":
        return str(value)
    number = float(value)
    if unit == "percentunit":
        return f"{100 * number:.{decimals or 0}f} %"
    if unit == "dtdurations":
        sign, number = ("-" if number < 0 else ""), abs(number)
        days, rest = divmod(int(number), 86_400)
        hours, minutes = rest // 3_600, rest % 3_600 // 60
        return sign + (f"{days} d {hours} h" if days else f"{hours} h {minutes} min")
    return f"{number:,.{decimals if decimals is not None else (0 if number % 1 == 0 else 2)}f}"


def colour(value: Any, steps: Sequence[Step]) -> str:
    found = "text"
    for step in steps:
        if step.above is None or (value is not None and float(value) >= step.above):
            found = step.colour
    return NAMED[found]


def drawn(panel: Panel, rows: list[dict[str, Any]]) -> str:
    """What stands inside a panel."""
    if not rows or all(value is None for row in rows for value in row.values()):
        return f'<div class="none">{escape(panel.empty or "No data")}</div>'
    columns = {column.name: column for column in panel.columns}
    match panel.kind:
        case "stat":
            [(name, value)] = rows[-1].items()
            words = (columns[name].words or {}) if name in columns else {}
            text = words.get(str(value), shown(value, panel.unit, panel.decimals))
            style = colour(None if isinstance(value, str) else value, panel.steps)
            return f'<div class="value" style="color:{style}">{escape(text)}</div>'
        case "table":
            return _table(columns, rows, most=panel.height * ROW // 24 - 2)
        case "timeseries":
            return _chart(panel, columns, rows)
        case "bargauge" | "barchart":
            return _bars(panel, rows)


def _table(columns: Mapping[str, Column], rows: list[dict[str, Any]], most: int) -> str:
    of = [columns.get(name, Column(name=name)) for name in rows[0]]
    head = "".join(
        f"<th>{escape(one.title if one.title is not None else one.name)}</th>" for one in of
    )
    body = ""
    for row in rows[:most]:
        cells = ""
        for one in of:
            value = row[one.name]
            text = escape((one.words or {}).get(str(value), shown(value, one.unit, one.decimals)))
            if one.link is not None:
                text = f"<a>{text[:11]}…</a>"
            cells += f'<td style="color:{colour(value, one.steps)}">{text}</td>'
        body += f"<tr>{cells}</tr>"
    return f"<table><tr>{head}</tr>{body}</table>"


def _bars(panel: Panel, rows: list[dict[str, Any]]) -> str:
    most = panel.highest or max(float([*row.values()][1] or 0) for row in rows) or 1.0
    parts = []
    for row in rows:
        name, value = [*row.values()][:2]
        style = colour(value, panel.steps) if panel.steps else NAMED["orange"]
        wide = 100 * min(float(value or 0) / most, 1)
        text = shown(value, panel.unit, panel.decimals)
        parts.append(
            f'<div style="margin:7px 0">{escape(str(name))} <b style="color:{style}">{text}</b>'
            f'<div style="background:#25282d"><div style="height:9px;width:{wide:.1f}%;'
            f'background:{style}"></div></div></div>'
        )
    return "".join(parts)


def _chart(panel: Panel, columns: Mapping[str, Column], rows: list[dict[str, Any]]) -> str:
    series: dict[str, list[tuple[float, float]]] = {}
    for row in rows:
        at = row["time"].timestamp()
        if "metric" in row:
            [value] = [v for k, v in row.items() if k not in ("time", "metric")]
            found = {row["metric"]: value}
        else:
            found = {k: v for k, v in row.items() if k != "time"}
        for name, value in found.items():
            if value is not None:
                series.setdefault(str(name), []).append((at, float(value)))
    points = [point for line in series.values() for point in line]
    wide, high = 56 * panel.width, panel.height * ROW - 52
    first, last = min(p[0] for p in points), max(p[0] for p in points)
    low = panel.lowest if panel.lowest is not None else min(0.0, *(p[1] for p in points))
    top = panel.highest or max(p[1] for p in points) or 1.0

    def x(at: float) -> float:
        return 40 + (wide - 50) * ((at - first) / (last - first) if last > first else 0.5)

    def y(value: float) -> float:
        return high - 16 - (high - 24) * ((value - low) / (top - low or 1))

    parts = []
    for level in (low, (low + top) / 2, top):
        text = shown(level, panel.unit, 0 if top > 5 or panel.unit else 2)
        parts.append(f'<text x="0" y="{y(level) + 3:.0f}">{text}</text>')
        parts.append(
            f'<line x1="38" x2="{wide}" y1="{y(level):.0f}" y2="{y(level):.0f}" stroke="#25282d"/>'
        )
    for at in (first, last):
        label = datetime.fromtimestamp(at, UTC).strftime("%d %b")
        parts.append(f'<text x="{x(at) - 14:.0f}" y="{high - 2}">{label}</text>')
    named = {column.title or column.name: column.name for column in panel.columns}
    legend = []
    for n, (name, line) in enumerate(series.items()):
        column = columns.get(name, Column(name=name))
        paint = NAMED[column.colour] if column.colour else COLOURS[n % len(COLOURS)]
        if panel.interpolated_by_steps:
            held = [(later[0], before[1]) for before, later in pairwise(line)]
            line = sorted([*line, *held], key=lambda point: point[0])
        path = " ".join(f"{x(at):.1f},{y(value):.1f}" for at, value in line)
        if column.band_to is not None:
            under = series.get(named.get(column.band_to, column.band_to), [])
            back = " ".join(f"{x(at):.1f},{y(value):.1f}" for at, value in reversed(under))
            parts.append(f'<polygon points="{path} {back}" fill="{paint}" opacity="0.18"/>')
        elif column.style == "points":
            parts += [
                f'<circle cx="{x(at):.1f}" cy="{y(value):.1f}" r="4" fill="{paint}"/>'
                for at, value in line
            ]
        elif column.style == "bars" or panel.stacked:
            parts += [
                f'<rect x="{x(at) - 5 + (7 * n if panel.stacked else 0):.1f}" y="{y(value):.1f}" '
                f'width="7" height="{max(y(low) - y(value), 1):.1f}" fill="{paint}" opacity="0.8"/>'
                for at, value in line
            ]
        elif column.style != "hidden":
            dash = ' stroke-dasharray="7 6"' if column.style == "dashed" else ""
            parts.append(
                f'<polyline points="{path}" fill="none" stroke="{paint}" stroke-width="2"{dash}/>'
            )
        if column.style != "hidden":
            legend.append(f'<span style="color:{paint}">▬ {escape(column.title or name)}</span>')
    size = f'viewBox="0 0 {wide} {high}" style="width:100%;height:{high}px"'
    return (
        f"<svg {size}>{''.join(parts)}</svg>"
        f'<div style="margin-top:-3px">{"&ensp;".join(legend)}</div>'
    )


def page(name: str, board: Dashboard, conn: sa.Connection) -> str:
    """The whole dashboard as HTML."""
    given = values(conn, name)
    boxes = []
    for place, panel in zip(board.json()["panels"], board.panels, strict=True):
        grid = place["gridPos"]
        rows = asked(conn, expanded(panel.sql, given, SINCE, UNTIL))
        boxes.append(
            f'<section style="grid-column:{grid["x"] + 1}/span {grid["w"]};'
            f'grid-row:{grid["y"] + 1}/span {grid["h"]}"><h2>{escape(panel.title)}</h2>'
            f"{drawn(panel, rows)}</section>"
        )
    return (
        f'<!doctype html><meta charset="utf-8"><style>{STYLE}</style><h1>{escape(board.title)}</h1>'
        f"<p>{escape(board.text)}</p><main>{''.join(boxes)}</main>"
    )


def main(folder: Path) -> None:
    """Draw every dashboard of a shop that is lived for it."""
    with TemporaryDirectory() as temporary:
        owner = fill(Path(temporary) / "shop")
        with server().connected() as conn:
            conn.exec_driver_sql(f"ALTER ROLE {READER} PASSWORD 'reads'")
        engine = sa.create_engine(make_url(owner).set(username=READER, password="reads"))
        with sync_playwright() as playwright, engine.connect() as conn:
            browser = playwright.chromium.launch(
                executable_path="/usr/bin/chromium", args=["--no-sandbox"]
            )
            view = browser.new_page(viewport={"width": 1320, "height": 900})
            for name, board in BOARDS.items():
                view.set_content(page(name, board, conn))
                view.screenshot(path=folder / f"board_{name}.png", full_page=True)
            browser.close()
        engine.dispose()
    server().close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
