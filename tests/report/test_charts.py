"""Axes, lines and settings against figures worked out by hand."""

import re
from xml.etree import ElementTree

import numpy as np
import pytest

from ttt_rllib.report.charts.axes import Scale, short, ticks
from ttt_rllib.report.charts.line_chart import MAX_POINTS, Line, line_chart
from ttt_rllib.report.charts.svg import number, tag
from ttt_rllib.report.charts.svg_file import svg_file


@pytest.mark.parametrize(
    ("low", "high", "is_log", "expected"),
    [
        (0.0, 1.0, False, [0, 0.25, 0.5, 0.75, 1]),
        (0.0, 2.0, False, [0, 0.5, 1, 1.5, 2]),
        (4_248.0, 111_364.0, False, [50_000, 100_000]),
        (-1.0, 1.0, False, [-1, -0.5, 0, 0.5, 1]),
        (0.93, 1.0, False, [0.94, 0.96, 0.98, 1]),
        (1e-4, 1e-2, True, [1e-4, 3e-4, 1e-3, 3e-3, 1e-2]),
        (2.0, 40.0, True, [2, 5, 10, 20]),
    ],
)
def test_marks_are_round_figures_inside_the_axis(low, high, is_log, expected):
    assert ticks(Scale(low, high, 0.0, 1.0, is_log)) == pytest.approx(expected)


def test_places_on_axes_by_hand():
    upward = Scale(0.0, 2.0, 100.0, 0.0)
    assert [upward(figure) for figure in (0.0, 0.5, 2.0)] == [100.0, 75.0, 0.0]
    decades = Scale(1e-4, 1e-2, 10.0, 30.0, is_log=True)
    assert [decades(figure) for figure in (1e-4, 1e-3, 1e-2)] == pytest.approx([10, 20, 30])
    assert Scale.over([3.0], 0.0, 1.0)(3.0) == 0.5
    assert Scale.over([5.0], 0.0, 1.0, is_log=True)(5.0) == pytest.approx(0.5)
    assert Scale.over([float("nan"), 1.0, 3.0], 0.0, 1.0).high == 3.0


@pytest.mark.parametrize(
    ("figure", "words"),
    [
        (0.0, "0"),
        (0.34294, "0.343"),
        (-0.5, "\N{MINUS SIGN}0.5"),
        (95_147, "95.1k"),
        (999_999, "1M"),
        (18_597_107, "18.6M"),
        (2e-4, "2e\N{MINUS SIGN}4"),
        (3.16e-5, "3.16e\N{MINUS SIGN}5"),
    ],
)
def test_figures_are_written_in_a_few_characters(figure, words):
    assert short(figure) == words


def test_thinning_a_long_line_keeps_its_ends_and_a_single_peak():
    count = 10_000
    y = np.zeros(count)
    y[7_321] = 1.0
    figure = line_chart("peak", [Line("one", np.arange(count, dtype=float), y)])
    path = figure.svg.split('data-name="one"')[0].rsplit(' d="M', 1)[1].split('"')[0]
    points = [[float(word) for word in point.split()] for point in path.split("L")]
    assert len(points) <= MAX_POINTS + 2
    assert (points[0][0], points[-1][0]) == (40.0, 348.0)
    assert sorted({y for _, y in points}) == [8.0, 168.0], "the peak and the ground, nothing else"


def test_a_line_of_one_figure_is_a_dot_and_one_of_none_is_only_named():
    lines = [
        Line("one", np.array([5.0]), np.array([0.25])),
        Line("none", np.zeros(2), np.full(2, np.nan)),
    ]
    figure = line_chart("few", lines)
    assert figure.svg.count("<circle") == 1
    assert "stroke ink" not in figure.svg
    assert [key.value for key in figure.legend] == ["0.25", ""]


def test_dots_on_logarithmic_axes_stand_where_a_hand_calculation_puts_them():
    decades = np.array([1.0, 10.0, 100.0])
    figure = line_chart("dots", [Line("a", decades, decades, is_dots=True)], is_log=True)
    dots = re.findall(r'<circle cx="([\d.]+)" cy="([\d.]+)"', figure.svg)
    assert dots == [("40", "168"), ("194", "88"), ("348", "8")], "equal ratios, equally far apart"
    assert "stroke ink" not in figure.svg, "nothing connects them"
    assert "<circle" in figure.legend[0].html()


def test_a_chart_as_a_file_is_xml_with_title_legend_and_the_colours_it_needs():
    lines = [
        Line("one & two", np.array([1.0, 2.0]), np.array([1.0, 4.0]), "win"),
        Line("bound", np.array([1.0, 2.0]), np.array([4.0, 4.0]), "loss", is_limit=True, value=""),
    ]
    root = ElementTree.fromstring(svg_file(line_chart("a < b", lines)))  # noqa: S314 - our own
    space = "{http://www.w3.org/2000/svg}"
    assert root.tag == f"{space}svg"
    texts = [element.text for element in root.iter(f"{space}text")]
    assert texts[:3] == ["a < b", "one & two: 4", "bound"]
    style = root.find(f"{space}style").text
    drawn = {word for one in root.iter() for word in one.get("class", "").split()}
    assert {"win", "loss", "dashed", "axes", "chart"} <= drawn
    for variable in set(re.findall(r"var\((--\w+)\)", style)):
        assert f"{variable}:" in style, variable
    assert ".stroke.win" in style
    # Black letters would vanish in dark mode.
    assert ".ttt-report > text { fill: var(--ink);" in style
    assert ".page" not in style
    chart = next(one for one in root.iter(f"{space}svg") if "chart" in one.get("class", ""))
    # Below the title and two lines of legend, and inside the picture.
    top, height = float(chart.get("y")), float(chart.get("height"))
    assert top > 26 + 2 * 16
    assert top + height <= float(root.get("viewBox").split()[3])


def test_text_is_escaped_wherever_it_stands():
    hostile = '<a href="x">&'
    assert tag("b", text=hostile, title=hostile) == (
        '<b title="&lt;a href=&quot;x&quot;&gt;&amp;">&lt;a href="x"&gt;&amp;</b>'
    )
    figure = line_chart(hostile, [Line(hostile, np.arange(2.0), np.arange(2.0))])
    assert "<a" not in figure._repr_html_()


def test_coordinates_are_rounded_and_short():
    assert [number(value) for value in (0.0, -0.001, 1.5, 2.005001, 10.0)] == [
        "0",
        "0",
        "1.5",
        "2.01",
        "10",
    ]
