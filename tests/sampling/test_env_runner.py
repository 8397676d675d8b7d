"""The light env runner: what it needs, and that it plays what the one with torch plays."""

import pickle

import numpy as np
import pytest
import torch

from tests.commands import run_program
from ttt_envs import CONNECT_FOUR, TIC_TAC_TOE
from ttt_rllib.rl.dqn import SelfPlayDQNConfig
from ttt_rllib.rl.env_runner import TorchBoardEnvRunner
from ttt_rllib.rl.ppo import SelfPlayPPOConfig
from ttt_rllib.rl.td import SelfPlayTDConfig
from ttt_rllib.sampling.env_runner import MODULE_ID, RL_MODULE, WEIGHTS_SEQ_NO, BoardEnvRunner

PROGRAM = """
import pickle, sys
from pathlib import Path
from ttt_rllib.sampling.env_runner import BoardEnvRunner
settings, activation, state = pickle.loads(Path(sys.argv[1]).read_bytes())
runner = BoardEnvRunner(settings, activation, 1)
runner.set_state(state)
games, _, _, memory_mb = runner.sample_games(20_000, 0.0)
assert games.num_moves >= 20_000
heavy = {"torch", "ray.rllib", "ray.tune", "gymnasium", "pandas", "pydantic", "scipy"}
print(sorted(heavy & set(sys.modules)))
print(memory_mb)
"""
MOST_MB = 130.0


def both(config, seq_no=1):
    """Return the runner with torch, and a light one with its weights."""
    torch.manual_seed(0)
    heavy = TorchBoardEnvRunner(config=config, worker_index=1)
    heavy.set_state({**heavy.get_state(), WEIGHTS_SEQ_NO: seq_no})
    light = BoardEnvRunner(config.sampler_settings(), config.model_config["activation"], 1)
    light.set_state(heavy.get_state())
    return heavy, light


def small(config, game):
    config.self_play(game=game, random_plies=(0, 8)).debugging(seed=3)
    return config.env_runners(num_envs_per_env_runner=64)


@pytest.mark.parametrize("game", [TIC_TAC_TOE, CONNECT_FOUR], ids=lambda game: game.name)
@pytest.mark.parametrize("kind", [SelfPlayPPOConfig, SelfPlayDQNConfig, SelfPlayTDConfig])
def test_it_plays_the_games_of_the_runner_with_torch(kind, game):
    heavy, light = both(small(kind(), game))
    for _ in range(2):
        theirs, ours = heavy.sample_games(600, 0.2)[0], light.sample_games(600, 0.2)[0]
        assert ours[1:] == theirs[1:]
        assert set(ours.columns) == set(theirs.columns)
        for name, column in ours.columns.items():
            assert column.dtype == theirs.columns[name].dtype
            assert np.allclose(column, theirs.columns[name], atol=1e-4), name


def test_it_needs_neither_torch_nor_rllib_and_little_memory(tmp_path):
    config = small(SelfPlayPPOConfig(), TIC_TAC_TOE)
    heavy, _ = both(config)
    saved = tmp_path / "settings.pkl"
    saved.write_bytes(pickle.dumps((config.sampler_settings(), "relu", heavy.get_state())))
    done = run_program(PROGRAM, saved)
    assert done.returncode == 0, done.stderr
    imported, memory_mb = done.stdout.splitlines()
    assert imported == "[]"
    assert float(memory_mb) < MOST_MB


def test_without_weights_it_says_so_and_does_not_play_at_random():
    light = BoardEnvRunner(small(SelfPlayPPOConfig(), TIC_TAC_TOE).sampler_settings(), "relu", 1)
    with pytest.raises(RuntimeError, match="before it had weights"):
        light.sample_games(100, 0.0)


def test_weights_that_diverged_are_an_answer_and_not_a_crash():
    _, light = both(small(SelfPlayPPOConfig(), TIC_TAC_TOE))
    before = light.get_state()[RL_MODULE][MODULE_ID]
    weights = {name: np.full_like(array, np.nan) for name, array in before.items()}
    light.set_state({RL_MODULE: {MODULE_ID: weights}, WEIGHTS_SEQ_NO: 2})
    assert isinstance(light.sample_games(100, 0.0), FloatingPointError)


def test_a_small_share_of_a_batch_does_not_grow_to_a_game_on_every_board():
    config = SelfPlayPPOConfig().env_runners(num_envs_per_env_runner=512).debugging(seed=0)
    _, light = both(config)
    for wanted in (1, 64, 500):
        assert wanted <= light.sample_games(wanted, 0.0).games.num_moves < 1.2 * wanted + 20
