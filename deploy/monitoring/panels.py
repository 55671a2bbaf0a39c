"""The three kinds of panels, with what they share: data source, colours, legends.

Each returns a builder of Grafana's SDK, which the dashboard configures further: ``lines(…).unit("s").span(12)``.
"""

from collections.abc import Mapping, Sequence

from grafana_foundation_sdk.builders import common, prometheus, stat, statetimeline, timeseries
from grafana_foundation_sdk.builders.dashboard import ThresholdsConfig
from grafana_foundation_sdk.models.common import (
    BigValueColorMode,
    GraphThresholdsStyleMode,
    LegendDisplayMode,
    LegendPlacement,
    SortOrder,
    StackingMode,
    TooltipDisplayMode,
)
from grafana_foundation_sdk.models.dashboard import (
    DataSourceRef,
    Threshold,
    ThresholdsMode,
    ValueMap,
    ValueMappingResult,
)

SOURCE = DataSourceRef("prometheus", "prometheus")
# Texts and colours of the values 1 and 0.
FINE = (("fine", "green"), ("failing", "red"))

# From a legend, which may hold labels, to its query.
Queries = Mapping[str, str]
Panel = stat.Panel | timeseries.Panel | statetimeline.Panel


def number(
    title: str,
    description: str,
    queries: Queries,
    *,
    states: Sequence[tuple[str, str]] | None = None,
    alarm: float | None = None,
) -> stat.Panel:
    """Return a panel of current values.

    Args:
        title: Its title.
        description: What it shows, and how to read it.
        queries: Its queries.
        states: Texts for the values 1 and 0, each with a colour.
        alarm: The value from which it is red.
    """
    panel = stat.Panel().title(title).description(description).datasource(SOURCE).height(4).span(4)
    panel.color_mode(BigValueColorMode.BACKGROUND if states or alarm is not None else BigValueColorMode.NONE)
    panel.reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
    panel.thresholds(_thresholds(alarm, base="green" if alarm is not None else "text"))
    if states:
        shown = {str(1 - place): ValueMappingResult(text, colour) for place, (text, colour) in enumerate(states)}
        panel.mappings([ValueMap(shown)])
    # Instant queries: a range would also show a version that is no longer served.
    _ask(panel, queries, is_instant=True)
    return panel


def lines(
    title: str,
    description: str,
    queries: Queries,
    *,
    alarm: float | None = None,
    is_stacked: bool = False,
) -> timeseries.Panel:
    """Return a panel of values over time.

    Args:
        title: Its title.
        description: What it shows, and how to read it.
        queries: Its queries.
        alarm: The limit of an alert, drawn as a line.
        is_stacked: Whether the lines are stacked, because their sum has a meaning.
    """
    panel = timeseries.Panel().title(title).description(description).datasource(SOURCE)
    panel.height(8).span(8).min(0).fill_opacity(60 if is_stacked else 10)
    panel.legend(
        common.VizLegendOptions()
        .display_mode(LegendDisplayMode.LIST)
        .placement(LegendPlacement.BOTTOM)
        .show_legend(show_legend=True)
    )
    panel.tooltip(common.VizTooltipOptions().mode(TooltipDisplayMode.MULTI).sort(SortOrder.DESCENDING))
    panel.thresholds(_thresholds(alarm, base="transparent"))
    if alarm is not None:
        panel.thresholds_style(common.GraphThresholdsStyleConfig().mode(GraphThresholdsStyleMode.DASHED))
    if is_stacked:
        panel.stacking(common.StackingConfig().mode(StackingMode.NORMAL))
    _ask(panel, queries)
    return panel


def times(title: str, description: str, queries: Queries) -> statetimeline.Panel:
    """Return a panel of bars over the times at which a query was 1.

    Args:
        title: Its title.
        description: What it shows, and how to read it.
        queries: Its queries.
    """
    panel = statetimeline.Panel().title(title).description(description).datasource(SOURCE).height(8).span(8)
    panel.mappings([ValueMap({"1": ValueMappingResult("firing", "red")}), ValueMap({"0": ValueMappingResult("-")})])
    panel.thresholds(_thresholds(1, base="transparent")).no_value("none")
    _ask(panel, queries)
    return panel


def _thresholds(alarm: float | None, base: str) -> ThresholdsConfig:
    steps = [Threshold(color=base)] + ([Threshold(alarm, "red")] if alarm is not None else [])
    return ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(steps)


def _ask(panel: Panel, queries: Queries, *, is_instant: bool = False) -> None:
    for place, (legend, expression) in enumerate(queries.items()):
        query = prometheus.Dataquery().expr(expression).legend_format(legend).ref_id(chr(ord("A") + place))
        panel.with_target(query.instant() if is_instant else query.range())
