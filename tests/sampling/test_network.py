"""The networks in NumPy compute what the torch modules compute."""

import numpy as np
import pytest
import torch

from ttt_envs import CONNECT_FOUR, TIC_TAC_TOE, Boards, Game, random_openings
from ttt_rllib.agents import mlp
from ttt_rllib.agents.afterstates import AfterstatePolicy
from ttt_rllib.agents.inputs import PLAIN_INPUTS, Inputs
from ttt_rllib.agents.mlp import MLP
from ttt_rllib.agents.policies import NetworkPolicy
from ttt_rllib.rl.actor_critic import BoardActorCritic
from ttt_rllib.rl.env_runner import board_spaces
from ttt_rllib.rl.q_network import BoardQNetwork
from ttt_rllib.rl.value_network import BoardValueNetwork
from ttt_rllib.sampling.action_samplers import greedy_actions
from ttt_rllib.sampling.network import AfterstateNetwork, NumpyNetwork
from ttt_rllib.sampling.rollout import flat_observations


def module_of(kind, game, *, hidden_sizes=(128, 128), activation="relu", inputs=PLAIN_INPUTS):
    observation_space, action_space = board_spaces(game, inputs)
    torch.manual_seed(0)
    return kind(
        observation_space=observation_space,
        action_space=action_space,
        model_config={"hidden_sizes": hidden_sizes, "activation": activation},
    )


@pytest.mark.parametrize("positions", [1, 511, 1300], ids="{} positions".format)
@pytest.mark.parametrize("activation", ["relu", "tanh"])
@pytest.mark.parametrize("hidden_sizes", [(), (64,), (128, 128)], ids=str)
@pytest.mark.parametrize("game", [TIC_TAC_TOE, CONNECT_FOUR], ids=lambda game: game.name)
@pytest.mark.parametrize("kind", [BoardActorCritic, BoardQNetwork])
def test_outputs_equal_those_of_the_torch_module(kind, game, hidden_sizes, activation, positions):
    module = module_of(kind, game, hidden_sizes=hidden_sizes, activation=activation)
    boards = random_openings(game, positions, (0, 8), np.random.default_rng(0))
    observations = flat_observations(boards)
    with torch.inference_mode():
        logits, values = module.evaluate(torch.from_numpy(observations))
    ours = NumpyNetwork(module.get_state(), activation).evaluate(observations)
    assert (ours.logits.dtype, ours.values.dtype) == (np.float32, np.float32)
    legal = boards.legal_mask()
    assert np.abs(ours.logits[legal] - logits.numpy()[legal]).max() < 1e-5
    assert np.abs(ours.values - values.numpy()).max() < 1e-5
    # Illegal moves have the same outputs to the last bit.
    assert (ours.logits[~legal] < -1e8).all()


@pytest.mark.parametrize("inputs", [Inputs(True, False), Inputs(False, True), Inputs(True, True)])
@pytest.mark.parametrize("game", [TIC_TAC_TOE, Game(4, 4, 4, gravity=True)], ids=str)
@pytest.mark.parametrize("kind", [BoardActorCritic, BoardQNetwork])
def test_with_knowledge_torch_env_runner_and_agent_choose_the_same_moves(kind, game, inputs):
    module = module_of(kind, game, hidden_sizes=(32,), inputs=inputs)
    boards = random_openings(game, 500, (0, game.num_squares - 1), np.random.default_rng(0))
    observations = flat_observations(boards, inputs)
    with torch.inference_mode():
        logits, values = (part.numpy() for part in module.evaluate(torch.from_numpy(observations)))
    ours = NumpyNetwork(module.get_state(), "relu").evaluate(observations)
    agent = NetworkPolicy(game, module.get_state(), "relu", inputs)
    allowed = inputs.allowed_mask(boards)
    assert np.array_equal(logits > -1e8, allowed)
    assert np.array_equal(ours.logits > -1e8, allowed)
    assert np.abs(ours.logits[allowed] - logits[allowed]).max() < 1e-5
    assert np.abs(agent.logits(boards)[allowed] - logits[allowed]).max() < 1e-5
    assert np.array_equal(agent(boards).argmax(axis=1), logits.argmax(axis=1))
    for own in (ours.values, agent.values(boards)):
        assert np.abs(own - values).max() < 1e-5


