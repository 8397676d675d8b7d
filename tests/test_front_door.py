"""What `import ttt_rllib` offers, and how much it costs."""

from importlib import import_module, resources
from pathlib import Path

import pytest

import ttt_rllib
from tests.commands import run_program
from ttt_envs import CONNECT_FOUR
from ttt_rllib.agents.bundle import BundleError, save_bundle
from ttt_rllib.agents.policies import PerfectPolicy
from ttt_rllib.errors import InputError

ROOT = Path(__file__).parent.parent
IMPORT_S = 0.3
COST = """
import sys, time
start_s = time.process_time()
import ttt_rllib
print(time.process_time() - start_s, *{name.split('.')[0] for name in sys.modules})
"""


def test_the_front_door_offers_exactly_these_names_and_all_of_them_exist():
    assert set(ttt_rllib.__all__) == {
        *("Experiment", "load_experiment", "load_agent", "evaluate_agent", "read_run", "prove"),
        *("SelfPlayPPOConfig", "SelfPlayDQNConfig", "SelfPlayTDConfig", "__version__"),
    }
    assert set(ttt_rllib.__all__) <= set(dir(ttt_rllib))
    for name in ttt_rllib.__all__:
        assert getattr(ttt_rllib, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'load_agents'"):
        ttt_rllib.load_agents  # noqa: B018 - the access is what is tested


@pytest.mark.parametrize("name", sorted(ttt_rllib.LAZY))
def test_a_lazy_name_is_that_of_its_module(name):
    assert getattr(ttt_rllib, name) is getattr(import_module(ttt_rllib.LAZY[name]), name)


def run_python(source, *arguments):
    done = run_program(source, *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_importing_the_package_loads_no_framework_and_takes_less_than_a_third_of_a_second():
    cpu_s, *loaded = run_python(COST)
    assert not {"ray", "torch", "numpy", "pydantic", "pettingzoo"} & set(loaded)
    # CPU seconds, so that a busy machine does not count.
    assert float(cpu_s) < IMPORT_S


def test_an_agent_is_loaded_and_evaluated_without_ray_and_torch(tmp_path, new_network):
    save_bundle(new_network(), tmp_path / "agent", {})
    source = """
import sys
from ttt_rllib import evaluate_agent, load_agent, load_experiment
load_experiment(sys.argv[2], ["seed=3"])
print(evaluate_agent(load_agent(sys.argv[1])).nash_conv_greedy, *sys.modules)
"""
    nash_conv, *loaded = run_python(source, tmp_path, ROOT / "experiments" / "ppo.yaml")
    assert 0.0 <= float(nash_conv) <= 4.0
    assert not {"ray", "torch"} & set(loaded)


@pytest.mark.parametrize("kind", [str, Path])
def test_the_front_door_takes_paths_of_either_kind(kind, tmp_path, new_network):
    network = new_network(seed=4)
    save_bundle(network, tmp_path / "agent", {})
    assert ttt_rllib.load_agent(kind(tmp_path)).weights.keys() == network.weights.keys()
    experiment = ttt_rllib.load_experiment(kind(ROOT / "experiments" / "dqn.yaml"), ["seed=7"])
    assert isinstance(experiment, ttt_rllib.Experiment)
    assert (experiment.algorithm, experiment.seed) == ("dqn", 7)
    (tmp_path / "experiment.yaml").write_text("algorithm: ppo\nseed: 5\n")
    run = ttt_rllib.read_run(kind(tmp_path))
    assert (run.status, run.experiment.seed) == ("unfinished", 5)


def test_any_policy_is_evaluated_exactly_or_by_sampled_games():
    exact = ttt_rllib.evaluate_agent(PerfectPolicy(ttt_rllib.Experiment().env.game))
    assert exact.certificate.perfect
    from ttt_rllib.agents.policies import RandomPolicy

    sampled = ttt_rllib.evaluate_agent(RandomPolicy(CONNECT_FOUR), num_games=2)
    assert sampled.certificate.unexploitable is False
    assert sampled.sampled.num_games == 2


def test_wrong_paths_are_refused_by_name(tmp_path):
    with pytest.raises(BundleError, match="no such folder"):
        ttt_rllib.load_agent(tmp_path / "nothing")
    with pytest.raises(InputError, match="not a run directory"):
        ttt_rllib.read_run(tmp_path)
    with pytest.raises(InputError, match="no such file"):
        ttt_rllib.load_experiment(tmp_path / "nothing.yaml")


@pytest.mark.parametrize("package", ["ttt_rllib", "ttt_envs"])
def test_type_checkers_find_our_annotations(package):
    assert resources.files(package).joinpath("py.typed").is_file()
