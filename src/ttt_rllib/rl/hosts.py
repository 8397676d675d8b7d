"""What the mixins of this package need of the RLlib classes that they are mixed into.

RLlib's classes are untyped, so nothing tells the type checker what a mixin may call. These
Protocols do, with exactly the names and parameters that are used here, and
`tests/test_ray_internals.py` compares them with the Ray that is installed.

A mixin derives from `AlgorithmBase`, `ConfigBase` or `LearnerBase`: its Protocol while types
are checked, `object` at run time. Were the Protocol there at run time too, its empty methods
would come before RLlib's in the method resolution order and hide them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import torch
from torch import Tensor

__all__ = [
    "AlgorithmBase",
    "AlgorithmHost",
    "ConfigBase",
    "ConfigHost",
    "LearnerBase",
    "LearnerHost",
]


class AlgorithmHost(Protocol):
    """RLlib's `Algorithm`, as far as it is used here.

    Attributes:
        config: The AlgorithmConfig, with the settings that our config mixins add.
        metrics: The MetricsLogger.
        learner_group: The LearnerGroup.
        env_runner_group: The EnvRunnerGroup that samples.
        local_replay_buffer: RLlib's own replay buffer; None where the algorithm has none.
    """

    config: Any
    metrics: Any
    learner_group: Any
    env_runner_group: Any
    local_replay_buffer: Any

    @property
    def iteration(self) -> int:
        """Iterations done so far."""

    @property
    def env_runner(self) -> Any:
        """The local env runner, which holds the newest weights."""

    def setup(self, config: Any) -> None:
        """Build env runners and learners."""

    def step(self) -> dict[str, Any]:
        """Run one iteration and return its results."""

    def log_result(self, result: dict[str, Any]) -> None:
        """Call the callbacks with the result of an iteration."""

    def training_step(self) -> None:
        """Sample, learn and send the weights once."""

    def get_state(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Return what a checkpoint holds."""

    def set_state(self, state: dict[str, Any]) -> None:
        """Take over what a checkpoint holds."""

    def save_to_path(self, path: Any = None, **kwargs: Any) -> str:
        """Write a checkpoint and return where it is."""

    def restore_env_runners(self, env_runner_group: Any) -> list[int]:
        """Bring restarted env runners up to date and return their numbers."""


class ConfigHost(Protocol):
    """RLlib's `AlgorithmConfig`, as far as it is used here.

    Its setters have many more parameters, and at run time refuse a name they do not know.

    Attributes:
        env_config: What the env runners are told about the environment.
        num_envs_per_env_runner: Boards played at a time.
        seed: What all randomness follows from; None = no reproducibility.
        in_evaluation: Whether this is the config of RLlib's own evaluation.
        explore: Whether the env runners explore.
    """

    env_config: dict[str, Any]
    num_envs_per_env_runner: int
    seed: int | None
    in_evaluation: bool
    explore: bool

    @property
    def model_config(self) -> dict[str, Any]:
        """What the modules are told about the network."""

    @property
    def rl_module_spec(self) -> Any:
        """The spec of the network, with its class."""

    def callbacks(self, callbacks_class: type[Any]) -> Any:
        """Set the callbacks."""

    def debugging(self, *, log_sys_usage: bool = ..., **settings: Any) -> Any:
        """Set what is logged."""

    def environment(
        self,
        env: Any = ...,
        *,
        env_config: dict[str, Any] = ...,
        observation_space: Any = ...,
        action_space: Any = ...,
        disable_env_checking: bool = ...,
        **settings: Any,
    ) -> Any:
        """Set the environment."""

    def env_runners(
        self,
        *,
        env_runner_cls: type[Any] = ...,
        num_envs_per_env_runner: int = ...,
        merge_env_runner_states: bool = ...,
        broadcast_env_runner_states: bool = ...,
        **settings: Any,
    ) -> Any:
        """Set the env runners."""

    def multi_agent(
        self,
        *,
        policies: set[str] = ...,
        policy_mapping_fn: Callable[..., str] = ...,
        **settings: Any,
    ) -> Any:
        """Set which module plays for which agent."""

    def reporting(
        self,
        *,
        min_time_s_per_iteration: float = ...,
        min_sample_timesteps_per_iteration: int = ...,
        **settings: Any,
    ) -> Any:
        """Set how much an iteration takes in."""

    def rl_module(self, *, model_config: dict[str, Any] = ..., **settings: Any) -> Any:
        """Set the network."""


class LearnerHost(Protocol):
    """RLlib's `TorchLearner`, as far as it is used here.

    Attributes:
        config: The AlgorithmConfig.
        metrics: The MetricsLogger.
        _weights_seq_no: Number of the weights, plus one with every update. It is private, and
            RLlib's own `update`, which is overridden here, is the only other place that counts.
    """

    config: Any
    metrics: Any
    _weights_seq_no: int

    @property
    def module(self) -> Any:
        """The MultiRLModule that is trained."""

    @property
    def device(self) -> torch.device:
        """The device that holds the module."""

    def build(self) -> None:
        """Build module and optimizers."""

    def get_parameters(self, module: Any) -> Sequence[Tensor]:
        """Return the weights of one module."""

    def get_optimizer(self, module_id: str = ...) -> torch.optim.Optimizer:
        """Return the optimizer of one module."""

    def register_optimizer(
        self,
        *,
        module_id: str = ...,
        optimizer: torch.optim.Optimizer,
        params: Sequence[Tensor],
        lr_or_lr_schedule: Any = ...,
    ) -> None:
        """Hand over the optimizer of one module, and the schedule of its learning rate."""

    def before_gradient_based_update(self, *, timesteps: dict[str, Any]) -> None:
        """Set schedules to the progress of the run."""

    def after_gradient_based_update(self, *, timesteps: dict[str, Any]) -> None:
        """Bring schedules and the target network up to date."""


if TYPE_CHECKING:
    AlgorithmBase = AlgorithmHost
    ConfigBase = ConfigHost
    LearnerBase = LearnerHost
else:
    AlgorithmBase = ConfigBase = LearnerBase = object
