"""`metrics.csv`: no row is lost or duplicated, and half a row does not count."""

import csv

import numpy as np

from ttt_rllib.metrics import METRICS
from ttt_rllib.runs.metrics_csv import MetricsCsv, read_curves


def row(iteration, moves):
    return {"perf/iteration": float(iteration), "play/moves": float(moves)}


def read(path):
    with path.open(newline="") as file:
        return [(int(r["perf/iteration"]), int(r["play/moves"])) for r in csv.DictReader(file)]


def test_rows_are_appended_in_order_under_all_metric_names(tmp_path):
    file = MetricsCsv(tmp_path / "metrics.csv")
    for iteration in (1, 2, 3):
        file.append(row(iteration, 10 * iteration))
    assert read(file.path) == [(1, 10), (2, 20), (3, 30)]
    header = file.path.read_text().splitlines()[0]
    assert header.split(",") == [metric.name for metric in METRICS]


def test_repeated_iterations_replace_the_old_rows_and_those_after_them(tmp_path):
    path = tmp_path / "metrics.csv"
    first = MetricsCsv(path)
    for iteration in (1, 2, 3, 4):
        first.append(row(iteration, iteration))
    resumed = MetricsCsv(path)
    resumed.append(row(3, 33))
    assert read(path) == [(1, 1), (2, 2), (3, 33)]
    resumed.append(row(4, 44))
    assert read(path) == [(1, 1), (2, 2), (3, 33), (4, 44)]


def test_half_a_row_left_by_a_kill_is_dropped(tmp_path):
    path = tmp_path / "metrics.csv"
    first = MetricsCsv(path)
    for iteration in (1, 2):
        first.append(row(iteration, iteration))
    with path.open("a") as file:
        file.write("3,33")
    resumed = MetricsCsv(path)
    resumed.append(row(3, 3))
    assert read(path) == [(1, 1), (2, 2), (3, 3)]


def test_half_a_row_is_not_read_and_a_reader_leaves_it_where_it_is(tmp_path):
    path = tmp_path / "metrics.csv"
    MetricsCsv(path).append(row(1, 10))
    with path.open("a") as file:
        file.write("2,99")
    assert read_curves(path).last("play/moves") == 10.0
    assert path.read_text().endswith("\n2,99"), "its writer may still be at it"


def test_curves_have_nan_where_an_iteration_has_no_figure_and_know_last_and_total(tmp_path):
    path = tmp_path / "metrics.csv"
    file = MetricsCsv(path)
    for iteration in (1, 2, 3):
        measured = {"exact/nash_conv": 2.0 / 2**iteration} if iteration % 2 else {}
        file.append({"perf/iteration": float(iteration), **measured})
    curves = read_curves(path)
    np.testing.assert_array_equal(curves["exact/nash_conv"], [1.0, np.nan, 0.25])
    assert (curves.last("perf/iteration"), curves.total("perf/iteration")) == (3.0, 6.0)
    assert curves.has("exact/nash_conv")
    assert not curves.has("play/moves")
    assert curves.last("play/moves") is None
    assert read_curves(tmp_path / "nothing").rows == read_curves(None).rows == ()
