"""The resource request against what RLlib itself asks Ray for, and counts made by hand."""

import pytest

from ttt_rllib.cluster.placement import Node, check_resources, resource_request
from ttt_rllib.config.experiment import Experiment
from ttt_rllib.errors import InputError, NotReadyError
from ttt_rllib.train.preparation import join_cluster

LAPTOP = [Node(4.0, 0.0)]


def experiment(**settings):
    return Experiment.model_validate(settings)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"env_runners": {"num_env_runners": 3, "num_cpus_per_env_runner": 0.5}},
        {"learners": {"num_learners": 2, "num_cpus_per_learner": 1.5}},
        {"resources": {"num_cpus_for_main_process": 2.0}},
        {"learners": {"num_cpus_per_learner": 4.0}},
        {"learners": {"num_learners": 1}, "resources": {"num_cpus_for_main_process": 0.5}},
    ],
)
def test_the_plan_equals_the_placement_group_that_rllib_requests(settings):
    from ttt_rllib.rl.algorithm_config import algorithm_config
    from ttt_rllib.rl.ppo import SelfPlayPPO

    wanted = SelfPlayPPO.default_resource_request(algorithm_config(experiment(**settings)))
    assert resource_request(experiment(**settings)).bundles == wanted.bundles


def test_what_can_never_be_scheduled_is_refused_with_numbers_and_a_remedy():
    plan = resource_request(experiment(env_runners={"num_env_runners": 3}))
    check_resources(plan, LAPTOP)
    with pytest.raises(InputError, match=r"reserves 4 CPUs \(1 main \+ 3 x 1 env runners.*has 2; "):
        check_resources(plan, [Node(2.0, 0.0)])
    with pytest.raises(InputError, match=r"reserves 1 GPU, the cluster has 0; lower learners"):
        check_resources(
            resource_request(experiment(learners={"num_gpus_per_learner": 1.0})), LAPTOP
        )


@pytest.mark.parametrize(
    ("nodes", "error"),
    [
        # Of a head alone nothing can be said; more workers like these hold 1 + 3 x 1 CPUs.
        ([], NotReadyError),
        ([Node(0.0, 0.0), Node(0.0, 0.0)], NotReadyError),
        ([Node(0.0, 0.0), Node(1.0, 0.0)], NotReadyError),
        ([Node(2.0, 0.0)], NotReadyError),
        # No number of these holds the process with one CPU.
        ([Node(0.5, 0.0)], InputError),
        ([Node(0.5, 0.0)] * 8, InputError),
    ],
)
def test_a_cluster_that_more_nodes_would_make_large_enough_is_only_not_ready(nodes, error):
    request = resource_request(experiment(env_runners={"num_env_runners": 3}))
    with pytest.raises(InputError) as refused:
        check_resources(request, nodes)
    assert refused.type is error


def test_a_gpu_that_no_node_has_does_not_come_with_more_of_them():
    request = resource_request(experiment(learners={"num_gpus_per_learner": 1.0}))
    with pytest.raises(InputError) as refused:
        check_resources(request, LAPTOP)
    assert refused.type is InputError


def searched(space=None, **settings):
    search = {"training.lr": {"choice": [1e-3]}, **(space or {}), **settings}
    return experiment(
        env_runners={"num_env_runners": 1, "num_cpus_per_env_runner": 0.5}, search=search
    )


@pytest.mark.parametrize(
    ("nodes", "max_concurrent_trials"),
    [
        # A trial is 1 + 0.5 CPUs, and neither part is parted: counted by hand.
        ([Node(2.0, 0.0)], 1),
        ([Node(3.0, 0.0)], 2),
        ([Node(1.0, 0.0), Node(1.0, 0.0), Node(1.0, 0.0)], 2),
        ([Node(0.9, 0.0), Node(0.9, 0.0)], 0),
        ([Node(100.0, 0.0)], 8),
    ],
)
def test_trials_at_once_are_those_that_fit_on_the_nodes(nodes, max_concurrent_trials):
    assert resource_request(searched()).max_concurrent_trials(nodes) == max_concurrent_trials


def test_no_more_trials_than_max_concurrent_run_at_once_and_the_rest_waits():
    text = resource_request(searched(max_concurrent=3, num_seeds=2)).describe([Node(100.0, 0.0)])
    assert text.splitlines()[0].startswith("plan: 16 trials of 1.5 CPUs and 0 GPUs; the cluster")
    assert text.splitlines()[-2:] == [
        "  in all            24 CPUs and 0 GPUs",
        "  3 trials at once, 13 wait",
    ]


def test_a_searched_number_of_env_runners_is_planned_at_its_greatest():
    plan = resource_request(searched({"env_runners.num_env_runners": {"grid": [0, 6, 2]}}))
    assert (plan.cpus, plan.trials, plan.is_largest) == (4.0, 24, True)
    with pytest.raises(InputError, match=r"reserves 4 CPUs"):
        check_resources(plan, [Node(3.0, 0.0)])


def test_more_processes_than_memory_could_list_are_refused_like_a_few():
    runners = {"num_env_runners": 2**63}
    with pytest.raises(InputError, match=r"lower env_runners\.num_env_runners"):
        # Not `NotReadyError`: no machine joins this one.
        join_cluster(resource_request(experiment(env_runners=runners)), None, 0.0)


def test_a_process_larger_than_every_node_is_refused_although_the_cluster_is_large():
    plan = resource_request(experiment(resources={"num_cpus_for_main_process": 3.0}))
    with pytest.raises(InputError, match=r"3 CPU, each on a single node; the nodes have 2 CPUs"):
        check_resources(plan, [Node(2.0, 0.0), Node(2.0, 0.0)])
