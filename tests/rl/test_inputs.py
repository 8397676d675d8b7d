"""Training of agents that see threats and obey the tactical rule, on real env runners."""

import numpy as np
import pytest

from ttt_envs import Boards, Game, random_openings
from ttt_rllib.agents.bundle import load_bundle, policy_sha256, save_bundle
from ttt_rllib.agents.inputs import PLAIN_INPUTS, Inputs
from ttt_rllib.rl.ppo import SelfPlayPPOConfig
from ttt_rllib.sampling.env_runner import MODULE_ID
from ttt_rllib.sampling.rollout import flat_observations

GAME = Game(4, 4, 4, gravity=True)
ENV = {"rows": 4, "cols": 4, "connect": 4, "gravity": True}
MODEL = {"hidden_sizes": [16], "threat_planes": True, "tactical_rule": True}
BOTH = Inputs(threat_planes=True, tactical_rule=True)
LEAGUE = {"matchmaking": "uniform", "save_steps": 600, "swap_steps": 600, "promotion": "always"}


def some_boards(count=400):
    return random_openings(GAME, count, (0, 15), np.random.default_rng(0))


def boards_in(observations):
    """The positions that the stones in observations are."""
    weights = (np.uint64(1) << np.arange(16, dtype=np.uint64)).astype(np.uint64)
    stones = observations[:, :32].reshape(-1, 16, 2).astype(np.uint64)
    return Boards(GAME, *((stones[:, :, side] * weights).sum(axis=1) for side in (0, 1)))


def columns_played(algorithm, epsilon):
    """What each env runner, remote ones if there are any, hands to the learner."""
    return algorithm.env_runner_group.foreach_env_runner(
        lambda runner: runner.sample_games(400, epsilon).games.columns,
        local_env_runner=algorithm.config.num_env_runners == 0,
    )


@pytest.mark.parametrize("num_env_runners", [0, 1])
@pytest.mark.parametrize("kind", ["ppo", "dqn", "td"])
def test_the_saved_agent_plays_the_moves_of_the_trained_module(
    build, tmp_path, kind, num_env_runners
):
    algorithm = build(kind, env=ENV, model=MODEL, num_env_runners=num_env_runners)
    for _ in range(3):
        algorithm.train()
    algorithm.save_to_path(tmp_path / "checkpoint")
    agent = load_bundle(tmp_path / "checkpoint" / "agent").policy
    assert agent.inputs == BOTH
    boards = some_boards()
    runner = algorithm.env_runner_group.local_env_runner
    logits, values = runner.evaluate(flat_observations(boards, BOTH))
    assert np.array_equal(agent(boards).argmax(axis=1), logits.argmax(axis=1))
    assert agent.values(boards) == pytest.approx(values, abs=1e-5)
    module = runner.module[MODULE_ID]
    assert module.trunk[0].in_features == 96
    assert runner.get_spaces()[MODULE_ID][0] == algorithm.config.observation_space
    (columns,) = columns_played(algorithm, epsilon=1.0)
    played = boards_in(columns["obs"])
    assert np.array_equal(columns["obs"], flat_observations(played, BOTH))
    allowed = BOTH.allowed_mask(played)
    if kind != "td":
        assert allowed[np.arange(len(played)), columns["actions"]].all()
    assert (allowed != played.legal_mask()).any()
    if kind == "dqn":
        live = ~columns["terminateds"]
        after = boards_in(columns["new_obs"][live])
        assert np.array_equal(columns["new_obs"][live], flat_observations(after, BOTH))


@pytest.mark.parametrize("num_env_runners", [0, 1])
def test_a_league_of_snapshots_and_of_agents_with_other_inputs_is_restored(
    build, tmp_path, new_network, num_env_runners
):
    others = {
        "plain": PLAIN_INPUTS,
        "sees": Inputs(threat_planes=True),
        "both": BOTH,
    }
    for name, inputs in others.items():
        save_bundle(new_network(GAME, inputs=inputs), tmp_path / name, {})
    self_play = {**LEAGUE, "members": [str(tmp_path / name) for name in others]}
    settings = {"env": ENV, "model": MODEL, "self_play": self_play, "seed": 4}
    whole, again = (build(num_env_runners=num_env_runners, **settings) for _ in range(2))
    for _ in range(3):
        whole.train()
    snapshots = whole._league.snapshots
    assert len(snapshots) >= 2
    assert {member.policy.inputs for member in snapshots} == {BOTH}
    again.restore_from_path(whole.save_to_path(tmp_path / "checkpoint"))
    assert [one.sha256 for one in again._league.snapshots] == [one.sha256 for one in snapshots]
    for _ in range(2):
        assert whole.train()["league"] == again.train()["league"]
    assert policy_sha256(whole.network_policy()) == policy_sha256(again.network_policy())


def test_training_starts_from_an_agent_with_the_same_inputs(build, tmp_path, new_network):
    save_bundle(new_network(GAME, inputs=BOTH), tmp_path / "agent", {})
    model = {**MODEL, "hidden_sizes": [16, 12]}
    algorithm = build(env=ENV, model=model, initialize_from=str(tmp_path / "agent"))
    assert policy_sha256(algorithm.network_policy()) == policy_sha256(
        load_bundle(tmp_path / "agent").policy
    )


def test_spaces_follow_game_and_inputs_in_whichever_order_they_are_set():
    one = SelfPlayPPOConfig().self_play(game=GAME).self_play(inputs=BOTH)
    other = SelfPlayPPOConfig().self_play(inputs=BOTH).self_play(game=GAME)
    assert one.observation_space == other.observation_space
    assert one.observation_space.shape == (6 * 16 + 4,)
    assert one.sampler_settings().inputs == BOTH
    assert SelfPlayPPOConfig().observation_space.shape == (2 * 9 + 9,)
