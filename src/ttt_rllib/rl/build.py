"""From an `Experiment` to RLlib's `AlgorithmConfig`."""

from __future__ import annotations

from typing import Any

from ray.rllib.algorithms.algorithm_config import AlgorithmConfig

from ttt_rllib.experiment import Experiment
from ttt_rllib.rl.dqn import SelfPlayDQNConfig
from ttt_rllib.rl.ppo import SelfPlayPPOConfig

__all__ = ["algorithm_config"]


CONFIGS = {"ppo": SelfPlayPPOConfig, "dqn": SelfPlayDQNConfig}
SCHEDULES = ("lr", "entropy_coeff", "epsilon")


def algorithm_config(experiment: Experiment) -> AlgorithmConfig:
    """Translate an experiment, setting by setting; the names are RLlib's."""
    training, runners, learners = experiment.training, experiment.env_runners, experiment.learners
    settings = training.model_dump()
    for name in SCHEDULES:
        if name in settings:
            settings[name] = _schedule(settings[name])
    config: AlgorithmConfig = CONFIGS[experiment.algorithm]().self_play(
        game=experiment.env.game,
        random_plies=experiment.opening.random_plies,
        exact_interval=experiment.evaluation.exact_interval,
    )
    config.rl_module(model_config=experiment.model.model_dump())
    config.training(**settings)
    config.env_runners(**runners.model_dump())
    config.learners(**learners.model_dump())
    config.resources(**experiment.resources.model_dump())
    config.debugging(seed=experiment.seed, log_level="ERROR")
    return config


def _schedule(value: Any) -> Any:
    """RLlib wants lists of lists."""
    return [list(point) for point in value] if isinstance(value, tuple) else value
