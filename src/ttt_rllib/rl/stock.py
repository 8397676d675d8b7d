"""RLlib's own PPO and DQN on any masked PettingZoo environment, with the same figures as ours.

Env runner, connectors, replay buffer, learner and `training_step` are RLlib's own, at their
full cost; the adapter, the masked modules and the figures are added.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any, ClassVar, Literal

import numpy as np
from pettingzoo import AECEnv
from ray.rllib.algorithms.algorithm import Algorithm
from ray.rllib.algorithms.dqn.dqn import DQN, DQNConfig
from ray.rllib.algorithms.ppo.ppo import PPO, PPOConfig
from ray.rllib.callbacks.callbacks import RLlibCallback
from ray.rllib.core.rl_module.rl_module import RLModuleSpec
from ray.rllib.utils.metrics import ENV_RUNNER_RESULTS, NUM_ENV_STEPS_SAMPLED
from ray.rllib.utils.schedules.scheduler import Scheduler

from ttt_rllib.agents.own_network import OwnNetworkPolicy
from ttt_rllib.agents.policies import AgentPolicy, SeatPolicies
from ttt_rllib.config.pettingzoo_traits import check_policies, traits_of
from ttt_rllib.exact.walks import MAX_POSITIONS
from ttt_rllib.metrics import EPSILON, LEARN_S, SAMPLE_S, SYNC_S
from ttt_rllib.rl.actor_critic import BoardActorCritic
from ttt_rllib.rl.dqn import REPLAY_BUFFER, SelfPlayDQN
from ttt_rllib.rl.env_runner import DRAWS, O_WINS, RETURNS, X_WINS
from ttt_rllib.rl.evaluated_config import EvaluatedConfig
from ttt_rllib.rl.exact_evaluation import ExactEvaluationMixin
from ttt_rllib.rl.pettingzoo_adapter import GameResult, MaskedAECEnv
from ttt_rllib.rl.ppo import SelfPlayPPO
from ttt_rllib.rl.self_play import shared_policy_mapping_fn
from ttt_rllib.rl.stock_env_runner import StockEnvRunner
from ttt_rllib.rl.stock_module import StockQNetwork
from ttt_rllib.sampling.env_runner import MODULE_ID

__all__ = ["StockConfig", "StockDQN", "StockDQNConfig", "StockPPO", "StockPPOConfig"]

MOVES_OF_GAMES = "moves_of_games"
"""Moves of the games that ended, whenever they were sampled."""

REPLAY_BUFFER_RNG = "rng"
REPLAY_BUFFER_SEED = 1
"""Tells the random numbers of the replay buffer from others of the same seed."""

SEATS = 2
"""X moves first; where there are more agents, there is no X or O."""


def separate_policy_mapping_fn(agent_id: str, episode: Any, **kwargs: Any) -> str:
    """Map each agent to the module that has its name."""
    return agent_id


class CountResults(RLlibCallback):
    """Counts the results of the games that an env runner samples, as the environment paid them."""

    def on_episode_end(
        self,
        *,
        episode: Any,
        prev_episode_chunks: Any = (),
        env: Any = None,
        env_index: int = 0,
        metrics_logger: Any = None,
        **kwargs: Any,
    ) -> None:
        """Count one game; RLlib hands its earlier parts over separately.

        RLlib's own returns leave out what an agent gets before its first move.
        """
        parts = (*prev_episode_chunks, episode)
        metrics_logger.log_value(MOVES_OF_GAMES, sum(map(len, parts)), reduce="sum")
        played = env.envs[env_index].unwrapped
        result: GameResult = played.results.popleft()
        for agent, figure in result.returns.items():
            metrics_logger.log_value((RETURNS, agent), figure, reduce="sum")
        if len(played.possible_agents) != SEATS:
            return
        x_return = result.returns[result.first]
        o_return = sum(result.returns.values()) - x_return
        for key, occurred in (
            (X_WINS, x_return > o_return),
            (DRAWS, x_return == o_return),
            (O_WINS, x_return < o_return),
        ):
            metrics_logger.log_value(key, int(occurred), reduce="sum")


class StockConfig(EvaluatedConfig):
    """An AlgorithmConfig for RLlib's own env runner; call `pettingzoo` for the environment."""

    def set_up_stock(self) -> None:
        """Set what every environment needs; a subclass calls this at the end of its constructor."""
        self.set_up_evaluation()
        # RLlib's check plays random moves, most of which are illegal.
        self.environment(disable_env_checking=True)
        self.rl_module(model_config={"hidden_sizes": (128, 128), "activation": "relu"})
        self.callbacks(CountResults)
        self.env_runners(env_runner_cls=StockEnvRunner)

    def pettingzoo(
        self,
        make_env: Callable[[], AECEnv[str, Any, Any]],
        *,
        policies: Literal["shared", "separate"] = "shared",
        exact_evaluation_interval: int = 1,
        certificate_interval: int = 0,
        max_walk_positions: int = MAX_POSITIONS,
    ) -> Any:
        """Set the environment, the policies and when they are evaluated.

        A few random games are played, to see whether it is one of our games.

        Args:
            make_env: Returns a new environment that has passed `check_env`.
            policies: One module for all agents, or one for each, under the agent's name.
            exact_evaluation_interval: Iterations between exact evaluations; 0 = never.
            certificate_interval: As for `SelfPlayConfig.self_play`.
            max_walk_positions: As for `SelfPlayConfig.self_play`.

        Returns:
            This config.

        Raises:
            InputError: If agents share a module but have different spaces, or if the environment
                cannot be trained on.
        """
        env = make_env()
        traits = traits_of(env, str(env.metadata.get("name", "the environment")))
        env.close()
        agents = traits.agents
        check_policies(traits, policies)
        separate = policies == "separate"
        self.multi_agent(
            policies=set(agents) if separate else {MODULE_ID},
            policy_mapping_fn=separate_policy_mapping_fn if separate else shared_policy_mapping_fn,
        )
        self.environment(
            MaskedAECEnv,
            env_config={
                "make_env": make_env,
                "game": traits.game,
                "is_zero_sum": traits.is_zero_sum,
                "seats": agents if separate else (),
            },
        )
        self.exact_evaluation_interval = exact_evaluation_interval
        self.certificate_interval = certificate_interval
        self.max_walk_positions = max_walk_positions
        return self


