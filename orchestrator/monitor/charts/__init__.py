"""Pictures of readings. What can be drawn is a value of this package; `Charts` draws it."""

from orchestrator.monitor.charts.bars import MOST_BARS, Bar, Bars
from orchestrator.monitor.charts.card import MOST_HOSTS, Card, CardRow, Mark, Spark
from orchestrator.monitor.charts.columns import Columns, Panel
from orchestrator.monitor.charts.draw import Charts, draw
from orchestrator.monitor.charts.heat import MOST_ROWS, Heat, HeatRow
from orchestrator.monitor.charts.line import MOST_LINES, Chart, Limit, Line
from orchestrator.monitor.charts.spread import Spread
from orchestrator.monitor.charts.style import DARK, LIGHT, Picture, offset
from orchestrator.monitor.charts.week import Week, WeekMap

__all__ = [
    "DARK",
    "LIGHT",
    "MOST_BARS",
    "MOST_HOSTS",
    "MOST_LINES",
    "MOST_ROWS",
    "Bar",
    "Bars",
    "Card",
    "CardRow",
    "Chart",
    "Charts",
    "Columns",
    "Heat",
    "HeatRow",
    "Limit",
    "Line",
    "Mark",
    "Panel",
    "Picture",
    "Spark",
    "Spread",
    "Week",
    "WeekMap",
    "draw",
    "offset",
]
