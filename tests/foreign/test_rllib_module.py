"""RLModules that RLlib has saved, compared with their own forward pass."""

import gymnasium as gym
import numpy as np
import pytest
import torch
from ray.rllib.algorithms.ppo import PPOConfig
from ray.rllib.core import COMPONENT_LEARNER, COMPONENT_LEARNER_GROUP, COMPONENT_RL_MODULE
from ray.rllib.core.columns import Columns
from ray.rllib.core.rl_module import MultiRLModule, RLModule, RLModuleSpec

import ttt_rllib
from tests.foreign.their_module import TheirNet
from ttt_envs import CONNECT_FOUR, aec
from ttt_rllib.errors import InputError
from ttt_rllib.foreign.rllib_module import CONSTRUCTOR, PLACES
from ttt_rllib.rl.pettingzoo_adapter import MaskedAECEnv

FLAT = gym.spaces.Box(0, 1, (27,), np.int8)


def module(seed=0, observation_space=FLAT):
    torch.manual_seed(seed)
    return TheirNet(
        observation_space=observation_space,
        action_space=gym.spaces.Discrete(9),
        model_config={},
    )


def own_answers(net):
    """Return a function that asks a module without this package's adapter."""

    def agent(observations, action_masks):
        stones = observations.reshape(len(observations), -1)
        flat = torch.tensor(np.concatenate([stones, action_masks], axis=1))
        logits = net.forward_inference({Columns.OBS: flat})[Columns.ACTION_DIST_INPUTS]
        return torch.softmax(logits.double(), dim=1)

    return agent


def test_a_module_at_hand_and_one_that_was_saved_give_the_answers_of_its_forward_pass(tmp_path):
    net = module()
    net.save_to_path(tmp_path / "module")
    several = MultiRLModule()
    several.add_module("theirs", net)
    several.save_to_path(tmp_path / "several")
    wanted = ttt_rllib.prove(own_answers(net))
    for agent in (net, tmp_path / "module", several, str(tmp_path / "several")):
        assert ttt_rllib.prove(agent) == wanted
    assert ttt_rllib.prove(module(seed=1)) != wanted


@pytest.mark.long
def test_the_checkpoint_of_an_algorithm_with_a_custom_module_is_proved(ray_cluster, tmp_path):
    config = (
        PPOConfig()
        .environment(MaskedAECEnv, env_config={"make_env": aec.env})
        .env_runners(num_env_runners=0)
        .multi_agent(policies={"theirs"}, policy_mapping_fn=lambda *_, **__: "theirs")
        .rl_module(rl_module_spec=RLModuleSpec(module_class=TheirNet))
        .training(train_batch_size_per_learner=128, minibatch_size=64, num_epochs=1)
    )
    algorithm = config.build_algo()
    algorithm.train()
    algorithm.save_to_path(tmp_path / "checkpoint")
    wanted = ttt_rllib.prove(own_answers(algorithm.get_module("theirs")))
    algorithm.stop()
    assert ttt_rllib.prove(tmp_path / "checkpoint") == wanted


def test_the_file_by_which_a_checkpoint_is_found_is_rllibs():
    assert CONSTRUCTOR == RLModule.CLASS_AND_CTOR_ARGS_FILE_NAME
    parts = (COMPONENT_LEARNER_GROUP, COMPONENT_LEARNER, COMPONENT_RL_MODULE)
    assert [place.parts for place in PLACES] == [parts, parts[1:], parts[2:], ()]


def test_several_modules_are_told_apart_by_their_folders(tmp_path):
    several = MultiRLModule()
    for seed, name in enumerate(("first", "second")):
        several.add_module(name, module(seed=seed))
    several.save_to_path(tmp_path / "two")
    with pytest.raises(InputError, match=r"holds the modules first, second; give one .*two/first"):
        ttt_rllib.prove(tmp_path / "two")
    report = ttt_rllib.prove(tmp_path / "two" / "second", seat="o")
    assert report.certificate == ttt_rllib.prove(module(seed=1), seat="o").certificate


@pytest.mark.parametrize(
    ("agent", "game", "words"),
    [
        (module(), CONNECT_FOUR, r"TheirNet: its action space is Discrete\(9\), but Connect Four"),
        (
            module(observation_space=gym.spaces.Box(0, 1, (84, 84, 3))),
            None,
            r"its observations have the shape \[84, 84, 3\]; those of Tic-tac-toe have \[3, 3, 2\]",
        ),
        (
            module(observation_space=gym.spaces.Dict({"board": FLAT})),
            None,
            "its observation space has board; known are observation and action_mask",
        ),
    ],
)
def test_a_module_of_other_spaces_is_refused(agent, game, words):
    with pytest.raises(InputError, match=words):
        ttt_rllib.prove(agent, game=game)


def test_a_module_with_a_memory_is_refused():
    net = module()
    net.get_initial_state = lambda: {"h": torch.zeros(4)}
    with pytest.raises(InputError, match="TheirNet: remembers earlier observations"):
        ttt_rllib.prove(net)


def test_a_damaged_checkpoint_gets_a_sentence(tmp_path):
    module().save_to_path(tmp_path / "module")
    (tmp_path / "module" / "module_state.pkl").write_bytes(b"nothing")
    with pytest.raises(InputError, match="the checkpoint cannot be loaded: UnpicklingError"):
        ttt_rllib.prove(tmp_path / "module")
