"""RLlib's own sampling and learning on PettingZoo's games, against `ttt_envs.Boards`.

Every game that RLlib's runner sampled is replayed from its actions on boards that know
nothing of PettingZoo or RLlib.
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from ray.rllib.algorithms.algorithm import Algorithm
from ray.rllib.algorithms.dqn.dqn_learner import QF_PREDS
from ray.rllib.core.columns import Columns
from ray.rllib.env.multi_agent_env_runner import MultiAgentEnvRunner
from ray.rllib.utils.replay_buffers import MultiAgentEpisodeReplayBuffer

from tests.commands import own_lines, run_command
from tests.field.envs.odd_games import env as odd_game
from ttt_envs import CONNECT_FOUR, TIC_TAC_TOE, Boards, enumerate_positions
from ttt_rllib.agents.bundle import load_bundle, weights_sha256
from ttt_rllib.agents.policies import SeatPolicies, policy_table
from ttt_rllib.config.pettingzoo_envs import make_env
from ttt_rllib.errors import InputError
from ttt_rllib.evaluation.evaluate_agent import evaluate_agent
from ttt_rllib.metrics import METRICS, flatten
from ttt_rllib.rl.stock import StockDQNConfig, StockPPOConfig
from ttt_rllib.rl.stock_module import StockQNetwork
from ttt_rllib.sampling.env_runner import MODULE_ID

CONFIGS = {"ppo": StockPPOConfig, "dqn": StockDQNConfig}
TRAINING = {
    "ppo": {"train_batch_size_per_learner": 300, "minibatch_size": 100, "num_epochs": 2},
    "dqn": {
        "train_batch_size_per_learner": 64,
        "num_steps_sampled_before_learning_starts": 300,
        "training_intensity": 1.0,
        "epsilon": 0.5,
    },
}
GAMES = {"tictactoe_v3": TIC_TAC_TOE, "connect_four_v3": CONNECT_FOUR}


ROOT = Path(__file__).parent.parent.parent


def configured(algorithm, name="tictactoe_v3", *, seed=0, runners=0, boards=8, **settings):
    config = CONFIGS[algorithm]().pettingzoo(partial(make_env, name), **settings)
    config.rl_module(model_config={"hidden_sizes": (32,), "activation": "tanh"})
    config.training(gamma=1.0, lr=3e-3, **TRAINING[algorithm])
    config.env_runners(
        num_env_runners=runners, num_envs_per_env_runner=boards, num_cpus_per_env_runner=0.5
    )
    config.reporting(min_sample_timesteps_per_iteration=400)
    return config.debugging(seed=seed, log_level="ERROR")


@pytest.fixture
def build(ray_cluster):
    """Return a function that builds a stock algorithm; all of them are stopped at the end."""
    built = []

    def build_algorithm(config):
        built.append(config.build_algo())
        return built[-1]

    yield build_algorithm
    for algorithm in built:
        algorithm.stop()


@dataclass
class Moves:
    """All that an agent did in a game, put together from the parts RLlib cut it into."""

    observations: list
    actions: list
    rewards: list
    is_terminated: bool
    is_truncated: bool


def games_of(chunks):
    """Join the parts of every finished game: `{episode: {agent: Moves}}`, in order."""
    games = defaultdict(dict)
    finished = []
    for chunk in chunks:
        for agent, part in chunk.agent_episodes.items():
            observations = list(part.get_observations())
            moves = games[chunk.id_].setdefault(
                agent, Moves(observations[:1], [], [], False, False)
            )
            assert np.array_equal(moves.observations[-1], observations[0])
            moves.observations += observations[1:]
            moves.actions += list(part.get_actions())
            moves.rewards += list(part.get_rewards())
            moves.is_terminated, moves.is_truncated = part.is_terminated, part.is_truncated
        if chunk.is_done:
            finished.append(chunk.id_)
    return {name: games[name] for name in finished}


def check_game(game, agents, moves):
    """Replay a game from its actions; compare all that RLlib says of it. Returns X's score."""
    boards, done, score = Boards.empty(game, 1), False, 0.0
    turns = {
        agent: iter(zip(m.observations, m.actions, strict=False)) for agent, m in moves.items()
    }
    ply = 0
    while not done:
        observation, action = next(turns[agents[ply % 2]])
        legal = boards.legal_mask()[0]
        assert np.array_equal(observation, np.concatenate([boards.observe()[0].ravel(), legal]))
        assert legal[action], "an illegal move"
        boards, won, ended = boards.step(np.array([action]))
        done = bool(ended[0])
        score = (1.0 if ply % 2 == 0 else -1.0) if won[0] else 0.0
        ply += 1
    on_move, waiting = agents[ply % 2], agents[(ply + 1) % 2]
    swapped = Boards(game, boards.opponent, boards.mover)
    for agent, final in ((on_move, boards), (waiting, swapped)):
        own = moves[agent]
        assert len(own.actions) == len(own.rewards) == len(own.observations) - 1
        own_score = score if agent == agents[0] else -score
        assert own.rewards == [0.0] * (len(own.actions) - 1) + [own_score]
        squares = 2 * game.num_squares
        assert np.array_equal(own.observations[-1][:squares], final.observe()[0].ravel())
        assert (own.is_terminated, own.is_truncated) == (True, False)
    assert sum(len(own.actions) for own in moves.values()) == ply
    return score


