"""Models of Stable-Baselines3 and its contrib package, which are recognised without being imported.

Shapes: `B` positions, `A` actions.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from ttt_envs.boards import Boards
from ttt_envs.game import Game
from ttt_rllib.foreign.checked import Ask, Foreign
from ttt_rllib.foreign.games import agreed_game
from ttt_rllib.foreign.observations import observer

__all__ = ["is_sb3", "sb3_agent"]

PACKAGES = ("stable_baselines3", "sb3_contrib")


def is_sb3(agent: Any) -> bool:
    """Return whether an object is a model or a policy of Stable-Baselines3."""
    modules = {parent.__module__.split(".")[0] for parent in type(agent).__mro__}
    return bool(modules & set(PACKAGES)) and hasattr(agent, "predict")


def sb3_agent(agent: Any, wanted: Game | None, name: str) -> Foreign:
    """Return a model, which is asked for its probabilities, or a Q network, for its best moves.

    Args:
        agent: A model, such as a MaskablePPO, or its policy.
        wanted: The game; None = tic-tac-toe.
        name: What people call the agent.

    Raises:
        InputError: If its spaces are not those of the game.
    """
    game = agreed_game(wanted, None, name)
    policy = getattr(agent, "policy", agent)
    show = observer(game, policy.observation_space, policy.action_space, name)
    # Without it, dropout and batch normalisation would answer as in training.
    policy.set_training_mode(False)
    return Foreign(f"a {type(agent).__name__} of Stable-Baselines3", game, _ask(policy, show))


def _ask(policy: Any, show: Callable[[Boards], Any]) -> Ask:
    if not hasattr(policy, "get_distribution"):
        return lambda boards: policy.predict(show(boards), deterministic=True)[0]
    takes_masks = "action_masks" in inspect.signature(policy.get_distribution).parameters

    def probabilities(boards: Boards) -> Any:
        observations, _ = policy.obs_to_tensor(show(boards))
        masks = {"action_masks": boards.legal_mask()} if takes_masks else {}
        return policy.get_distribution(observations, **masks).distribution.probs

    return probabilities
