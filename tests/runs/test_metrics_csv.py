"""`metrics.csv`: no row is lost or duplicated, and half a row does not count."""

import csv

import numpy as np
import pytest

from ttt_rllib.errors import InputError
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


def test_a_table_that_an_editor_of_windows_has_saved_is_read_and_continued_alike(tmp_path):
    path = tmp_path / "metrics.csv"
    MetricsCsv(path).append(row(1, 10))
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert read_curves(path).last("perf/iteration") == 1.0
    MetricsCsv(path).append(row(2, 20))
    assert [one["perf/iteration"] for one in read_curves(path).rows] == ["1", "2"]


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


def test_a_file_of_another_version_keeps_its_columns_and_gets_those_it_lacks(tmp_path):
    path = tmp_path / "metrics.csv"
    path.write_text("perf/iteration,play/moves,old/figure\n1,10,0.5\n2,20,0.6\n")
    file = MetricsCsv(path)
    file.append({**row(3, 30), "exact/nash_conv": 0.25})
    rows = file.rows()
    assert [one["old/figure"] for one in rows] == ["0.5", "0.6", ""]
    assert [one["exact/nash_conv"] for one in rows] == ["", "", "0.25"]
    assert read(path) == [(1, 10), (2, 20), (3, 30)]
    with path.open(newline="") as table:
        assert len({len(cells) for cells in csv.reader(table)}) == 1, "each cell has a header"


def test_a_figure_that_comes_later_gets_a_column(tmp_path):
    file = MetricsCsv(tmp_path / "metrics.csv")
    file.append(row(1, 10))
    file.append({**row(2, 20), "eval/return_mean/a": 1.5})
    file.append(row(3, 30))
    assert [one["eval/return_mean/a"] for one in file.rows()] == ["", "1.5", ""]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"play/moves\n\xff\n", "not readable as CSV: 'utf-8' codec can't decode byte 0xff"),
        (b"play/moves\nmany\n", 'play/moves is "many", not a number'),
        (b"play/moves\n1,2\n", "a row has more cells than there are columns"),
        (b"play/moves\n" + b"1" * 200_000 + b"\n", "not readable as CSV: field larger than"),
    ],
)
def test_a_damaged_table_is_one_sentence_that_names_the_file(tmp_path, content, told):
    path = tmp_path / "metrics.csv"
    path.write_bytes(content)
    with pytest.raises(InputError) as error:
        read_curves(path)
    assert str(error.value).startswith(f"{path}: {told}")


def test_a_figure_that_is_not_finite_is_none(tmp_path):
    path = tmp_path / "metrics.csv"
    path.write_text("play/moves,perf/eval_s\n1,inf\n2,nan\n")
    curves = read_curves(path)
    assert (curves.has("perf/eval_s"), curves.last("perf/eval_s")) == (False, None)
    assert (curves.last("play/moves"), curves.total("perf/eval_s")) == (2.0, 0.0)
