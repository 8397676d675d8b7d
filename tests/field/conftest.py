"""The cases from the field: what they share is a small experiment on an environment of `envs/`."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.commands import run_command
from ttt_rllib.config.experiment import Experiment
from ttt_rllib.config.yaml_text import dump_yaml

ENVS = Path(__file__).parent / "envs"

TRAINING: dict[str, dict[str, Any]] = {
    "ppo": {"train_batch_size_per_learner": 400, "minibatch_size": 256, "num_epochs": 2},
    "dqn": {
        "train_batch_size_per_learner": 64,
        "num_steps_sampled_before_learning_starts": 100,
        "training_intensity": 1.0,
    },
}

Train = Callable[..., subprocess.CompletedProcess[str]]


@pytest.hookimpl(tryfirst=True)  # before `-m` chooses
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test of this folder as a case from the field."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.field)


@pytest.fixture
def settings() -> Callable[..., dict[str, Any]]:
    """Return a function that makes a small experiment.

    It takes the name and the arguments of an environment, and sections as in YAML.
    """

    def make(
        name: str, *, algorithm: str = "ppo", seed: int = 0, **sections: Any
    ) -> dict[str, Any]:
        kwargs = sections.pop("kwargs", {})
        return {
            "algorithm": algorithm,
            "seed": seed,
            "env": {"pettingzoo": name, "kwargs": kwargs},
            "training": {**TRAINING[algorithm], **sections.pop("training", {})},
            "env_runners": {
                "num_env_runners": 0,
                "num_envs_per_env_runner": 8,
                **sections.pop("env_runners", {}),
            },
            "stop": {"iterations": 3},
            **sections,
        }

    return make


@pytest.fixture
def train(tmp_path: Path, settings: Callable[..., dict[str, Any]]) -> Train:
    """Return a function that trains on an environment as a person would: `run`, in `tmp_path`.

    It takes words of the command line as `words`, and what `settings` takes.
    """

    def run(name: str, *, words: tuple[str, ...] = (), **sections: Any) -> Any:
        file = tmp_path / "case.yaml"
        file.write_text(dump_yaml(settings(name, **sections)))
        paths = [str(ENVS), *filter(None, [os.environ.get("PYTHONPATH")])]
        return run_command(
            "train",
            file,
            "--storage",
            tmp_path / "results",
            "--name",
            "run",
            *words,
            env={"PYTHONPATH": os.pathsep.join(paths)},
        )

    return run


@pytest.fixture
def build(ray_cluster: None, settings: Callable[..., dict[str, Any]]) -> Iterator[Any]:
    """Return a function that builds the algorithm of a small experiment; all are stopped.

    It takes what `settings` takes.
    """
    from ttt_rllib.rl.algorithm_config import algorithm_config

    built = []

    def build_algorithm(name: str, **sections: Any) -> Any:
        experiment = Experiment.model_validate(settings(name, **sections))
        built.append(algorithm_config(experiment).build_algo())
        return built[-1]

    yield build_algorithm
    for algorithm in built:
        algorithm.stop()


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    """Return the directory of the run that `train` makes."""
    return tmp_path / "results" / "case" / "run"
