"""The agents that an experiment names by their paths, and a run's own copies of them.

A run keeps copies so that it means the same wherever it is moved, and can be resumed when the
originals are gone.
"""

from __future__ import annotations

from pathlib import Path

from ttt_envs.game import Game
from ttt_rllib.agents.bundle import BundleError, save_bundle
from ttt_rllib.agents.fixed_players import FIXED_PLAYERS
from ttt_rllib.agents.inputs import INPUTS, Inputs
from ttt_rllib.agents.lookahead import LookaheadPolicy
from ttt_rllib.agents.policies import NetworkPolicy
from ttt_rllib.config.experiment import Experiment
from ttt_rllib.errors import InputError
from ttt_rllib.league.members import Member, find_player
from ttt_rllib.runs.bundles import find_bundle

__all__ = [
    "check_given_agents",
    "copy_given_agents",
    "given_members",
    "initial_policy",
    "model_inputs",
]

INITIAL = "initialize_from"
ALGORITHM_OF_HEAD = {"policy": "ppo", "q": "dqn", "value": "td"}
"""What trains a network that chooses its moves by this head."""


def given_members(experiment: Experiment, copies: Path | None = None) -> tuple[Member, ...]:
    """Return the opponents that a league has from the start.

    Args:
        experiment: The experiment; its game is one of ours.
        copies: The folder of the run's copies; None = load each from its path.

    Raises:
        InputError: If one is not there, is damaged or plays another game.
    """
    game = _game(experiment)
    members = []
    for number, name in enumerate(experiment.self_play.members):
        copy = None if copies is None else copies / _member_folder(number)
        try:
            members.append(find_player(name, game, copy))
        except InputError as error:
            raise InputError(f"self_play.members: {error}") from None
    return tuple(members)


def initial_policy(experiment: Experiment, copies: Path | None = None) -> NetworkPolicy | None:
    """Return the agent whose weights training starts from; None where it starts from random ones.

    Args:
        experiment: The experiment; its game is one of ours.
        copies: The folder of the run's copies; None = load it from its path.

    Raises:
        InputError: If it is not there or damaged, or its game or network is another one.
    """
    given = experiment.initialize_from
    if given is None:
        return None
    try:
        policy = find_bundle(Path(given) if copies is None else copies / INITIAL).policy
    except (BundleError, InputError) as error:
        raise InputError(f"{INITIAL}: {error}") from None
    game = _game(experiment)
    if policy.game != game:
        raise InputError(f"{INITIAL}: {given} plays {policy.game.title}, not {game.title}")
    if isinstance(policy, LookaheadPolicy):
        policy = policy.policy
    if not isinstance(policy, NetworkPolicy):
        raise InputError(f"{INITIAL}: {given} has a network for each seat; one is trained here")
    kind = ALGORITHM_OF_HEAD[policy.head]
    if kind != experiment.algorithm:
        raise InputError(f"{INITIAL}: {given} is an agent of {kind}; set algorithm to {kind}")
    network = (policy.hidden_sizes, policy.activation)
    model = experiment.model
    if network != (model.hidden_sizes, model.activation):
        raise InputError(
            f"{INITIAL}: {given} has hidden layers of {list(network[0])} with {network[1]}, the "
            f"model {list(model.hidden_sizes)} with {model.activation}; set model.hidden_sizes and "
            "model.activation to those of the agent"
        )
    _check_inputs(given, policy.inputs, model_inputs(experiment))
    return policy


def model_inputs(experiment: Experiment) -> Inputs:
    """Return what the network of an experiment sees and may choose."""
    return Inputs(**experiment.model.model_dump(include=set(INPUTS)))


def check_given_agents(experiment: Experiment, copies: Path | None = None) -> None:
    """Check all agents that an experiment names, before anything starts.

    Args:
        experiment: The experiment.
        copies: The folder of the copies of a run that is resumed; None for a new run.

    Raises:
        InputError: If one cannot be used.
    """
    if experiment.on_pettingzoo:
        return
    given_members(experiment, copies)
    initial_policy(experiment, copies)


def copy_given_agents(experiment: Experiment, folder: Path) -> None:
    """Write copies of all agents that an experiment names by their paths.

    Args:
        experiment: The experiment.
        folder: Where the copies go; it is made if there are any.

    Raises:
        InputError: If an agent cannot be loaded.
        OSError: If a copy cannot be written.
    """
    paths = {
        _member_folder(number): name
        for number, name in enumerate(experiment.self_play.members)
        if name not in FIXED_PLAYERS
    }
    if experiment.initialize_from is not None:
        paths[INITIAL] = experiment.initialize_from
    for name, path in paths.items():
        try:
            bundle = find_bundle(Path(path))
        except BundleError as error:
            raise InputError(str(error)) from None
        save_bundle(bundle.policy, folder / name, bundle.provenance)


def _check_inputs(given: str, inputs: Inputs, of_model: Inputs) -> None:
    """Refuse an agent whose inputs are not the model's.

    Raises:
        InputError: If they differ.
    """
    for name in INPUTS:
        theirs, ours = (str(getattr(one, name)).lower() for one in (inputs, of_model))
        if theirs != ours:
            raise InputError(
                f"{INITIAL}: model.{name} is {ours}; {given} was trained with {theirs}: set it to "
                f"{theirs}"
            )


def _member_folder(number: int) -> str:
    return f"member_{number}"


def _game(experiment: Experiment) -> Game:
    game = experiment.env.game
    assert game is not None  # noqa: S101 - for the type checker
    return game
