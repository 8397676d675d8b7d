"""Models of Stable-Baselines3, trained for a moment on our PettingZoo environment."""

import gymnasium as gym
import numpy as np
import pytest

import ttt_rllib
from ttt_envs import CONNECT_FOUR, TIC_TAC_TOE, Boards, aec
from ttt_rllib.errors import InputError

pytest.importorskip("sb3_contrib")

from sb3_contrib import MaskablePPO
from stable_baselines3 import DQN, PPO

pytestmark = pytest.mark.long


class AgainstItself(gym.Env):
    """PettingZoo's environment with both seats played by the learner, as a mover sees it."""

    def __init__(self, *, flat=False):
        self._env, self._flat = aec.env(), flat
        shape = (18,) if flat else (3, 3, 2)
        self.observation_space = gym.spaces.Box(0, 1, shape, np.int8)
        self.action_space = gym.spaces.Discrete(9)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self._env.reset(seed=seed)
        return self._seen(), {}

    def step(self, action):
        mover = self._env.agent_selection
        self._env.step(int(action))
        over = any(self._env.terminations.values())
        return self._seen(), float(self._env.rewards[mover]), over, False, {}

    def action_masks(self):
        return self._env.observe(self._env.agent_selection)["action_mask"].astype(bool)

    def _seen(self):
        stones = self._env.observe(self._env.agent_selection)["observation"]
        return stones.ravel() if self._flat else stones


def maskable(*, flat=False):
    return MaskablePPO(
        "MlpPolicy", AgainstItself(flat=flat), n_steps=256, batch_size=64, seed=0, device="cpu"
    )


@pytest.mark.parametrize("flat", [False, True])
def test_a_maskable_ppo_has_the_figures_of_its_own_predictions(flat):
    model = maskable(flat=flat).learn(1_024)
    report = ttt_rllib.prove(model)

    def predicted(observations, action_masks):
        shown = observations.reshape(len(observations), -1) if flat else observations
        return model.predict(shown, action_masks=action_masks, deterministic=True)[0]

    by_moves = ttt_rllib.prove(predicted)
    assert report.certificate == by_moves.certificate
    # Its probabilities are no moves, though.
    assert report.nash_conv != by_moves.nash_conv == report.nash_conv_greedy
    assert report == ttt_rllib.prove(model.policy)


def test_a_model_without_masks_is_told_which_illegal_move_it_plays():
    model = PPO("MlpPolicy", AgainstItself(), n_steps=64, batch_size=32, seed=0, device="cpu")
    with pytest.raises(InputError, match="PPO: in the position after the moves 0 it gives move 0,"):
        ttt_rllib.prove(model)


def test_a_dqn_that_plays_legally_by_a_function_is_proved_by_its_best_moves():
    model = DQN("MlpPolicy", AgainstItself(), learning_starts=10, seed=0, device="cpu")
    with pytest.raises(InputError, match=r"DQN: .* which is illegal, the probability 1"):
        ttt_rllib.prove(model)

    def best_legal(boards):
        tensor, _ = model.policy.obs_to_tensor(boards.observe())
        values = model.q_net(tensor).detach().numpy()
        return np.where(boards.legal_mask(), values, -np.inf).argmax(axis=1)

    assert ttt_rllib.prove(best_legal).nash_conv_greedy >= 1.0


def test_a_model_of_another_game_is_refused():
    with pytest.raises(
        InputError, match=r"its action space is Discrete\(9\), but Connect Four has"
    ):
        ttt_rllib.prove(maskable(), game=CONNECT_FOUR)
    assert Boards.empty(TIC_TAC_TOE, 1).observe().shape[1:] == maskable().observation_space.shape
