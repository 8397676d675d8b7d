"""Axes, lines and settings against figures worked out by hand."""

import numpy as np
import pytest

from ttt_rllib.report.charts.axes import Scale, short, ticks
from ttt_rllib.report.charts.line_chart import MAX_POINTS, Line, line_chart
from ttt_rllib.report.charts.svg import number, tag


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
