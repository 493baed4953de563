"""The kinds of panels: each makes its figures' units, words and colours from the catalogue, so that no board sets them.

`big` says whether to act, `table` what to do, `lines` since when, `states` and `heat` where in a fleet.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from grafana_foundation_sdk.builders import bargauge, common, heatmap, stat, statetimeline, table, text, timeseries
from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.cog import builder as cogbuilder
from grafana_foundation_sdk.models import common as common_model
from grafana_foundation_sdk.models import dashboard as model
from grafana_foundation_sdk.models import heatmap as heatmap_model
from grafana_foundation_sdk.models import text as text_model

from dashboards.influxql import LOOK_BACK, Column, Fold, Question, Span
from dashboards.target import InfluxQlTarget, data_source
from dashboards.theme import NO_DATA, PLAIN, UNITS, Colour, Levels, mappings, thresholds
from wire.measurement import INTERVAL_S, Field, How, Tag

PanelBuilder: TypeAlias = cogbuilder.Builder[model.Panel]

TAG_WORDS: Final[Mapping[Tag, str]] = {
    Tag.SITE: "Site",
    Tag.ZONE: "Zone",
    Tag.ZONE_KIND: "Kind of zone",
    Tag.DEPARTMENT: "Department",
    Tag.STYLE: "Style",
    Tag.COLOUR: "Colour",
    Tag.SIZE: "Size",
    Tag.GTIN: "GTIN",
    Tag.EDGE: "Edge",
    Tag.DEVICE: "Device",
    Tag.DRIVER: "Driver",
    Tag.PORT: "Antenna",
    Tag.CHANNEL: "Channel",
    Tag.MODE: "Mode",
    Tag.STATE: "State",
    Tag.STEP: "Step",
    Tag.TASK: "Task",
    Tag.GAP: "Gap",
    Tag.CAUSE: "Cause",
    Tag.CAME_FROM: "From",
    Tag.WENT_TO: "To",
    Tag.BAND: "Said",
    Tag.KIND: "Kind",
    Tag.SEVERITY: "Severity",
    Tag.GATEWAY: "Gateway",
    Tag.ROUTE: "Route",
    Tag.METHOD: "Method",
    Tag.STATUS: "Status",
}
"""What a column of a tag is called."""

_FULL: Final = 24
_LETTERS: Final = "ABCDEFGH"


@dataclass(frozen=True, slots=True)
class Link:
    """A way to where one looks next: a path of Grafana such as `/d/lastunit-devices`; variables and time go along."""

    title: str
    url: str


@dataclass(frozen=True, slots=True)
class Sized:
    """A panel and its size: `width` of 24, `height` in Grafana's rows. `questions`: what it asks, for the tests."""

    builder: PanelBuilder
    width: int
    height: int
    questions: tuple[Question, ...] = ()


def field_of(question: Question, column: Column) -> Field:
    """Return the field behind a column."""
    return question.measurement.field(column.field)


def unit_of(question: Question, column: Column) -> str:
    """Return Grafana's unit of a column; one field per another of the same unit is a share."""
    field = field_of(question, column)
    if column.per and question.measurement.field(column.per[0]).unit is field.unit:
        return "percentunit"
    return UNITS[field.unit]


def big(
    title: str,
    question: Question,
    levels: Levels,
    said: str,
    *,
    width: int = 4,
    link: Link | None = None,
    unit: str = "",
    nothing: str = NO_DATA,
) -> Sized:
    """One number that says whether to act. `said`: what it is, and what to do when it is not good.

    `nothing`: what it says without data.
    """
    column = question.columns[0]
    panel = (
        stat.Panel()
        .title(title)
        .description(said)
        .datasource(data_source())
        .with_target(_target(question, "A", table=False))
        .unit(unit or unit_of(question, column))
        .mappings(mappings(levels, None if column.across is Fold.COUNT else field_of(question, column)))
        .thresholds(thresholds(levels))
        .color_mode(common_model.BigValueColorMode.BACKGROUND_SOLID)
        .graph_mode(common_model.BigValueGraphMode.NONE)
        .text_mode(common_model.BigValueTextMode.VALUE)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
        .no_value(nothing)
    )
    if link is not None:
        panel.data_links([data_link(link)])
    return Sized(panel, width, 4, (question,))


