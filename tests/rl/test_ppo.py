"""SelfPlayPPO on a real Ray cluster: counts of runners and learners, failures, checkpoints."""

import sys

import pytest
import ray
from ray.rllib.core.rl_module.rl_module import RLModuleSpec

from ttt_rllib.agents.bundle import load_bundle, weights_sha256
from ttt_rllib.evaluation.evaluate_agent import evaluate_agent
from ttt_rllib.metrics import METRICS, flatten
from ttt_rllib.rl.actor_critic import BoardActorCritic
from ttt_rllib.rl.ppo import SelfPlayPPOConfig
from ttt_rllib.sampling.env_runner import MODULE_ID


def weights_hash(algorithm):
    return weights_sha256(algorithm.network_policy().weights)


def runner_hashes(algorithm):
    """Hash of the weights that each remote runner samples with."""
    states = algorithm.env_runner_group.foreach_env_runner(
        lambda runner: runner.get_state()["rl_module"]["main"], local_env_runner=False
    )
    return [weights_sha256(state) for state in states]


def test_a_seed_reproduces_a_local_run_to_the_bit_and_another_seed_does_not(build):
    first, again, other = build(seed=5), build(seed=5), build(seed=6)
    for algorithm in (first, again, other):
        for _ in range(3):
            algorithm.train()
    assert weights_hash(first) == weights_hash(again) != weights_hash(other)


@pytest.mark.parametrize(
    ("num_env_runners", "num_learners"),
    [(3, 2), *(pytest.param(*some, marks=pytest.mark.long) for some in ((0, 1), (1, 0)))],
)
def test_any_number_of_runners_and_learners_trains_and_shares_one_set_of_weights(
    build, num_env_runners, num_learners
):
    algorithm = build(num_env_runners=num_env_runners, num_learners=num_learners)
    before = weights_hash(algorithm)
    for _ in range(2):
        result = algorithm.train()
    learners = algorithm.learner_group.foreach_learner(
        lambda learner: learner.module["main"].unwrapped().get_state()
    )
    hashes = {weights_sha256(answer.get()) for answer in learners}
    assert hashes == {weights_hash(algorithm)} != {before}
    assert set(runner_hashes(algorithm)) <= hashes
    assert len(runner_hashes(algorithm)) == num_env_runners
    moves = result["play"]["moves"]
    wanted = 2 * 600 * max(1, num_learners)
    assert wanted <= moves < 1.3 * wanted
    if not num_learners:
        passes = result["learners"][MODULE_ID]["num_module_steps_trained_lifetime"]
        assert passes == 4 * moves, "four epochs over every move"


def test_initial_weights_reach_remote_runners_before_the_first_sample(two_runners):
    assert runner_hashes(two_runners) == [weights_hash(two_runners)] * 2
    assert two_runners.iteration == 0


def test_remote_runners_import_neither_torch_nor_rllib(two_runners):
    two_runners.train()
    imported = two_runners.env_runner_group.foreach_env_runner(
        lambda runner: {"torch", "ray.rllib", "ray.tune"} & set(sys.modules), local_env_runner=False
    )
    assert imported == [set(), set()]


def test_a_module_that_is_not_ours_has_env_runners_with_torch(ray_cluster):
    # Within the test, so that it travels to the env runner, which cannot import this file.
    class OtherModule(BoardActorCritic):
        """A network that only torch can compute."""

    config = SelfPlayPPOConfig().env_runners(
        num_env_runners=1, num_cpus_per_env_runner=0.5, num_envs_per_env_runner=64
    )
    config.training(train_batch_size_per_learner=600, minibatch_size=200, num_epochs=1)
    config.rl_module(rl_module_spec=RLModuleSpec(module_class=OtherModule))
    algorithm = config.build_algo()
    try:
        assert algorithm.train()["play"]["moves"] >= 600
        kinds = algorithm.env_runner_group.foreach_env_runner(
            lambda runner: type(runner).__name__, local_env_runner=False
        )
        assert kinds == ["TorchBoardEnvRunner"]
    finally:
        algorithm.stop()


