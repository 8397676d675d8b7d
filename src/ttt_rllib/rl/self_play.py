"""The parts that all self-play algorithms share: game, runner, module and iteration.

`SelfPlayConfig` is mixed into an RLlib AlgorithmConfig.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from ray.rllib.core.rl_module.rl_module import RLModuleSpec
from ray.rllib.policy.sample_batch import MultiAgentBatch

from ttt_envs.game import TIC_TAC_TOE, Game
from ttt_rllib.agents.inputs import PLAIN_INPUTS, Inputs
from ttt_rllib.agents.mlp import Head
from ttt_rllib.league.league import League, LeagueSettings
from ttt_rllib.league.standing import LEAGUE_FILE, write_standing
from ttt_rllib.metrics import EPSILON, LATE_ENV_RUNNERS, LEAGUE_S, LEARN_S, SAMPLE_S, SYNC_S
from ttt_rllib.rl.eager_torch import eager_determinism
from ttt_rllib.rl.env_runner import TorchBoardEnvRunner, board_spaces
from ttt_rllib.rl.env_runner_group import board_env_runner_group, merge_samples
from ttt_rllib.rl.evaluated_config import EvaluatedConfig
from ttt_rllib.rl.exact_evaluation import ExactEvaluationMixin
from ttt_rllib.rl.move_requests import MoveRequests, current_weights
from ttt_rllib.rl.own_actor_critic import OwnActorCritic
from ttt_rllib.sampling.action_samplers import ActionSampler
from ttt_rllib.sampling.board_sampler import SamplerSettings
from ttt_rllib.sampling.columns import Columns
from ttt_rllib.sampling.env_runner import MODULE_ID
from ttt_rllib.sampling.rollout import Games

__all__ = ["EpsilonGreedyMixin", "SelfPlayConfig", "SelfPlayMixin"]

SAMPLING, LEAGUE = "sampling", "league"
"""Keys in the Algorithm's state: what the next moves follow from, and the league."""


def shared_policy_mapping_fn(agent_id: str, episode: Any, **kwargs: Any) -> str:
    """Map both players to the one module."""
    return MODULE_ID