def lines(
    title: str,
    questions: Sequence[Question],
    said: str,
    *,
    alias: str = "$col",
    levels: Levels = PLAIN,
    stacked: bool = False,
    width: int = 12,
    height: int = 8,
) -> Sized:
    """Figures over time. `alias` names the lines. With levels, the line between good and bad is drawn."""
    first = questions[0]
    bars = all(field_of(one, column).how is How.DELTA for one in questions for column in one.columns)
    panel = (
        timeseries.Panel()
        .title(title)
        .description(said)
        .datasource(data_source())
        .unit(unit_of(first, first.columns[0]))
        .min(0)
        .mappings(mappings(field=field_of(first, first.columns[0])))
        .thresholds(thresholds(levels))
        .no_value(NO_DATA)
        .interval(f"{step_s(first)}s")
        .draw_style(common_model.GraphDrawStyle.BARS if bars else common_model.GraphDrawStyle.LINE)
        .fill_opacity(60 if bars else 10)
        .line_width(2)
        .show_points(common_model.VisibilityMode.NEVER)
        .span_nulls(False)
        .legend(_legend())
        .tooltip(
            common.VizTooltipOptions()
            .mode(common_model.TooltipDisplayMode.MULTI)
            .sort(common_model.SortOrder.DESCENDING)
        )
    )
    if levels is not PLAIN:
        panel.thresholds_style(common.GraphThresholdsStyleConfig().mode(common_model.GraphThresholdsStyleMode.DASHED))
    if stacked:
        panel.stacking(common.StackingConfig().mode(common_model.StackingMode.NORMAL))
    for letter, question in zip(_LETTERS, questions, strict=False):
        panel.with_target(_target(question, letter, table=False, alias=alias))
    return Sized(panel, width, height, tuple(questions))


def rows(
    title: str,
    question: Question,
    said: str,
    *,
    sort: str,
    levels: Mapping[str, Levels] | None = None,
    links: Mapping[Tag, Link] | None = None,
    width: int = 12,
    height: int = 10,
    nothing: str = "nothing",
) -> Sized:
    """Return a table: one row for each value of the question's tags. `sort`: the column whose greatest stand first.

    `nothing`: what an empty table says.
    """
    names = {str(tag): TAG_WORDS[tag] for tag in question.by}
    order = {name: index for index, name in enumerate([*names, *(column.name for column in question.columns)])}
    panel = (
        table.Panel()
        .title(title)
        .description(said)
        .datasource(data_source())
        .with_target(_target(question, "A", table=True))
        .with_transformation(
            model.DataTransformerConfig(
                id_val="organize",
                options={"excludeByName": {"Time": True}, "indexByName": order, "renameByName": names},
            )
        )
        .sort_by([common.TableSortByFieldState().display_name(sort).desc(True)])
        .no_value(nothing)
        .cell_height(common_model.TableCellHeight.MD)
    )
    for column in question.columns:
        panel.override_by_name(column.name, _cell(question, column, (levels or {}).get(column.name, ())))
    for tag, link in (links or {}).items():
        shown = [model.DynamicConfigValue(id_val="links", value=[data_link(link).build()])]
        panel.override_by_name(TAG_WORDS[tag], shown)
    return Sized(panel, width, height, (question,))


def _cell(question: Question, column: Column, levels: Levels) -> list[model.DynamicConfigValue]:
    field = field_of(question, column)
    values: dict[str, Any] = {
        "unit": unit_of(question, column),
        "mappings": mappings(levels, field),
    }
    if levels:
        values["thresholds"] = thresholds(levels).build()
    if levels or field.words:
        values["custom.cellOptions"] = {"type": "color-text"}
    return [model.DynamicConfigValue(id_val=name, value=value) for name, value in values.items()]


