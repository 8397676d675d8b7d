"""The search in the report against its files, and importance against known trials."""

import csv
import json
import math
import sys

import numpy as np
import pytest

from ttt_rllib.errors import InputError
from ttt_rllib.report.command import write_report
from ttt_rllib.report.importance import MIN_TRIALS, importance
from ttt_rllib.runs.metrics_csv import Curves
from ttt_rllib.runs.record import read_run
from ttt_rllib.runs.search_record import SearchRecord, SearchTrial, read_search

CURVES = "All trials: exact/nash_conv"
PARALLEL = "Settings and objective of every measured trial"


def names(lines):
    return [line["data-name"] for line in lines]


def test_the_table_has_every_trial_of_the_csv_the_best_first(new_search, read_page):
    run, trials = new_search()
    page = read_page(write_report(run))
    (table,) = page.all("table", class_="trials")
    rows = [[cell.text for cell in row.children] for row in table.all("tr")[1:]]
    ranked = sorted(trials, key=lambda trial: float(trial["objective"]))
    assert [row[0] for row in rows] == [trial["trial"] for trial in ranked]
    assert [row[2] for row in rows] == [trial["status"] for trial in ranked]
    for row, trial in zip(rows, ranked, strict=True):
        assert float(row[1].replace(",", "")) == pytest.approx(float(trial["objective"]), rel=1e-5)
        assert float(row[4]) == pytest.approx(float(trial["training.lr"]), rel=1e-3)
        assert json.loads(row[6]) == json.loads(trial["model.hidden_sizes"])
    assert [row.words().split()[0] for row in table.all("tr", class_="best")] == [rows[0][0]]
    stopped = [trial for trial in trials if trial["status"] == "stopped early"]
    assert len(table.all("tr", class_="stopped")) == len(stopped) > 1
    leads = [lead.text for lead in page.all("p", class_="lead")]
    (lead,) = (lead for lead in leads if lead.startswith("16 trials"))
    assert lead.startswith("16 trials by Optuna with ASHA, for the least moves to unexploitable; ")
    assert f"{len(stopped)} stopped early." in lead


def test_all_learning_curves_are_drawn_and_the_best_one_above_them(new_search, read_page):
    run, trials = new_search()
    (chart,) = read_page(write_report(run)).all("svg", **{"aria-label": CURVES})
    lines = chart.all("path", class_="stroke")
    assert sorted(names(lines)) == sorted(trial["trial"] for trial in trials)
    best = min(trials, key=lambda trial: float(trial["objective"]))["trial"]
    assert names(chart.all("path", class_="win")) == names(lines)[-1:] == [best]
    stopped = {trial["trial"] for trial in trials if trial["status"] == "stopped early"}
    assert set(names(chart.all("path", class_="loss"))) == stopped
    assert "crowded" in chart["class"]
    # With several seeds a configuration, the run's agent need not be that of the least figure.
    other, _ = new_search(name="other", best_trial="t03")
    (chart,) = read_page(write_report(other)).all("svg", **{"aria-label": CURVES})
    assert names(chart.all("path", class_="stroke"))[-1] == "t03"


def test_parallel_coordinates_cross_every_axis_at_the_trials_settings(new_search, read_page):
    run, trials = new_search()
    (chart,) = read_page(write_report(run)).all("svg", **{"aria-label": PARALLEL})
    axes = [axis.all("text", class_="name")[0].text for axis in chart.all("g", class_="axes")]
    assert axes == [
        "training.lr",
        "training.entropy_coeff",
        "model.hidden_sizes",
        "moves to unexploitable",
    ]
    crossed = {}
    for line in chart.all("path", class_="stroke"):
        places = [point.split() for point in line["d"].lstrip("M").split("L")]
        crossed[line["data-name"]] = [float(x) for x, _ in places]
    assert len(crossed) == len(trials)
    # The learning rate by hand: logarithms between the ends of the axis, 16 to 344.
    logs = {trial["trial"]: math.log(float(trial["training.lr"])) for trial in trials}
    low, high = min(logs.values()), max(logs.values())
    for name, log in logs.items():
        place = 16 + (log - low) / (high - low) * 328
        assert crossed[name][0] == pytest.approx(place, abs=0.01)
    kinds = sorted({trial["model.hidden_sizes"] for trial in trials})
    for trial in trials:
        place = 16 + kinds.index(trial["model.hidden_sizes"]) / (len(kinds) - 1) * 328
        assert crossed[trial["trial"]][2] == pytest.approx(place, abs=0.01)


@pytest.mark.parametrize("mode", ["min", "max"])
def test_importance_finds_the_one_setting_that_the_objective_was_made_of(new_search, mode):
    run, _ = new_search(40, mode=mode)
    shares = importance(read_search(read_run(run)))
    assert set(shares) == {"training.lr", "training.entropy_coeff", "model.hidden_sizes"}
    assert next(iter(shares)) == "training.lr"
    assert shares["training.lr"] > 0.6
    assert sum(shares.values()) == pytest.approx(1.0)