@pytest.mark.parametrize(
    ("algorithm", "name", "least"),
    [
        ("ppo", "tictactoe_v3", 200),
        pytest.param("dqn", "tictactoe_v3", 500, marks=pytest.mark.long),
        pytest.param("ppo", "connect_four_v3", 50, marks=pytest.mark.long),
        pytest.param("dqn", "connect_four_v3", 50, marks=pytest.mark.long),
    ],
)
def test_hundreds_of_sampled_games_replayed_on_our_boards_say_the_same(algorithm, name, least):
    config = configured(algorithm, name, boards=16)
    runner = MultiAgentEnvRunner(config=config)
    chunks, finished, cuts = [], 0, 0
    while finished < least:
        # An odd number of steps, so that games are cut after X's moves and after O's.
        sampled = runner.sample(num_timesteps=16 * 5)
        chunks += sampled
        finished += sum(chunk.is_done for chunk in sampled)
        cuts += sum(not chunk.is_done for chunk in sampled)
    games = games_of(chunks)
    assert len(games) == finished >= least
    assert cuts > 50
    agents = tuple(runner.env.envs[0].unwrapped.possible_agents)
    scores = [check_game(GAMES[name], agents, moves) for moves in games.values()]
    assert {-1.0, 1.0} <= set(scores)
    results = runner.get_metrics()
    counted = [results[key].peek() for key in ("x_wins", "draws", "o_wins")]
    assert counted == [scores.count(score) for score in (1.0, 0.0, -1.0)]
    assert results["moves_of_games"].peek() == sum(
        len(own.actions) for moves in games.values() for own in moves.values()
    )


@pytest.mark.parametrize("algorithm", ["ppo", pytest.param("dqn", marks=pytest.mark.long)])
def test_a_seed_gives_the_same_episodes_and_another_seed_others(algorithm):
    def episodes(seed):
        runner = MultiAgentEnvRunner(config=configured(algorithm, seed=seed))
        games = games_of(runner.sample(num_timesteps=200))
        return [[(a, m.actions) for a, m in sorted(moves.items())] for moves in games.values()]

    assert episodes(1) == episodes(1) != episodes(2)


def q_network(epsilon=1.0):
    config = configured("dqn")
    spaces = MultiAgentEnvRunner(config=config).get_spaces()[MODULE_ID]
    return StockQNetwork(
        observation_space=spaces[0],
        action_space=spaces[1],
        model_config={"hidden_sizes": (8,), "activation": "relu", "epsilon": epsilon},
    )


def test_a_legal_move_worth_exactly_zero_is_explored_and_an_illegal_one_never():
    module = q_network()
    for parameter in module.parameters():
        torch.nn.init.zeros_(parameter)
    # Three squares are free; RLlib's own module would explore none of them.
    observation = torch.tensor([[1, 0, 0, 1, 1, 0] * 3 + [1, 0, 0, 0, 1, 0, 0, 0, 1]]).repeat(
        3000, 1
    )
    actions = module.forward_exploration({Columns.OBS: observation}, t=0)[Columns.ACTIONS]
    counts = torch.bincount(actions, minlength=9)
    assert counts[[1, 2, 3, 5, 6, 7]].sum() == 0
    # 3,000 draws, each square expected 1,000 times with a deviation of 26.
    assert counts[[0, 4, 8]].min() > 850
    assert module.forward_inference({Columns.OBS: observation})[Columns.ACTIONS].unique() == 0