def test_a_network_that_diverged_is_noticed_when_moves_are_sampled_from_it():
    module = module_of(BoardActorCritic, TIC_TAC_TOE)
    weights = {name: array.copy() for name, array in module.get_state().items()}
    weights["trunk.0.bias"][:] = np.nan
    observations = flat_observations(Boards.empty(TIC_TAC_TOE, 3))
    logits = NumpyNetwork(weights, "relu").evaluate(observations).logits
    with pytest.raises(FloatingPointError):
        greedy_actions(logits, observations[:, -9:] > 0, np.random.default_rng(0))


def test_how_many_rows_are_computed_at_a_time_changes_nothing(monkeypatch):
    module = module_of(BoardActorCritic, CONNECT_FOUR)
    boards = random_openings(CONNECT_FOUR, 1000, (0, 8), np.random.default_rng(0))
    observations = flat_observations(boards)
    numpy_network = NumpyNetwork(module.get_state(), "relu")
    whole = numpy_network.evaluate(observations)
    monkeypatch.setattr(mlp, "ROWS", 7)
    parts = numpy_network.evaluate(observations)
    assert np.abs(whole.logits - parts.logits).max() < 1e-5
    assert np.abs(whole.values - parts.values).max() < 1e-5


@pytest.mark.parametrize("activation", ["relu", "tanh"])
@pytest.mark.parametrize(
    "inputs", [PLAIN_INPUTS, Inputs(True, False), Inputs(True, True), Inputs(True, True, True)]
)
@pytest.mark.parametrize("game", [TIC_TAC_TOE, CONNECT_FOUR], ids=lambda game: game.name)
def test_values_of_moves_are_the_same_in_torch_env_runner_and_agent(game, inputs, activation):
    observation_space, action_space = board_spaces(game, inputs)
    torch.manual_seed(0)
    module = BoardValueNetwork(
        observation_space=observation_space,
        action_space=action_space,
        model_config={
            "hidden_sizes": (32, 16),
            "activation": activation,
            "game": game,
            "inputs": inputs,
        },
    )
    boards = random_openings(game, 700, (0, game.num_squares - 1), np.random.default_rng(0))
    observations = flat_observations(boards, inputs)
    logits, values = (part.numpy() for part in module.evaluate(torch.from_numpy(observations)))
    weights = module.get_state()
    ours = AfterstateNetwork(weights, activation, game, inputs).evaluate(observations)
    agent = AfterstatePolicy(game, weights, activation, inputs)
    assert (ours.logits.dtype, ours.values.dtype) == (np.float32, np.float32)
    allowed = inputs.allowed_mask(boards)
    for found in (logits, ours.logits, agent.logits(boards)):
        assert np.array_equal(found > -np.inf, allowed)
        assert np.abs(found[allowed] - logits[allowed]).max() < 1e-5
        chosen = agent.greedy_actions(boards)
        assert found[np.arange(len(boards)), chosen] == pytest.approx(found.max(axis=1), abs=1e-5)
        # Of moves that are each other's images, and worth the same, rounding may take any.
        if not inputs.symmetry_average:
            assert np.array_equal(found.argmax(axis=1), chosen)
    for found in (ours.values, agent.values(boards)):
        assert np.abs(found - values).max() < 1e-5
    # What is learnt is the network's own value of a position, not that of its best move.
    batch = {"obs": torch.from_numpy(observations).float()}
    own = module.forward_train(batch)["vf_preds"].detach().numpy()
    plain = MLP(weights, activation)(inputs.planes(boards))[:, 0]
    assert np.abs(own - plain).max() < 1e-5
