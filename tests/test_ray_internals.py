"""The private attributes of Ray that we use: an upgrade that changes one of them fails here first.

Each row names the object, the attribute, its type, and what we need it for. A row is
removed when Ray offers a public way, or together with the code that needs it.
"""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import FunctionType, SimpleNamespace
from typing import Any

import pytest
from ray.train._internal.storage import StorageContext
from ray.util.metrics import Counter

from ttt_rllib.rl.hosts import AlgorithmHost, ConfigHost, LearnerHost


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


def class_cache(_):
    from ray.tune.execution import class_cache

    return class_cache


def actor_manager_class(_):
    from ray.air.execution._internal import RayActorManager

    return RayActorManager


def internal_kv(_):
    from ray.experimental import internal_kv

    return internal_kv


def stored(name, *parameters):
    """Return the row of a function of Ray's own store."""
    return Internal(
        internal_kv, name, FunctionType, "stages: a starting trial says what it does", parameters
    )


TUNE = [
    stored("_internal_kv_put", "key", "value", "overwrite", "namespace"),
    stored("_internal_kv_get", "key", "namespace"),
    stored("_internal_kv_del", "key", "del_by_prefix", "namespace"),
    Internal(
        class_cache,
        "DEFAULT_ENV_VARS",
        dict,
        "run: a trial without variables gets a process that Ray has started beforehand",
    ),
    Internal(
        actor_manager_class,
        "is_actor_started",
        FunctionType,
        "trial_queue: whether a trial's process is there or starting",
        ("self", "tracked_actor"),
    ),
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


# ---- ray.rllib -----------------------------------------------------------------------------


def algorithm_class(_=None):
    from ray.rllib.algorithms.algorithm import Algorithm

    return Algorithm


def config_class(_=None):
    from ray.rllib.algorithms.algorithm_config import AlgorithmConfig

    return AlgorithmConfig


def learner_class(_=None):
    from ray.rllib.core.learner.torch.torch_learner import TorchLearner

    return TorchLearner


def learner(_=None):
    from ray.rllib.algorithms.ppo.ppo import PPOConfig

    from ttt_rllib.rl.ppo_learner import SelfPlayPPOLearner

    return SelfPlayPPOLearner(config=PPOConfig())


def env_runner(_):
    from ttt_rllib.rl.env_runner import TorchBoardEnvRunner
    from ttt_rllib.rl.ppo import SelfPlayPPOConfig

    return TorchBoardEnvRunner(config=SelfPlayPPOConfig(), worker_index=0)


def algorithm_module(_):
    from ray.rllib.algorithms import algorithm

    return algorithm


def env_runner_group_class(_):
    from ray.rllib.env.env_runner_group import EnvRunnerGroup

    return EnvRunnerGroup


def checkpointable(_):
    from ray.rllib.utils.checkpoints import Checkpointable

    return Checkpointable


def module_class(_):
    from ray.rllib.core.rl_module.torch.torch_rl_module import TorchRLModule

    return TorchRLModule


FORWARD = "actor_critic, q_network, stock_module: RLlib asks us to override it"

RLLIB = [
    Internal(
        learner,
        "_weights_seq_no",
        int,
        "learner: our `update` counts the weights, which RLlib's `update` would do",
    ),
    Internal(
        env_runner,
        "_metrics_num_env_steps_sampled",
        Counter,
        "env_runner: the moves that Prometheus counts, for a rule and a panel of Grafana's",
    ),
    Internal(
        algorithm_module,
        "EnvRunnerGroup",
        type,
        "env_runner_group: `Algorithm.setup` makes ours, since no setting names its class",
    ),
    Internal(
        env_runner_group_class,
        "_make_worker",
        FunctionType,
        "env_runner_group: remote env runners get plain settings instead of an AlgorithmConfig",
        (
            *("self", "env_creator", "validate_env", "worker_index", "num_workers"),
            *("recreated_worker", "config", "spaces"),
        ),
    ),
    Internal(
        checkpointable,
        "_check_component",
        FunctionType,
        "env_runner: whether the weights are asked for",
        ("self", "name", "components", "not_components"),
    ),
    Internal(
        checkpointable,
        "_get_subcomponents",
        FunctionType,
        "env_runner: which modules' weights are asked for",
        ("self", "name", "components"),
    ),
    *(
        Internal(module_class, name, FunctionType, FORWARD, ("self", "batch", "kwargs"))
        for name in ("_forward", "_forward_train", "_forward_inference", "_forward_exploration")
    ),
]


@pytest.mark.parametrize("internal", [*TUNE, *RLLIB], ids=lambda one: one.name)
def test_an_internal_of_ray_has_the_name_and_the_type_that_we_rely_on(internal, tmp_path):
    found = getattr(internal.owner(tmp_path), internal.name)
    assert isinstance(found, internal.kind), internal.used_for
    if internal.parameters is not None:
        # Ray adds one to every method of a class that has been an actor in this process.
        parameters = dict.fromkeys(inspect.signature(found).parameters)
        parameters.pop("_ray_trace_ctx", None)
        assert tuple(parameters) == internal.parameters


def test_ray_has_the_parameters_with_which_a_private_cluster_leaves_out_its_monitors():
    from ray._private.parameter import RayParams

    assert {"include_log_monitor", "no_monitor"} <= set(inspect.signature(RayParams).parameters)


def test_tunes_controller_knows_the_actors_of_its_trials_as_our_schedulers_ask(
    ray_cluster, tmp_path
):
    from ray.air.execution._internal import RayActorManager
    from ray.tune.execution.tune_controller import TuneController

    controller = TuneController(storage=storage(tmp_path))
    assert controller._wrapped()._tune_controller is controller
    assert isinstance(controller._trial_to_actor, dict)
    assert isinstance(controller._actor_manager, RayActorManager)


def test_tune_takes_the_number_of_trials_that_may_wait_from_the_variable_that_we_set(monkeypatch):
    from ray.tune.execution.tune_controller import _get_max_pending_trials

    monkeypatch.setenv("TUNE_MAX_PENDING_TRIALS_PG", "123")
    assert _get_max_pending_trials(None) == 123


HOSTS = {AlgorithmHost: algorithm_class, ConfigHost: config_class, LearnerHost: learner_class}
HOSTED = [
    (protocol, name)
    for protocol in HOSTS
    for name, member in vars(protocol).items()
    if isinstance(member, FunctionType | property) and not name.startswith("_")
]


@pytest.mark.parametrize(
    ("protocol", "name"), HOSTED, ids=lambda one: getattr(one, "__name__", one)
)
def test_a_class_of_rllib_has_what_a_protocol_of_ours_says_of_it(protocol, name):
    ours, rllibs = vars(protocol)[name], inspect.getattr_static(HOSTS[protocol](), name)
    if isinstance(ours, property):
        assert isinstance(rllibs, property)
        return
    named = {
        parameter.name
        for parameter in inspect.signature(ours).parameters.values()
        if parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)
    }
    assert named <= set(inspect.signature(rllibs).parameters)


def test_a_learner_of_rllib_has_the_attributes_that_our_protocol_says():
    assert set(LearnerHost.__annotations__) <= set(vars(learner()))


def test_the_names_that_light_env_runners_repeat_are_rllibs():
    from ray.rllib.core import COMPONENT_RL_MODULE
    from ray.rllib.core.columns import Columns
    from ray.rllib.evaluation.postprocessing import Postprocessing
    from ray.rllib.utils.metrics import WEIGHTS_SEQ_NO

    from ttt_rllib.sampling import columns, env_runner

    for name in ("OBS", "ACTIONS", "ACTION_LOGP", "NEXT_OBS", "REWARDS", "TERMINATEDS"):
        assert getattr(columns, name) == getattr(Columns, name)
    for name in ("ADVANTAGES", "VALUE_TARGETS"):
        assert getattr(columns, name) == getattr(Postprocessing, name)
    assert env_runner.RL_MODULE == COMPONENT_RL_MODULE
    assert env_runner.WEIGHTS_SEQ_NO == WEIGHTS_SEQ_NO