def test_the_greatest_q_value_counts_only_where_it_is_legal_in_play_and_in_rllibs_loss(build):
    algorithm = build(configured("dqn"))
    learner = algorithm.learner_group._learner
    module = learner.module[MODULE_ID]
    values = torch.tensor([0.9, 0.1, -0.2, 0.3, 0.0, 0.8, -0.5, 0.7, 0.2])
    target_values = values.flip(0) * 0.5
    with torch.no_grad():
        for network, q in module.get_target_network_pairs():
            for parameter in (*network.parameters(), *q.parameters()):
                parameter.zero_()
        module.q.bias.copy_(values)
        module.get_target_network_pairs()[1][1].bias.copy_(target_values)
    legal = np.array([[0, 1, 1, 1, 1, 0, 1, 0, 0]] * 2, np.float32)
    observations = torch.from_numpy(np.concatenate([np.zeros((2, 18), np.float32), legal], axis=1))
    batch = {
        Columns.OBS: observations,
        Columns.NEXT_OBS: observations,
        Columns.ACTIONS: torch.tensor([1, 4]),
        Columns.REWARDS: torch.tensor([0.0, -1.0]),
        Columns.TERMINATEDS: torch.tensor([False, True]),
        "weights": torch.ones(2),
        "n_step": torch.ones(2),
    }
    out = module.forward_train(batch)
    assert torch.isneginf(out[QF_PREDS][:, legal[0] == 0]).all()
    loss = learner.compute_loss_for_module(
        module_id=MODULE_ID,
        config=algorithm.config.get_config_for_module(MODULE_ID),
        batch=batch,
        fwd_out=out,
    )
    # Online, 0, 5 and 7 are greater but illegal, so 3 is chosen; its target value is 0.8 / 2.
    errors = [0.1 - 0.4, 0.0 - (-1.0)]
    huber = [error**2 / 2 for error in errors]
    assert loss.item() == pytest.approx(np.mean(huber))
    chosen = algorithm.env_runner.module[MODULE_ID]
    chosen.load_state_dict(module.state_dict(), strict=False)
    assert chosen.forward_inference({Columns.OBS: observations})[Columns.ACTIONS].tolist() == [3, 3]


def test_what_rllibs_replay_buffer_hands_out_are_transitions_of_the_game(build):
    algorithm = build(configured("dqn", boards=16))
    algorithm.train()
    episodes = algorithm.local_replay_buffer.sample(num_items=1500, n_step=1, gamma=1.0)
    ends = 0
    for part in episodes:
        before, after = part.get_observations(0), part.get_observations(1)
        action, reward = int(part.get_actions(0)), float(part.get_rewards(0))
        assert before[18 + action] == 1
        own, other = before[:18:2] > 0, before[1:18:2] > 0
        own_after, other_after = after[:18:2] > 0, after[1:18:2] > 0
        assert np.array_equal(own_after, own | (np.arange(9) == action))
        boards, won, done = boards_of(own, other).step(np.array([action]))
        reply = other_after & ~other
        if done[0]:
            assert (reward, part.is_terminated, reply.sum()) == (float(won[0]), True, 0)
        else:
            _, lost, done = boards.step(np.flatnonzero(reply))
            assert (reward, part.is_terminated) == (-float(lost[0]), bool(done[0]))
        ends += part.is_terminated
    assert ends > 100


def boards_of(own, other):
    bits = [
        np.array([sum(1 << int(s) for s in np.flatnonzero(b))], np.uint64) for b in (own, other)
    ]
    return Boards(TIC_TAC_TOE, *bits)


VARIANTS = [
    ("ppo", "separate"),
    ("dqn", "shared"),
    pytest.param("ppo", "shared", marks=pytest.mark.long),
    pytest.param("dqn", "separate", marks=pytest.mark.long),
]


