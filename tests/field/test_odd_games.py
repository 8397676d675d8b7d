"""Environments with one oddity: learnt from rightly, or refused and failed with one sentence.

What random games show is known before Ray starts, with `--plan` too; what happens rarely
ends the training.
"""

from __future__ import annotations

import json

import pytest

from tests.commands import own_lines
from ttt_rllib.config.env_settings import env_notes
from ttt_rllib.config.experiment import Experiment
from ttt_rllib.runs.metrics_csv import read_curves

LATER_GAME = 80
"""A game that random games before the training do not reach, and the training does."""

NO_MOVE = "b is on move, and its action_mask allows no action"
NAN_REWARD = "the reward of a is nan; rewards must be finite numbers"
BROKEN = "ConnectionError: the simulator lost its connection"

REFUSED = {
    "no move": ({}, NO_MOVE),
    "nan": ({}, NAN_REWARD),
    "raises": ({}, BROKEN),
    "different spaces": ({}, "different spaces, so they cannot share a policy; set it to separate"),
    "no possible agents": ({}, "it has no possible_agents; it must list them"),
    "wrong shape": ({}, "the observation of a has the shape (5,), but that of its space is (4,)"),
    "plain": ({"stop": {"optimal_move_rate": 1.0}}, "stop.optimal_move_rate can never be met"),
    "early": ({"learners": {"num_learners": 2}}, "learners.num_learners is 2; with env.pettingzoo"),
}


@pytest.mark.parametrize(
    "words",
    [("--plan",), pytest.param((), marks=pytest.mark.long)],
    ids=["plan", "train"],
)
@pytest.mark.parametrize("kind", REFUSED)
def test_what_random_games_show_is_one_sentence_before_ray_starts(train, tmp_path, kind, words):
    sections, expected = REFUSED[kind]
    refused = train("odd_games", kwargs={"kind": kind}, words=words, **sections)
    assert refused.returncode == 2, refused.stderr
    (line,) = refused.stderr.splitlines()
    assert line.startswith("error: ")
    assert expected in line
    assert "starting Ray" not in refused.stdout
    assert not (tmp_path / "results").exists()


def strict_json(folder):
    """Parse every JSON text of a folder as the standard says; return how many there were."""

    def refuse(token):
        raise AssertionError(f"{token} is not JSON")

    # Tune's own state has an Infinity, which nobody else reads.
    paths = [path for path in folder.rglob("*.json") if "experiment_state" not in path.name]
    # A line is a text in Tune's result.json.
    lines = [path for path in paths if path.name == "result.json"]
    texts = [path.read_text() for path in paths if path not in lines]
    texts += [line for path in lines for line in path.read_text().splitlines()]
    for text in texts:
        json.loads(text, parse_constant=refuse)
    return len(texts)


@pytest.mark.parametrize(
    ("kind", "runners", "expected"),
    [
        ("raises", 2, BROKEN),
        ("raises", 0, BROKEN),
        ("nan", 2, NAN_REWARD),
        ("no move", 0, NO_MOVE),
    ],
)
@pytest.mark.long
def test_a_fault_that_shows_rarely_fails_the_training_with_the_environments_own_words(
    train, run_dir, kind, runners, expected
):
    failed = train(
        "odd_games",
        kwargs={"kind": kind, "from_game": LATER_GAME},
        env_runners={"num_env_runners": runners, "num_cpus_per_env_runner": 0.5},
        stop={"iterations": 100},
        # A fault that would come again is not tried again, whatever this says.
        max_failures=0 if kind == "raises" else 3,
    )
    assert failed.returncode == 1, failed.stderr
    told = [line for line in own_lines(failed.stderr) if line.startswith("error: the trial failed")]
    assert len(told) == 1
    assert expected in told[0]
    (errors,) = run_dir.glob("trials/*/error.txt")
    assert errors.read_text().count("Failure #") == 1
    summary = json.loads((run_dir / "summary.json").read_text())
    assert summary["status"] == "failed"
    assert expected in summary["error"]
    assert strict_json(run_dir) > 0


@pytest.mark.long
def test_an_environment_that_cannot_be_made_in_the_trial_is_one_sentence_and_not_tried_again(
    train, run_dir, tmp_path
):
    failed = train("odd_games", kwargs={"kind": "only once", "licence": str(tmp_path / "licence")})
    assert failed.returncode == 1, failed.stderr
    (told,) = [line for line in own_lines(failed.stderr) if line.startswith("error: ")]
    assert told.startswith("error: the trial failed: env: odd_games cannot be made with")
    assert "FileExistsError" in told
    (errors,) = run_dir.glob("trials/*/error.txt")
    assert errors.read_text().count("Failure #") == 1
    summary = json.loads((run_dir / "summary.json").read_text())
    assert f"error: the trial failed: {summary['error']}" == told


def test_what_both_got_for_the_first_move_counts_and_nobody_wins_a_cooperative_game(train, run_dir):
    done = train("odd_games", kwargs={"kind": "early"}, stop={"iterations": 2})
    assert done.returncode == 0, done.stderr
    curves = read_curves(run_dir / "metrics.csv")
    assert len(curves.rows) == 2
    assert curves["play/draw_rate"].tolist() == [1.0, 1.0]
    assert not curves.has("play/x_win_rate")
    assert not curves.has("play/o_win_rate")
    for agent in "ab":
        assert curves[f"eval/return_mean/{agent}"].tolist() == [1.0, 1.0]
    assert strict_json(run_dir) > 0


def test_ppo_learns_from_big_rewards_because_no_error_is_clipped(build):
    algorithm = build("tests.field.envs.odd_games", kwargs={"kind": "big"})
    losses = [algorithm.train()["learner"]["vf_loss"] for _ in range(2)]
    # A network that expects nothing errs by 1,000; clipped, the loss would be 10.
    assert min(losses) > 1000


@pytest.mark.parametrize(
    ("training", "warning"),
    [
        ({}, "training is steadier if the environment pays about 1 a game"),
        ({"vf_clip_param": 10.0}, "above 3.16 teach nothing; leave out training.vf_clip_param"),
    ],
    ids=["no clip", "clip"],
)
def test_the_plan_warns_of_big_rewards_and_names_the_clip_that_hides_errors(
    train, training, warning
):
    planned = train("odd_games", kwargs={"kind": "big"}, training=training, words=("--plan",))
    assert planned.returncode == 0, planned.stderr
    (line,) = planned.stderr.splitlines()
    assert line.startswith("warning: returns up to 1000 were seen in random games")
    assert line.endswith(warning)


def test_no_value_clip_is_the_default_on_pettingzoo_only(settings):
    for name in ("tests.field.envs.odd_games", "tictactoe_v3"):
        assert Experiment.model_validate(settings(name)).training.vf_clip_param is None
    assert Experiment().training.vf_clip_param == 10.0


def test_a_note_names_the_value_clip_only_where_it_hides_errors(settings):
    def notes(kind, **training):
        data = settings("tests.field.envs.odd_games", kwargs={"kind": kind}, training=training)
        return list(env_notes(Experiment.model_validate(data)))

    assert notes("plain") == notes("plain", vf_clip_param=10.0) == []
    (note,) = notes("plain", vf_clip_param=0.5)
    assert "training.vf_clip_param" in note