def test_every_metric_is_reported_and_equals_what_evaluate_says_of_the_checkpoint(build, tmp_path):
    algorithm = build()
    row = flatten(algorithm.train())
    reported = ("", "ppo", "ppo, td", "zero-sum games")
    assert set(row) == {metric.name for metric in METRICS if metric.only in reported}
    algorithm.save_to_path(tmp_path / "checkpoint")
    report = evaluate_agent(load_bundle(tmp_path / "checkpoint" / "agent").policy)
    assert report.metrics().items() <= row.items()


def train_until_both_runners_sample_with_the_current_weights(algorithm, moves):
    """Train until then; every iteration must add moves."""
    manager = algorithm.env_runner_group._worker_manager
    for _ in range(200):
        result = algorithm.train()
        assert result["play"]["moves"] > moves
        moves = result["play"]["moves"]
        if (
            manager.total_num_restarts()
            and runner_hashes(algorithm) == [weights_hash(algorithm)] * 2
        ):
            return
    pytest.fail("the runners did not come back")


def test_a_killed_runner_comes_back_with_the_current_weights_and_no_iteration_is_lost(two_runners):
    moves = two_runners.train()["play"]["moves"]
    ray.kill(two_runners.env_runner_group._worker_manager.actors()[1], no_restart=False)
    train_until_both_runners_sample_with_the_current_weights(two_runners, moves)


def test_restarts_of_env_runners_are_counted_on_after_a_resume_and_not_twice(build, monkeypatch):
    first, second = build(), build()
    monkeypatch.setattr(first.env_runner_group, "num_remote_worker_restarts", lambda: 2)
    monkeypatch.setattr(second.env_runner_group, "num_remote_worker_restarts", lambda: 1)
    for _ in range(2):
        second.set_state(first.get_state())
        assert second.get_state()["env_runner_restarts"] == 2
    monkeypatch.setattr(second.env_runner_group, "num_remote_worker_restarts", lambda: 4)
    assert second.get_state()["env_runner_restarts"] == 5


@pytest.mark.long
def test_training_waits_and_goes_on_when_all_runners_are_killed_at_once(build):
    algorithm = build(num_env_runners=2)
    moves = algorithm.train()["play"]["moves"]
    for actor in algorithm.env_runner_group._worker_manager.actors().values():
        ray.kill(actor, no_restart=False)
    train_until_both_runners_sample_with_the_current_weights(algorithm, moves)


def test_a_restored_checkpoint_continues_exactly_like_the_uninterrupted_run(build, tmp_path):
    whole, first = build(seed=3), build(seed=3)
    for _ in range(2):
        whole.train()
        first.train()
    first.save_to_path(tmp_path / "checkpoint")
    second = build(seed=3)
    second.restore_from_path(tmp_path / "checkpoint")
    for _ in range(2):
        expected, result = whole.train(), second.train()
    assert weights_hash(second) == weights_hash(whole)
    for group in ("exact", "play", "learner"):
        assert result[group] == expected[group]
    assert result["perf"]["iteration"] == expected["perf"]["iteration"] == 4


def test_exact_figures_appear_only_in_iterations_that_measure(build):
    algorithm = build()
    algorithm.config._is_frozen = False
    algorithm.config.exact_evaluation_interval = 2
    figures = [set(algorithm.train()["exact"]) for _ in range(3)]
    assert figures[0] == figures[2] == {"consecutive_unexploitable_evals"}
    assert "nash_conv" in figures[1]


def test_whether_the_agent_is_unexploitable_is_counted_in_a_row(build, monkeypatch):
    algorithm = build()
    report = algorithm.exact_report()
    for value, expected in ((0.0, 1), (0.0, 2), (1.0, 0), (0.0, 1)):
        faked = type(report)(**{**vars(report), "nash_conv_greedy": value})
        monkeypatch.setattr(algorithm, "exact_report", lambda faked=faked: faked)
        assert algorithm.train()["exact"]["consecutive_unexploitable_evals"] == expected


def test_learning_moves_the_policy_towards_optimal_play(build):
    algorithm = build()
    rates = [algorithm.train()["exact"]["optimal_move_rate"] for _ in range(25)]
    # A move drawn at random keeps the value in about 59 % of the positions.
    assert rates[0] < 0.7
    assert rates[-1] > 0.75
