"""Run directories written file by file: their contents are known, and no training is needed."""

from __future__ import annotations

import csv
import json
import math
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

from ttt_envs import TIC_TAC_TOE
from ttt_rllib.agents.bundle import load_bundle, save_bundle
from ttt_rllib.agents.inputs import PLAIN_INPUTS
from ttt_rllib.config.experiment import Experiment
from ttt_rllib.config.loading import dump_experiment
from ttt_rllib.evaluation.evaluate_agent import evaluate_agent
from ttt_rllib.evaluation.text import verdict
from ttt_rllib.exact.evaluation import ExactReport
from ttt_rllib.metrics import METRICS
from ttt_rllib.runs.certificate_json import certificate_of, write_certificate
from ttt_rllib.runs.directory import RunDir
from ttt_rllib.runs.metrics_csv import METRICS_FILE, MetricsCsv
from ttt_rllib.runs.summary import SearchSummary, read_summary, write_summary

VOID = {"meta", "link"}
KEYS = ("training.lr", "training.entropy_coeff", "model.hidden_sizes")


def made_rows(count, seed=0, *, falls_after=0.5, is_exact=True):
    """Return rows as a trial reports them: NashConv falls, scores rise, all a little noisy."""
    rng = np.random.default_rng(seed)
    rows = []
    for iteration in range(1, count + 1):
        share = iteration / count
        learnt = 1.0 / (1.0 + math.exp(-12.0 * (share - falls_after)))
        row = {
            "perf/iteration": iteration,
            "play/moves": 4100 * iteration + int(rng.integers(90)),
            "perf/train_s": 0.2 * iteration,
            "play/x_win_rate": 0.6 - 0.2 * learnt,
            "play/draw_rate": 0.1 + 0.3 * learnt,
            "play/o_win_rate": 0.3 - 0.1 * learnt,
            "perf/moves_per_s": 30_000 + rng.normal() * 3_000,
            "perf/sample_s": 0.04,
            "perf/learn_s": 0.1,
            "perf/sync_s": 0.01,
            "perf/eval_s": 0.02,
            "perf/cpu_s": 0.2 + 0.01 * rng.random(),
            "perf/runner_cpu_s": 0.1,
            "perf/memory_mb": 400.0 + iteration,
            "learner/entropy": 1.4 - learnt,
        }
        if is_exact and iteration % 2:
            row |= {
                "exact/nash_conv_greedy": float(round(2 * (1 - learnt) * 2) / 2),
                "exact/nash_conv": 0.3 + 1.7 * (1 - learnt) + 0.02 * rng.random(),
                "exact/optimal_move_rate": 0.72 + 0.26 * learnt,
                "exact/score_vs_random_x": 0.7 + 0.28 * learnt,
                "exact/score_vs_random_o": 0.3 + 0.6 * learnt,
            }
        rows.append(row)
    return rows


