"""`ttt submit` as people run it, and the leaderboard of the repository against its bundles."""

import json
import re
import shlex
from dataclasses import replace

import pytest
import yaml

from tests.commands import RAY_AND_TORCH, ROOT, loaded_by
from tests.in_process import call
from tests.report.conftest import write_run, write_search
from ttt_envs import CONNECT_FOUR, Game
from ttt_rllib.agents.bundle import load_bundle, save_bundle
from ttt_rllib.config.experiment import Experiment
from ttt_rllib.config.experiment_files import find_experiment
from ttt_rllib.config.loading import difference, resolve_experiment
from ttt_rllib.evaluation.evaluate_agent import evaluate_agent
from ttt_rllib.evaluation.text import format_report
from ttt_rllib.report.changed_settings import settings_yaml
from ttt_rllib.report.leaderboard import BEGIN, END, card, renewed
from ttt_rllib.runs.leaderboard_row import read_rows
from ttt_rllib.runs.summary import read_summary, write_summary

DOCS = ROOT / "docs"
AGENTS = DOCS / "agents"
PAGE = f"# Leaderboard\n\nAbove.\n\n{BEGIN}\n{END}\n\nBelow.\n"
CURVE = [(100, 0.5, 2.0, 0.7), (200, 1.0, 1.0, 0.8), (300, 1.5, 0.0, 0.9), (400, 2.0, 0.0, 1.0)]
"""Moves, seconds, NashConv and the share of optimal moves, by evaluation."""


def curve_rows(curve=CURVE):
    names = ("play/moves", "perf/train_s", "exact/nash_conv_greedy", "exact/optimal_move_rate")
    return [
        {"perf/iteration": number, **dict(zip(names, row, strict=True))}
        for number, row in enumerate(curve, 1)
    ]


@pytest.fixture
def folder(tmp_path):
    """A working directory with the documents of a clone."""
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "leaderboard.md").write_text(PAGE)
    return tmp_path


@pytest.fixture
def trained(folder, new_summary):
    """Return a function that writes the run of an agent of the leaderboard, or of another one."""

    def make(agent="ppo", name="one", *, policy=None, rows=None, **options):
        policy = policy or load_bundle(AGENTS / agent).policy
        rows = curve_rows() if rows is None else rows
        place = folder / "results" / "ppo" / name
        return write_run(place, new_summary(), policy, rows=rows, **options)

    return make


def submit(folder, *words):
    return call(("submit", *map(str, words)), cwd=folder, env={"COLUMNS": "80"})


def everything(folder):
    """Return the files of a folder with their bytes."""
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def table(folder):
    """Return the table's rows as their cells, without headings."""
    text = (folder / "docs" / "leaderboard.md").read_text()
    lines = re.findall(r"^\| \[.*$", text, re.MULTILINE)
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_a_run_becomes_a_bundle_a_card_and_a_row_whose_figures_are_those_of_its_curve(
    folder, trained
):
    run = trained("ppo")
    done = submit(folder, run.path, "--name", "first")
    assert (done.code, done.errors) == (0, ())
    assert done.stdout.splitlines() == [
        "unexploitable: first is on docs/leaderboard.md",
        "card: docs/agents/first/README.md",
    ]
    place = folder / "docs" / "agents" / "first"
    names = ["README.md", "agent.json", "certificate.json", "row.json", "weights.npz"]
    assert sorted(path.name for path in place.iterdir()) == names
    for name in ("agent.json", "weights.npz"):
        assert (place / name).read_bytes() == (run.agent / name).read_bytes()
    assert (place / "certificate.json").read_bytes() == run.certificate.read_bytes()
    (row,) = table(folder)
    assert row == [
        *("[first](agents/first/README.md)", "unexploitable", "300", "1.5", "-", "-", "0"),
        *("`0123456789abcdef`", "Linux x86_64, 2 CPUs"),
    ]
    page = (folder / "docs" / "leaderboard.md").read_text()
    assert page.startswith(PAGE.partition(END)[0])
    assert page.endswith(PAGE.partition(BEGIN)[2].partition("\n")[2])


def test_the_commands_of_a_card_check_the_agent_and_train_it_again(folder, trained):
    experiment = Experiment.model_validate({"name": "ppo", "seed": 3, "training": {"lr": 0.001}})
    run = trained("ppo_perfect", experiment=experiment)
    assert submit(folder, run.path).code == 0
    text = (folder / "docs" / "agents" / "ppo" / "README.md").read_text()
    commands = re.findall(r"^    (ttt .*)$", text, re.MULTILINE)
    evaluate, train = map(shlex.split, commands)
    assert evaluate == ["ttt", "evaluate", "docs/agents/ppo", "--require", "perfect"]
    assert call(evaluate[1:], cwd=folder, env={"COLUMNS": "80"}).code == 0
    again = resolve_experiment(find_experiment(train[2]), tuple(train[3:]))
    assert difference(again, experiment) is None
    settings = yaml.safe_load(text.partition("```yaml\n")[2].partition("```")[0])
    assert difference(Experiment.model_validate(settings), experiment) is None
    assert "until perfect | 400 moves, 2.0 s of training" in text


