"""The PettingZoo AEC environment of any `Game`, a drop-in for `pettingzoo.classic`.

`env()` equals `tictactoe_v3`, and with `CONNECT_FOUR` and the agents `player_0`,
`player_1` it equals `connect_four_v3`: agent names, spaces, observations, action numbers,
masks, rewards and what happens after an illegal move. It translates between PettingZoo's
interface and `Boards`, and holds no rules.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from gymnasium import spaces
from gymnasium.utils import EzPickle
from pettingzoo import AECEnv
from pettingzoo.utils import wrappers

from ttt_envs.boards import Boards
from ttt_envs.drawing import draw_text
from ttt_envs.game import GAMES, TIC_TAC_TOE, Game

__all__ = ["env", "raw_env"]

ILLEGAL_REWARD = -1
Observation = dict[str, npt.NDArray[np.int8]]


def env(**kwargs: Any) -> AECEnv[str, Observation, int]:
    """Return the environment inside the wrappers that PettingZoo's own games use.

    An illegal move ends the game with reward -1 for the player who made it.

    Args:
        **kwargs: As for `raw_env`.
    """
    wrapped = wrappers.TerminateIllegalWrapper(raw_env(**kwargs), illegal_reward=ILLEGAL_REWARD)
    return wrappers.OrderEnforcingWrapper(wrappers.AssertOutOfBoundsWrapper(wrapped))


def _game(game: Game | str | Mapping[str, Any]) -> Game:
    """Return the rules.

    Raises:
        ValueError: If no game has the name, or the board is none.
        TypeError: If the mapping has another key.
    """
    if isinstance(game, Game):
        return game
    if isinstance(game, Mapping):
        return Game(**game)
    if game not in GAMES:
        raise ValueError(f"game is {game!r}; known are {', '.join(GAMES)}")
    return GAMES[game]


class raw_env(AECEnv[str, Observation, int], EzPickle):  # noqa: N801 - PettingZoo's name for it
    """The bare environment.

    Args:
        game: The rules, also as a name ("connect_four") or as a mapping with the keys rows, cols,
            connect and gravity, as a YAML file can hold them.
        render_mode: "ansi" lets `render()` return the board as text; None renders nothing.
        agents: Names of the first and the second player.
    """

    def __init__(
        self,
        game: Game | str | Mapping[str, Any] = TIC_TAC_TOE,
        render_mode: str | None = None,
        agents: Sequence[str] = ("player_1", "player_2"),
    ) -> None:
        super().__init__()
        game = _game(game)
        EzPickle.__init__(self, game, render_mode, agents)
        self.metadata: dict[str, Any] = {
            "render_modes": ["ansi"],
            "name": f"ttt_{game.rows}x{game.cols}_connect_{game.connect}",
            "is_parallelizable": False,
        }
        self.game = game
        self.render_mode = render_mode
        self.possible_agents = list(agents)
        observation_space = spaces.Dict(
            {
                "observation": spaces.Box(0, 1, (game.rows, game.cols, 2), np.int8),
                "action_mask": spaces.Box(0, 1, (game.num_actions,), np.int8),
            }
        )
        self.observation_spaces = dict.fromkeys(agents, observation_space)
        self.action_spaces: dict[str, spaces.Space[Any]] = {
            agent: spaces.Discrete(game.num_actions) for agent in agents
        }
        self.reset()

    def observation_space(self, agent: str) -> spaces.Space[Any]:
        """Return the space of `observe(agent)`; every call returns the same object."""
        return self.observation_spaces[agent]

    def action_space(self, agent: str) -> spaces.Space[Any]:
        """Return the discrete space of the `game.num_actions` actions."""
        return self.action_spaces[agent]

    def reset(self, seed: int | None = None, options: dict[str, Any] | None = None) -> None:
        """Start a game on the empty board; the game has no chance moves, so the seed is ignored."""
        self.boards = Boards.empty(self.game, 1)
        self.agents = self.possible_agents[:]
        self.agent_selection = self.agents[0]
        self.rewards = dict.fromkeys(self.agents, 0)
        self._cumulative_rewards = dict.fromkeys(self.agents, 0)
        self.terminations = dict.fromkeys(self.agents, False)
        self.truncations = dict.fromkeys(self.agents, False)
        self.infos: dict[str, dict[str, Any]] = {agent: {} for agent in self.agents}

    def observe(self, agent: str) -> Observation:
        """Return the board as `agent` sees it, and its mask of legal actions.

        Returns:
            `observation` `[rows, cols, 2]` int8 in {0, 1}, own stones first, and
            `action_mask` `[A]` int8, 1 where legal, all 0 for the player not on move.
        """
        boards = self.boards
        # The stones say whose turn it is; agent_selection does not once the game is over, because
        # PettingZoo then steps through the agents that have to leave.
        if self.possible_agents.index(agent) != int(boards.ply[0]) % 2:
            boards = Boards(self.game, boards.opponent, boards.mover)
        mask = np.zeros(self.game.num_actions, np.int8)
        if agent == self.agent_selection:
            mask = boards.legal_mask()[0].astype(np.int8)
        return {"observation": boards.observe()[0], "action_mask": mask}

    def step(self, action: int) -> None:
        """Play `action` for the agent on move, or take a finished agent out of the game.

        Raises:
            ValueError: If the action is illegal (the wrappers of `env` end the game instead).
        """
        agent = self.agent_selection
        if self.terminations[agent] or self.truncations[agent]:
            self._was_dead_step(action)
            return
        if not (action in self.action_spaces[agent] and self.boards.legal_mask()[0, action]):
            raise ValueError(f"action {action} is illegal here: {self.render_text()!r}")
        self.boards, won, done = self.boards.step(np.array([action]))
        other = self.possible_agents[1 - self.possible_agents.index(agent)]
        if won[0]:
            self.rewards = {agent: 1, other: -1}
        if done[0]:
            self.terminations = dict.fromkeys(self.agents, True)
        self.agent_selection = other
        self._accumulate_rewards()

    def render_text(self) -> str:
        """Return the board as text, regardless of the render mode."""
        stones = int(self.boards.mover[0]), int(self.boards.opponent[0])
        x_stones, o_stones = stones if self.boards.ply[0] % 2 == 0 else stones[::-1]
        return draw_text(self.game, x_stones, o_stones)

    def render(self) -> str | None:
        """Return the board as text in mode "ansi", else None."""
        return self.render_text() if self.render_mode == "ansi" else None

    def close(self) -> None:
        """Do nothing: no resource is held open."""