class SelfPlayMixin(ExactEvaluationMixin):
    """Light env runners for an RLlib Algorithm on a `SelfPlayConfig`, and exact evaluation."""

    def setup(self, config: Any) -> None:
        """Build everything, as RLlib does."""
        with board_env_runner_group(), eager_determinism():
            super().setup(config)
        settings = self.config.league
        self._league = (
            None if settings is None else League(settings, self.config.env_config["game"])
        )
        self._requests = MoveRequests(self, self._league)

    def moves_to_sample(self) -> tuple[int, float]:
        """Return the least number of moves of the next iteration and the share of random ones."""
        raise NotImplementedError

    def learn(self, batch: MultiAgentBatch) -> None:
        """Update the LearnerGroup, `batch` being what all env runners have sampled."""
        raise NotImplementedError

    def training_step(self) -> None:
        """Sample, learn, send the weights to the env runners, evaluate, and time each phase."""
        requests = self._requests
        start_s = time.perf_counter()
        batch = merge_samples(self, requests.take(*self.moves_to_sample()))
        if self.config.sample_beside_learning:
            requests.ask(*self.moves_to_sample())
        sampled_s = time.perf_counter()
        self.learn(batch)
        learned_s = time.perf_counter()
        weights = current_weights(self.learner_group)
        self.env_runner.set_state(weights)
        league_figures, league_s = self._update_league()
        requests.start_from(self._refuted)
        requests.use(weights)
        # The env runners need not wait for evaluation, checkpoint and Tune.
        requests.ask(*self.moves_to_sample())
        phases = {
            SAMPLE_S: sampled_s - start_s,
            LEARN_S: learned_s - sampled_s,
            SYNC_S: time.perf_counter() - learned_s - league_s,
        }
        if self._league is not None:
            phases[LEAGUE_S] = league_s
        self.record_iteration(phases, batch.env_steps())
        self._figures |= league_figures
        if self.config.num_env_runners > 0:
            self._figures[LATE_ENV_RUNNERS] = requests.num_late

    def _update_league(self) -> tuple[dict[str, float], float]:
        """Let the league take note of the iteration; return its figures, and the seconds."""
        start_s = time.perf_counter()
        if self._league is None:
            return {}, 0.0
        figures = self._league.update(self.network_of(MODULE_ID), self.moves())
        return figures, time.perf_counter() - start_s

    def restore_env_runners(self, env_runner_group: Any) -> list[int]:
        """Let restarted env runners take part again, and return their numbers.

        They need no weights, unlike RLlib's, since every request for moves carries them.
        """
        if env_runner_group is self.env_runner_group:
            return self._requests.restore()
        restored: list[int] = env_runner_group.probe_unhealthy_env_runners()
        return restored

    def save_to_path(self, path: Any = None, **kwargs: Any) -> str:
        """Save RLlib's checkpoint with the agent's bundle, and how the league stands."""
        saved = super().save_to_path(path, **kwargs)
        if self._league is not None:
            standing = self._league.standing(self.network_of(MODULE_ID))
            write_standing(standing, Path(saved) / LEAGUE_FILE)
        return saved

    def get_state(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Return RLlib's state, and what the next moves follow from."""
        state = super().get_state(*args, **kwargs)
        state[SAMPLING] = self._requests.get_state()
        if self._league is not None:
            state[LEAGUE] = self._league.get_state()
        return dict(state)

    def set_state(self, state: dict[str, Any]) -> None:
        """Take over a state made by `get_state`."""
        super().set_state(state)
        if self._league is not None and LEAGUE in state:
            activation = self.config.model_config["activation"]
            self._league.set_state(state[LEAGUE], activation, self.config.env_config["inputs"])
        self._requests.set_state(state.get(SAMPLING, {}))


class EpsilonGreedyMixin(SelfPlayMixin):
    """Self-play of an algorithm that explores by random moves, a share of `config.epsilon`."""

    def training_step(self) -> None:
        """Do what every algorithm does, and note the share of random moves."""
        epsilon = self.epsilon()
        super().training_step()
        self._figures[EPSILON] = epsilon

    def epsilon(self) -> float:
        """Return the share of random moves at the moves so far, in [0, 1]."""
        return _scheduled(self.config.epsilon, self.moves())

    def rng(self) -> np.random.Generator:
        """Return a generator for what is learnt from in this iteration.

        It depends on the seed and on the moves made, as in the env runners, so that a resumed run
        needs no state of a generator.
        """
        seed = self.config.seed if self.config.seed is not None else self.moves()
        return np.random.default_rng([seed, self.moves()])


class SelfPlayConfig(EvaluatedConfig):
    """An AlgorithmConfig for board games on `TorchBoardEnvRunner`; call `self_play` for the game.

    A subclass names its `MODULE` and `LEARNER` classes, the `HEAD` by which that module chooses its
    moves, and a function as its `EXPLORATION`, which returns the sampler of moves for a share of
    random moves.
    """

    MODULE: type[Any]
    HEAD: Head = "policy"
    LEARNER: type[Any]
    EXPLORATION: Callable[[float], ActionSampler]

    def set_up_self_play(self) -> None:
        """Set what RLlib needs to know; a subclass calls this at the end of its constructor."""
        self.set_up_evaluation()
        self.sample_beside_learning = False
        self.league: LeagueSettings | None = None
        self.rl_module(model_config={"hidden_sizes": (128, 128), "activation": "relu"})
        self.env_runners(
            env_runner_cls=TorchBoardEnvRunner,
            num_envs_per_env_runner=512,
            # An env runner that is slower than this and than the others is left out.
            sample_timeout_s=5.0,
            # Runners hold no state but weights, which `setup` and `training_step` send, so there is
            # nothing to merge or to broadcast; RLlib would do both after every iteration.
            merge_env_runner_states=False,
            broadcast_env_runner_states=False,
        )
        # One training step per iteration; DQN's own default would repeat it up to 1,000 moves.
        self.reporting(min_sample_timesteps_per_iteration=0, min_time_s_per_iteration=0)
        self.environment(disable_env_checking=True)
        self.multi_agent(policies={MODULE_ID}, policy_mapping_fn=shared_policy_mapping_fn)
        self.self_play(
            game=TIC_TAC_TOE, random_plies=(0, 8), exploring_starts=0.0, inputs=PLAIN_INPUTS
        )

    def self_play(
        self,
        *,
        game: Game | None = None,
        inputs: Inputs | None = None,
        symmetry_average: bool | None = None,
        lookahead: int | None = None,
        random_plies: tuple[int, int] | None = None,
        exploring_starts: float | None = None,
        refuted_starts: float | None = None,
        exact_evaluation_interval: int | None = None,
        certificate_interval: int | None = None,
        max_walk_positions: int | None = None,
        sample_beside_learning: bool | None = None,
        league: LeagueSettings | None = None,
    ) -> Any:
        """Set the game, how games begin, and the order of an iteration; None changes nothing.

        Args:
            game: The rules.
            inputs: What the network sees and may choose.
            symmetry_average: Whether the agent averages over symmetries where it is evaluated and
                saved; see `Inputs`.
            lookahead: Plies that the agent looks ahead where it is evaluated and saved, 0 to 6; 0 =
                it plays as the network says.
            random_plies: Least and greatest number of uniformly random opening plies.
            exploring_starts: Share of games whose first move after the opening is random.
            refuted_starts: Share of games that begin in a position of a game in which the last
                evaluation found the agent beaten.
            exact_evaluation_interval: Iterations between exact evaluations; 0 = never.
            certificate_interval: Evaluations between those that reach as many positions as
                `max_walk_positions` allows, where the game is too large to enumerate; 0 = none.
            max_walk_positions: Positions that these reach in a seat before they give up.
            sample_beside_learning: Whether remote env runners play the moves of the next iteration
                while the learners work on those of this one, so with weights that are one
                iteration older.
            league: Which opponents the learner plays beside itself.

        Returns:
            This config.
        """
        for name, value in (
            ("game", game),
            ("inputs", inputs),
            ("random_plies", random_plies),
            ("exploring_starts", exploring_starts),
        ):
            if value is not None:
                self.environment(env_config={**self.env_config, name: value})
        observation_space, action_space = board_spaces(
            self.env_config["game"], self.env_config["inputs"]
        )
        self.environment(observation_space=observation_space, action_space=action_space)
        settings: dict[str, Any] = {
            "symmetry_average": symmetry_average,
            "lookahead": lookahead,
            "refuted_starts": refuted_starts,
            "exact_evaluation_interval": exact_evaluation_interval,
            "certificate_interval": certificate_interval,
            "max_walk_positions": max_walk_positions,
            "sample_beside_learning": sample_beside_learning,
            "league": league,
        }
        for name, setting in settings.items():
            if setting is not None:
                setattr(self, name, setting)
        return self

    def get_default_rl_module_spec(self) -> RLModuleSpec:
        """Return the spec of the one module; RLlib fills in the spaces."""
        if self.model_config.get("class"):
            config = {**self.model_config, "game": self.env_config["game"]}
            return RLModuleSpec(module_class=OwnActorCritic, model_config=config)
        return RLModuleSpec(module_class=self.MODULE, model_config=self.model_config)

    def get_default_learner_class(self) -> type[Any]:
        """Return the learner that takes columns."""
        return self.LEARNER

    def sampler_settings(self) -> SamplerSettings:
        """Return what an env runner needs to know; it can be pickled without RLlib."""
        env = self.env_config
        return SamplerSettings(
            game=env["game"],
            random_plies=tuple(env["random_plies"]),
            exploring_starts=env["exploring_starts"],
            num_boards=self.num_envs_per_env_runner,
            opponents_share=0.0 if self.league is None else self.league.opponents_share,
            refuted_starts=self.refuted_starts,
            head=self.HEAD,
            inputs=env["inputs"],
            seed=None if self.seed is None else (int(self.seed), int(self.in_evaluation)),
            explore=self.explore,
            columns=self.columns(),
            exploration=self.EXPLORATION,
        )

    def columns(self) -> Callable[[Games], Columns]:
        """Return what turns games into the columns of `[M]` moves that the learner needs."""
        raise NotImplementedError

    @property
    def has_our_module(self) -> bool:
        """Whether the network is one that can be computed without torch."""
        return bool(self.rl_module_spec.module_class is self.MODULE)

    def validate_train_batch_size_vs_rollout_fragment_length(self) -> None:
        """Check nothing: runners play whole games, so there are no fragments."""


def _scheduled(schedule: float | Sequence[Sequence[float]], moves: int) -> float:
    """Return RLlib's piecewise linear schedule after so many moves, or the one number.

    Args:
        schedule: A number, or pairs of moves and numbers.
        moves: Moves sampled so far.
    """
    if isinstance(schedule, (int, float)):
        return float(schedule)
    points, values = zip(*schedule, strict=True)
    return float(np.interp(moves, points, values))
