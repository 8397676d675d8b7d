"""The drawings of a run: charts, boards and the page `report.html`.

Everything is SVG and HTML without scripts, coloured through the CSS variables of the web
page's palette, so it follows dark and light mode. It needs neither ray nor torch. A notebook
shows the figures, too.
"""

from ttt_rllib.report.benchmarks import benchmark_chart, read_benchmarks
from ttt_rllib.report.charts.bars import Bar, bar_chart, parts_chart
from ttt_rllib.report.charts.boards import policy_drawing
from ttt_rllib.report.charts.figure import Figure, Gallery
from ttt_rllib.report.charts.line_chart import Line, line_chart
from ttt_rllib.report.learning_curves import learning_figures, other_figures, throughput_figures
from ttt_rllib.report.losing_section import losing_games
from ttt_rllib.report.openings import BoardCards, opening_cards
from ttt_rllib.runs.record import RunRecord, read_run

__all__ = [
    "Bar",
    "BoardCards",
    "Figure",
    "Gallery",
    "Line",
    "RunRecord",
    "bar_chart",
    "benchmark_chart",
    "learning_figures",
    "line_chart",
    "losing_games",
    "opening_cards",
    "other_figures",
    "parts_chart",
    "policy_drawing",
    "read_benchmarks",
    "read_run",
    "throughput_figures",
]
