"""The cost of importing the rules, seen from a fresh interpreter."""

import pytest

import ttt_envs
from tests.commands import loaded_by

HEAVY = {"ray", "torch", "pygame", "pandas", "gymnasium", "pettingzoo"}


def test_rules_load_numpy_and_nothing_heavy():
    loaded = loaded_by("ttt_envs")
    assert "numpy" in loaded
    assert not loaded & HEAVY


def test_the_pettingzoo_environment_loads_neither_ray_nor_torch():
    loaded = loaded_by("ttt_envs.aec")
    assert {"pettingzoo", "gymnasium"} <= loaded
    assert not loaded & {"ray", "torch", "ttt_rllib"}


@pytest.mark.parametrize("name", ttt_envs.__all__)
def test_every_advertised_name_exists(name):
    assert getattr(ttt_envs, name) is not None
