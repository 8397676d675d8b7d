"""Fixtures shared by all tests: one Ray cluster per session, and small experiments."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from tests.commands import STARTED, end_started

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
os.environ.setdefault("RAY_AUTH_MODE", "token")
# Ray would start a worker per logical CPU, more than the machine has, before any is asked for.
os.environ.setdefault("RAY_prestart_worker_first_driver", "0")
# Ray starts its workers with niceness 15, and a trial would stand still beside another test.
os.environ.setdefault("RAY_worker_niceness", "0")
# The developer may have a key for W&B, which the runs of tests must not use.
os.environ.setdefault("WANDB_MODE", "offline")
# As Ray does for its actors: with more threads than free cores they would wait for each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")


class _Lines(logging.Handler):
    """Keeps the messages that it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


@pytest.fixture
def logged() -> Iterator[list[str]]:
    """Return the list to which the package's log is added, a line per message.

    Pytest's own caplog listens at the root, which hears nothing after `commands.show_log`.
    """
    logger, handler = logging.getLogger("ttt_rllib"), _Lines()
    logger.addHandler(handler)
    yield handler.lines
    logger.removeHandler(handler)


@pytest.fixture(autouse=True)
def _no_command_is_left() -> Iterator[None]:
    """End the commands that a test has started and, because it failed, not waited for."""
    first = len(STARTED)
    yield
    end_started(first)


def _start_ray() -> None:
    import ray

    logging.getLogger("ray").setLevel(logging.ERROR)
    ray.init(
        # Otherwise Ray joins a cluster that another process of the tests has started.
        address="local",
        num_cpus=8,
        include_dashboard=False,
        log_to_driver=False,
        logging_level=logging.ERROR,
    )


@pytest.fixture(scope="session")
def ray_cluster() -> Iterator[None]:
    """Start Ray with more logical CPUs than the machine has, so that actors fit."""
    import ray

    _start_ray()
    yield
    ray.shutdown()


@pytest.fixture(scope="module")
def without_ray() -> Iterator[None]:
    """Let a module start a cluster of its own; the session's is started again afterwards."""
    import ray

    was_started = ray.is_initialized()
    ray.shutdown()
    yield
    ray.shutdown()
    if was_started:
        _start_ray()


TRAINING: dict[str, dict[str, Any]] = {
    "ppo": {
        "train_batch_size_per_learner": 600,
        "minibatch_size": 200,
        "lr": [[0, 3e-3], [20_000, 3e-4]],
        "entropy_coeff": [[0, 0.02], [20_000, 0.0]],
    },
    "dqn": {
        "train_batch_size_per_learner": 128,
        "num_steps_sampled_before_learning_starts": 300,
        "lr": [[0, 1e-3], [20_000, 3e-4]],
        "epsilon": [[0, 1.0], [5_000, 0.2]],
        "target_network_update_freq": 700,
        "replay_buffer_config": {"capacity": 900},
    },
    "td": {
        "train_batch_size_per_learner": 600,
        "minibatch_size": 200,
        "lr": [[0, 3e-3], [20_000, 3e-4]],
        "epsilon": [[0, 0.5], [5_000, 0.1]],
    },
}


@pytest.fixture(scope="session")
def new_network() -> Callable[..., Any]:
    """Return a function that makes a random network with small weights."""
    import numpy as np

    from ttt_envs import TIC_TAC_TOE, Game
    from ttt_rllib.agents.afterstates import network_policy
    from ttt_rllib.agents.inputs import PLAIN_INPUTS, Inputs
    from ttt_rllib.agents.policies import NetworkPolicy

    def make(
        game: Game = TIC_TAC_TOE,
        *,
        seed: int = 0,
        q_head: bool = False,
        value_head: bool = False,
        activation: str = "relu",
        inputs: Inputs = PLAIN_INPUTS,
    ) -> NetworkPolicy:
        rng = np.random.default_rng(seed)
        heads = {"q": game.num_actions} if q_head else {"policy": game.num_actions, "value": 1}
        if value_head:
            heads = {"value": 1}
        planes = 6 if inputs.threat_planes else 2
        sizes = {"trunk.0": (planes * game.num_squares, 16), "trunk.1": (16, 12)}
        sizes |= {head: (12, outputs) for head, outputs in heads.items()}
        weights = {}
        for name, (width, outputs) in sizes.items():
            weights[f"{name}.weight"] = rng.normal(size=(outputs, width)).astype(np.float32)
            weights[f"{name}.bias"] = rng.normal(size=outputs).astype(np.float32)
        return network_policy(game, weights, activation, inputs)

    return make


@pytest.fixture(scope="session")
def new_summary() -> Callable[..., Any]:
    """Return a function that makes the summary of a run; `changes` replace its fields."""
    from ttt_rllib.runs.summary import Machine, Session, Summary, WallSeconds

    summary = Summary(
        experiment="ppo",
        run="one",
        status="done",
        verdict=None,
        error=None,
        best_trial="00000",
        search=None,
        checkpoint="trials/00000/checkpoint_000000",
        moves=4100,
        metrics={},
        wall_s=WallSeconds(14.0, 6.2, 21.0, sample_s=1.0, learn_s=4.0, sync_s=0.5, eval_s=0.5),
        sessions=(Session(14.0, 21.0),),
        seeds=(0,),
        versions={"ttt_rllib": "0.1.0", "python": "3.11.7", "ray": "2.60.0"},
        git_commit="0123456789abcdef",
        machine=Machine("Linux", "6.1", "x86_64", cpus=2, byte_order="little"),
    )

    def make(**changes: Any) -> Summary:
        return replace(summary, **changes)

    return make


def _built(
    name: str = "ppo",
    *,
    num_env_runners: int = 0,
    num_learners: int = 0,
    sample_beside_learning: bool = False,
    seed: int = 0,
    self_play: dict[str, Any] | None = None,
    initialize_from: str | None = None,
    env: str | dict[str, Any] = "tic_tac_toe",
    model: dict[str, Any] | None = None,
    opening: dict[str, Any] | None = None,
    evaluation: dict[str, Any] | None = None,
    **training: Any,
) -> Any:
    """Build a small algorithm."""
    from ttt_rllib.config.experiment import Experiment
    from ttt_rllib.rl.algorithm_config import algorithm_config

    experiment = Experiment.model_validate(
        {
            "seed": seed,
            "algorithm": name,
            "env": env,
            "model": model or {},
            "opening": opening or {},
            "evaluation": evaluation or {},
            "training": {**TRAINING[name], **training},
            "env_runners": {
                "num_env_runners": num_env_runners,
                "num_envs_per_env_runner": 64,
                "num_cpus_per_env_runner": 0.5,
                "sample_beside_learning": sample_beside_learning,
            },
            "learners": {"num_learners": num_learners, "num_cpus_per_learner": 0.5},
            "self_play": self_play or {},
            "initialize_from": initialize_from,
        }
    )
    return algorithm_config(experiment).build_algo()


@pytest.fixture
def build(ray_cluster: None) -> Iterator[Callable[..., Any]]:
    """Return a function that builds a small algorithm; all of them are stopped at the end."""
    built = []

    def build_algorithm(*arguments: Any, **settings: Any) -> Any:
        built.append(_built(*arguments, **settings))
        return built[-1]

    yield build_algorithm
    for algorithm in built:
        algorithm.stop()


@pytest.fixture(scope="module")
def two_runners(ray_cluster: None) -> Iterator[Any]:
    """An algorithm with two runners for several tests, as each process takes seconds to start."""
    algorithm = _built(num_env_runners=2)
    yield algorithm
    algorithm.stop()