@pytest.mark.parametrize(("mode", "first"), [("min", "kind"), ("max", "rate")])
def test_importance_looks_at_the_better_trials(mode, first):
    """Low objectives have a kind of their own, high ones nearly one rate."""
    rng = np.random.default_rng(1)
    trials = []
    for place in range(60):
        kind = "a" if place < 12 else "bcd"[rng.integers(3)]
        rate = 0.5 + 0.001 * rng.random() if place >= 48 else 0.618 * place % 1
        settings = {"kind": kind, "rate": repr(rate)}
        trials.append(
            SearchTrial(str(place), "done", "0", settings, float(place), {}, Curves(()), 0)
        )
    rng.shuffle(trials)
    search = SearchRecord("x", mode, "random", "none", None, ("kind", "rate"), tuple(trials))
    assert next(iter(importance(search))) == first


def test_long_categories_stand_below_each_other(new_search, read_page):
    schedules = [f"[[0, 0.00{digit}], [200000, 0.0002]]" for digit in (2, 3, 5)]
    run, _ = new_search(9, rates=schedules)
    (chart,) = read_page(write_report(run)).all("svg", **{"aria-label": PARALLEL})
    words = chart.all("g", class_="axes")[0].all("text")[1:]
    assert [text.text for text in words] == schedules
    assert len({text["y"] for text in words}) == 3


@pytest.mark.parametrize("best", [4, 12])
def test_where_the_best_are_as_good_as_the_worst_nothing_is_said_to_matter(best):
    trials = tuple(
        SearchTrial(
            str(place), "done", "0", {"rate": str(place)}, float(place >= best), {}, Curves(()), 0
        )
        for place in range(12)
    )
    search = SearchRecord("x", "min", "random", "none", None, ("rate",), trials)
    assert importance(search) is None


def test_without_optuna_the_page_says_so_and_has_everything_else(
    new_search, read_page, monkeypatch
):
    run, _ = new_search()
    whole = read_page(write_report(run))
    monkeypatch.setitem(sys.modules, "optuna", None)  # what an environment without it imports
    page = read_page(write_report(run))
    assert len(whole.all("figure")) == len(page.all("figure")) + 1
    notes = [note.text for note in page.all("p", class_="note")]
    assert sum("that takes optuna, which is not installed" in note for note in notes) == 1


def test_with_few_trials_a_sentence_stands_where_importance_would(new_search, read_page):
    run, _ = new_search(MIN_TRIALS - 1)
    page = read_page(write_report(run))
    assert page.all("ul", class_="bars") == []
    notes = [note.text for note in page.all("p", class_="note")]
    assert any(note.startswith("How much each setting mattered is not shown") for note in notes)
    enough, _ = new_search(MIN_TRIALS, name="enough")
    assert len(read_page(write_report(enough)).all("ul", class_="bars")) == 1


def test_takeovers_of_population_based_training_are_counted(new_search, read_page):
    run, _ = new_search(algorithm="pbt", scheduler="pbt", exploits=("t02", "t05"))
    page = read_page(write_report(run))
    assert "16 trials by PBT, for the least moves to unexploitable; " in page.words()
    assert "4 times a trial took over a better one" in page.words()
    (table,) = page.all("table", class_="trials")
    last = {row.children[0].text: row.children[-1].text for row in table.all("tr")}
    assert (last["trial"], last["t02"], last["t05"], last["t01"]) == ("exploits", "2", "2", "0")


def test_trials_that_failed_or_never_measured_anything_come_last(new_search, read_page):
    run, _ = new_search()
    path = run.path / "trials.csv"
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    rows[0] |= {"status": "failed", "objective": ""}
    rows[1] |= {"status": "unfinished", "objective": "inf"}
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    page = read_page(write_report(run))
    (table,) = page.all("table", class_="trials")
    assert {row.children[0].text for row in table.all("tr")[-2:]} == {"t00", "t01"}
    assert [row.children[0].text for row in table.all("tr", class_="failed")] == ["t00"]
    (chart,) = page.all("svg", **{"aria-label": PARALLEL})
    assert len(chart.all("path", class_="stroke")) == len(rows) - 2


def test_a_search_whose_trials_never_began_has_a_page(new_run, new_search, read_page):
    run, trials = new_search(3)
    for trial in trials:
        (run.trials / trial["trial"] / "metrics.csv").unlink()
    path = run.path / "trials.csv"
    path.write_text(path.read_text().splitlines()[0] + "\n")
    page = read_page(write_report(run))
    assert "0 trials by Optuna" in page.words()
    assert "Search" not in [
        heading.text for heading in read_page(write_report(new_run())).all("h2")
    ]


def test_a_table_of_other_columns_is_named(new_search):
    run, _ = new_search()
    (run.path / "trials.csv").write_text("name,objective\nx,1\n")
    with pytest.raises(InputError, match=r"trials\.csv: its columns are name, objective; they"):
        write_report(run)