def write_metrics(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    file = MetricsCsv(path)
    for row in rows:
        file.append(row)


def write_run(folder, summary, policy=None, *, experiment=None, rows=None, **changes):
    """Write a run directory as `train` leaves it; return it.

    Args:
        folder: Where to.
        summary: Its verdict and its metrics are replaced; None writes no summary.
        policy: The agent; None = there is none.
        experiment: What ran.
        rows: Of metrics.csv; () = none.
        changes: Further fields of the summary.
    """
    run = RunDir(folder)
    folder.mkdir(parents=True)
    experiment = experiment or Experiment(name=folder.parent.name)
    run.experiment.write_text(dump_experiment(experiment))
    rows = made_rows(31) if rows is None else rows
    if rows:
        write_metrics(run.metrics, rows)
    metrics = {}
    for row in rows:
        metrics |= row
    words = agent = None
    if policy is not None:
        save_bundle(policy, run.agent, {})
        bundle = load_bundle(run.agent)
        report = evaluate_agent(bundle.policy, num_games=2)
        words, agent = verdict(report), bundle.agent_sha256
        metrics |= report.metrics()
        if isinstance(report, ExactReport):
            write_certificate(run.certificate, certificate_of(bundle, report.certificate))
    if summary is not None:
        known = {"verdict": words, "agent_sha256": agent, "metrics": metrics}
        if policy is None:
            known["checkpoint"] = None
        write_summary(run.summary, replace(summary, **(known | changes)))
    return run


def made_trials(count, seed=0):
    """Return trials whose objective follows from the learning rate alone, 3e-3 being best."""
    rng = np.random.default_rng(seed)
    trials = []
    for number in range(count):
        rate = float(np.exp(rng.uniform(np.log(1e-4), np.log(3e-2))))
        objective = 60_000 * (1 + abs(np.log10(rate / 3e-3))) + rng.integers(500)
        trials.append(
            {
                "trial": f"t{number:02}",
                "status": "stopped early" if objective > 115_000 else "done",
                "seed": str(number % 2),
                "training.lr": repr(rate),
                "training.entropy_coeff": repr(float(rng.uniform(0, 0.05))),
                "model.hidden_sizes": json.dumps(
                    [[64, 64], [128, 128], [256, 256]][rng.integers(3)]
                ),
                "objective": str(float(objective)),
            }
        )
    return trials


def write_search(run, trials, *, exploits=(), **search):
    """Make a run one of a search: `trials.csv`, a folder a trial, the section in the summary.

    Args:
        run: As `write_run` returns it.
        trials: Rows, without metrics.
        exploits: Names of trials that took over others.
        search: Instead of what the summary's section says.
    """
    measured = [trial for trial in trials if trial["objective"]]
    best = min(measured, key=lambda trial: float(trial["objective"]), default=None)
    names = [metric.name for metric in METRICS]
    with run.table.open("w", newline="") as file:
        writer = csv.DictWriter(file, [*trials[0], *names], restval="")
        writer.writeheader()
        for number, trial in enumerate(trials):
            length = 10 if trial["status"] == "stopped early" else 24
            rows = made_rows(length, seed=number, falls_after=0.3 + 0.05 * (number % 9))
            write_metrics(run.trials / trial["trial"] / METRICS_FILE, rows)
            writer.writerow(trial | {"play/moves": rows[-1]["play/moves"]})
    for name in exploits:
        (run.trials / name / "exploits.csv").write_text("iteration,from_trial\n5,t00\n9,t01\n")
    section = SearchSummary(
        objective="moves to unexploitable",
        mode="min",
        algorithm="optuna",
        scheduler="asha",
        num_trials=len(trials),
        statuses=dict(Counter(trial["status"] for trial in trials)),
        best_trial=best["trial"] if best else None,
        best_objective=float(best["objective"]) if best else None,
        best={key: best[key] for key in KEYS} if best else {},
    )
    summary = replace(read_summary(run.summary), search=replace(section, **search))
    write_summary(run.summary, summary)


@pytest.fixture
def new_run(tmp_path, new_network, new_summary):
    """Return a function that writes a run of a random network, or of no agent."""

    def make(
        name="one",
        *,
        agent=True,
        game=TIC_TAC_TOE,
        inputs=PLAIN_INPUTS,
        has_summary=True,
        **settings,
    ):
        policy = new_network(game, inputs=inputs) if agent else None
        summary = new_summary() if has_summary else None
        return write_run(tmp_path / "ppo" / name, summary, policy, **settings)

    return make


@pytest.fixture
def new_search(new_run):
    """Return a function that writes a search of some trials."""

    def make(count=16, *, name="search", exploits=(), rates=(), **search):
        run, trials = new_run(name), made_trials(count)
        for place, trial in enumerate(trials if rates else ()):
            trial["training.lr"] = rates[place % len(rates)]
        write_search(run, trials, exploits=exploits, **search)
        return run, trials

    return make


class Element:
    """An element of a page: its name, its attributes, and the text in it."""

    def __init__(self, name, attributes, parent):
        self.name, self.attributes, self.parent = name, dict(attributes), parent
        self.children, self.text = [], ""

    def __getitem__(self, attribute):
        return self.attributes[attribute]

    def all(self, name=None, class_=None, **attributes):
        """Return all elements below, in order, of this name, class and attributes."""
        found = []
        for child in self.children:
            classes = (child.attributes.get("class") or "").split()
            fits = name in (None, child.name) and class_ in (None, *classes)
            same = all(child.attributes.get(key) == value for key, value in attributes.items())
            found += [child] * (fits and same) + child.all(name, class_, **attributes)
        return found

    def words(self):
        return " ".join(" ".join([self.text, *(child.words() for child in self.children)]).split())


class Page(HTMLParser):
    """Reads a page and fails where tags do not match."""

    def __init__(self):
        super().__init__()
        self.root = self.here = Element("page", {}, None)

    def handle_starttag(self, tag, attrs):
        element = Element(tag, attrs, self.here)
        self.here.children.append(element)
        if tag not in VOID:
            self.here = element

    def handle_endtag(self, tag):
        assert tag == self.here.name
        self.here = self.here.parent

    def handle_data(self, data):
        self.here.text += data


@pytest.fixture
def read_page():
    """Return a function that reads a page as elements."""

    def read(path):
        page = Page()
        page.feed(path.read_text(encoding="utf-8"))
        assert page.here is page.root
        return page.root

    return read
