"""Self-play PPO on RLlib's new API stack, with vectorised boards and exact evaluation.

`SelfPlayPPO` is RLlib's PPO with another `training_step`: board env runners return
columns, the LearnerGroup updates on them, the weights go back, and the network is
measured against the truth. Everything else - actors, fault tolerance, learners, DDP,
checkpoints, Tune - is RLlib's own.
"""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import Any

import numpy as np
from ray.rllib.algorithms.algorithm import Algorithm
from ray.rllib.algorithms.ppo.ppo import (
    LEARNER_RESULTS_CURR_ENTROPY_COEFF_KEY,
    LEARNER_RESULTS_KL_KEY,
    PPO,
    PPOConfig,
)
from ray.rllib.core.learner.learner import (
    DEFAULT_OPTIMIZER,
    ENTROPY_KEY,
    LR_KEY,
    POLICY_LOSS_KEY,
    VF_LOSS_KEY,
)
from ray.rllib.core.rl_module.rl_module import RLModuleSpec
from ray.rllib.evaluation.postprocessing import Postprocessing
from ray.rllib.policy.sample_batch import MultiAgentBatch, concat_samples
from ray.rllib.utils.metrics import (
    ENV_RUNNER_RESULTS,
    LEARNER_RESULTS,
    NUM_ENV_STEPS_SAMPLED,
    NUM_ENV_STEPS_SAMPLED_LIFETIME,
    NUM_EPISODES,
)

from ttt_envs.game import TIC_TAC_TOE, Game
from ttt_rllib.bundle import save_bundle
from ttt_rllib.exact.report import ExactReport, evaluate, known_truth
from ttt_rllib.policies import NetworkPolicy, policy_table
from ttt_rllib.rl.learner import SelfPlayPPOLearner
from ttt_rllib.rl.module import MODULE_ID, BoardActorCritic
from ttt_rllib.rl.runner import DRAWS, O_WINS, X_WINS, BoardEnvRunner, board_spaces

__all__ = ["SelfPlayPPO", "SelfPlayPPOConfig"]

UNEXPLOITABLE_EVALS = "unexploitable_evals"

LEARNER_FIGURES = {
    "policy_loss": POLICY_LOSS_KEY,
    "vf_loss": VF_LOSS_KEY,
    "entropy": ENTROPY_KEY,
    "kl": LEARNER_RESULTS_KL_KEY,
    "lr": f"{DEFAULT_OPTIMIZER}_{LR_KEY}",
    "entropy_coeff": LEARNER_RESULTS_CURR_ENTROPY_COEFF_KEY,
}
"""Our names for what the learner logs under RLlib's."""

RESTART_TIMEOUT_S = 300.0
"""How long to wait for a restarted env runner when all are gone; a pod takes a minute or two."""

RESTART_POLL_S = 0.25


def play_both_seats(agent_id: str, episode: Any, **kwargs: Any) -> str:
    """Map both players to the one module."""
    return MODULE_ID


class SelfPlayPPOConfig(PPOConfig):
    """PPOConfig for board games; call `self_play` to choose the game."""

    def __init__(self, algo_class: type[Algorithm] | None = None) -> None:
        super().__init__(algo_class=algo_class or SelfPlayPPO)
        self.env_runner_cls = BoardEnvRunner
        self.exact_interval = 1
        self.use_kl_loss = False
        # Tune would overwrite our "perf" with the machine's load under that name.
        self.log_sys_usage = False
        self.rl_module(model_config={"hiddens": (128, 128), "activation": "relu"})
        self.disable_env_checking = True
        # Runners hold no state but weights, which `training_step` sends.
        self.merge_env_runner_states = False
        self._dont_auto_sync_env_runner_states = True
        self.multi_agent(policies={MODULE_ID}, policy_mapping_fn=play_both_seats)
        self.self_play(game=TIC_TAC_TOE, random_plies=(0, 8))

    def self_play(
        self,
        *,
        game: Game | None = None,
        random_plies: tuple[int, int] | None = None,
        exact_interval: int | None = None,
    ) -> SelfPlayPPOConfig:
        """Set what is played and how it is measured; None leaves a setting as it is.

        Args:
            game: The rules.
            random_plies: Least and greatest number of uniformly random opening plies.
            exact_interval: Iterations between exact evaluations; 0 = never.
        """
        if game is not None:
            observation_space, action_space = board_spaces(game)
            self.environment(
                observation_space=observation_space,
                action_space=action_space,
                env_config={**self.env_config, "game": game},
            )
        if random_plies is not None:
            self.environment(env_config={**self.env_config, "random_plies": random_plies})
        if exact_interval is not None:
            self.exact_interval = exact_interval
        return self

    def get_default_rl_module_spec(self) -> RLModuleSpec:
        """Return the spec of the one module; RLlib fills in the spaces."""
        return RLModuleSpec(module_class=BoardActorCritic, model_config=self.model_config)

    def get_default_learner_class(self) -> type[SelfPlayPPOLearner]:
        """Return the learner that takes columns."""
        return SelfPlayPPOLearner

    def validate_train_batch_size_vs_rollout_fragment_length(self) -> None:
        """Nothing to check: runners play whole games, there are no fragments."""