def matrix(
    title: str, question: Question, said: str, *, down: Tag, across: Tag, width: int = 24, height: int = 9
) -> Sized:
    """Return a matrix: one tag down, another across, the figure (or its state's word) where they meet."""
    column = question.columns[0]
    options = {
        "rowField": str(down),
        "columnField": str(across),
        "valueField": column.name,
        "emptyValue": "null",
    }
    panel = (
        table.Panel()
        .title(title)
        .description(said)
        .datasource(data_source())
        .with_target(_target(question, "A", table=True))
        .with_transformation(model.DataTransformerConfig(id_val="groupingToMatrix", options=options))
        .unit(unit_of(question, column))
        .mappings(mappings(field=field_of(question, column)))
        .override_by_regexp(".*", [model.DynamicConfigValue(id_val="custom.cellOptions", value={"type": "color-text"})])
        .no_value(NO_DATA)
    )
    return Sized(panel, width, height, (question,))


def states(title: str, question: Question, said: str, *, alias: str, width: int = 24, height: int = 10) -> Sized:
    """A state timeline: one bar for each series, with the states' names in it."""
    panel = (
        statetimeline.Panel()
        .title(title)
        .description(said)
        .datasource(data_source())
        .with_target(_target(question, "A", table=False, alias=alias))
        .mappings(mappings(field=field_of(question, question.columns[0])))
        .interval(f"{step_s(question)}s")
        .show_value(common_model.VisibilityMode.AUTO)
        .merge_values(True)
        .row_height(0.8)
        .no_value(NO_DATA)
        .legend(_legend())
    )
    return Sized(panel, width, height, (question,))


def heat(title: str, question: Question, said: str, *, alias: str, width: int = 24, height: int = 10) -> Sized:
    """A heat map: one row for each series, time across, the figure as brightness and in the tooltip."""
    panel = (
        heatmap.Panel()
        .title(title)
        .description(said)
        .datasource(data_source())
        .with_target(_target(question, "A", table=False, alias=alias))
        .calculate(False)
        .interval(f"{step_s(question)}s")
        .color(heatmap.HeatmapColorOptions().mode(heatmap_model.HeatmapColorMode.SCHEME).scheme("Viridis").steps(32))
        .cell_values(heatmap.CellValues().unit(unit_of(question, question.columns[0])))
        .show_legend()
        .no_value(NO_DATA)
    )
    return Sized(panel, width, height, (question,))


def bars(
    title: str, question: Question, said: str, *, alias: str, levels: Levels = PLAIN, width: int = 8, height: int = 8
) -> Sized:
    """Bars beside each other, each with its number."""
    panel = (
        bargauge.Panel()
        .title(title)
        .description(said)
        .datasource(data_source())
        .with_target(_target(question, "A", table=False, alias=alias))
        .unit(unit_of(question, question.columns[0]))
        .min(0)
        .mappings(mappings(levels, field_of(question, question.columns[0])))
        .thresholds(thresholds(levels))
        .orientation(common_model.VizOrientation.HORIZONTAL)
        .display_mode(common_model.BarGaugeDisplayMode.BASIC)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
        .no_value(NO_DATA)
    )
    return Sized(panel, width, height, (question,))


def words(markdown: str, *, width: int = _FULL, height: int = 3) -> Sized:
    """Text: what the board is for, in one or two lines."""
    panel = text.Panel().mode(text_model.TextMode.MARKDOWN).content(markdown).transparent(True)
    return Sized(panel, width, height)


def step_s(question: Question) -> int:
    """Return the least time between two values: twice what the gateway writes by, so that none is without a point."""
    return max(LOOK_BACK * INTERVAL_S[question.measurement.cadence], 60)


def data_link(link: Link) -> build.DashboardLink:
    """Return a link from a value."""
    return build.DashboardLink(link.title).url(link.url).target_blank(False)


def _target(question: Question, letter: str, *, table: bool, alias: str = "") -> InfluxQlTarget:
    asked = table or question.span is not Span.OVER
    return InfluxQlTarget(letter, question.influxql(), table=table and asked, alias=alias)


def _legend() -> common.VizLegendOptions:
    return (
        common.VizLegendOptions()
        .display_mode(common_model.LegendDisplayMode.LIST)
        .placement(common_model.LegendPlacement.BOTTOM)
        .show_legend(True)
        .calcs([])
    )


__all__ = ["TAG_WORDS", "Colour", "Link", "Sized", "bars", "big", "heat", "lines", "rows", "states", "step_s", "words"]
