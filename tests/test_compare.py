"""`ttt compare` as people run it: groups, proofs, curves, the page, and wrong input."""

import json
import re
import shutil

import numpy as np
import pytest

from tests.commands import RAY_AND_TORCH, ROOT, loaded_by
from tests.in_process import call
from tests.report.conftest import Page, write_run
from ttt_rllib.agents.bundle import load_bundle
from ttt_rllib.config.experiment import Experiment
from ttt_rllib.config.loading import dump_experiment
from ttt_rllib.runs.comparison import compared, group_runs
from ttt_rllib.runs.directory import RunDir
from ttt_rllib.runs.record import read_run

AGENT = ROOT / "docs" / "agents" / "ppo"


def rows(nash, *, each=100, offset=0, rate=None, own=None):
    """Return the rows of a run with this NashConv at every evaluation; None = not evaluated."""
    made = []
    for number, figure in enumerate(nash, 1):
        row = {
            "perf/iteration": number,
            "play/moves": offset + each * number,
            "perf/train_s": number / 2,
        }
        if figure is not None:
            row["exact/nash_conv_greedy"] = figure
        if rate is not None:
            row["exact/optimal_move_rate"] = rate
        if own is not None:
            row["custom/mine"] = own
        made.append(row)
    return made


@pytest.fixture
def write(tmp_path, new_summary):
    """Return a function that writes a run, of the unexploitable agent if it is proved."""

    def make(name, nash, *, proved=True, has_summary=True, settings=None, seed=0, **options):
        path = tmp_path / "results" / "ppo" / name
        experiment = Experiment.model_validate({"name": "ppo", "seed": seed, **(settings or {})})
        changes = {key: options.pop(key) for key in ("status", "git_commit") if key in options}
        agent = load_bundle(AGENT).agent_sha256
        words = {"agent_sha256": agent, "verdict": "unexploitable: no opponent can beat it"}
        run = write_run(
            path,
            new_summary() if has_summary else None,
            experiment=experiment,
            rows=rows(nash, **options),
            **(words | changes if proved else changes),
        )
        if proved:
            shutil.copytree(AGENT, run.agent)
            (run.agent / "certificate.json").rename(run.certificate)
        return path

    return make


@pytest.fixture
def results(write, tmp_path):
    """Three seeds that prove it, and two with another learning rate of which one does."""
    write("a", [2.0, 1.0, 0.0], seed=0, rate=0.8)
    write("b", [2.0, 0.0], seed=1, rate=0.9)
    write("c", [2.0, 2.0, None, 0.0, 0.0], seed=2)
    high = {"training": {"lr": 0.01}, "tracking": {"wandb": {"mode": "disabled"}}}
    write("d", [2.0, 0.0], seed=0, settings=high)
    high["tracking"] = {}
    write("e", [2.0, 1.0, 1.0], seed=1, settings=high, proved=False)
    return tmp_path / "results"


def run(folder, *words, columns=80):
    return call(("compare", *map(str, words)), cwd=folder, env={"COLUMNS": str(columns)})


def groups_of(folder):
    paths = sorted((folder / "ppo").iterdir())
    return group_runs([compared(read_run(RunDir(path))) for path in paths])


def test_json_has_groups_that_differ_in_more_than_seed_and_tracking(results):
    done = run(results.parent, "results", "--json")
    assert (done.code, done.errors) == (0, ())
    first, second = json.loads(done.stdout)["groups"]
    assert [path[-1] for path in first["runs"]] == ["a", "b", "c"]
    assert (first["seeds"], second["seeds"]) == ([0, 1, 2], [0, 1])
    assert first["differing"] == {"training.lr": Experiment().training.lr}
    assert second["differing"] == {"training.lr": 0.01}
    assert (first["proved"], second["proved"]) == (3, 1)
    # Seed 2 was first unexploitable in its fourth iteration, not in its last.
    assert first["median_moves_to_proof"] == np.median([300, 200, 400])
    assert first["median_seconds_to_proof"] == np.median([1.5, 1.0, 2.0])
    assert second["median_moves_to_proof"] is None, "half of them do not get there"
    rates = first["metrics"]["exact/optimal_move_rate"]
    assert (rates["n"], rates["iqm"], rates["low"]) == (2, pytest.approx(0.85), None)
    moves = first["metrics"]["play/moves"]
    assert (moves["n"], moves["iqm"]) == (3, pytest.approx((300 + 200 + 500) / 3))
    assert 200 <= moves["low"] < moves["iqm"] < moves["high"] <= 500


