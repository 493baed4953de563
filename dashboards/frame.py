"""A board as a value, and as Grafana's JSON: variables, annotations, links and a layout without gaps."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any, Final

from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard as model

from dashboards.artefact import TAG
from dashboards.influxql import VARIABLES, quoted, tag_values
from dashboards.panels import Sized
from dashboards.target import SOURCE_TYPE, SOURCE_VARIABLE, InfluxQlTarget, data_source
from wire.measurement import Measurement, Tag
from wire.measurements import DEVICE, EVENT, FLOOR, SITE, STOCK_SKU, ZONE

COLUMNS: Final = 24
"""Grafana's grid."""

_SOURCES: Final[dict[Tag, Measurement]] = {
    Tag.SITE: SITE,
    Tag.DEPARTMENT: FLOOR,
    Tag.STYLE: STOCK_SKU,
    Tag.ZONE: ZONE,
    Tag.DEVICE: DEVICE,
}
"""Where the values of each variable come from."""

_LABELS: Final = {
    Tag.SITE: "Site",
    Tag.DEPARTMENT: "Department",
    Tag.STYLE: "Style",
    Tag.ZONE: "Zone",
    Tag.DEVICE: "Device",
}

_EVENTS: Final = (
    ("delivery", "Deliveries", "blue"),
    ("count", "Counts", "purple"),
    ("outage", "Outages", "red"),
    ("recovery", "Recoveries", "green"),
    ("deployment", "Deployments", "orange"),
)


@dataclass(frozen=True, slots=True)
class Section:
    """Panels under a heading; the first section of a board has none. `folded`: closed until somebody opens it."""

    title: str
    panels: tuple[Sized, ...]
    folded: bool = False


@dataclass(frozen=True, slots=True)
class Board:
    """One board. `choose`: what a reader narrows it by; `says`: what it is for."""

    uid: str
    title: str
    says: str
    sections: tuple[Section, ...]
    choose: tuple[Tag, ...] = (Tag.SITE, Tag.DEPARTMENT)
    since: str = "now-6h"
    refresh: str = "30s"

    @property
    def panels(self) -> tuple[Sized, ...]:
        """Return all its panels."""
        return tuple(panel for section in self.sections for panel in section.panels)


def board_json(board: Board, others: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """Return a board as Grafana's JSON; `others` are (uid, title) of the boards that it links to."""
    made = (
        build.Dashboard(board.title)
        .uid(board.uid)
        .description(board.says)
        .tags([TAG])
        .time(board.since, "now")
        .timezone("browser")
        .refresh(board.refresh)
        .tooltip(model.DashboardCursorSync.CROSSHAIR)
        .readonly()
        .with_variable(_source())
    )
    for tag in board.choose:
        made.with_variable(_variable(tag, board.choose))
    for kind, title, colour in _EVENTS:
        made.annotation(_annotation(kind, title, colour))
    for uid, title in others:
        if uid != board.uid:
            made.link(_way(uid, title))
    return _plain(made.build()) | {"panels": _laid_out(board.sections)}


def _source() -> build.DatasourceVariable:
    return build.DatasourceVariable(SOURCE_VARIABLE).label("Time series").type(SOURCE_TYPE)


def _variable(tag: Tag, chosen: Sequence[Tag]) -> build.QueryVariable:
    """Return a variable whose values come from the time series, narrowed by those before it."""
    source = _SOURCES[tag]
    before = tuple(one for one in chosen[: chosen.index(tag)] if one in source.tags)
    every = model.VariableOption(selected=True, text=["All"], value=["$__all"])
    return (
        build.QueryVariable(VARIABLES[tag])
        .label(_LABELS[tag])
        .datasource(data_source())
        .query(tag_values(source, tag, within=before))
        .refresh(model.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(model.VariableSort.NATURAL_ASC)
        .multi(True)
        .include_all(True)
        .all_value(".*")
        .current(every)
    )


def _annotation(kind: str, title: str, colour: str) -> build.AnnotationQuery:
    where = f"$timeFilter AND {quoted(Tag.KIND)} = '{kind}' AND {quoted(Tag.SITE)} =~ /^$site$/"
    query = " ".join(("SELECT", '"title", "detail" FROM', quoted(EVENT.name), "WHERE", where))
    target: Any = InfluxQlTarget("Anno", query)
    return (
        build.AnnotationQuery()
        .name(title)
        .enable(True)
        .hide(False)
        .icon_color(colour)
        .datasource(data_source())
        .target(target)
    )


def _way(uid: str, title: str) -> build.DashboardLink:
    return (
        build.DashboardLink(title)
        .type(model.DashboardLinkType.LINK)
        .url(f"/d/{uid}")
        .icon("dashboard")
        .include_vars(True)
        .keep_time(True)
        .target_blank(False)
    )


def _laid_out(sections: Sequence[Section]) -> list[dict[str, Any]]:
    """Return the panels beside each other as long as they fit, rows below each other."""
    laid: list[dict[str, Any]] = []
    numbers, top = count(1), 0
    for section in sections:
        inside: list[dict[str, Any]] = laid
        if section.title:
            row = _plain(build.Row(section.title).collapsed(section.folded).build())
            laid.append(row | {"id": next(numbers), "gridPos": _place(0, top, COLUMNS, 1)})
            top += 1
            if section.folded:
                inside = laid[-1]["panels"] = []
        left, height = 0, 0
        for panel in section.panels:
            if left + panel.width > COLUMNS:
                left, top, height = 0, top + height, 0
            place = {"id": next(numbers), "gridPos": _place(left, top, panel.width, panel.height)}
            inside.append(_plain(panel.builder.build()) | place)
            left, height = left + panel.width, max(height, panel.height)
        top += height
    return laid


def _place(x: int, y: int, w: int, h: int) -> dict[str, int]:
    return {"x": x, "y": y, "w": w, "h": h}


def _plain(built: object) -> dict[str, Any]:
    """Return what a builder made as plain JSON values."""
    found: dict[str, Any] = json.loads(json.dumps(built, cls=JSONEncoder))
    return found
