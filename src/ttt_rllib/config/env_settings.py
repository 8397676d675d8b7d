"""What an experiment's environment allows: settings that it refuses, and notes for the user."""

from __future__ import annotations

import math
from collections.abc import Iterator

from ttt_rllib.config.env import OwnGameEnv, PettingZooEnv
from ttt_rllib.config.experiment import Experiment
from ttt_rllib.config.training import PPOTraining

__all__ = ["check_env_settings", "env_notes"]

LARGE_RETURN = 10.0


def check_env_settings(experiment: Experiment) -> None:
    """Make a PettingZoo environment, play random games in it, and refuse what it does not allow.

    A game of one's own is enumerated, which finds what is wrong with it.

    Raises:
        InputError: If it cannot be trained on, or not with these settings.
    """
    if isinstance(experiment.env, OwnGameEnv):
        _ = experiment.env.game
    if isinstance(experiment.env, PettingZooEnv):
        from ttt_rllib.config.pettingzoo_traits import check_policies

        check_policies(experiment.env.traits, experiment.multi_agent.policies)


def env_notes(experiment: Experiment) -> Iterator[str]:
    """Yield what makes learning hard in this environment, with the setting that helps."""
    env, training = experiment.env, experiment.training
    if not isinstance(env, PettingZooEnv):
        return
    largest = env.traits.greatest_return
    clip = training.vf_clip_param if isinstance(training, PPOTraining) else None
    if clip is not None and largest > math.sqrt(clip):
        yield (
            f"returns up to {largest:g} were seen in random games: value errors above "
            f"{math.sqrt(clip):.3g} teach nothing; leave out training.vf_clip_param"
        )
    elif largest > LARGE_RETURN:
        yield (
            f"returns up to {largest:g} were seen in random games; training is steadier if the "
            "environment pays about 1 a game"
        )
