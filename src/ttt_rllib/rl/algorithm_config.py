"""Translates an `Experiment` into RLlib's `AlgorithmConfig`."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from ray.rllib.algorithms.algorithm_config import AlgorithmConfig

from ttt_rllib.agents.inputs import INPUTS
from ttt_rllib.agents.untrained import model_inputs
from ttt_rllib.config.env import PettingZooEnv
from ttt_rllib.config.experiment import Experiment
from ttt_rllib.config.pettingzoo_envs import make_env
from ttt_rllib.league.given_agents import given_members, initial_policy
from ttt_rllib.league.league import LeagueSettings
from ttt_rllib.rl.dqn import SelfPlayDQNConfig
from ttt_rllib.rl.own_callbacks import own_callbacks
from ttt_rllib.rl.ppo import SelfPlayPPOConfig
from ttt_rllib.rl.self_play import SelfPlayConfig
from ttt_rllib.rl.stock import StockConfig, StockDQNConfig, StockPPOConfig
from ttt_rllib.rl.td import SelfPlayTDConfig

__all__ = ["algorithm_config"]


CONFIGS: dict[str, Callable[[], SelfPlayConfig]] = {
    "ppo": SelfPlayPPOConfig,
    "dqn": SelfPlayDQNConfig,
    "td": SelfPlayTDConfig,
}
STOCK_CONFIGS: dict[str, Callable[[], StockConfig]] = {"ppo": StockPPOConfig, "dqn": StockDQNConfig}
"""Configs with RLlib's own env runners and learners, for PettingZoo's environments."""

SCHEDULES = ("lr", "entropy_coeff", "epsilon")


def algorithm_config(
    experiment: Experiment, copies: Path | None = None, code: Path | None = None
) -> AlgorithmConfig:
    """Translate an experiment, setting by setting; the names are RLlib's.

    Args:
        experiment: The experiment.
        copies: A run's folder with copies of the agents that the experiment names; None = they
            are loaded from their paths.
        code: A run's folder with copies of the modules that the experiment names; None = they are
            imported from where they are found.

    Raises:
        InputError: If one of these agents cannot be used.
    """
    training, runners, learners = experiment.training, experiment.env_runners, experiment.learners
    settings = training.model_dump()
    for name in SCHEDULES:
        if name in settings:
            settings[name] = _schedule(settings[name])
    # What the network sees belongs to the observations, and reaches it as their width; lookahead is
    # the agent's, not the network's.
    model = experiment.model.model_dump(exclude={*INPUTS, "lookahead"})
    if experiment.model.class_ is None:
        del model["class"], model["kwargs"]
    else:
        model["code"] = None if code is None else str(code)
    if experiment.on_pettingzoo:
        config = _pettingzoo(experiment)
    else:
        config = _self_play(experiment, copies)
        initial = initial_policy(experiment, copies)
        if initial is not None:
            model["initial_weights"] = initial.weights
    settings.pop("exploring_starts", None)
    if experiment.on_pettingzoo:
        settings.pop("zero_sum_targets", None)
    if settings.get("vf_clip_param", 0.0) is None:
        settings["vf_clip_param"] = math.inf
    config.needs_table = experiment.needs_table
    config.own_metrics, config.own_code = experiment.evaluation.metrics, code
    if experiment.callbacks:
        config.callbacks(own_callbacks(config.callbacks_class, experiment.callbacks, code))
    config.rl_module(model_config=model)
    config.training(**settings)
    config.env_runners(**runners.model_dump(exclude={"sample_beside_learning"}))
    config.learners(**learners.model_dump())
    config.resources(**experiment.resources.model_dump())
    config.debugging(seed=_rllib_seed(experiment), log_level="ERROR")
    return config


def _self_play(experiment: Experiment, copies: Path | None) -> AlgorithmConfig:
    config: AlgorithmConfig = CONFIGS[experiment.algorithm]().self_play(
        game=experiment.env.game,
        inputs=model_inputs(experiment).one_sided,
        symmetry_average=experiment.model.symmetry_average,
        lookahead=experiment.model.lookahead,
        random_plies=experiment.opening.random_plies,
        exploring_starts=getattr(experiment.training, "exploring_starts", 0.0),
        refuted_starts=experiment.opening.refuted_starts,
        exact_evaluation_interval=experiment.evaluation.evaluation_interval,
        certificate_interval=experiment.evaluation.certificate_interval,
        max_walk_positions=experiment.evaluation.max_positions,
        sample_beside_learning=experiment.env_runners.sample_beside_learning,
        league=_league(experiment, copies),
    )
    return config


def _league(experiment: Experiment, copies: Path | None) -> LeagueSettings | None:
    if not experiment.self_play.is_on:
        return None
    settings = {**experiment.self_play.model_dump(), "seed": experiment.seed}
    return LeagueSettings(**{**settings, "members": given_members(experiment, copies)})


def _pettingzoo(experiment: Experiment) -> AlgorithmConfig:
    env = experiment.env
    assert isinstance(env, PettingZooEnv)  # noqa: S101 - for the type checker
    config: AlgorithmConfig = STOCK_CONFIGS[experiment.algorithm]().pettingzoo(
        partial(make_env, env.pettingzoo, env.kwargs),
        policies=experiment.multi_agent.policies,
        exact_evaluation_interval=experiment.evaluation.evaluation_interval,
        certificate_interval=experiment.evaluation.certificate_interval,
        max_walk_positions=experiment.evaluation.max_positions,
    )
    return config


def _rllib_seed(experiment: Experiment) -> int:
    """Return the seed that RLlib gets.

    RLlib's own env runners add their number to it, and their environments theirs, so that with
    the seeds 0 and 1 all but one of them would play the same games. Ours do not.
    """
    if not experiment.on_pettingzoo:
        return experiment.seed
    return int(np.random.SeedSequence(experiment.seed).generate_state(1)[0] >> 2)


def _schedule(value: Any) -> Any:
    """Return a schedule as RLlib takes it: lists of lists instead of tuples."""
    return [list(point) for point in value] if isinstance(value, tuple) else value
