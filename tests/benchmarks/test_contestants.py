"""The contestants' losses, policies and clocks against independent truths."""

import numpy as np
import pytest
import torch
from ray.rllib.core.columns import Columns
from ray.rllib.evaluation.postprocessing import Postprocessing

from benchmarks.bare_loop import CLIP, VALUE_COEFF, Network, loss
from benchmarks.learner import sampled_batch
from benchmarks.race import race
from benchmarks.stock import FlatTicTacToe
from ttt_envs import TIC_TAC_TOE
from ttt_envs.boards import Boards
from ttt_rllib.agents.policies import PerfectPolicy, policy_table
from ttt_rllib.exact.solved_game import solve_or_raise
from ttt_rllib.rl.ppo_learner import ppo_loss
from ttt_rllib.sampling.env_runner import MODULE_ID
from ttt_rllib.sampling.rollout import flat_observations

TRUTH = solve_or_raise(TIC_TAC_TOE)


def test_the_bare_loops_loss_equals_the_learners():
    columns = sampled_batch(500).policy_batches[MODULE_ID]
    batch = {name: torch.from_numpy(column) for name, column in columns.items()}
    torch.manual_seed(0)
    # Another network than the one that played, so that ratios are clipped on both sides.
    network = Network()
    with torch.no_grad():
        network.policy.weight *= 5.0
    logits, values = network(batch[Columns.OBS].float())
    ratio = logits.log_softmax(1).gather(1, batch[Columns.ACTIONS][:, None])[:, 0].exp() / (
        batch[Columns.ACTION_LOGP].exp()
    )
    assert (ratio > 1 + CLIP).any()
    assert (ratio < 1 - CLIP).any()
    ours = ppo_loss(
        logits,
        values,
        batch,
        clip_param=CLIP,
        vf_loss_coeff=VALUE_COEFF,
        vf_clip_param=10.0,
        entropy_coeff=0.03,
    )
    bare = loss(
        logits,
        values,
        {
            "actions": batch[Columns.ACTIONS],
            "logp": batch[Columns.ACTION_LOGP],
            "advantages": batch[Postprocessing.ADVANTAGES],
            "targets": batch[Postprocessing.VALUE_TARGETS],
        },
        0.03,
    )
    assert bare.item() == pytest.approx(ours.total.item(), abs=1e-6)


class Clock:
    """A clock that a test sets: what takes time says how much."""

    def __init__(self):
        self.now_s = 0.0

    def perf_counter(self):
        return self.now_s


@pytest.fixture
def clock(monkeypatch):
    """The clock of the race."""
    clock = Clock()
    monkeypatch.setattr("benchmarks.race.time", clock)
    return clock


def test_a_race_ends_at_the_first_unexploitable_policy_and_times_training_only(clock):
    perfect = policy_table(TRUTH.positions, PerfectPolicy(TIC_TAC_TOE))

    def slow(table):
        clock.now_s += 0.25
        return table

    standings = [(10, lambda: slow(TRUTH.uniform)), (20, lambda: slow(perfect))]
    finish = race(iter([*standings, (30, lambda: perfect)]), cap_s=60.0)
    assert (finish.moves, finish.nash_conv, finish.optimal_move_rate) == (20, 0.0, 1.0)
    assert finish.train_s == 0.0


def test_a_race_ends_at_its_cap(clock):
    def train():
        for moves in (10, 20, 30):
            clock.now_s += 0.125
            yield moves, lambda: TRUTH.uniform

    finish = race(train(), cap_s=0.15)
    # The lowest free square loses as X and as O.
    assert (finish.moves, finish.nash_conv) == (20, 2.0)
    assert finish.train_s == 0.25


def test_untrained_tabular_learners_are_the_uniform_policy():
    pytest.importorskip("open_spiel")
    from open_spiel.python.algorithms.tabular_qlearner import QLearner

    from benchmarks.tabular_q import _questions, _table

    agents = [QLearner(seat, TIC_TAC_TOE.num_actions) for seat in range(2)]
    table = _table(agents, _questions(TRUTH.positions))
    assert np.allclose(table, TRUTH.uniform)


# PettingZoo announces another way to make its environments.
@pytest.mark.filterwarnings("ignore:The old environment creation API:DeprecationWarning")
def test_the_stock_environment_shows_what_our_runner_shows():
    stock, boards = FlatTicTacToe(), Boards.empty(TIC_TAC_TOE, 1)
    seen, _ = stock.reset()
    rng, rewards = np.random.default_rng(0), {}
    while len(boards):
        ((agent, observation),) = seen.items()
        assert np.array_equal(observation, flat_observations(boards)[0])
        assert stock.observation_spaces[agent].contains(observation)
        action = int(boards.random_actions(rng)[0])
        boards, won, done = boards.step(np.array([action]))
        seen, rewards, terminated, _, _ = stock.step({agent: action})
        boards = boards[~done]
    assert terminated["__all__"]
    assert rewards[agent] == float(won[0])