@pytest.mark.parametrize(("algorithm", "policies"), VARIANTS)
def test_a_trained_agent_its_checkpoint_and_its_bundle_are_the_same_policy(
    build, tmp_path, algorithm, policies
):
    trained = build(configured(algorithm, policies=policies))
    before = weights_sha256(trained.network_policy().weights)
    row = flatten(trained.train())
    policy = trained.network_policy()
    assert weights_sha256(policy.weights) != before
    assert isinstance(policy, SeatPolicies) == (policies == "separate")
    groups = {
        metric.name
        for metric in METRICS
        if metric.name.startswith(("exact/", "perf/")) and not metric.only
    }
    assert groups <= set(row)
    assert all(np.isfinite(figure) for figure in row.values())
    # Three shares of one number of games; their sum is rounded.
    shares = [row[f"play/{name}"] for name in ("x_win_rate", "draw_rate", "o_win_rate")]
    assert sum(shares) == pytest.approx(1.0, abs=1e-12)
    assert 5.0 <= row["play/moves_per_game"] <= 9.0

    folder = trained.save_to_path(str(tmp_path / "checkpoint"))
    bundle = load_bundle(Path(folder) / "agent")
    assert evaluate_agent(bundle.policy).metrics().items() <= row.items()
    positions = enumerate_positions(TIC_TAC_TOE)
    assert_same_as_torch(trained, policy_table(positions, bundle.policy), positions)

    restored = Algorithm.from_checkpoint(folder)
    try:
        assert weights_sha256(restored.network_policy().weights) == bundle.weights_sha256
        assert restored.moves() == trained.moves()
        if algorithm == "dqn":
            sizes = [one.local_replay_buffer.get_num_timesteps() for one in (trained, restored)]
            assert sizes[0] == sizes[1] > 300, "RLlib's own replay buffer is in the checkpoint"
        again = flatten(restored.train())
        assert again["play/moves"] > row["play/moves"]
        assert again["perf/iteration"] == 2.0
    finally:
        restored.stop()


def assert_same_as_torch(trained, table, positions):
    """Compare with what RLlib's runner would choose in every position, seat by seat."""
    boards = positions.boards[positions.decisions]
    board = boards.observe().reshape(len(boards), -1)
    observations = torch.from_numpy(np.concatenate([board, boards.legal_mask()], axis=1))
    for seat, agent in enumerate(("player_1", "player_2")):
        name = agent if agent in trained.config.policies else MODULE_ID
        out = trained.env_runner.module[name].forward_inference({Columns.OBS: observations})
        if Columns.ACTIONS in out:
            expected = torch.nn.functional.one_hot(out[Columns.ACTIONS], 9)
        else:
            expected = out[Columns.ACTION_DIST_INPUTS].softmax(dim=1)
        rows = boards.ply % 2 == seat
        got = table[positions.decisions][rows]
        np.testing.assert_allclose(got, expected.detach().numpy()[rows], atol=1e-6)


@pytest.mark.parametrize("algorithm", ["ppo", "dqn"])
def test_the_weights_of_a_seat_move_only_with_its_own_moves(build, algorithm):
    trained = build(configured(algorithm, policies="separate"))
    agents = ("player_1", "player_2")

    def hashes():
        modules = trained.learner_group._learner.module
        online = (
            {
                name: array
                for name, array in modules[agent].get_state().items()
                if "target" not in name
            }
            for agent in agents
        )
        return [weights_sha256(weights) for weights in online]

    for seat in range(len(agents)):
        episodes = trained.env_runner.sample(num_episodes=30)
        if algorithm == "dqn":
            buffer = MultiAgentEpisodeReplayBuffer(capacity=1000)
            buffer.add(episodes)
            episodes = buffer.sample(num_items=64, gamma=1.0, modules_to_sample=[agents[seat]])
        else:
            for episode in episodes:
                episode.agent_episodes.pop(agents[1 - seat], None)
            episodes = [episode for episode in episodes if episode.agent_episodes]
        before = hashes()
        trained.learner_group.update(
            episodes=episodes, timesteps={"num_env_steps_sampled_lifetime": 0}, minibatch_size=64
        )
        changed = [one != other for one, other in zip(before, hashes(), strict=True)]
        assert changed == [seat == 0, seat == 1]


def test_agents_with_different_spaces_cannot_share_a_policy():
    with pytest.raises(InputError, match=r"different spaces.*set it to separate"):
        StockPPOConfig().pettingzoo(partial(odd_game, "different spaces"))


def unknown_env():
    """PettingZoo's tic-tac-toe under a wrapper that shows the board otherwise."""
    from gymnasium import spaces
    from pettingzoo.utils import BaseWrapper

    class Flat(BaseWrapper):
        def observation_space(self, agent):
            inner = super().observation_space(agent)
            return spaces.Dict({**inner.spaces, "observation": spaces.Box(0, 1, (18,), np.int8)})

        def observe(self, agent):
            seen = super().observe(agent)
            return {**seen, "observation": seen["observation"].ravel()}

    return Flat(make_env("tictactoe_v3"))