def test_settings_of_an_experiment_of_ones_own_are_on_the_card_instead_of_a_path(folder, trained):
    run = trained(experiment=Experiment.model_validate({"name": "mine", "seed": 5}))
    assert submit(folder, run.path).code == 0
    place = folder / "docs" / "agents" / "mine"
    text = (place / "README.md").read_text()
    assert json.loads((place / "row.json").read_text())["command"] is None
    assert "`ttt train FILE`" in text
    assert "seed: 5" in text
    assert str(folder) not in "".join(path.read_text() for path in place.glob("*.[jm]*"))


def test_rows_are_sorted_by_their_proof_and_then_by_the_moves_until_it(
    folder, trained, new_network
):
    late = [(moves + 500, *row) for moves, *row in CURVE]
    for name, agent, rows in (
        ("late", "ppo", late),
        ("early", "dqn", CURVE),
        ("perfect", "ppo_perfect", late),
    ):
        run = trained(agent, name, rows=curve_rows(rows))
        assert submit(folder, run.path, "--name", name).code == 0
    run = trained(name="weak", policy=new_network())
    assert submit(folder, run.path, "--name", "weak").code == 0
    assert [(row[0].partition("]")[0][1:], *row[1:3], row[4]) for row in table(folder)] == [
        ("perfect", "perfect", "800", "900"),
        ("early", "unexploitable", "300", "-"),
        ("late", "unexploitable", "800", "-"),
        ("weak", "exploitable", "-", "-"),
    ]


def test_agents_of_another_game_get_a_table_of_their_own(folder, trained, new_network):
    assert submit(folder, trained("ppo").path).code == 0
    small = trained(name="small", policy=new_network(Game(rows=2, cols=2, connect=2)))
    assert submit(folder, small.path, "--name", "small").code == 0
    page = (folder / "docs" / "leaderboard.md").read_text()
    assert re.findall(r"^\*\*(.*)\*\*$", page, re.MULTILINE) == [
        "2 \N{MULTIPLICATION SIGN} 2, 2 in a row",
        "Tic-tac-toe",
    ]


def test_the_same_agent_may_be_submitted_again_and_nothing_changes(folder, trained):
    run = trained("ppo")
    assert submit(folder, run.path).code == 0
    before = everything(folder)
    assert submit(folder, run.path).code == 0
    assert everything(folder) == before


def changed_summary(run, **changes):
    write_summary(run.summary, replace(read_summary(run.summary), **changes))


def changed_certificate(run):
    content = json.loads(run.certificate.read_text())
    run.certificate.write_text(json.dumps(content | {"positions_as_x": 237}))


def other_agent(run):
    for file in run.agent.iterdir():
        file.write_bytes((AGENTS / "dqn" / file.name).read_bytes())


def taken(run):
    place = run.path.parents[2] / "docs" / "agents" / "ppo"
    place.mkdir(parents=True)
    for file in (AGENTS / "dqn").iterdir():
        (place / file.name).write_bytes(file.read_bytes())


def without_markers(run):
    (run.path.parents[2] / "docs" / "leaderboard.md").write_text("# Leaderboard\n")


def as_search(run):
    trial = {"trial": "t00", "status": "done", "seed": "0", "objective": "1.0"}
    keys = ("training.lr", "training.entropy_coeff", "model.hidden_sizes")
    write_search(run, [trial | dict.fromkeys(keys, "1")])


FAULTS = {
    "unfinished": (lambda run: run.summary.unlink(), "is unfinished, not done; finish it with"),
    "interrupted": (
        lambda run: changed_summary(run, status="interrupted"),
        "is interrupted, not done",
    ),
    "a search": (as_search, "is a search"),
    "another agent": (other_agent, "agent: is not the agent that the run trained"),
    "no certificate": (lambda run: run.certificate.unlink(), "certificate.json: is not there"),
    "a wrong certificate": (changed_certificate, "certificate.json: does not hold for the agent"),
    "a name that is taken": (taken, "docs/agents/ppo: is taken by another agent; give another"),
    "no place in the page": (without_markers, "has nowhere to write the table"),
    "agents is a file": (
        lambda run: (run.path.parents[2] / "docs" / "agents").touch(),
        "docs: cannot be written",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_run_that_may_not_be_submitted_is_refused_in_a_sentence_and_nothing_is_written(
    folder, trained, fault
):
    run = trained()
    spoil, complaint = FAULTS[fault]
    spoil(run)
    before = everything(folder)
    done = submit(folder, run.path)
    assert (done.code, done.stdout) == (2, "")
    (sentence,) = done.errors
    assert complaint in sentence
    assert everything(folder) == before


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("--name", "../up"), "--name ../up: a name has up to 128 letters"),
        (("--to", "results"), "--to results: has no leaderboard.md"),
    ],
)
def test_wrong_options_are_answered_in_a_sentence(folder, trained, words, complaint):
    run = trained()
    done = submit(folder, run.path, *words)
    assert done.code == 2
    assert complaint in done.errors[0]


