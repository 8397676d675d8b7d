"""Agents of games too large for the truth: sampled scores, the command and the summary."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from tests.commands import run_command
from tests.in_process import call
from ttt_envs import CONNECT_FOUR, TIC_TAC_TOE, Game
from ttt_envs.positions import too_many_positions
from ttt_rllib.agents.baselines import AlphaBetaPolicy, OnePlyPolicy
from ttt_rllib.agents.bundle import Bundle, load_bundle, save_bundle
from ttt_rllib.agents.fixed_players import ALPHA_BETA_DEPTH
from ttt_rllib.agents.inputs import PLAIN_INPUTS, Inputs
from ttt_rllib.agents.policies import NetworkPolicy, RandomPolicy, policy_table
from ttt_rllib.evaluation.evaluate_agent import evaluate_agent
from ttt_rllib.evaluation.matches import greedy_actions, play_match
from ttt_rllib.evaluation.sampled import sampled_report
from ttt_rllib.evaluation.test_positions import optimal_rates
from ttt_rllib.evaluation.text import format_report, verdict
from ttt_rllib.exact import evaluate_walks, greedy_table, match, walk_both_seats
from ttt_rllib.exact.solved_game import solve_or_raise, solved_game
from ttt_rllib.metrics import METRICS
from ttt_rllib.runs.certificate_json import CERTIFICATE_FILE, certificate_of, write_certificate

FOUR_BY_FOUR = Game(4, 4, 4)


def random_network(game, hidden=16):
    rng = np.random.default_rng(0)
    weights, sizes = {}, {"trunk.0": (hidden, 2 * game.num_squares)}
    sizes |= {"policy": (game.num_actions, hidden), "value": (1, hidden)}
    for name, size in sizes.items():
        weights[f"{name}.weight"] = rng.normal(size=size).astype(np.float32)
        weights[f"{name}.bias"] = rng.normal(size=size[0]).astype(np.float32)
    return NetworkPolicy(game, weights, "relu")


@pytest.fixture(scope="module")
def agent(tmp_path_factory):
    """The bundle of a Connect Four agent."""
    folder = tmp_path_factory.mktemp("connect four") / "agent"
    save_bundle(random_network(CONNECT_FOUR), folder, {"algorithm": "none"})
    return folder


def evaluate(*arguments):
    return run_command("evaluate", *arguments, env={"COLUMNS": "80"})


# ---- the report ----------------------------------------------------------------------------


def test_the_same_seed_gives_the_same_report_to_the_last_digit_and_another_another():
    policy = random_network(CONNECT_FOUR)
    first, again, other = (sampled_report(policy, seed=seed) for seed in (3, 3, 4))
    assert json.dumps(first.as_json()) == json.dumps(again.as_json())
    assert first.results() != other.results()


def test_each_score_lies_within_its_interval_around_the_exact_score_on_tic_tac_toe():
    truth = solve_or_raise(TIC_TAC_TOE)
    players = (
        RandomPolicy(TIC_TAC_TOE),
        OnePlyPolicy(TIC_TAC_TOE),
        AlphaBetaPolicy(TIC_TAC_TOE, ALPHA_BETA_DEPTH),
    )
    for policy in (random_network(TIC_TAC_TOE), *players):
        greedy = greedy_table(truth.positions, policy_table(truth.positions, policy))
        report = sampled_report(policy, seed=1, num_games=400)
        for player, result in zip(players, report.results().values(), strict=True):
            table = policy_table(truth.positions, player)
            as_x = match(truth.positions, greedy, table).score
            as_o = -match(truth.positions, table, greedy).score
            low, high = result.interval
            assert low <= (as_x + as_o) / 2 <= high, (policy, player)


def test_each_of_the_three_players_beats_the_one_before():
    # The stronger player plays the first of its best moves, which weakens it; even so.
    game, rng = CONNECT_FOUR, np.random.default_rng(0)
    ladder = (RandomPolicy(game), OnePlyPolicy(game), AlphaBetaPolicy(game, ALPHA_BETA_DEPTH))
    for weaker, stronger in pairwise(ladder):
        assert play_match(stronger, weaker, 100, rng).interval[0] > 0.0


def test_metric_names_are_those_of_the_metrics_file_and_name_the_depth():
    names = sampled_report(RandomPolicy(FOUR_BY_FOUR), num_games=2).metrics()
    known = {metric.name: metric for metric in METRICS}
    assert list(names) == [name for name in known if name.startswith("eval/score_vs_")]
    assert f"{ALPHA_BETA_DEPTH} plies" in known["eval/score_vs_alpha_beta"].meaning
    assert all("ampled" in known[name].meaning for name in names)


def test_why_a_game_has_no_truth_is_told_and_a_small_game_has_one():
    assert too_many_positions(TIC_TAC_TOE) is None
    assert solved_game(CONNECT_FOUR) is None
    assert too_many_positions(CONNECT_FOUR) == (
        "a 6 x 7 board has 42 squares; exact evaluation takes at most 32"
    )
    assert str(too_many_positions(FOUR_BY_FOUR)).startswith(
        "a 4 x 4 board with lines of 4 has more than 4,000,000 positions (at least "
    )


@pytest.mark.parametrize("game", [CONNECT_FOUR, FOUR_BY_FOUR, Game(8, 8, 8)], ids=str)
def test_the_description_fits_80_columns_even_with_a_million_games_and_40_with_the_same_words(
    game, tmp_path
):
    save_bundle(random_network(game), tmp_path, {})
    bundle = load_bundle(tmp_path)
    report = evaluate_agent(bundle.policy, seed=2**31 - 1, num_games=2)
    text = format_report(bundle, report)
    assert max(map(len, text.splitlines())) <= 80
    narrow = format_report(bundle, report, 40)
    assert max(map(len, narrow.splitlines())) <= 40
    assert narrow.split() == text.split()
    assert not [line for line in narrow.splitlines() if "  " in line.strip()]
    # A record of a million games is 10 digits a seat longer than that of two.
    records = [line for line in text.splitlines() if "won-drawn-lost" in line]
    assert len(records) == 3
    assert max(map(len, records)) + 2 * 15 <= 80


def test_the_description_says_what_the_agent_knows_of_the_game(new_network, tmp_path):
    both = Inputs(threat_planes=True, tactical_rule=True)
    for inputs, lines in (
        (both, ["knowledge             sees threats, obeys the tactical rule"]),
        (Inputs(tactical_rule=True), ["knowledge             obeys the tactical rule"]),
        (PLAIN_INPUTS, []),
    ):
        bundle = save_bundle(new_network(CONNECT_FOUR, inputs=inputs), tmp_path / "agent", {})
        text = format_report(bundle, evaluate_agent(bundle.policy, num_games=2))
        assert [line for line in text.splitlines() if line.startswith("knowledge")] == lines
    save_bundle(new_network(CONNECT_FOUR, inputs=both), tmp_path / "agent", {})
    said = json.loads(evaluate(tmp_path / "agent", "--games", 2, "--json").stdout)
    assert said["inputs"] == ["threat_planes", "tactical_rule"]


# ---- the command ---------------------------------------------------------------------------


def test_evaluate_says_what_is_proved_and_what_was_sampled(agent):
    done = evaluate(agent, "--games", 10, "--seed", 7, "--max-positions", 100_000)
    assert done.returncode == 0, done.stderr
    text = " ".join(done.stdout.split())
    walks = walk(load_bundle(agent).policy, 100_000)
    as_x = walks.refutations[0].shortest_plies
    assert text.startswith(f"exploitable: as X it can be beaten in {as_x} plies; as O it can be")
    assert "game 6 x 7, connect 4, gravity" in text
    assert "against all as X can be beaten against all as O can be beaten" in text
    for reached, seat in ((walks.as_x, "X"), (walks.as_o, "O")):
        assert f"positions as {seat} {reached.positions:,}: the limit of positions was" in text
    assert "a 6 x 7 board has 42 squares; exact evaluation takes at most 32" in text
    assert "10 games against each player, half in each seat, seed 7" in text
    results = sampled_report(load_bundle(agent).policy, seed=7, num_games=10).results()
    for name, result in results.items():
        low, high = result.interval
        player = name.replace("_", "-")
        assert f"against {player} {result.score:.4f}, 95 % interval {low:.4f} to {high:.4f}" in text
    assert max(map(len, done.stdout.splitlines())) <= 80


def walk(policy, max_positions):
    return walk_both_seats(
        policy.game,
        lambda boards: greedy_actions(policy, boards),
        game_value=1,
        max_positions=max_positions,
    )


def test_evaluates_json_holds_the_certificate_and_the_sampled_report(agent):
    done = evaluate(agent, "--json", "--max-positions", 100_000)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    policy = load_bundle(agent).policy
    sampled = sampled_report(policy)
    exact = evaluate_walks(walk(policy, 100_000)).metrics()
    assert said["metrics"] == {**exact, **sampled.metrics(), **optimal_rates(policy)}
    assert said["metrics"]["exact/nash_conv_greedy"] == 2.0
    assert said["sampled"] == sampled.as_json()
    assert (said["sampled"]["seed"], said["sampled"]["num_games"]) == (0, 64)
    assert said["certificate"]["unexploitable"] is False
    assert said["certificate"]["perfect"] is False
    assert said["certificate"]["game_value"] == 1
    assert {entry.name for entry in agent.iterdir()} == {"agent.json", "weights.npz"}


@pytest.mark.parametrize("requirement", ["unexploitable", "perfect"])
def test_evaluate_exits_with_1_where_the_agent_falls_short(agent, requirement):
    done = evaluate(agent, "--require", requirement, "--max-positions", 100_000)
    assert done.returncode == 1
    assert done.stderr == f"{agent}: not {requirement}\n"
    assert "against alpha-beta" in done.stdout


@pytest.mark.parametrize("requirement", ["unexploitable", "perfect"])
def test_evaluate_exits_with_1_where_nothing_is_decided(agent, requirement):
    done = evaluate(agent, "--require", requirement, "--max-positions", 50)
    assert done.returncode == 1
    assert done.stderr == (
        f"{agent}: cannot be proved {requirement}: "
        "the game has too many positions for exact evaluation\n"
    )
    assert done.stdout.startswith("not decided: as X nothing is proved")


def test_a_certificate_of_another_game_is_found_out(agent, tmp_path, new_network):
    bundle = Bundle(new_network(), {})
    (tmp_path / "agent").symlink_to(agent)
    certificate = evaluate_agent(bundle.policy).certificate
    write_certificate(tmp_path / CERTIFICATE_FILE, certificate_of(bundle, certificate))
    done = evaluate(tmp_path, "--max-positions", 100_000)
    assert done.returncode == 1
    assert done.stderr == f"{tmp_path / CERTIFICATE_FILE}: does not hold for this agent\n"


def test_a_certificate_is_checked_also_where_a_file_of_the_agent_is_given(tmp_path, new_network):
    bundle = save_bundle(new_network(), tmp_path, {})
    proved = certificate_of(bundle, evaluate_agent(bundle.policy).certificate)
    write_certificate(tmp_path / CERTIFICATE_FILE, replace(proved, mistakes=0))
    for name in ("agent.json", "weights.npz", CERTIFICATE_FILE):
        done = call(("evaluate", str(tmp_path / name)), cwd=tmp_path, env={})
        assert done.code == 1
        assert done.errors == (f"{tmp_path / CERTIFICATE_FILE}: does not hold for this agent",)


def test_a_board_that_cannot_be_walked_is_sampled_and_says_why(tmp_path):
    save_bundle(random_network(Game(6, 6, 5)), tmp_path / "agent", {})
    done = evaluate(tmp_path / "agent", "--games", 4, "--require", "unexploitable")
    assert done.returncode == 1
    assert done.stdout.startswith("not proved: the game has too many positions")
    assert "cannot be proved unexploitable" in done.stderr


def test_a_walk_that_is_killed_leaves_nothing_behind(agent, tmp_path):
    before = {path.name: path.read_bytes() for path in agent.iterdir()}
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    command = [sys.executable, "-m", "ttt_rllib.evaluate", str(agent)]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    try:
        # Until layers lie in temporary files.
        while str(tmp_path) not in Path(f"/proc/{process.pid}/maps").read_text():
            assert process.poll() is None, "it ended before any layer was large"
    finally:
        process.kill()
    assert process.wait() == -signal.SIGKILL
    assert list(tmp_path.iterdir()) == []
    assert {path.name: path.read_bytes() for path in agent.iterdir()} == before


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (("--games", 63), "--games is 63; half are played in each seat: give an even number"),
        (("--games", 0), "--games is 0"),
        (("--games", 10**12), "give an even number, 2 to 1000000"),
        (("--seed", -1), "Invalid value for '--seed'"),
    ],
)
def test_wrong_numbers_of_games_and_seeds_exit_with_2_and_one_line(agent, options, expected):
    done = evaluate(agent, *options)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert expected in done.stderr
    assert done.stderr.count("\n") == 1


# ---- the end of a run ----------------------------------------------------------------------


@pytest.mark.parametrize("certificate", ["end", "never"])
def test_a_run_ends_with_the_certificate_verdict_and_figures_that_evaluate_gives(
    agent, tmp_path, certificate
):
    from ttt_rllib.config.experiment import Experiment
    from ttt_rllib.runs.directory import RunDir
    from ttt_rllib.runs.outcome import RunResult, TrialResult
    from ttt_rllib.runs.summary import Session
    from ttt_rllib.train.finalize import finalize_run

    run = RunDir(tmp_path)
    result = {"play": {"moves": 9}}
    trial = TrialResult("00000", "done", {}, 0, None, tmp_path, agent.parent, result, None)
    outcome = RunResult((trial,), trial, interrupted=False, num_trials=1)
    evaluation = {"certificate": certificate, "max_positions": 100_000}
    experiment = Experiment(env="connect_four", evaluation=evaluation)
    concluded = finalize_run(experiment, run, outcome, Session(setup_s=1.0, total_s=2.0))
    assert concluded is not None
    summary = json.loads(run.summary.read_text())
    assert summary["verdict"] == verdict(concluded[1])
    if certificate == "never":
        assert summary["verdict"].startswith("not proved: the game has too many positions")
        assert not run.certificate.exists()
        return
    done = evaluate(tmp_path, "--json", "--max-positions", 100_000)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert summary["metrics"] == {"play/moves": 9.0, **said["metrics"]}
    assert summary["verdict"].startswith("exploitable: as X it can be beaten in")
    assert json.loads(run.certificate.read_text()) == said["certificate"]
    further = evaluate(tmp_path, "--max-positions", 200_000, "--games", 2)
    assert (further.returncode, further.stderr) == (0, "")
