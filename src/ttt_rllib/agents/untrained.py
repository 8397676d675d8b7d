"""The agent of an experiment before any training: what user code is tried on before Ray starts.

numpy only, unless the network is a user's own.
"""

from __future__ import annotations

import numpy as np

from ttt_envs.game import Game
from ttt_rllib.agents.afterstates import network_policy
from ttt_rllib.agents.inputs import INPUTS, Inputs
from ttt_rllib.agents.lookahead import BundledPolicy, LookaheadPolicy
from ttt_rllib.agents.own_network import OwnNetwork, OwnNetworkPolicy, build_network, torch_answers
from ttt_rllib.agents.policies import NetworkPolicy, SeatPolicies
from ttt_rllib.config.experiment import Experiment

__all__ = ["model_inputs", "untrained_policy"]


def model_inputs(experiment: Experiment) -> Inputs:
    """Return what the network of an experiment sees and may choose."""
    return Inputs(**experiment.model.model_dump(include=set(INPUTS)))


def untrained_policy(experiment: Experiment, game: Game) -> BundledPolicy:
    """Return an agent of the kind that the experiment trains, with random weights.

    They are not those that training starts from, which only the learner knows.

    Args:
        experiment: The experiment.
        game: The rules.

    Raises:
        InputError: If it names a class of a user's that cannot be built.
    """
    model = experiment.model
    if model.class_ is not None:
        return _own(model.class_, model.kwargs, game)
    if experiment.on_pettingzoo and experiment.multi_agent.policies == "separate":
        return SeatPolicies(_network(experiment, game, 0), _network(experiment, game, 1))
    policy = _network(experiment, game, 0)
    return LookaheadPolicy(policy, model.lookahead) if model.lookahead else policy


def _network(experiment: Experiment, game: Game, seed: int) -> NetworkPolicy:
    rng, inputs = np.random.default_rng(seed), model_inputs(experiment)
    width, sizes = inputs.width(game), {}
    for layer, units in enumerate(experiment.model.hidden_sizes):
        sizes[f"trunk.{layer}"] = (units, width)
        width = units
    heads = {
        "ppo": {"policy": game.num_actions, "value": 1},
        "dqn": {"q": game.num_actions},
        "td": {"value": 1},
    }
    sizes |= {head: (units, width) for head, units in heads[experiment.algorithm].items()}
    weights = {}
    for name, shape in sizes.items():
        weights[f"{name}.weight"] = (rng.normal(size=shape) / np.sqrt(shape[1])).astype(np.float32)
        weights[f"{name}.bias"] = np.zeros(shape[0], np.float32)
    return network_policy(game, weights, experiment.model.activation, inputs)


def _own(path: str, kwargs: dict[str, object], game: Game) -> OwnNetworkPolicy:
    network = build_network(path, kwargs, game)
    weights = {
        name: np.array(tensor.numpy(), np.float32) for name, tensor in network.state_dict().items()
    }
    about = OwnNetwork(path, dict(kwargs), "")
    return OwnNetworkPolicy(game, about, weights, torch_answers(network, game))