class Stock(ExactEvaluationMixin):
    """Seats, timing and figures, which StockPPO and StockDQN add to RLlib's Algorithm."""

    def setup(self, config: Any) -> None:
        """Build everything, as RLlib does, and time the learning and the sending of weights."""
        self._seconds: dict[str, float] = defaultdict(float)
        super().setup(config)
        self._time_method(self.learner_group, "update", LEARN_S)
        self._time_method(self.env_runner_group, "sync_weights", SYNC_S)
        if self.local_replay_buffer is not None:
            self._time_method(self.local_replay_buffer, "sample", LEARN_S)

    def network_policy(self) -> AgentPolicy | OwnNetworkPolicy:
        """Return the current agent, with one network per seat if they differ."""
        seats = self.config.env_config["seats"]
        if not seats:
            return super().network_policy()
        x_agent, o_agent = seats
        return SeatPolicies(self.network_of(x_agent), self.network_of(o_agent))

    def training_step(self) -> None:
        """Run RLlib's training step, and time it."""
        start_s = time.perf_counter()
        super().training_step()  # type: ignore[safe-super]  # RLlib's
        self._seconds["all"] += time.perf_counter() - start_s

    def restore_env_runners(self, env_runner_group: Any) -> list[int]:
        """Bring restarted env runners back, as RLlib does before every step.

        Raises:
            InputError: If the environment of one of them cannot be trained on.
            EnvironmentFailedError: If it raised something else. RLlib would train without that
                env runner, and never say so.
        """
        restored: list[int] = super().restore_env_runners(  # type: ignore[safe-super]  # RLlib's
            env_runner_group
        )
        if restored:
            failures = env_runner_group.foreach_env_runner(
                lambda runner: runner.failure, local_env_runner=False, remote_worker_ids=restored
            )
            for failure in failures:
                if failure is not None:
                    raise failure
        return restored

    def after_training(self, results: dict[str, Any]) -> None:
        """Measure the agent by the results of an iteration, which may have several steps.

        Raises:
            RuntimeError: If no env runner sampled anything.
        """
        sampled = results.get(ENV_RUNNER_RESULTS, {})
        # NaN where all env runners failed.
        if not sampled.get(NUM_ENV_STEPS_SAMPLED, 0) > 0:
            # It says why, if the environment is to blame.
            self.restore_env_runners(self.env_runner_group)
            raise RuntimeError(
                f"none of the {self.config.num_env_runners} env runners sampled a move; "
                "worker-*.err in Ray's session logs tell why"
            )
        seconds, self._seconds = self._seconds, defaultdict(float)
        learn_s, sync_s = seconds[LEARN_S], seconds[SYNC_S]
        # What is left is sampling, and filling the replay buffer if there is one.
        phases = {SAMPLE_S: seconds["all"] - learn_s - sync_s, LEARN_S: learn_s}
        moves = int(sampled[NUM_ENV_STEPS_SAMPLED])
        # The counts of games leave out those under way, so their moves are left out too.
        totals = {**sampled, NUM_ENV_STEPS_SAMPLED: sampled.get(MOVES_OF_GAMES, 0)}
        self.record_iteration({**phases, SYNC_S: sync_s}, moves, totals=totals)

    def _time_method(self, owner: Any, method: str, phase: str) -> None:
        inner = getattr(owner, method)

        def timed(*args: Any, **kwargs: Any) -> Any:
            start_s = time.perf_counter()
            try:
                return inner(*args, **kwargs)
            finally:
                self._seconds[phase] += time.perf_counter() - start_s

        setattr(owner, method, timed)


