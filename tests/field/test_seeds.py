"""One seed gives one run, and no two environments, runners or seeds share their games."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pytest
from ray.rllib.algorithms.algorithm import Algorithm

from ttt_rllib.config.experiment import Experiment
from ttt_rllib.rl.algorithm_config import algorithm_config
from ttt_rllib.rl.stock_env_runner import StockEnvRunner
from ttt_rllib.sampling.env_runner import MODULE_ID

RUNNERS, ENVS = 2, 32
ODD_GAMES = "tests.field.envs.odd_games"


def seeds_of(log):
    """Return the seeds that each environment got, without those that only random games had."""
    seeds = defaultdict(list)
    for line in log.read_text().splitlines():
        name, seed = line.split()
        seeds[name].append(int(seed))
    # Random games before the training have the seeds 0, 1, 2, ...
    return [got for got in seeds.values() if got != list(range(len(got)))]


def test_64_environments_of_two_runners_share_no_seed_nor_with_the_neighbouring_seeds(
    tmp_path, settings
):
    seen = []
    for seed in (0, 1, 2):
        log = tmp_path / f"{seed}.txt"
        data = settings(
            ODD_GAMES,
            kwargs={"kind": "seeded", "log": str(log)},
            seed=seed,
            env_runners={"num_envs_per_env_runner": ENVS},
        )
        config = algorithm_config(Experiment.model_validate(data))
        for number in range(1, RUNNERS + 1):
            runner = StockEnvRunner(config=config, worker_index=number)
            # Every game has six moves, so each environment begins at least three.
            runner.sample(num_timesteps=18 * ENVS)
        got = seeds_of(log)
        assert len(got) == RUNNERS * ENVS
        assert min(map(len, got)) >= 3
        seen += [one for seeds in got for one in seeds]
    assert len(set(seen)) == len(seen)


def resumed_algorithm(trained, folder):
    return Algorithm.from_checkpoint(trained.save_to_path(str(folder / "checkpoint")))


@pytest.mark.parametrize("runners", [0, pytest.param(1, marks=pytest.mark.long)])
def test_a_resumed_training_plays_other_games_than_at_first(build, tmp_path, runners):
    log = tmp_path / "log.txt"
    trained = build(
        ODD_GAMES,
        kwargs={"kind": "seeded", "log": str(log)},
        env_runners={"num_env_runners": runners, "num_cpus_per_env_runner": 0.5},
    )
    trained.train()
    at_first = {one for seeds in seeds_of(log) for one in seeds}
    log.unlink()
    restored = resumed_algorithm(trained, tmp_path)
    try:
        restored.train()
        later = {one for seeds in seeds_of(log) for one in seeds}
    finally:
        restored.stop()
    assert min(len(at_first), len(later)) >= 8
    assert not at_first & later


def weights(algorithm):
    module = algorithm.learner_group._learner.module[MODULE_ID]
    return {name: np.asarray(array) for name, array in module.get_state().items()}


def same(one, other):
    return all(np.array_equal(one[name], other[name]) for name in one)


def test_two_runs_of_stock_dqn_with_one_seed_have_the_same_weights(build):
    begun, trained = [], []
    # One after the other, since all algorithms of a process share torch's random numbers.
    for seed in (3, 3, 4):
        algorithm = build("tictactoe_v3", algorithm="dqn", seed=seed)
        begun.append(weights(algorithm))
        algorithm.train()
        trained.append(weights(algorithm))
    assert same(begun[0], begun[1])
    assert not same(begun[0], trained[0])
    assert same(trained[0], trained[1])
    assert not same(trained[0], trained[2])


def test_a_resumed_stock_dqn_draws_from_its_replay_buffer_what_it_would_have_drawn(build, tmp_path):
    trained = build("tictactoe_v3", algorithm="dqn")
    trained.train()
    restored = resumed_algorithm(trained, tmp_path)
    try:
        buffers = [one.local_replay_buffer for one in (trained, restored)]
        assert buffers[0].get_num_timesteps() == buffers[1].get_num_timesteps() > 100
        drawn = [
            [part.get_observations(0).tolist() for part in buffer.sample(num_items=64, gamma=1.0)]
            for buffer in buffers
        ]
        assert drawn[0] == drawn[1]
    finally:
        restored.stop()


def test_the_mean_q_of_a_truncated_game_does_not_depend_on_the_masks_of_agents_not_on_move(build):
    figures = []
    for dead_mask in (0, 1):
        algorithm = build(
            ODD_GAMES, algorithm="dqn", kwargs={"kind": "truncated", "dead_mask": dead_mask}
        )
        results = [algorithm.train() for _ in range(2)]
        figures.append([result["learner"]["q_mean"] for result in results])
        assert np.isfinite(figures[-1]).all()
    assert figures[0] == figures[1]
