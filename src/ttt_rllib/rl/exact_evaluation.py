"""Exact evaluation, our metrics and the agent's bundle, for every algorithm of this package.

`ExactEvaluationMixin` is mixed into an RLlib Algorithm. It knows how the agent's weights become a
policy that can be evaluated, but not how they are trained.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

from ray.rllib.utils.metrics import ENV_RUNNER_RESULTS, NUM_ENV_STEPS_SAMPLED_LIFETIME

from ttt_envs.boards import Boards
from ttt_envs.game import Game
from ttt_rllib.agents.afterstates import network_policy
from ttt_rllib.agents.bundle import BUNDLE_FOLDER, SAVED_AT, save_bundle
from ttt_rllib.agents.inputs import PLAIN_INPUTS
from ttt_rllib.agents.lookahead import BundledPolicy, LookaheadPolicy
from ttt_rllib.agents.own_network import OwnNetworkPolicy
from ttt_rllib.agents.policies import AgentPolicy, NetworkPolicy, SeatPolicies, policy_table
from ttt_rllib.evaluation.in_training import (
    POSITIONS_IN_TRAINING,
    Evaluated,
    refuted_positions,
    walk_in_training,
)
from ttt_rllib.evaluation.own_metrics import OwnMetrics
from ttt_rllib.evaluation.sampled import sampled_report
from ttt_rllib.evaluation.test_positions import optimal_rates
from ttt_rllib.exact.evaluation import ExactReport, evaluate, evaluate_walks
from ttt_rllib.exact.reached import not_walkable_reason
from ttt_rllib.exact.solved_game import SolvedGame, solved_game
from ttt_rllib.metrics import (
    CONSECUTIVE_UNEXPLOITABLE_EVALS,
    CUSTOM_GROUP,
    ENV_RUNNER_RESTARTS,
    EVAL_S,
    ITERATION,
    MOVES,
    MOVES_PER_S,
    TRAIN_S,
    nest,
)
from ttt_rllib.rl.hosts import AlgorithmBase
from ttt_rllib.rl.iteration_figures import learner_figures, play_figures, usage_figures
from ttt_rllib.rl.own_actor_critic import OwnActorCritic
from ttt_rllib.rl.own_callbacks import check_own_figures
from ttt_rllib.rl.torch_threads import set_torch_threads
from ttt_rllib.sampling.env_runner import MODULE_ID
from ttt_rllib.sampling.process_usage import ProcessUsage

__all__ = ["ExactEvaluationMixin"]

MAX_POSITIONS_IN_TRAINING = 100_000
"""The table of a larger game is evaluated during training only where it is asked for."""

HEADS = ("policy", "q", "value")
"""The last layers of our networks, of which each has one or two."""

UNEXPLOITABLE_EVALS_KEY = "consecutive_unexploitable_evals"
TRAIN_S_KEY = "train_s"
RESTARTS_KEY = "env_runner_restarts"
REFUTED_KEY = "refuted_positions"


class ExactEvaluationMixin(AlgorithmBase):
    """Exact evaluation and bundles for an RLlib Algorithm, by default with the one `MODULE_ID`.

    A subclass names its `ALGORITHM` for the bundle's provenance and says in
    `LEARNER_FIGURES` what our `learner/*` metrics are called in RLlib's results.

    Attributes:
        on_evaluated: Called after each exact evaluation; it must be quick. None = nobody is
            interested.
    """

    ALGORITHM: str
    LEARNER_FIGURES: ClassVar[dict[str, str]]

    on_evaluated: Callable[[Evaluated], None] | None = None

    def setup(self, config: Any) -> None:
        """Build everything, as RLlib does."""
        self._figures: dict[str, float] = {}
        self._consecutive_unexploitable_evals = 0
        self._train_s = 0.0
        self._earlier_restarts = 0
        self._refuted: Boards | None = None
        super().setup(config)  # type: ignore[safe-super]  # RLlib's
        set_torch_threads(self.config)
        self._own_metrics = OwnMetrics(self.config.own_metrics, self.config.own_code)
        if not self.config.broadcast_env_runner_states:
            # RLlib's `setup` sends the first weights along with these states only.
            self.env_runner_group.sync_weights(
                from_worker_or_learner_group=self.learner_group, inference_only=True
            )
        # Measured from here, so that building does not count as part of the first iteration.
        self._usage = ProcessUsage()

    def step(self) -> dict[str, Any]:
        """Run one iteration and add the figures of `ttt_rllib.metrics` to RLlib's results."""
        start_s = time.perf_counter()
        results = super().step()  # type: ignore[safe-super]  # RLlib's
        self.after_training(results)
        learned = learner_figures(self, results, self.LEARNER_FIGURES)
        self._train_s += time.perf_counter() - start_s
        figures = {
            **self._figures,
            **learned,
            ITERATION: self.iteration + 1,
            TRAIN_S: self._train_s,
        }
        nested = nest(figures)
        # Callbacks may have logged figures of their own, in RLlib's env runners too.
        sampled = results.get(ENV_RUNNER_RESULTS, {})
        own = {
            name: figure
            for one in (sampled, results, nested)
            for name, figure in one.get(CUSTOM_GROUP, {}).items()
        }
        return {**results, **nested, CUSTOM_GROUP: own}

    def log_result(self, result: dict[str, Any]) -> None:
        """Let the callbacks see and change the result of an iteration, as RLlib does.

        Raises:
            InputError: If a callback left a figure that is no number.
        """
        super().log_result(result)  # type: ignore[safe-super]  # RLlib's
        check_own_figures(result)

    def after_training(self, results: dict[str, Any]) -> None:
        """Record here what `training_step` has not recorded; `results` are RLlib's."""

    def get_state(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Return RLlib's state, and what has been counted and timed since the trial began."""
        state = super().get_state(*args, **kwargs)  # type: ignore[safe-super]  # RLlib's
        return {
            **state,
            UNEXPLOITABLE_EVALS_KEY: self._consecutive_unexploitable_evals,
            TRAIN_S_KEY: self._train_s,
            RESTARTS_KEY: self._restarts(),
            REFUTED_KEY: self._refuted,
        }

    def set_state(self, state: dict[str, Any]) -> None:
        """Take over a state made by `get_state`."""
        super().set_state(state)  # type: ignore[safe-super]  # RLlib's
        self._consecutive_unexploitable_evals = state.get(
            UNEXPLOITABLE_EVALS_KEY, self._consecutive_unexploitable_evals
        )
        self._train_s = state.get(TRAIN_S_KEY, self._train_s)
        self._refuted = state.get(REFUTED_KEY, self._refuted)
        # RLlib goes on counting those of this process, whatever state it takes over.
        self._earlier_restarts += state.get(RESTARTS_KEY, self._restarts()) - self._restarts()

    @property
    def game(self) -> Game | None:
        """The rules of the game that is played; None where they are unknown."""
        game: Game | None = self.config.env_config["game"]
        return game

    def agent_policy(self) -> BundledPolicy:
        """Return the current agent as it is saved and evaluated, in numpy."""
        policy = self.network_policy()
        if isinstance(policy, (SeatPolicies, OwnNetworkPolicy)):
            return policy
        if self.config.symmetry_average:
            policy = replace(policy, inputs=replace(policy.inputs, symmetry_average=True))
        plies = self.config.lookahead
        return LookaheadPolicy(policy, plies) if plies else policy

    def network_policy(self) -> AgentPolicy | OwnNetworkPolicy:
        """Return what the networks alone play: a policy in numpy, or a user's own network."""
        module = self.env_runner.module.get(MODULE_ID)
        if isinstance(module, OwnActorCritic):
            return module.policy()
        return self.network_of(MODULE_ID)

    def network_of(self, module_id: str) -> NetworkPolicy:
        """Return one module of the agent.

        Raises:
            ValueError: If the rules of the game are unknown.
            TypeError: If the module's weights are not those of our networks.
        """
        if self.game is None:
            raise ValueError("the game is not one of ours, so no policy of ours can play it")
        module = self.env_runner.module[module_id]
        weights = module.get_state(inference_only=True)
        if not any(f"{head}.weight" in weights for head in HEADS):
            raise TypeError(
                f"{type(module).__name__} is not one of our networks, so that no agent can be made "
                "of it; give your torch.nn.Module as model.class, or evaluation_interval 0"
            )
        # Networks of PettingZoo's environments see what the environment shows them.
        inputs = self.config.env_config.get("inputs", PLAIN_INPUTS)
        return network_policy(self.game, weights, self.config.model_config["activation"], inputs)

    def exact_report(self) -> ExactReport | None:
        """Measure the current agent exactly, as far as the size of its game allows.

        None where the game is unknown, or can be neither solved nor walked.
        """
        if not self._is_measurable:
            return None
        policy = self.agent_policy()
        solved = self._table_game()
        table = policy_table(solved.positions, policy) if solved else None
        report = None if solved is None or table is None else evaluate(solved, table)
        walks = None
        if report is None or self.config.refuted_starts:
            walks = walk_in_training(policy, self._walk_positions())
            report = report or evaluate_walks(walks)
            if self.config.refuted_starts:
                self._refuted = refuted_positions(walks, self.iteration)
        if self.on_evaluated is not None:
            self.on_evaluated(Evaluated(report, self.moves(), solved, table, walks))
        return report

    def _table_game(self) -> SolvedGame | None:
        """Return the solved game if figures are to come from its table; None = from a walk.

        The table of a game of millions of positions takes seconds, a walk tenths of one.
        """
        solved = solved_game(self.game)
        if solved is None or self.config.needs_table:
            return solved
        is_small = len(solved.positions) <= MAX_POSITIONS_IN_TRAINING
        return solved if is_small or not_walkable_reason(solved.positions.game) else None

    @property
    def _is_measurable(self) -> bool:
        return self.game is not None and (
            solved_game(self.game) is not None or not_walkable_reason(self.game) is None
        )

    def _walk_positions(self) -> int:
        """Return how many positions this evaluation may reach in a seat."""
        interval = self.config.certificate_interval
        evaluations = (self.iteration + 1) // self.config.exact_evaluation_interval
        is_due = interval and evaluations % interval == 0
        return int(self.config.max_walk_positions if is_due else POSITIONS_IN_TRAINING)

    def save_to_path(self, path: Any = None, **kwargs: Any) -> str:
        """Save RLlib's checkpoint, and in it the agent's bundle under `agent/`.

        There is no bundle where the rules of the game are unknown.
        """
        saved = super().save_to_path(path, **kwargs)  # type: ignore[safe-super]  # RLlib's
        if self.game is None:
            return saved
        provenance = {
            "algorithm": self.ALGORITHM,
            "iteration": self.iteration,
            "moves": self.moves(),
            SAVED_AT: datetime.now(UTC).isoformat(timespec="seconds"),
        }
        save_bundle(self.agent_policy(), Path(saved) / BUNDLE_FOLDER, provenance)
        return saved

    def moves(self) -> int:
        """Return the moves sampled so far, those of resumed runs included."""
        key = (ENV_RUNNER_RESULTS, NUM_ENV_STEPS_SAMPLED_LIFETIME)
        return int(self.metrics.peek(key, default=0))

    def record_iteration(
        self, phases: dict[str, float], moves: int, totals: Mapping[str, Any] | None = None
    ) -> None:
        """Evaluate the agent and record all figures of this iteration.

        Args:
            phases: Seconds of the iteration's phases by metric name, without evaluation.
            moves: Moves sampled in this iteration.
            totals: This iteration's counts of moves, games and results by RLlib's names, and
                under `RETURNS` the sums of the agents' returns; None takes the counts that the
                env runners have logged since RLlib's last results.
        """
        start_s = time.perf_counter()
        measured = {
            **self._exact_figures(),
            MOVES: float(self.moves()),
            **play_figures(self, totals),
            **self._sampled_figures(),
            **self._own_figures(),
        }
        eval_s = time.perf_counter() - start_s
        total_s = sum(phases.values()) + eval_s
        self._figures = {
            **measured,
            MOVES_PER_S: moves / total_s,
            **phases,
            EVAL_S: eval_s,
            **usage_figures(self, self._usage),
        }
        if self.config.num_env_runners > 0:
            self._figures[ENV_RUNNER_RESTARTS] = self._restarts()

    def _restarts(self) -> int:
        """Return how many times an env runner came back, also before the trial was resumed."""
        return self._earlier_restarts + int(self.env_runner_group.num_remote_worker_restarts())

    def _exact_figures(self) -> dict[str, float]:
        """Measure the agent if that is due; otherwise report only the count so far."""
        interval = self.config.exact_evaluation_interval
        if interval == 0 or not self._is_measurable:
            return {}
        report = self.exact_report() if self._is_due else None
        if report is not None:
            unexploitable = report.nash_conv_greedy == 0.0
            self._consecutive_unexploitable_evals = (
                self._consecutive_unexploitable_evals + 1 if unexploitable else 0
            )
        figures: dict[str, float] = {
            CONSECUTIVE_UNEXPLOITABLE_EVALS: self._consecutive_unexploitable_evals
        }
        return figures if report is None else {**figures, **report.metrics()}

    def _sampled_figures(self) -> dict[str, float]:
        """Play against fixed players if that is due and the game is too large for exact figures."""
        if not self._is_due or self.game is None or solved_game(self.game) is not None:
            return {}
        policy = self.agent_policy()
        return {**sampled_report(policy).metrics(), **optimal_rates(policy)}

    def _own_figures(self) -> dict[str, float]:
        """Ask the user's own metrics, if that is due."""
        if not self._is_due or not self.config.own_metrics:
            return {}
        return self._own_metrics.measure(self.agent_policy())

    @property
    def _is_due(self) -> bool:
        """Whether the agent is to be evaluated in this iteration."""
        interval = self.config.exact_evaluation_interval
        return bool(interval) and (self.iteration + 1) % interval == 0