def test_curves_are_interpolated_and_a_run_that_is_done_keeps_its_last_figure(results):
    curve = groups_of(results)[0].curve("exact/nash_conv_greedy")
    assert (curve.n, curve.moves[0], curve.moves[-1]) == (3, 100, 500)
    for moves, figure in zip(curve.moves, curve.iqm, strict=True):
        of_a = np.interp(moves, [100, 200, 300], [2.0, 1.0, 0.0])
        of_b = np.interp(moves, [100, 200], [2.0, 0.0])
        of_c = np.interp(moves, [100, 200, 400], [2.0, 2.0, 0.0])
        assert figure == pytest.approx((of_a + of_b + of_c) / 3)
    assert groups_of(results)[0].curve("exact/optimal_move_rate") is None, "one run has none"


def test_a_curve_ends_where_a_run_ends_that_is_not_done(results, write):
    write("f", [2.0, 1.5, 1.0, 1.0], seed=3, proved=False, has_summary=False)
    curve = groups_of(results)[0].curve("exact/nash_conv_greedy")
    assert (curve.n, curve.moves[-1]) == (4, 400)


@pytest.mark.parametrize("columns", [40, 80, 120])
def test_the_text_fits_the_terminal_and_says_how_many_seeds_there_are(results, columns):
    done = run(results.parent, "results", columns=columns)
    assert (done.code, done.errors) == (0, ())
    lines = done.stdout.splitlines()
    assert max(map(len, lines)) <= columns
    words = " ".join(done.stdout.split())
    assert "n = 3, seeds 0-2" in words
    assert "n = 2, seeds 0-1" in words
    assert "3 of 3" in words
    assert "1 of 2" in words
    assert "0.85 (2 of 3)" in words, "a metric that one run lacks"
    assert "With fewer than 10 seeds the intervals are rough" in words


def test_a_proof_that_was_lost_again_is_told_with_what_its_figure_means(write, tmp_path):
    write("held", [2.0, 0.0, 0.0], seed=0)
    write("lost", [2.0, 0.0, 1.0, None, 0.0, 0.0], seed=1)
    done = run(tmp_path, "results")
    assert re.search(r"moves to first proof +200", done.stdout)
    told = " ".join(done.stdout.split())
    assert (
        "ppo/lost was unexploitable after 200 moves, then lost that again, and has it for good "
        "from 500 moves on."
    ) in told
    assert "ppo/held was" not in told


def test_one_seed_has_no_interval_and_no_remark(results):
    done = run(results, "ppo/a")
    assert "[" not in done.stdout
    assert "n = 1, seed 0" in done.stdout
    assert "rough" not in done.stdout


def test_what_spoils_a_comparison_is_said(results, write, tmp_path):
    write("g", [2.0, 0.0], seed=2, git_commit="f" * 40)
    write("h", [2.0], seed=3, proved=False, status="failed")
    other = {"env": "connect_four"}
    write("i", [2.0], seed=3, proved=False, settings=other)
    remarks = json.loads(run(tmp_path, "results", "--json").stdout)["remarks"]
    told = " ".join(remarks)
    assert "seed 2 occurs 2 times" in told
    assert "ppo/h is failed: its figures so far count" in told
    assert "2 different commits" in told
    assert "The groups play different games" in told


