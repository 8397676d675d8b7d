"""What is played, by how many networks, and how games begin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, NonNegativeInt, PositiveInt, model_validator

from ttt_envs.game import Game
from ttt_envs.own_game_loading import load_own_game
from ttt_envs.table_game import OwnGameError
from ttt_rllib.config.section import Section, Share
from ttt_rllib.errors import InputError

if TYPE_CHECKING:
    from ttt_rllib.config.pettingzoo_traits import Traits

__all__ = ["NO_OPENING", "Env", "MultiAgent", "Opening", "OwnGameEnv", "PettingZooEnv"]


class Env(Section):
    """The game: two players alternate, and the first to own a line wins."""

    rows: PositiveInt = 3
    """Rows of the board; rows x cols is at most 64 squares."""
    cols: PositiveInt = 3
    """Columns of the board."""
    connect: PositiveInt = 3
    """Length of a winning line in squares."""
    gravity: bool = False
    """Whether stones fall to the bottom of their column, so that an action names a column."""

    @property
    def game(self) -> Game:
        """The rules."""
        return Game(self.rows, self.cols, self.connect, self.gravity)

    @model_validator(mode="after")
    def _check(self) -> Env:
        _ = self.game
        return self


class PettingZooEnv(Section):
    """A PettingZoo environment, played and learnt by RLlib's own env runner and learner."""

    pettingzoo: str
    """A module of pettingzoo.classic, or the dotted path of any other module that has env()."""
    kwargs: dict[str, Any] = Field(default_factory=dict)
    """Arguments of env()."""

    @property
    def traits(self) -> Traits:
        """What random games in the environment show.

        Raises:
            InputError: If the environment does not exist or cannot be trained on.
        """
        from ttt_rllib.config.pettingzoo_traits import env_traits

        return env_traits(self.pettingzoo, self.kwargs)

    @property
    def game(self) -> Game | None:
        """The rules, None if they are not known here; raises as `traits` does."""
        return self.traits.game


class OwnGameEnv(Section):
    """A game of one's own, or of OpenSpiel's, enumerated once and then played from its table."""

    own_game: str
    """my_module:Class, path/to/file.py:Class (relative to the working directory) or
    openspiel:name."""

    @property
    def game(self) -> Game:
        """The rules.

        Raises:
            InputError: If there is no such game, or something is wrong with it.
        """
        try:
            return load_own_game(self.own_game)
        except OwnGameError as error:
            raise InputError(f"env.own_game: {error}") from None


class MultiAgent(Section):
    """Which policies play the two seats (`AlgorithmConfig.multi_agent`)."""

    policies: Literal["shared", "separate"] = "shared"
    """One network plays both seats, or each seat has its own (only with env.pettingzoo)."""


class Opening(Section):
    """Exploring starts; without them the agent stays exploitable where self-play does not go."""

    random_plies: tuple[NonNegativeInt, NonNegativeInt] = (0, 8)
    """Least and greatest number of uniformly random plies with which a game begins; the default is
    reduced to what a small board allows."""
    refuted_starts: Share = 0.0
    """Share of games that begin in a position of a game that the agent lost in the last
    evaluation."""

    @model_validator(mode="after")
    def _check(self) -> Opening:
        if self.random_plies[0] > self.random_plies[1]:
            raise ValueError(
                f"random_plies is {list(self.random_plies)}; the least number comes first"
            )
        return self


NO_OPENING = Opening(random_plies=(0, 0))