class SelfPlayPPO(PPO):
    """PPO self-play with exact evaluation."""

    @classmethod
    def get_default_config(cls) -> SelfPlayPPOConfig:
        """Return a config for tic-tac-toe."""
        return SelfPlayPPOConfig()

    def setup(self, config: Any) -> None:
        """Build everything, as RLlib does."""
        self._figures: dict[str, dict[str, float]] = {"exact": {}, "play": {}, "perf": {}}
        self._unexploitable_evals = 0
        super().setup(config)

    def step(self) -> dict[str, Any]:
        """Run one iteration and add the figures of `ttt_rllib.metrics` to RLlib's results."""
        start_s = time.perf_counter()
        results: dict[str, Any] = super().step()
        figures = {**self._figures, "learner": self._learner_figures(results)}
        figures["perf"]["iteration"] = self.iteration + 1
        figures["perf"]["train_s"] = self._time_total + time.perf_counter() - start_s
        return {**results, **figures}

    def training_step(self) -> None:
        """Sample, learn, send the weights, evaluate."""
        start_s = time.perf_counter()
        batch = self._sample()
        sampled_s = time.perf_counter()
        self._learn(batch)
        learned_s = time.perf_counter()
        self.env_runner_group.sync_weights(
            from_worker_or_learner_group=self.learner_group, inference_only=True
        )
        synced_s = time.perf_counter()
        self._figures["exact"] = self._exact_figures()
        end_s = time.perf_counter()
        self._figures["play"] = self._play_figures()
        self._figures["perf"] = {
            "moves_per_s": batch.env_steps() / (end_s - start_s),
            "sample_s": sampled_s - start_s,
            "learn_s": learned_s - sampled_s,
            "sync_s": synced_s - learned_s,
            "eval_s": end_s - synced_s,
        }

    def get_state(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Return RLlib's state and how long the agent has been unexploitable."""
        state: dict[str, Any] = super().get_state(*args, **kwargs)
        return {**state, UNEXPLOITABLE_EVALS: self._unexploitable_evals}

    def set_state(self, state: dict[str, Any]) -> None:
        """Take over a state made by `get_state`."""
        super().set_state(state)
        self._unexploitable_evals = state.get(UNEXPLOITABLE_EVALS, self._unexploitable_evals)

    def network_policy(self) -> NetworkPolicy:
        """Return the current agent as everybody else will see it: evaluated by numpy."""
        weights = self.env_runner.module[MODULE_ID].get_state()
        game, activation = self.config.env_config["game"], self.config.model_config["activation"]
        return NetworkPolicy(game, weights, activation)

    def exact_report(self) -> ExactReport | None:
        """Measure the current agent exactly; None where the game is too large for it."""
        policy = self.network_policy()
        truth = known_truth(policy.game)
        if truth is None:
            return None
        return evaluate(truth, policy_table(truth.positions, policy), max_lines=0)

    def save_to_path(self, path: Any = None, **kwargs: Any) -> str:
        """Save RLlib's checkpoint, and in it the agent's bundle under `agent/`."""
        saved: str = super().save_to_path(path, **kwargs)
        provenance = {"algorithm": "PPO", "iteration": self.iteration, "moves": self._moves()}
        save_bundle(self.network_policy(), Path(saved) / "agent", provenance)
        return saved

    def _sample(self) -> MultiAgentBatch:
        config, group = self.config, self.env_runner_group
        moves = config.train_batch_size_per_learner * max(1, config.num_learners)
        if config.num_env_runners == 0:
            runner = group.local_env_runner
            answers = [(runner.sample(num_timesteps=moves), runner.get_metrics())]
        else:
            answers = self._sample_remotely(moves)
        self.metrics.aggregate([metrics for _, metrics in answers], key=ENV_RUNNER_RESULTS)
        batch = concat_samples([part for parts, _ in answers for part in parts])
        return _prepare(batch, max(1, config.num_learners))

    def _sample_remotely(self, moves: int) -> list[Any]:
        """Sample on all runners that are there, and wait for one if none is."""
        group = self.env_runner_group
        deadline_s = time.monotonic() + RESTART_TIMEOUT_S
        while time.monotonic() < deadline_s:
            share = math.ceil(moves / max(1, group.num_healthy_remote_workers()))
            answers = group.foreach_env_runner(
                lambda runner, share=share: (
                    runner.sample(num_timesteps=share),
                    runner.get_metrics(),
                ),
                local_env_runner=False,
            )
            if answers:
                return list(answers)
            # All of them are gone. Ray is restarting them and refuses calls until then.
            while not self.restore_env_runners(group) and time.monotonic() < deadline_s:
                time.sleep(RESTART_POLL_S)
        raise RuntimeError(
            f"none of the {self.config.num_env_runners} env runners came back within "
            f"{RESTART_TIMEOUT_S:g} s; worker-*.err in Ray's session logs tell why they ended"
        )

    def _learn(self, batch: MultiAgentBatch) -> None:
        results = self.learner_group.update(
            batch=batch,
            timesteps={NUM_ENV_STEPS_SAMPLED_LIFETIME: self._moves()},
            num_epochs=self.config.num_epochs,
            minibatch_size=self.config.minibatch_size,
        )
        self.metrics.aggregate(results, key=LEARNER_RESULTS)

    def _moves(self) -> int:
        key = (ENV_RUNNER_RESULTS, NUM_ENV_STEPS_SAMPLED_LIFETIME)
        return int(self.metrics.peek(key, default=0))

    def _play_figures(self) -> dict[str, float]:
        def total(key: str) -> float:
            return float(self.metrics.peek((ENV_RUNNER_RESULTS, key)))

        games = total(NUM_EPISODES)
        return {
            "moves": self._moves(),
            "x_win_rate": total(X_WINS) / games,
            "draw_rate": total(DRAWS) / games,
            "o_win_rate": total(O_WINS) / games,
            "moves_per_game": total(NUM_ENV_STEPS_SAMPLED) / games,
        }

    def _exact_figures(self) -> dict[str, float]:
        """Measure the agent if it is due, else report only what holds without measuring."""
        interval = self.config.exact_interval
        if interval == 0 or known_truth(self.config.env_config["game"]) is None:
            return {}
        report = self.exact_report() if (self.iteration + 1) % interval == 0 else None
        if report is not None:
            unexploitable = report.nash_conv_greedy == 0.0
            self._unexploitable_evals = self._unexploitable_evals + 1 if unexploitable else 0
        figures: dict[str, float] = {"unexploitable_evals": self._unexploitable_evals}
        return figures if report is None else {**figures, **report.metrics()}

    def _learner_figures(self, results: dict[str, Any]) -> dict[str, float]:
        learned = results[LEARNER_RESULTS][MODULE_ID]
        return {name: float(learned[key]) for name, key in LEARNER_FIGURES.items()}


def _prepare(batch: MultiAgentBatch, num_shards: int) -> MultiAgentBatch:
    """Standardise the advantages and cut to equal shards: unequal ones hang DDP."""
    columns = batch.policy_batches[MODULE_ID]
    advantages = columns[Postprocessing.ADVANTAGES]
    spread = max(1e-4, float(advantages.std()))
    columns[Postprocessing.ADVANTAGES] = (advantages - advantages.mean()) / np.float32(spread)
    rows = len(columns) // num_shards * num_shards
    return MultiAgentBatch({MODULE_ID: columns[:rows]}, rows)
