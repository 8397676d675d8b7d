"""The private attributes of Ray that we use: an upgrade that changes one of them fails here first.

Each row names the object, the attribute, its type, and what we need it for. A row goes when Ray
offers a public way, or when the code that needs it goes.
"""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import FunctionType, SimpleNamespace
from typing import Any

import pytest
from ray.train._internal.storage import StorageContext


@dataclass(frozen=True)
class Internal:
    """An attribute of Ray that has no public counterpart.

    `owner` takes a folder and makes the object, or imports the class, that has the attribute;
    `parameters` are those of a method that we override or call.
    """

    owner: Callable[[Path], Any]
    name: str
    kind: type
    used_for: str
    parameters: tuple[str, ...] | None = None


# ---- ray.tune ------------------------------------------------------------------------------


def population(_=None):
    from ray.tune.schedulers import PopulationBasedTraining

    return PopulationBasedTraining("moves", "loss", "min", hyperparam_mutations={"lr": [1.0, 2.0]})


def population_class(_):
    from ray.tune.schedulers import PopulationBasedTraining

    return PopulationBasedTraining


def population_trial(_):
    from ray.tune.experiment import Trial

    scheduler, trial = population(), Trial("PPO", stub=True)
    scheduler.on_trial_add(SimpleNamespace(search_alg=None), trial)
    return scheduler._trial_state[trial]


def storage(folder):
    return StorageContext(str(folder), experiment_dir_name="trials", trial_dir_name="00000")


def storage_class(_):
    return StorageContext


def trainable(folder):
    from ray.tune import Trainable

    class InFolder(StorageContext):
        # Ray's own, in the folder of its session, needs a Ray that runs.
        trial_working_directory = str(folder)

    class Trained(Trainable):
        def setup(self, config):
            pass

    return Trained(config={}, storage=InFolder(str(folder), "trials", trial_dir_name="00000"))


def checkpoint_manager(_):
    from ray.tune.experiment import Trial

    return Trial("PPO", stub=True).run_metadata.checkpoint_manager


TUNE = [
    Internal(
        storage,
        "current_checkpoint_index",
        int,
        "tune_state: new checkpoints are numbered after all that exist",
    ),
    Internal(
        storage_class,
        "experiment_driver_staging_path",
        property,
        "tune_state: the folder in which Tune's driver writes its state",
    ),
    Internal(
        trainable,
        "_storage",
        StorageContext,
        "trainable: the inner Algorithm gets the trial's storage; else it uses the home directory",
    ),
    Internal(
        checkpoint_manager,
        "_checkpoint_results",
        list,
        "tune_state: checkpoints that are gone are forgotten after a kill",
    ),
    Internal(
        population,
        "_trial_state",
        dict,
        "schedulers: the moves at the last comparison of each trial survive a kill",
    ),
    Internal(
        population_trial,
        "last_perturbation_time",
        int,
        "schedulers: the moves at the last comparison of one trial",
    ),
    Internal(
        population_class,
        "_exploit",
        FunctionType,
        "schedulers: every exploit becomes a row of exploits.csv",
        ("self", "tune_controller", "trial", "trial_to_clone"),
    ),
]


@pytest.mark.parametrize("internal", TUNE, ids=lambda one: one.name)
def test_an_internal_of_ray_has_the_name_and_the_type_that_we_rely_on(internal, tmp_path):
    found = getattr(internal.owner(tmp_path), internal.name)
    assert isinstance(found, internal.kind), internal.used_for
    if internal.parameters is not None:
        assert tuple(inspect.signature(found).parameters) == internal.parameters
