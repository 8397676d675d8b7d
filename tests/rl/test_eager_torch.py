"""torch without its compiler."""

from __future__ import annotations

import sys

import pytest
import torch

from tests.commands import run_program
from ttt_rllib.rl.eager_torch import EagerAdam, eager_determinism

PROGRAM = """
import sys
import ray
from ttt_rllib.rl.{algorithm} import {config}
config = {config}().env_runners(num_env_runners=0, num_envs_per_env_runner=50)
config.debugging(seed=0).training(train_batch_size_per_learner=200, **{settings})
ray.init(address="local", num_cpus=1, include_dashboard=False)
algorithm = config.build_algo()
algorithm.train()
algorithm.save_to_path(sys.argv[1])
algorithm.restore_from_path(sys.argv[1])
algorithm.train()
algorithm.stop()
print(*[name for name in ("torch", "torch._dynamo", "torch._inductor") if name in sys.modules])
"""


@pytest.mark.parametrize(
    ("algorithm", "config", "settings"),
    [
        ("ppo", "SelfPlayPPOConfig", {}),
        ("dqn", "SelfPlayDQNConfig", {"training_intensity": 1.0}),
        ("td", "SelfPlayTDConfig", {}),
    ],
)
def test_a_training_with_a_seed_imports_no_compiler(tmp_path, algorithm, config, settings):
    program = PROGRAM.format(algorithm=algorithm, config=config, settings=settings)
    done = run_program(program, tmp_path / "saved")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "torch"


@pytest.mark.parametrize(("mode", "warn_only"), [(True, False), (True, True), (False, False)])
def test_torch_is_as_deterministic_as_it_is_asked_to_be(monkeypatch, mode, warn_only):
    def settings():
        return (
            torch.are_deterministic_algorithms_enabled(),
            torch.is_deterministic_algorithms_warn_only_enabled(),
        )

    monkeypatch.delitem(sys.modules, "torch._inductor", raising=False)
    before, original = torch.get_deterministic_debug_mode(), torch.use_deterministic_algorithms
    try:
        with eager_determinism():
            assert torch.use_deterministic_algorithms is not original
            torch.use_deterministic_algorithms(mode, warn_only=warn_only)
        assert settings() == (mode, warn_only)
        assert torch.use_deterministic_algorithms is original
    finally:
        torch.set_deterministic_debug_mode(before)


def test_our_adam_steps_saves_and_loads_as_torchs_does():
    def trained(optimizer_of, steps, state=None):
        torch.manual_seed(0)
        weight = torch.randn(5, 3, requires_grad=True)
        optimizer = optimizer_of([weight])
        if state is not None:
            optimizer.load_state_dict(state)
        for step in range(steps):
            optimizer.zero_grad()
            (weight.square() * (step + 1)).sum().backward()
            optimizer.step()
        return weight.detach(), optimizer.state_dict()

    def torchs(params):
        return torch.optim.Adam(params, eps=1e-7, fused=True)

    def ours(params):
        return EagerAdam(params, eps=1e-7)

    theirs_weight, theirs_state = trained(torchs, 3)
    weight, state = trained(ours, 3)
    assert torch.equal(weight, theirs_weight)
    assert repr(state) == repr(theirs_state)
    assert torch.equal(trained(ours, 2, state)[0], trained(torchs, 2, theirs_state)[0])