def test_a_row_that_was_there_is_renewed_and_that_is_said(folder, trained):
    run = trained()
    said = [submit(folder, run.path).stdout.splitlines()[0] for _ in range(2)]
    assert said[0] == "unexploitable: ppo is on docs/leaderboard.md"
    assert said[1] == f"{said[0]}; it was there, and is renewed"
    assert len(table(folder)) == 1


def test_an_agent_has_one_name(folder, trained):
    run = trained()
    assert submit(folder, run.path).code == 0
    done = submit(folder, run.path, "--name", "second")
    assert done.code == 2
    assert "docs/agents/ppo: is the same agent; renew it with --name ppo" in done.errors[0]


def test_a_run_without_an_agent_or_without_exact_values_is_refused(
    folder, trained, new_network, new_summary
):
    empty = write_run(folder / "results" / "ppo" / "empty", new_summary(), rows=curve_rows())
    large = write_run(folder / "results" / "ppo" / "large", new_summary(), rows=curve_rows())
    bundle = save_bundle(new_network(CONNECT_FOUR), large.agent, {})
    changed_summary(large, agent_sha256=bundle.agent_sha256, checkpoint="trials/1")
    warm = Experiment.model_validate({"name": "ppo", "initialize_from": "agent"})
    for run, complaint in (
        (empty, "has no agent"),
        (large, "its game has no exact values"),
        (trained(name="warm", experiment=warm), "initialize_from is agent"),
    ):
        done = submit(folder, run.path)
        assert done.code == 2
        assert complaint in done.errors[0]
    assert not (folder / "docs" / "agents").exists()


def test_it_needs_neither_ray_nor_torch():
    assert not loaded_by("ttt_rllib.submit") & set(RAY_AND_TORCH)


ROWS = read_rows(AGENTS)


def test_every_agent_of_the_repository_has_a_row_and_the_page_shows_them_all():
    assert set(ROWS) == {path.name for path in AGENTS.iterdir()}
    page = (DOCS / "leaderboard.md").read_text(encoding="utf-8")
    assert renewed(page, ROWS, "the page") == page


@pytest.mark.parametrize("name", ROWS)
def test_a_row_of_the_repository_says_what_its_bundle_is_measured_to_be(name):
    row, bundle = ROWS[name], load_bundle(AGENTS / name)
    report = evaluate_agent(bundle.policy)
    assert (row.game, row.agent_sha256) == (bundle.policy.game.title, bundle.agent_sha256)
    proved = report.certificate
    is_proved = {"perfect": proved.perfect, "unexploitable": proved.unexploitable}
    assert row.verdict == next(claim for claim, holds in is_proved.items() if holds)
    # Only what takes the move probabilities depends on how a machine rounds.
    assert row.metrics == pytest.approx(report.metrics(), rel=0, abs=1e-6)
    assert row.metrics["exact/nash_conv_greedy"] == report.nash_conv_greedy == 0.0
    done = call(
        ("evaluate", str(AGENTS / name), "--require", row.verdict), cwd=ROOT, env={"COLUMNS": "80"}
    )
    assert (done.code, done.errors) == (0, ())


@pytest.mark.parametrize("name", ROWS)
def test_a_card_of_the_repository_is_made_of_its_row_its_settings_and_its_figures(name):
    row, bundle = ROWS[name], load_bundle(AGENTS / name)
    text = (AGENTS / name / "README.md").read_text(encoding="utf-8")
    words = shlex.split(row.command)
    experiment = resolve_experiment(find_experiment(words[2]), tuple(words[3:]))
    assert (row.experiment, row.seed) == (experiment.name, experiment.seed)
    question = find_experiment(row.experiment).read_text().partition("\n")[0].removeprefix("# ")
    figures = format_report(bundle, evaluate_agent(bundle.policy))
    settings = settings_yaml(experiment)
    assert text == card(row, question, settings, figures, f"docs/agents/{name}")