def test_an_env_whose_game_is_not_ours_trains_without_exact_figures_and_without_bundle(
    build, tmp_path
):
    config = CONFIGS["ppo"]().pettingzoo(unknown_env)
    config.training(**TRAINING["ppo"])
    config.env_runners(num_env_runners=0, num_envs_per_env_runner=8)
    trained = build(config)
    row = flatten(trained.train())
    assert not any(name.startswith("exact/") for name in row)
    assert {"play/x_win_rate", "perf/sample_s", "learner/policy_loss"} <= set(row)
    folder = Path(trained.save_to_path(str(tmp_path / "checkpoint")))
    assert not (folder / "agent").exists()
    with pytest.raises(ValueError, match="not one of ours"):
        trained.network_policy()


@pytest.mark.long
def test_remote_runners_sample_with_the_trained_weights_and_the_clock_adds_up(build):
    trained = build(configured("ppo", runners=2, policies="separate"))
    row = flatten(trained.train())
    runners = trained.env_runner_group.foreach_env_runner(
        lambda runner: {
            f"{seat}.{name}": array
            for seat, agent in (("x", "player_1"), ("o", "player_2"))
            for name, array in runner.module[agent].get_state(inference_only=True).items()
        },
        local_env_runner=False,
    )
    expected = weights_sha256(trained.network_policy().weights)
    assert [weights_sha256(weights) for weights in runners] == [expected] * 2
    phases = sum(row[f"perf/{name}"] for name in ("sample_s", "learn_s", "sync_s", "eval_s"))
    assert 0.5 * row["perf/train_s"] < phases <= row["perf/train_s"]
    assert min(row["perf/sample_s"], row["perf/learn_s"], row["perf/sync_s"]) > 0


@pytest.mark.long
def test_the_commands_train_and_evaluate_dqn_with_separate_seats(tmp_path):
    yaml = "experiments/dqn_pettingzoo.yaml"
    settings = (
        "multi_agent.policies=separate",
        "stop.iterations=2",
        "env_runners.num_env_runners=1",
    )
    sets = [part for setting in settings for part in ("--set", setting)]
    done = run_command("train", yaml, "--storage", tmp_path, "--name", "a", *sets)
    assert done.returncode == 0, done.stderr
    assert own_lines(done.stderr) == []
    run = tmp_path / "dqn_pettingzoo" / "a"
    agent = json.loads((run / "agent" / "agent.json").read_text())
    assert agent["architecture"]["seats"] == "separate"
    summary = json.loads((run / "summary.json").read_text())
    for place in (run, run / summary["checkpoint"]):
        told = run_command("evaluate", place, "--json")
        assert told.returncode == 0, told.stderr
        assert json.loads(told.stdout)["metrics"].items() <= summary["metrics"].items()


@pytest.mark.long
def test_the_command_says_of_an_unknown_env_that_it_trains_unmeasured(tmp_path):
    (tmp_path / "odd_game.py").write_text(
        Path(__file__)
        .read_text()
        .partition("def unknown_env():")[2]
        .join(
            [
                "import numpy as np\n"
                "from ttt_rllib.config.pettingzoo_envs import make_env\n"
                "def env():",
                "",
            ]
        )
        .partition("\n\n\ndef ")[0]
    )
    python_path = ":".join([str(tmp_path), *sys.path])
    sets = ("--set", "env.pettingzoo=odd_game", "--set", "stop.iterations=1")
    done = run_command(
        "train",
        "experiments/ppo_pettingzoo.yaml",
        "--storage",
        tmp_path,
        *sets,
        env={"PYTHONPATH": python_path},
    )
    assert done.returncode == 0, done.stderr
    assert "the rules of this environment are not known here" in done.stdout
    assert "it trains, unmeasured" in done.stdout
    refused = run_command(
        "train",
        "experiments/ppo_pettingzoo.yaml",
        *sets,
        "--set",
        "stop.consecutive_unexploitable_evals=1",
        env={"PYTHONPATH": python_path},
    )
    assert refused.returncode == 2
    assert "can never be met: the rules of this environment" in refused.stderr
