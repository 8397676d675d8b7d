"""SelfPlayTD on a real Ray cluster: runners, learners, metrics, checkpoints, its agent."""

import numpy as np
import pytest

from ttt_envs import TIC_TAC_TOE
from ttt_envs.positions import enumerate_positions
from ttt_rllib.agents.afterstates import AfterstatePolicy
from ttt_rllib.agents.bundle import load_bundle, policy_sha256, weights_sha256
from ttt_rllib.agents.inputs import PLAIN_INPUTS, Inputs
from ttt_rllib.agents.lookahead import MAX_PLIES, LookaheadPolicy
from ttt_rllib.config.training import Model, TDTraining
from ttt_rllib.evaluation.evaluate_agent import evaluate_agent
from ttt_rllib.metrics import METRICS, REFUTED_REPLY_RATE, SHORTEST_REFUTATION, flatten
from ttt_rllib.rl.td import SelfPlayTDConfig
from ttt_rllib.sampling.env_runner import MODULE_ID
from ttt_rllib.sampling.rollout import flat_observations


def weights_hash(algorithm):
    return weights_sha256(algorithm.network_policy().weights)


@pytest.mark.parametrize(("num_env_runners", "num_learners"), [(0, 0), (1, 0), (0, 2)])
def test_any_number_of_runners_and_learners_trains_twice_on_every_position_with_a_choice(
    build, num_env_runners, num_learners
):
    algorithm = build("td", num_env_runners=num_env_runners, num_learners=num_learners)
    before = weights_hash(algorithm)
    for _ in range(3):
        result = algorithm.train()
    assert weights_hash(algorithm) != before
    states = algorithm.env_runner_group.foreach_env_runner(
        lambda runner: runner.get_state()["rl_module"]["main"],
        local_env_runner=not num_env_runners,
    )
    if num_env_runners:
        # It may still be playing with the weights before these.
        algorithm._requests.take(*algorithm.moves_to_sample())
        states = algorithm.env_runner_group.foreach_env_runner(
            lambda runner: runner.get_state()["rl_module"]["main"], local_env_runner=False
        )
    assert {weights_sha256(state) for state in states} == {weights_hash(algorithm)}
    if not num_learners:
        moves = result["play"]["moves"]
        passes = result["learners"][MODULE_ID]["num_module_steps_trained_lifetime"]
        # Twice, but for the few positions in which a single square is left.
        assert 1.8 * moves < passes < 2 * moves
        assert passes % 2 == 0


def test_every_metric_is_reported_and_equals_what_evaluate_says_of_the_checkpoint(build, tmp_path):
    algorithm = build("td")
    for _ in range(2):
        row = flatten(algorithm.train())
    reported = ("", "ppo, td", "dqn, td", "zero-sum games")
    wanted = {metric.name for metric in METRICS if metric.only in reported}
    assert set(row) <= wanted
    assert wanted - set(row) <= {REFUTED_REPLY_RATE, SHORTEST_REFUTATION}, "those of walks"
    assert 0.3 < row["play/epsilon"] < 0.5, "the schedule at the moves before the iteration"
    algorithm.save_to_path(tmp_path / "checkpoint")
    policy = load_bundle(tmp_path / "checkpoint" / "agent").policy
    assert type(policy) is AfterstatePolicy
    assert evaluate_agent(policy).metrics().items() <= row.items()


def test_a_restored_checkpoint_continues_like_the_uninterrupted_run(build, tmp_path):
    whole, first = build("td", seed=3), build("td", seed=3)
    for _ in range(3):
        whole.train()
        first.train()
    first.save_to_path(tmp_path / "checkpoint")
    second = build("td", seed=3)
    second.restore_from_path(tmp_path / "checkpoint")
    for _ in range(3):
        expected, result = whole.train(), second.train()
    assert weights_hash(second) == weights_hash(whole)
    for group in ("exact", "play", "learner"):
        assert result[group] == expected[group]


def test_the_policy_of_the_bundle_plays_the_modules_moves(build):
    algorithm = build("td")
    algorithm.train()
    positions = enumerate_positions(TIC_TAC_TOE)
    boards = positions.boards[positions.decisions]
    runner = algorithm.env_runner_group.local_env_runner
    values, best = runner.evaluate(flat_observations(boards))
    assert np.array_equal(np.isneginf(values), ~boards.legal_mask())
    policy = algorithm.network_policy()
    assert np.array_equal(policy(boards).argmax(axis=1), values.argmax(axis=1))
    assert policy(boards).sum() == len(boards) == 4520
    assert policy.values(boards) == pytest.approx(best, abs=1e-5)


