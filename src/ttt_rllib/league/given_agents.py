"""The agents that an experiment names, by path or as `module:agent`, and a run's copies of them.

A run keeps copies so that it means the same wherever it is moved, and can be resumed when the
originals are gone. Of our networks it keeps the bundles, of everything else the table of its move
probabilities, for which neither its code nor its libraries are needed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from ttt_envs.game import Game
from ttt_rllib.agents.bundle import BundleError, policy_sha256, save_bundle
from ttt_rllib.agents.fixed_players import FIXED_PLAYERS
from ttt_rllib.agents.inputs import INPUTS, Inputs
from ttt_rllib.agents.lookahead import LookaheadPolicy
from ttt_rllib.agents.own_network import OwnNetworkPolicy
from ttt_rllib.agents.policies import NetworkPolicy
from ttt_rllib.agents.table_policy import TablePolicy, tabulated
from ttt_rllib.agents.untrained import model_inputs
from ttt_rllib.config.experiment import Experiment
from ttt_rllib.errors import InputError
from ttt_rllib.league.members import Member, find_player
from ttt_rllib.runs.bundles import find_bundle
from ttt_rllib.runs.table_npz import TABLE_FILE, read_table, write_table

__all__ = [
    "MEMBERS",
    "Tables",
    "check_given_agents",
    "copy_given_agents",
    "given_members",
    "initial_policy",
    "members_in_modules",
]

INITIAL, MEMBERS = "initialize_from", "self_play.members"
ALGORITHM_OF_HEAD = {"policy": "ppo", "q": "dqn", "value": "td"}
"""What trains a network that chooses its moves by this head."""

IN_MODULE = r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_][\w.]*"
"""Pattern of `module:agent`, as `ttt prove` takes it."""

Tables = Mapping[str, TablePolicy]
"""What agents in modules play, by `module:agent`."""
NO_TABLES: Tables = {}


def members_in_modules(experiment: Experiment) -> tuple[str, ...]:
    """Return the opponents that are named as `module:agent`."""
    return tuple(name for name in experiment.self_play.members if _is_in_module(name))


def given_members(
    experiment: Experiment, copies: Path | None = None, tables: Tables = NO_TABLES
) -> tuple[Member, ...]:
    """Return the opponents that a league has from the start.

    Args:
        experiment: The experiment; its game is one of ours.
        copies: The folder of the run's copies; None = load each from its path.
        tables: What the agents in modules play; the run's copies if there are any.

    Raises:
        InputError: If one is not there, is damaged or plays another game.
    """
    members = []
    for number, name in enumerate(experiment.self_play.members):
        try:
            if copies is None:
                members.append(_original(name, _game(experiment), tables))
            else:
                members.append(_copied(name, _game(experiment), copies / _member_folder(number)))
        except InputError as error:
            raise InputError(f"{MEMBERS}: {error}") from None
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
    if isinstance(policy, OwnNetworkPolicy):
        raise InputError(
            f"{INITIAL}: {given} has a network of its own, {policy.network.described}; training "
            "starts from the weights of our networks only: leave it out"
        )
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
    _check_inputs(given, policy.inputs.one_sided, model_inputs(experiment).one_sided)
    return policy


def check_given_agents(
    experiment: Experiment, copies: Path | None = None, tables: Tables = NO_TABLES
) -> None:
    """Check all agents that an experiment names, before anything starts.

    Args:
        experiment: The experiment.
        copies: The folder of the copies of a run that is resumed; None for a new run.
        tables: As for `given_members`.

    Raises:
        InputError: If one cannot be used.
    """
    if experiment.on_pettingzoo:
        return
    given_members(experiment, copies, tables)
    initial_policy(experiment, copies)


def copy_given_agents(experiment: Experiment, folder: Path, tables: Tables = NO_TABLES) -> None:
    """Write copies of all agents that an experiment names, fixed players apart.

    Args:
        experiment: The experiment.
        folder: Where the copies go; it is made if there are any.
        tables: As for `given_members`.

    Raises:
        InputError: If an agent cannot be loaded.
        OSError: If a copy cannot be written.
    """
    paths = {}
    for number, name in enumerate(experiment.self_play.members):
        if _is_in_module(name):
            write_table(_table(name, tables), folder / _member_folder(number))
        elif name not in FIXED_PLAYERS:
            paths[_member_folder(number)] = name
    if experiment.initialize_from is not None:
        paths[INITIAL] = experiment.initialize_from
    for name, path in paths.items():
        try:
            bundle = find_bundle(Path(path))
        except BundleError as error:
            raise InputError(str(error)) from None
        if isinstance(bundle.policy, OwnNetworkPolicy):
            write_table(tabulated(bundle.policy, path), folder / name)
        else:
            save_bundle(bundle.policy, folder / name, bundle.provenance)


def _original(name: str, game: Game, tables: Tables) -> Member:
    """Return the opponent of this name for a new run."""
    if _is_in_module(name):
        return _member(name, _table(name, tables))
    found = find_player(name, game)
    if isinstance(found.policy, OwnNetworkPolicy):
        # Env runners are to need neither torch nor the class.
        return _member(name, tabulated(found.policy, name))
    return found


def _copied(name: str, game: Game, copy: Path) -> Member:
    """Return the opponent of this name as a run has it."""
    if _is_in_module(name) or (copy / TABLE_FILE).is_file():
        return _member(name, read_table(copy, game))
    return find_player(name, game, copy)


def _member(name: str, policy: TablePolicy) -> Member:
    return Member(name, policy, policy_sha256(policy))


def _is_in_module(name: str) -> bool:
    return re.fullmatch(IN_MODULE, name) is not None


def _table(name: str, tables: Tables) -> TablePolicy:
    if name not in tables:
        raise InputError(
            f"{name}: plays from a table that only ttt train makes; train by that command, or name "
            "a run, checkpoint or bundle"
        )
    return tables[name]


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
