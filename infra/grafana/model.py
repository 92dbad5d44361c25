"""What is a dashboard made of? Panels, columns, queries, variables, and the JSON Grafana reads.

The JSON is the classic form, schema version 37: Grafana 9.3 reads it as it is, newer ones migrate
it when they load it. Only panels and settings of the core are used.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

SCHEMA_VERSION: Final = 37
LEDGER: Final = {"type": "postgres", "uid": "replan-pg"}
"""The data source of every query: the ledger's views, as the role that reads nothing else."""
COLUMNS: Final = 24
"""Width of Grafana's grid."""

Kind = Literal["stat", "table", "timeseries", "barchart", "bargauge"]
Style = Literal["line", "dashed", "band", "points", "bars", "hidden"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """From which value on which colour holds; `above` None: from the lowest."""

    colour: str
    above: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """How one column of a result is shown.

    `band_to`: the column down to which the room below this one is filled. `link`: where a click
    leads, in a new tab. `steps`: its colours, of the text unless `filled`. `words`: value → what is
    shown in its place.
    """

    name: str
    title: str | None = None
    unit: str | None = None
    decimals: int | None = None
    width: int | None = None
    style: Style | None = None
    colour: str | None = None
    band_to: str | None = None
    link: str | None = None
    link_title: str = "Open"
    steps: tuple[Step, ...] = ()
    filled: bool = False
    words: Mapping[str, str] | None = None

    def json(self) -> dict[str, Any]:
        """As an override."""
        shown: list[tuple[str, Any]] = []
        for name, value in (
            ("displayName", self.title),
            ("unit", self.unit),
            ("decimals", self.decimals),
            ("custom.width", self.width),
            ("custom.fillBelowTo", self.band_to),
        ):
            if value is not None:
                shown.append((name, value))
        if self.colour is not None:
            shown.append(("color", {"mode": "fixed", "fixedColor": self.colour}))
        if self.style is not None:
            shown += _STYLES[self.style]
        if self.steps:
            mode = "color-background" if self.filled else "color-text"
            shown += [
                ("thresholds", _thresholds(self.steps)),
                # The first for Grafana before 9.4, the second since.
                ("custom.displayMode", mode),
                ("custom.cellOptions", {"type": mode}),
            ]
        if self.words is not None:
            options = {value: {"text": text} for value, text in self.words.items()}
            shown.append(("mappings", [{"type": "value", "options": options}]))
        if self.link is not None:
            link = {"title": self.link_title, "url": self.link, "targetBlank": True}
            shown.append(("links", [link]))
        return {
            "matcher": {"id": "byName", "options": self.name},
            "properties": [{"id": name, "value": value} for name, value in shown],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One rectangle of a dashboard: a query and how its columns are shown.

    `width` of 24, `height` in rows of about 38 pixels. `unit` and `steps` hold for all columns that
    say nothing else. `empty`: what stands there where nothing is found.
    """

    kind: Kind
    title: str
    sql: str
    width: int
    height: int
    text: str = ""
    unit: str | None = None
    decimals: int | None = None
    steps: tuple[Step, ...] = ()
    columns: tuple[Column, ...] = ()
    empty: str | None = None
    lowest: float | None = None
    highest: float | None = None
    stacked: bool = False
    interpolated_by_steps: bool = False
    as_text: bool = False
    """A stat that shows a word, not a number."""

    @property
    def is_series(self) -> bool:
        """Whether its query must bring a column `time`."""
        return self.kind == "timeseries"

    def json(self, number: int, x: int, y: int) -> dict[str, Any]:
        """As Grafana reads it, at a place of the grid."""
        defaults: dict[str, Any] = {"custom": {}, "mappings": []}
        for name, value in (
            ("unit", self.unit),
            ("decimals", self.decimals),
            ("noValue", self.empty),
            ("min", self.lowest),
            ("max", self.highest),
        ):
            if value is not None:
                defaults[name] = value
        defaults["thresholds"] = _thresholds(self.steps or (Step(colour="text"),))
        if self.kind in ("stat", "bargauge"):
            defaults["color"] = {"mode": "thresholds"}
        if self.kind == "timeseries":
            stacking = {"mode": "normal" if self.stacked else "none", "group": "A"}
            style = {"drawStyle": "bars", "fillOpacity": 60} if self.stacked else {"lineWidth": 2}
            defaults["custom"] = {**style, "stacking": stacking, "spanNulls": False}
            if self.interpolated_by_steps:
                defaults["custom"]["lineInterpolation"] = "stepAfter"
            defaults["color"] = {"mode": "palette-classic"}
        target = {
            "refId": "A",
            "datasource": LEDGER,
            "editorMode": "code",
            "rawQuery": True,
            "format": "time_series" if self.is_series else "table",
            "rawSql": self.sql,
        }
        return {
            "id": number,
            "type": self.kind,
            "title": self.title,
            "description": self.text,
            "datasource": LEDGER,
            "gridPos": {"x": x, "y": y, "w": self.width, "h": self.height},
            "fieldConfig": {
                "defaults": defaults,
                "overrides": [column.json() for column in self.columns],
            },
            "options": self._options(),
            "targets": [target],
        }

    def _options(self) -> dict[str, Any]:
        match self.kind:
            case "stat" | "bargauge":
                fields = "/.*/" if self.as_text else ""
                reduce = {"calcs": ["lastNotNull"], "fields": fields, "values": self.kind != "stat"}
                if self.kind == "stat":
                    shown = {"colorMode": "value", "graphMode": "none", "textMode": "auto"}
                else:
                    shown = {"displayMode": "basic", "orientation": "horizontal"}
                return {"reduceOptions": reduce, **shown}
            case "table":
                return {"showHeader": True, "footer": {"show": False}}
            case "timeseries":
                legend = {"displayMode": "list", "placement": "bottom", "showLegend": True}
                return {"legend": legend, "tooltip": {"mode": "multi", "sort": "none"}}
            case "barchart":
                legend = {"displayMode": "list", "placement": "bottom", "showLegend": True}
                return {"legend": legend, "orientation": "horizontal", "showValue": "auto"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable:
    """Something a reader chooses: what a query lists, one of `choices`, or a text of their own."""

    name: str
    label: str
    sql: str | None = None
    choices: tuple[str, ...] = ()
    text: str = ""
    several: bool = False

    def json(self) -> dict[str, Any]:
        """As Grafana reads it; a list is read anew with each change of the time range."""
        plain: dict[str, Any] = {"name": self.name, "label": self.label, "hide": 0}
        if self.sql is not None:
            return plain | {
                "type": "query",
                "datasource": LEDGER,
                "query": self.sql,
                "definition": self.sql,
                "refresh": 2,
                "sort": 1,
                "multi": self.several,
                "includeAll": self.several,
                "current": {"text": ["All"], "value": ["$__all"]} if self.several else {},
                "options": [],
                "regex": "",
            }
        options = [
            {"text": one, "value": one, "selected": n == 0} for n, one in enumerate(self.choices)
        ]
        if options:
            listed = ",".join(self.choices)
            return plain | {
                "type": "custom",
                "query": listed,
                "multi": False,
                "includeAll": False,
                "current": options[0],
                "options": options,
            }
        own = {"text": self.text, "value": self.text, "selected": True}
        return plain | {"type": "textbox", "query": self.text, "current": own, "options": [own]}


@dataclass(frozen=True, slots=True, kw_only=True)
class Annotation:
    """Marks on all charts over time: `time` in milliseconds, `text`, `tags`."""

    name: str
    sql: str
    colour: str

    def json(self) -> dict[str, Any]:
        """As Grafana reads it."""
        target = {"refId": "Anno", "format": "table", "rawQuery": True, "rawSql": self.sql}
        return {
            "name": self.name,
            "datasource": LEDGER,
            "enable": True,
            "iconColor": self.colour,
            "rawQuery": self.sql,
            "target": target,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Dashboard:
    """A page: rows of panels, each row as wide as the grid or less."""

    uid: str
    title: str
    text: str
    rows: tuple[tuple[Panel, ...], ...]
    variables: tuple[Variable, ...] = ()
    annotations: tuple[Annotation, ...] = ()
    since: str = "now-30d"
    until: str = "now"
    refresh: str = "30s"

    @property
    def panels(self) -> tuple[Panel, ...]:
        """From the top left."""
        return tuple(panel for row in self.rows for panel in row)

    def json(self) -> dict[str, Any]:
        """The whole page; panels are numbered and placed in their order."""
        panels: list[dict[str, Any]] = []
        top = 0
        for row in self.rows:
            left = 0
            for panel in row:
                panels.append(panel.json(len(panels) + 1, left, top))
                left += panel.width
            top += max(panel.height for panel in row)
        others = {
            "title": "replan",
            "type": "dashboards",
            "tags": ["replan"],
            "asDropdown": True,
            "includeVars": False,
            "keepTime": True,
        }
        return {
            "uid": self.uid,
            "title": self.title,
            "description": self.text,
            "tags": ["replan"],
            "schemaVersion": SCHEMA_VERSION,
            "version": 1,
            "editable": False,
            "graphTooltip": 1,
            "refresh": self.refresh,
            "time": {"from": self.since, "to": self.until},
            "timezone": "",
            "links": [others],
            "annotations": {"list": [one.json() for one in self.annotations]},
            "templating": {"list": [one.json() for one in self.variables]},
            "panels": panels,
        }


_STYLES: Final[dict[Style, Sequence[tuple[str, Any]]]] = {
    "line": (("custom.lineWidth", 2),),
    "dashed": (("custom.lineStyle", {"fill": "dash", "dash": [10, 10]}),),
    "band": (("custom.lineWidth", 0), ("custom.fillOpacity", 20)),
    "points": (
        ("custom.drawStyle", "points"),
        ("custom.pointSize", 9),
        ("custom.showPoints", "always"),
    ),
    "bars": (("custom.drawStyle", "bars"), ("custom.fillOpacity", 60)),
    "hidden": (
        ("custom.lineWidth", 0),
        ("custom.hideFrom", {"legend": True, "tooltip": False, "viz": False}),
    ),
}


def _thresholds(steps: Sequence[Step]) -> dict[str, Any]:
    return {
        "mode": "absolute",
        "steps": [{"color": step.colour, "value": step.above} for step in steps],
    }