@pytest.mark.parametrize("copies", [True, False])
def test_learning_moves_the_policy_towards_optimal_play(build, copies):
    algorithm = build("td", mirrored_copies=copies)
    rates = [algorithm.train()["exact"]["optimal_move_rate"] for _ in range(30)]
    # A network that knows nothing never misses a win, nor what is forced: it begins far above the
    # 59 % of moves drawn at random. Copies help.
    assert rates[0] > 0.8
    assert rates[-1] - rates[0] > (0.05 if copies else 0.02)


def test_an_agent_is_trained_further_and_plays_against_its_snapshots(build, tmp_path):
    league = {"matchmaking": "uniform", "save_steps": 600, "swap_steps": 600, "promotion": "always"}
    first = build("td", self_play=league, num_env_runners=1)
    for _ in range(4):
        row = flatten(first.train())
    assert len(first._league.snapshots) >= 2
    assert {type(member.policy) for member in first._league.snapshots} == {AfterstatePolicy}
    assert -1.0 <= row["league/mean_score"] <= 1.0
    saved = first.save_to_path(tmp_path / "checkpoint")
    again = build("td", self_play=league, num_env_runners=1)
    again.restore_from_path(saved)
    hashes = [[one.sha256 for one in a._league.snapshots] for a in (first, again)]
    assert hashes[0] == hashes[1]
    agent = tmp_path / "checkpoint" / "agent"
    further = build("td", initialize_from=str(agent), model={"hidden_sizes": [128, 128]})
    assert policy_sha256(further.network_policy()) == policy_sha256(load_bundle(agent).policy)


@pytest.mark.parametrize("kind", ["td", "ppo"])
def test_an_agent_that_looks_ahead_is_measured_saved_and_trained_further_as_one(
    build, tmp_path, kind
):
    model = {"hidden_sizes": [16, 16], "lookahead": 2}
    algorithm = build(kind, model=model)
    measured = algorithm.train()["exact"]
    algorithm.save_to_path(tmp_path / "checkpoint")
    agent = load_bundle(tmp_path / "checkpoint" / "agent").policy
    assert isinstance(agent, LookaheadPolicy)
    assert agent.plies == 2
    for policy, is_measured in ((agent, True), (agent.policy, False)):
        figures = evaluate_agent(policy).metrics()
        rate = figures["exact/optimal_move_rate"]
        assert (rate == measured["optimal_move_rate"]) == is_measured
    further = build(
        kind,
        initialize_from=str(tmp_path / "checkpoint" / "agent"),
        model={**model, "lookahead": 0},
    )
    assert policy_sha256(further.agent_policy()) == policy_sha256(agent.policy)


@pytest.mark.parametrize("plies", [0, 1])
def test_an_agent_that_averages_is_measured_and_saved_as_one_and_trains_without(
    build, tmp_path, plies
):
    model = {"hidden_sizes": [16, 16], "symmetry_average": True, "lookahead": plies}
    algorithm, plain = (
        build("td", model=one, seed=3) for one in (model, {"hidden_sizes": [16, 16]})
    )
    measured, without = (one.train()["exact"] for one in (algorithm, plain))
    algorithm.save_to_path(tmp_path / "checkpoint")
    agent = load_bundle(tmp_path / "checkpoint" / "agent").policy
    assert agent.inputs == Inputs(symmetry_average=True)
    figures = evaluate_agent(agent).metrics()
    assert figures["exact/optimal_move_rate"] == measured["optimal_move_rate"]
    assert measured["optimal_move_rate"] != without["optimal_move_rate"]
    # The same games were played, and the same weights learnt.
    assert algorithm.env_runner.config.sampler_settings().inputs == PLAIN_INPUTS
    assert policy_sha256(algorithm.network_policy()) == policy_sha256(plain.network_policy())
    further = build(
        "td",
        initialize_from=str(tmp_path / "checkpoint" / "agent"),
        model={**model, "symmetry_average": False, "lookahead": 0},
    )
    assert policy_sha256(further.network_policy()) == policy_sha256(plain.network_policy())


def test_the_schema_allows_as_many_plies_as_agents_do():
    for plies in (0, MAX_PLIES):
        assert Model(lookahead=plies).lookahead == plies
    with pytest.raises(ValueError, match="less than or equal"):
        Model(lookahead=MAX_PLIES + 1)


def test_the_configs_own_defaults_are_those_of_the_schema():
    config = SelfPlayTDConfig()
    for name, value in TDTraining().model_dump().items():
        assert getattr(config, name) == value, name