def test_the_page_has_a_line_and_a_band_per_group_with_enough_seeds_and_opens_offline(results):
    done = run(results, "ppo", "--html", "page.html")
    assert done.code == 0, done.errors
    html = (results / "page.html").read_text(encoding="utf-8")
    assert "http" not in html.replace("http-equiv", "")
    page = Page()
    page.feed(html)
    assert page.here is page.root
    figures = {figure.all("figcaption")[0].text: figure for figure in page.root.all("figure")}
    nash = figures["exact/nash_conv_greedy"]
    lines = [path for path in nash.all("path") if "stroke" in path.attributes.get("class", "")]
    names = [line["data-name"] for line in lines if "data-name" in line.attributes]
    assert names == ["ppo training.lr=0.003, n = 3", "ppo training.lr=0.01, n = 2"]
    assert len(nash.all("path", "band")) == 1, "two seeds have no interval"
    assert "exact/optimal_move_rate" not in figures, "no group has it of all runs"
    words = page.root.words()
    assert "2 groups: 4 of 5 runs proved unexploitable." in words
    for name in "abcde":
        assert f"ppo/{name}" in words
    assert run(results, "ppo", "--html", "again.html").code == 0
    assert (results / "again.html").read_text(encoding="utf-8") == html


def test_a_metric_of_ones_own_has_a_figure_on_the_page(write, tmp_path):
    for name, own in (("a", 1.0), ("b", 2.0)):
        write(name, [2.0, 0.0], own=own, settings={"training": {"lr": own / 1000}})
    done = run(tmp_path / "results", "ppo", "--html", "page.html")
    assert done.code == 0, done.errors
    page = Page()
    page.feed((tmp_path / "results" / "page.html").read_text(encoding="utf-8"))
    assert "custom/mine" in [one.all("figcaption")[0].text for one in page.root.all("figure")]


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("nothing",), "nothing: No such file or directory"),
        (("empty",), "empty: neither a run nor a folder that holds runs"),
        (("ppo/a", "search"), "is a search, whose trials its report compares"),
        (("ppo/a", "damaged"), "damaged/summary.json: not readable as JSON"),
        (("ppo/a", "--html", "none/page.html"), "none/page.html: cannot be written"),
        ((), "Missing argument 'RUN'"),
    ],
)
def test_wrong_input_is_one_sentence_and_writes_nothing(results, words, complaint):
    (results / "empty").mkdir()
    (results / "search").mkdir()
    space = {"search": {"training.lr": {"uniform": [0.1, 0.2]}}}
    (results / "search" / "experiment.yaml").write_text(
        dump_experiment(Experiment.model_validate(space))
    )
    shutil.copytree(results / "ppo" / "a", results / "damaged")
    (results / "damaged" / "summary.json").write_text("{")
    before = sorted(results.rglob("*"))
    done = run(results, *words)
    assert (done.code, done.stdout) == (2, "")
    (sentence,) = done.errors
    assert complaint in sentence
    assert sorted(results.rglob("*")) == before


def test_of_a_folder_of_runs_what_cannot_be_compared_is_left_out(results):
    (results / "ppo" / "a" / "summary.json").write_text("{")
    done = run(results, "ppo", "ppo/b", "--json")
    assert done.code == 0
    (warning,) = done.errors
    assert warning.startswith("warning: skipped: ")
    seeds = [group["seeds"] for group in json.loads(done.stdout)["groups"]]
    assert seeds == [[1, 2], [0, 1]], "b, which was named twice, counts once"


def test_where_no_run_can_be_compared_one_sentence_says_why(results):
    for run_dir in (results / "ppo").iterdir():
        (run_dir / "summary.json").write_text("{")
    done = run(results, "ppo")
    assert (done.code, done.stdout) == (2, "")
    (sentence,) = done.errors
    assert sentence.startswith("error: none of the runs can be compared; the first: ")
    assert "summary.json: not readable" in sentence


def test_it_needs_neither_ray_nor_torch():
    assert not loaded_by("ttt_rllib.compare") & set(RAY_AND_TORCH)