class StockPPOConfig(StockConfig, PPOConfig):
    """PPOConfig for PettingZoo environments; call `pettingzoo` to choose one."""

    def __init__(self, algo_class: type[Algorithm] | None = None) -> None:
        super().__init__(algo_class=algo_class or StockPPO)
        self.set_up_stock()

    def get_default_rl_module_spec(self) -> RLModuleSpec:
        """Return the spec of every module; RLlib fills in the spaces."""
        return RLModuleSpec(module_class=BoardActorCritic, model_config=self.model_config)


class StockPPO(Stock, PPO):
    """RLlib's PPO with our figures."""

    ALGORITHM = "PPO (stock)"
    LEARNER_FIGURES: ClassVar[dict[str, str]] = SelfPlayPPO.LEARNER_FIGURES

    @classmethod
    def get_default_config(cls) -> StockPPOConfig:
        """Return a config without an environment."""
        return StockPPOConfig()


class StockDQNConfig(StockConfig, DQNConfig):
    """DQNConfig for PettingZoo environments; call `pettingzoo` to choose one."""

    def __init__(self, algo_class: type[Algorithm] | None = None) -> None:
        super().__init__(algo_class=algo_class or StockDQN)
        self.training(
            dueling=False,
            gamma=1.0,
            replay_buffer_config={"type": "MultiAgentEpisodeReplayBuffer", "capacity": 100_000},
        )
        self.set_up_stock()

    def get_default_rl_module_spec(self) -> RLModuleSpec:
        """Return the spec of every module; RLlib fills in the spaces."""
        return RLModuleSpec(
            module_class=StockQNetwork,
            model_config={**self.model_config, "epsilon": self.epsilon},
        )


class StockDQN(Stock, DQN):
    """RLlib's DQN with our figures."""

    ALGORITHM = "DQN (stock)"
    LEARNER_FIGURES: ClassVar[dict[str, str]] = SelfPlayDQN.LEARNER_FIGURES

    @classmethod
    def get_default_config(cls) -> StockDQNConfig:
        """Return a config without an environment."""
        return StockDQNConfig()

    def setup(self, config: Any) -> None:
        """Build everything, as RLlib does, and seed the replay buffer, which RLlib does not."""
        super().setup(config)
        if self.config.seed is not None:
            seeds = np.random.SeedSequence((self.config.seed, REPLAY_BUFFER_SEED))
            self.local_replay_buffer.rng = np.random.default_rng(seeds)

    def get_state(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Return RLlib's state and its replay buffer, which RLlib itself leaves out."""
        state = super().get_state(*args, **kwargs)
        buffer = self.local_replay_buffer
        kept = {**buffer.get_state(), REPLAY_BUFFER_RNG: buffer.rng.bit_generator.state}
        return {**state, REPLAY_BUFFER: kept}

    def set_state(self, state: dict[str, Any]) -> None:
        """Take over a state made by `get_state`."""
        super().set_state(state)
        if REPLAY_BUFFER not in state:
            return
        kept = dict(state[REPLAY_BUFFER])
        rng = kept.pop(REPLAY_BUFFER_RNG, None)
        self.local_replay_buffer.set_state(kept)
        if rng is not None:
            self.local_replay_buffer.rng.bit_generator.state = rng

    def after_training(self, results: dict[str, Any]) -> None:
        """Measure the agent, and record how much it currently explores."""
        super().after_training(results)
        schedule = Scheduler(fixed_value_or_schedule=self.config.epsilon, framework=None)
        schedule.update(self.moves())
        self._figures[EPSILON] = float(schedule.get_current_value())
